/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams in files and pipes of this host, for the verbs export and import of machines and of volumes. */
#ifndef BERTH_CMD_TRAVEL_STREAM_FILE_H
#define BERTH_CMD_TRAVEL_STREAM_FILE_H

#include "cmd/cli/command.h"
#include "machine/manage/travel.h"

extern const struct flag flag_blocks, flag_compress, flag_since, flag_stream_snapshots,
	flag_threads;
/* Flags of verbs that make a machine of a stream. */
extern const struct flag flag_stream_no_volumes, flag_volumes_as;

/* An export or an import of one thing. 0 or -code. */
struct stream_job {
	const char *doing; /* "exporting machine 'web'" */
	const char *kind;  /* "machine": of what is read */
	int (*check)(void *context, const struct export_spec *spec, struct err *err);
	int (*write)(void *context, const struct export_spec *spec, struct err *err);
	/* made: the name that it has got. */
	int (*read)(void *context, const struct import_spec *spec, char made[64],
		    struct text *notes, struct err *err);
	void *context;
};

/* --compress and --threads. 0 or EXIT_USAGE. */
int stream_press_wanted(const struct call *call, struct stream_press *press, struct err *err);

/*
 * Splits NAME@SNAP (*snapshot: "" is NULL; the caller frees the name), and takes the flags into spec. 0, -code or
 * EXIT_USAGE.
 */
int stream_file_flags(const struct call *call, struct export_spec *spec, char **name,
		      struct err *err);
/* Writes into the file of the second word, or into standard output. */
int stream_file_write(const struct call *call, const struct stream_job *job,
		      const struct export_spec *spec, struct err *err);
/* Reads from the file of the first word, or from standard input. Prints remarks, and the name if none was given. */
int stream_file_read(const struct call *call, const struct stream_job *job,
		     const struct import_spec *spec, struct err *err);

#endif
