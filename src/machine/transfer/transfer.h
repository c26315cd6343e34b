/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of files that go into a machine and out of it: push, pull and cp. Trees go from one process to another
 * (tree.h); each enters its own side (side.h), which is a running machine, the root of a stopped one, a snapshot, or
 * this host. No program of the guest takes part. Whole roots are copied in manage/ and storage/.
 */
#ifndef BERTH_MACHINE_TRANSFER_TRANSFER_H
#define BERTH_MACHINE_TRANSFER_TRANSFER_H

#include "machine/state/machine.h"

#include <stdint.h>

struct transfer {
	struct machine *from,
		*to; /* borrowed; NULL: this host. Not both of one name, but for a snapshot */
	const char *snapshot;       /* files of from as they were then; NULL: as they are */
	const char *const *sources; /* paths; "-" on this host: standard input */
	size_t count;
	const char *target; /* a path; "-" on this host: standard output */
	int stream_fd;      /* borrowed: the descriptor that "-" stands for, instead; 0: none */
	bool parents;       /* the target's folder is made if it is missing */
	bool exact; /* the target is the new name of the only source, and no folder that it goes into */
	bool sized; /* so many bytes of standard input are taken, and fewer are a failure: */
	uint64_t size;
	bool archive;              /* owners, all mode bits and attributes of users are kept */
	const char *owner, *group; /* names or numbers of the target's side; NULL: root's */
	int mode;                  /* permission bits of files; -1: as they are */
	/* Called about five times in a second, if it is set: bytes and entries until now. */
	void (*tick)(void *context, uint64_t bytes, uint64_t entries);
	void *context;
	/* Out. */
	uint64_t entries, bytes, left_out;
	char *first_left_out; /* owned by the caller; a clause such as "'/x' is a socket"; NULL: none was left out */
};

/*
 * Copies the sources to the target. A file that is replaced is, at any moment, the old or the new one. When it fails,
 * what was copied until then stays, and err says how many entries that are. A side that does not move for a minute is
 * given up (ETIMEDOUT).
 */
int machine_transfer(struct transfer *transfer, struct err *err);

#endif
