/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Further processes share slots of memory with the caller. Each has a socket, through which it gets the number of a
 * slot, and gives it back once the chunk there is compressed. Chunks go to the processes in turn, so that the oldest
 * one is always the next that its process gives back.
 */
#include "stream/press.h"

#include "base/file.h"
#include "base/scoped.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct slot {
	struct stream_chunk chunk;
	uint32_t size; /* of the compressed data; 0: they are as they came */
	unsigned char plain[STREAM_CHUNK_MAX];
	unsigned char stored[STREAM_STORED_MAX];
};

struct press {
	struct stream_press how;
	struct codec *codec; /* owned */
	struct slot *slots;  /* owned: shared memory */
	size_t count;        /* of slots */
	const void *plain;   /* borrowed: of the only chunk, if there are no further processes */
	unsigned helpers;
	int sockets[STREAM_THREADS_MAX]; /* owned: one for each helper */
	uint64_t added, taken;           /* chunks */
};

static struct slot *slot_of(const struct press *press, uint64_t number)
{
	return &press->slots[number % press->count];
}

static int socket_of(const struct press *press, uint64_t number)
{
	return press->sockets[number % press->helpers];
}

static void compress(struct press *press, struct slot *slot, const void *bytes)
{
	slot->size = (uint32_t)codec_press(press->codec, &press->how, bytes, slot->chunk.plain,
					   slot->stored);
}

/* ---- A further process */

/* It keeps nothing that its maker has open: the reader of a stream waits for the end of all who can write. */
static _Noreturn void help(struct press *press, int socket, int (*confine)(struct err *))
{
	struct err err = { 0 };
	uint8_t number;

	if (dup2(socket, STDIN_FILENO) < 0)
		_exit(EXIT_FAILURE);
	close_range(STDIN_FILENO + 1, ~0U, 0);
	if (confine && confine(&err) < 0)
		_exit(EXIT_FAILURE);
	while (read(STDIN_FILENO, &number, 1) == 1) {
		struct slot *slot = slot_of(press, number);
		compress(press, slot, slot->plain);
		if (write(STDIN_FILENO, &number, 1) != 1)
			break;
	}
	_exit(EXIT_SUCCESS);
}

static int add_helper(struct press *press, int (*confine)(struct err *), struct err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(err, errno, "make a socket: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0)
		help(press, ends[1], confine);
	int code = errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_set(err, code, "make a process that compresses: %s", strerror(code));
	}
	press->sockets[press->helpers++] = ends[0];
	return 0;
}

/* ---- The caller's side */

static int prepare(struct press *press, int (*confine)(struct err *), struct err *err)
{
	const bool beside = press->how.threads > 1 && press->how.codec != STREAM_NONE;
	const unsigned wanted = !beside                                   ? 0
				: press->how.threads < STREAM_THREADS_MAX ? press->how.threads
									  : STREAM_THREADS_MAX;

	/* Twice as many, so that each has its next chunk when it has done one. */
	press->count = wanted ? 2 * wanted : 1;
	press->codec = codec_open();
	press->slots = mmap(NULL, press->count * sizeof *press->slots, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!press->codec || press->slots == MAP_FAILED) {
		press->slots = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < wanted; i++) {
		if (add_helper(press, confine, err) < 0)
			return -err->code;
	}
	return 0;
}

struct press *press_open(const struct stream_press *how, int (*confine)(struct err *),
			 struct err *err)
{
	struct press *press = calloc(1, sizeof *press);

	if (!press) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	press->how = *how;
	if (prepare(press, confine, err) == 0)
		return press;
	press_close(press);
	return NULL;
}

/* The further processes end with their sockets, or with this one's namespace; nobody waits for them. */
void press_close(struct press *press)
{
	if (!press)
		return;
	for (unsigned i = 0; i < press->helpers; i++)
		close(press->sockets[i]);
	codec_close(press->codec);
	if (press->slots)
		munmap(press->slots, press->count * sizeof *press->slots);
	free(press);
}

bool press_is_full(const struct press *press)
{
	return press->added - press->taken == press->count;
}

bool press_has_any(const struct press *press)
{
	return press->added > press->taken;
}

bool press_is_beside(const struct press *press)
{
	return press->helpers > 0;
}

static int lost(struct err *err)
{
	return err_set(err, EIO, "a process that compresses has ended");
}

int press_add(struct press *press, const struct stream_chunk *chunk, const void *bytes,
	      struct err *err)
{
	struct slot *slot = slot_of(press, press->added);
	const char number = (char)(press->added % press->count);

	slot->chunk = *chunk;
	press->added++;
	if (!press->helpers) {
		press->plain = bytes;
		compress(press, slot, bytes);
		return 0;
	}
	memcpy(slot->plain, bytes, chunk->plain);
	return file_write_all(socket_of(press, press->added - 1), &number, 1, -1) < 0 ? lost(err)
										      : 0;
}

int press_take(struct press *press, struct stream_chunk *chunk, const void **data, struct err *err)
{
	struct slot *slot = slot_of(press, press->taken);
	uint8_t number;
	ssize_t n = 1;

	if (press->helpers) {
		do
			n = read(socket_of(press, press->taken), &number, 1);
		while (n < 0 && errno == EINTR);
	}
	if (n != 1)
		return lost(err);
	press->taken++;
	*chunk = slot->chunk;
	const bool smaller = slot->size && slot->size < chunk->plain;
	chunk->codec = smaller ? press->how.codec : STREAM_NONE;
	chunk->stored = smaller ? slot->size : chunk->plain;
	*data = smaller ? slot->stored : press->helpers ? slot->plain : press->plain;
	return 0;
}
