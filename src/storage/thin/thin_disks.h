/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disks below a thin pool, for the files of driver `thin` that open, add and wipe them. */
#ifndef BERTH_STORAGE_THIN_DISKS_H
#define BERTH_STORAGE_THIN_DISKS_H

#include "kern/loop.h"
#include "storage/thin/thin.h"

/* All of them, open, in the label's order. */
struct thin_disks {
	struct loop loop; /* owned; serves the first one where that is a file */
	unsigned count;
	struct thin_disk {
		int fd;        /* owned */
		char *path;    /* owned; where it is */
		uint64_t step; /* of its label */
		dev_t dev;
		uint64_t sectors;
		unsigned sector_size; /* bytes; the smallest write that it takes */
	} list[THIN_DISKS];
};

/* What is kept of the first disk's label in the pool's folder. */
#define THIN_LABEL_FILE "label"

void thin_disks_close(struct thin_disks *disks);
#define scoped_disks __attribute__((cleanup(thin_disks_close)))

/*
 * Under the lock: reads the layout, and opens every disk of it, wherever that is by now, which
 * pool.conf is told. In words when one is missing, another's or too small, and then none is open.
 */
int thin_disks_open(struct pool *pool, struct thin_disks *disks, struct err *err);
/* The layout of the handle into the first one's label, and into the copies of that: one step further. */
int thin_disks_write(struct pool *pool, const struct thin_disks *disks, struct err *err);
/* The bytes a write must at least have: those of the disk that wants the most. */
unsigned thin_disks_sector(const struct thin_disks *disks);

/*
 * Under the lock, before anything of a pool is attached: refuses disks that another host has, or that are
 * copies of an earlier time; then all labels say that this host has it, and the catalogue their step. A
 * handle that is marked taken_over refuses nothing.
 */
int thin_claim(struct pool *pool, const struct thin_disks *disks, struct err *err);
/* The refusals alone. */
int thin_check_claim(struct pool *pool, const struct thin_disks *disks, struct err *err);
/* Once nothing is attached any more: no host has it. */
int thin_release(struct pool *pool, const struct thin_disks *disks, struct err *err);
/* Whether another host has attached what that label is on: nothing may be written there then. */
bool thin_is_elsewhere(const struct thin_layout *layout);
/* This host, into host and host_name. */
void thin_host(struct thin_mark *mark);
/* Whether a device of that kind may be only a part of the one that the label was written to. */
bool thin_is_part(const char *noted, const char *kind);
int thin_refuse_part(const struct pool *pool, const char *path, const char *noted, const char *kind,
		     struct err *err);

/* What there is to know of an open device; words for one whose sectors are too large for a pool. */
int thin_disk_measure(int fd, const char *path, struct thin_disk *disk, struct err *err);

/* config.source and config.devices, as they are by now, into pool.conf if there is one yet. */
int thin_save_places(const struct pool *pool, struct err *err);

/* Words for a device that holds anything, a pool's label too. */
int thin_refuse_full(int fd, const char *path, struct err *err);
/* A MiB of zeros at each place, in bytes, which lasts; -errno. */
int thin_clear(int fd, const uint64_t *places, size_t count);

/* Calls visit for every device that nothing holds; stops at nonzero and returns it. */
int thin_each_device(int (*visit)(void *context, const char *path), void *context);

/*
 * Under the lock, of a pool that is not attached: labels that something has written over are written back
 * where it is sure whose they are, with a line for each; a failure says of which it is not.
 */
int thin_relabel(struct pool *pool, struct text *report, struct err *err);

/*
 * Before it is attached: no two devices have the label of the same disk of it. In words which do, and how
 * often each was written. Those that something else holds are left out.
 */
int thin_refuse_copies(const struct pool *pool, struct err *err);

/*
 * The only device with the label of the pool's disk of that uuid, NULL: its first one; *found is NULL
 * when there is none; the caller owns it. Those that something else holds are left out.
 */
int thin_find_disk(const struct pool *pool, const char *uuid, char **found, struct err *err);
/* Takes the label from every device that is a further disk of the pool. */
int thin_wipe_further(const struct pool *pool, struct err *err);

/*
 * Under the lock: the device at path becomes a further disk, laid out with as much metadata (as
 * thin_layout_grow); what is live is not touched. One that a killed command had labelled is taken
 * up. 1: it was one already.
 */
int thin_join(struct pool *pool, const char *path, bool force, uint64_t metadata, struct err *err);
/* Under the lock: whether it could, without force; in words why not. Changes nothing. */
int thin_can_join(struct pool *pool, const char *path, struct err *err);

#endif
