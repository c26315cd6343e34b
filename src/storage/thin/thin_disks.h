/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disks under a thin pool: opened, claimed, added, and wiped. For the files of driver `thin`. */
#ifndef BERTH_STORAGE_THIN_DISKS_H
#define BERTH_STORAGE_THIN_DISKS_H

#include "kern/loop.h"
#include "storage/thin/thin.h"

/* All disks of a pool, open, in the order of the label. */
struct thin_disks {
	struct loop loop; /* owned; the loop device of the first disk if that is a file */
	unsigned count;
	struct thin_disk {
		int fd;        /* owned */
		char *path;    /* owned; its current path */
		uint64_t step; /* of its label */
		dev_t dev;
		uint64_t sectors;
		unsigned sector_size; /* bytes; its smallest write */
	} list[THIN_DISKS];
};

/* The copy of the first disk's label in the pool's folder. */
#define THIN_LABEL_FILE "label"

void thin_disks_close(struct thin_disks *disks);
#define scoped_disks __attribute__((cleanup(thin_disks_close)))

/*
 * Reads the layout and opens all its disks, wherever they are now; updates pool.conf. Under the lock. If one is
 * missing, too small, or another pool's: a sentence, and none is open.
 */
int thin_disks_open(struct pool *pool, struct thin_disks *disks, struct err *err);
/* Writes the layout of the handle into the first disk's label and its copies, with the next step. */
int thin_disks_write(struct pool *pool, const struct thin_disks *disks, struct err *err);
/* The smallest write in bytes: of the disk with the largest sectors. */
unsigned thin_disks_sector(const struct thin_disks *disks);

/*
 * Claims the disks for this host, before anything of the pool is attached: refuses disks that another host has, and old
 * copies; then writes this host into all labels, and their step into the catalogue. A handle marked taken_over refuses
 * nothing. Under the lock.
 */
int thin_claim(struct pool *pool, const struct thin_disks *disks, struct err *err);
/* Makes only the checks of thin_claim. */
int thin_check_claim(struct pool *pool, const struct thin_disks *disks, struct err *err);
/* Removes this host from the labels, after everything was detached. */
int thin_release(struct pool *pool, const struct thin_disks *disks, struct err *err);
/* Whether another host has attached these disks: then nothing may be written to them. */
bool thin_is_elsewhere(const struct thin_layout *layout);
/* Fills in host and host_name with this host. */
void thin_host(struct thin_mark *mark);
/*
 * Whether a device of that kind may be only a part of the device that the label was written to, such as a leg of a
 * mirror; the sentence for it.
 */
bool thin_is_part(const char *noted, const char *kind);
int thin_refuse_part(const struct pool *pool, const char *path, const char *noted, const char *kind,
		     struct err *err);

/*
 * Fills in size, sector size and number of an open device; fails with a sentence if its sectors are too large for a
 * pool.
 */
int thin_disk_measure(int fd, const char *path, struct thin_disk *disk, struct err *err);

/* Writes the current config.source and config.devices into pool.conf, if that exists. */
int thin_save_places(const struct pool *pool, struct err *err);

/* Fails with a sentence if the device has any data, such as the label of a pool. */
int thin_refuse_full(int fd, const char *path, struct err *err);
/* Writes a MiB of zeros at each offset, durably. 0 or -errno. */
int thin_clear(int fd, const uint64_t *places, size_t count);

/* Calls visit for each block device that no other device uses; stops at nonzero and returns it. */
int thin_each_device(int (*visit)(void *context, const char *path), void *context);

/*
 * Restores labels that were overwritten, where their owner is certain, with a line of the report for each; a failure
 * names one that is uncertain. Under the lock, while the pool is detached.
 */
int thin_relabel(struct pool *pool, struct text *report, struct err *err);

/*
 * Fails if two devices have the label of the same disk of the pool; the sentence names them and their steps. Devices
 * used by other devices do not count. To be called before the pool is attached.
 */
int thin_refuse_copies(const struct pool *pool, struct err *err);

/*
 * Finds the only device with the label of that disk of the pool (uuid NULL: its first disk). *found, which the caller
 * owns, is NULL if there is none. Devices used by other devices do not count.
 */
int thin_find_disk(const struct pool *pool, const char *uuid, char **found, struct err *err);
/* Fails with EBUSY if the pool's first disk was an md array, and there is an array that does not run. */
int thin_refuse_idle_array(const struct pool *pool, struct err *err);
/* Wipes the label of each device that is a further disk of the pool. */
int thin_wipe_further(const struct pool *pool, struct err *err);

/*
 * Makes the device at path a further disk, with that much metadata (as in thin_layout_grow); live devices are not
 * touched. Continues where a killed command had written its label. 1: it was a disk of the pool already. Under the
 * lock.
 */
int thin_join(struct pool *pool, const char *path, bool force, uint64_t metadata, struct err *err);
/* Whether thin_join would succeed without force; else the sentence says why. Changes nothing. Under the lock. */
int thin_can_join(struct pool *pool, const char *path, struct err *err);

#endif
