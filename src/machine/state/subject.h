/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Things that streams take: a machine, or a volume for data. Each is a root and snapshots in a pool, and has a folder
 * that keeps what identifies the contents of the snapshots (content.h).
 */
#ifndef BERTH_MACHINE_STATE_SUBJECT_H
#define BERTH_MACHINE_STATE_SUBJECT_H

#include "machine/state/machine.h"
#include "storage/storage.h"

#include <stddef.h>
#include <stdint.h>

/* All borrowed. */
struct subject {
	const struct dirs *dirs;
	const struct machine *machine; /* NULL: it is a volume for data */
	const char *name, *uuid;
	const char *folder; /* STATE/machines/NAME, STATE/volumes/NAME */
};

struct snapshot_entry {
	char name[64];
	uint64_t created;     /* seconds since the epoch: when it was taken, on whatever host */
	uint64_t volume_made; /* the same, of its volume in the pool here */
};

struct subject subject_machine(const struct machine *machine);
/* "machine", "volume": for sentences. */
const char *subject_word(const struct subject *subject);
/* The words that list its snapshots: "snapshot list web". out: SUBJECT_LISTING bytes. */
enum { SUBJECT_LISTING = 96 };
void subject_listing(const struct subject *subject, char out[SUBJECT_LISTING]);

/* The volume in its pool; snapshot NULL or "": its root. */
void subject_volume(const struct subject *subject, const char *snapshot,
		    char volume[VOLUME_NAME_MAX + 1]);
/* The beginning of the names of the volumes of its snapshots. */
void subject_prefix(const struct subject *subject, char prefix[VOLUME_NAME_MAX + 1]);
/* Its snapshots, the oldest first, in a pool that is open; the caller frees the list. 0 or -code. */
int subject_snapshots(const struct subject *subject, struct pool *pool,
		      struct snapshot_entry **list, size_t *count, struct err *err);
/* The one of that name in such a list, or NULL. */
const struct snapshot_entry *snapshot_find(const struct snapshot_entry *list, size_t count,
					   const char *name);

#endif
