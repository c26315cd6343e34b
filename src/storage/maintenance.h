/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of the storage layer: what a driver with a catalogue does beside storage_ops. */
#ifndef BERTH_STORAGE_MAINTENANCE_H
#define BERTH_STORAGE_MAINTENANCE_H

#include "storage/storage.h"

/* The operations of a driver with a catalogue (thin). A report gets a line for each finding. */
struct storage_maintenance {
	/* These need an open pool; they do what pool_grow, pool_check and so on say. */
	int (*grow)(struct pool *, const struct pool_growth *, struct err *);
	int (*check)(struct pool *, unsigned flags, struct text *report, struct err *);
	int (*trim)(struct pool *, struct text *report, struct err *);
	int (*adopt)(struct pool *, uint64_t id, const char *volume, struct err *);
	int (*state)(struct pool *, struct pool_state *, struct err *);
	int (*each_disk)(struct pool *, int (*visit)(void *, const struct pool_disk *),
			 void *context, struct err *);
	/* The same figures as pool_usage, for a pool that is not open; -ENODEV if it is not attached. */
	int (*glance)(struct pool *, struct pool_usage *, struct err *);
	/* Calls visit for each volume that is in use. */
	int (*each_use)(struct pool *, int (*visit)(void *, const struct volume_use *),
			void *context, struct err *);
	/* Counts the allocated blocks of each volume anew, unless the metadata say that they have not changed. */
	void (*taken)(struct pool *, struct volume_taken *const *list, size_t count);
	/* The device-mapper device whose event reports little room. The event comes once... */
	void (*device)(const struct pool *, char *out, size_t room);
	/* ...and again only after watch_again was called. */
	int (*watch_again)(struct pool *, struct err *);
	/* Repairs a pool that nobody has open, as pool_repair says. It need not be attached. */
	int (*repair)(struct pool *, const struct pool_mending *, struct text *report,
		      struct err *);
	/*
	 * Writes a backup of the host's files onto the pool's own disk: pool.conf, the catalogue, and the records in
	 * `files`. backup_read reads it from the disk or file at path; -ENOENT without a sentence: there is none.
	 */
	int (*backup_write)(struct pool *, const struct text *files, struct err *);
	int (*backup_read)(const char *path, struct text *, struct err *);
	/* Makes a new catalogue in the pool's folder from that backup, which may be empty. */
	int (*catalog_restore)(struct pool *, const struct text *, struct err *);
	/* The UUID (37 bytes) of the pool on the disk or file at path. */
	int (*identify)(const char *path, char *uuid, struct err *);
	/*
	 * Attaches a pool whose disk or file is now at path, and updates pool.conf. Nobody has the pool open. force:
	 * also if another host had it, or if it is an old copy. A failure changes nothing.
	 */
	int (*move)(struct pool *, const char *path, bool force, struct text *report, struct err *);
};

#endif
