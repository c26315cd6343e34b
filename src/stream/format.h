/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of streams: a machine as one sequence of bytes, for a file or a pipe. This header has the format of
 * berth-stream(5), as a reader that is fed with bytes and a writer that returns them. Pure.
 *
 * A stream is a magic, and chunks in sections: one section with header and settings; for each volume a section that
 * describes it and one or more with its contents, its parts; and the end. Each section ends with a SHA-256 of all of
 * its bytes and of the sum before it, so that a section can be read or written by a process of its own.
 */
#ifndef BERTH_STREAM_FORMAT_H
#define BERTH_STREAM_FORMAT_H

#include "base/err.h"
#include "image/shared/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_MAGIC "berth-stream 01\n"

enum {
	STREAM_MAGIC_SIZE = 16,
	STREAM_HEAD = 24,           /* bytes before the data of a chunk */
	STREAM_CHUNK_MAX = 1 << 20, /* bytes of data in a chunk, decompressed */
	STREAM_TEXT_MAX = 256 << 10,
	STREAM_POINT_MAX = 159, /* bytes of a point at which a writer can go on */
	STREAM_STORED_MAX =
		STREAM_CHUNK_MAX + (64 << 10), /* bytes of a chunk's data in the stream */
};

enum stream_codec { STREAM_NONE, STREAM_LZ4, STREAM_ZSTD, STREAM_CODECS };

enum { STREAM_LEVEL_MAX = 19, STREAM_THREADS_MAX = 16 };

/* The way in which a writer compresses; the bytes do not depend on the number of threads. */
struct stream_press {
	enum stream_codec codec;
	unsigned level;   /* of the codec; 0: its usual one */
	unsigned threads; /* processes that compress beside the one that reads; 0 and 1: none */
};

enum stream_type {
	STREAM_HEADER = 'H',   /* text: the machine and the moment */
	STREAM_SETTINGS = 'M', /* text: machine.conf */
	STREAM_VOLUME = 'V',   /* text: the volume whose contents follow */
	STREAM_TREE = 'T',     /* bytes of a pax archive */
	STREAM_REMOVED = 'X',  /* names of the base's files that are gone, each with its NUL */
	STREAM_DATA = 'D',     /* bytes of a block volume */
	STREAM_HOLE = 'Z',     /* a length (8 bytes, little-endian): zeros of a block volume */
	STREAM_CLOSE = 'E',    /* chunks and bytes of these contents (8 bytes each) */
	STREAM_PART =
		'C',      /* in place of STREAM_CLOSE: a further part follows; the writer's point */
	STREAM_END = 'F', /* the number of volumes (8 bytes) */
	STREAM_SUM = 'S', /* 64 hexadecimal digits */
};

enum stream_section { STREAM_START, STREAM_DESCRIPTION, STREAM_CONTENTS, STREAM_ENDING };

struct stream_chunk {
	enum stream_type type;
	enum stream_codec codec;
	uint32_t stored, plain; /* bytes in the stream, and decompressed */
	uint64_t offset;        /* in the archive or the block volume; else 0 */
};

/* The sum of a stream before its first section. */
#define STREAM_NO_SUM "0000000000000000000000000000000000000000000000000000000000000000"

/* Reads one section. */
struct stream_reader {
	enum stream_section section;
	struct sha256 sum;
	char so_far[SHA256_HEX + 1]; /* the sum of this section, once it is complete */
	struct stream_chunk chunk;   /* the current one */
	bool magic, in_data, done;
	unsigned texts;                   /* text chunks so far */
	bool closed;                      /* the last chunk before the sum was read */
	char point[STREAM_POINT_MAX + 1]; /* of a part that another one follows; "": the last */
	uint64_t chunks, bytes;           /* of contents; bytes are decompressed ones */
	uint64_t next;                    /* the least offset of the next chunk */
	enum stream_type form;            /* STREAM_TREE or STREAM_DATA, of contents; 0: none yet */
};

/* The result of stream_reader_take. */
enum stream_event {
	STREAM_MORE,  /* nothing yet */
	STREAM_CHUNK, /* the data of reader->chunk, as they were taken; still to be decompressed */
	STREAM_COMPLETE, /* the section is complete, and its sum is right */
};

/* before: the sum of the section before, or STREAM_NO_SUM for a start. */
int stream_reader_begin(struct stream_reader *reader, enum stream_section section,
			const char *before, struct err *err);

/* The number of bytes that stream_reader_take needs next; at most STREAM_STORED_MAX. 0: the section is complete. */
size_t stream_reader_wants(const struct stream_reader *reader);

/* Takes exactly as many bytes as it wants. An enum stream_event, or -code: the stream is damaged, or not one. */
int stream_reader_take(struct stream_reader *reader, const void *bytes, struct err *err);

/* The text of a text chunk; the number of an end chunk. */
uint64_t stream_number(const void *bytes);

/* Writes one section. */
struct stream_writer {
	struct sha256 sum;
	uint64_t chunks, bytes;
};

int stream_writer_begin(struct stream_writer *writer, const char *before, struct err *err);

/* Prints the head of a chunk whose data in the stream are `stored`, and adds both to the sum. */
void stream_writer_add(struct stream_writer *writer, const struct stream_chunk *chunk,
		       const void *stored, uint8_t head[STREAM_HEAD]);

/* Adds bytes to the sum alone: the magic. */
void stream_writer_magic(struct stream_writer *writer);

/* Prints the chunk that closes contents. */
enum { STREAM_CLOSE_SIZE = STREAM_HEAD + 16 };
void stream_writer_close(struct stream_writer *writer, uint8_t out[STREAM_CLOSE_SIZE]);

/* Whether a text is one that a point can have: letters, digits and colons. */
bool stream_point_is(const char *text, size_t length);

/* Prints the chunk with the sum, and the sum as text. */
enum { STREAM_SUM_SIZE = STREAM_HEAD + SHA256_HEX };
void stream_writer_end(struct stream_writer *writer, uint8_t out[STREAM_SUM_SIZE],
		       char sum[SHA256_HEX + 1]);

void stream_put_number(uint8_t out[8], uint64_t number);

#endif
