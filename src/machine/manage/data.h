/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of whole volumes for data: size, snapshots, copies. Machines that write to one are held still if need be. */
#ifndef BERTH_MACHINE_MANAGE_DATA_H
#define BERTH_MACHINE_MANAGE_DATA_H

#include "base/uuid.h"
#include "machine/data/data.h"

/* A volume that is changed or copied: locked, with its pool. */
struct data_opened {
	struct pool pool; /* owned */
	int lock;         /* owned; of its name */
	char volume[VOLUME_NAME_MAX + 1], name[64], uuid[UUID_TEXT];
	char *folder, *description; /* owned */
};
/* -ENOENT. data_opened_close in any case. */
int data_open_locked(struct data_opened *opened, const struct dirs *dirs, const char *name,
		     struct err *err);
void data_opened_close(struct data_opened *opened);
/* It, as streams take it. */
struct subject data_subject(const struct data_opened *opened, const struct dirs *dirs);
#define scoped_data_opened __attribute__((cleanup(data_opened_close)))

/* The machine that may write to it, by its settings: 1; 0: there is none; or -code. machine_close in any case. */
int data_holder(const struct dirs *dirs, const char *name, struct machine *holder, struct err *err);
/* Under its lock: exchanges its data for those of another volume of the pool. -EBUSY: a machine runs with it. */
int data_exchange_unused(struct pool *pool, const char *name, const char *volume, const char *next,
			 struct err *err);

/*
 * Enlarges a volume with a file system of its own, or limits what may be written, also while machines use it; size 0
 * removes a limit. -EOPNOTSUPP: its pool cannot.
 */
int data_resize(const struct dirs *dirs, const char *name, uint64_t size, struct err *err);

/* The limit, in bytes, that a copy in the same pool gets as well; 0: none. */
uint64_t data_limit(struct data_opened *opened);

/* Makes all of the changes to its settings, or none. */
int data_set(const struct dirs *dirs, const char *name, const struct config_change *changes,
	     size_t count, struct err *err);

/* Keeps what the volume holds now, consistent as after a power cut if a machine runs with it. -EEXIST. */
int data_snapshot_take(const struct dirs *dirs, const char *name, const char *snapshot,
		       struct err *err);
int data_snapshot_delete(const struct dirs *dirs, const char *name, const char *snapshot,
			 struct err *err);
/* Puts a volume back to what a snapshot kept. -EBUSY: a machine runs with it. */
int data_restore(const struct dirs *dirs, const char *name, const char *snapshot, struct err *err);

/* data_create, with a copy of another volume, or (snapshot not NULL) of what a snapshot of it kept. */
int data_copy(const struct dirs *dirs, const char *from, const char *snapshot, const char *name,
	      const struct data_spec *spec, struct err *err);

#endif
