/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions that a store on this host and one on another host have each for itself; see store.h. */
#ifndef BERTH_MACHINE_BACKUP_STORE_OPS_H
#define BERTH_MACHINE_BACKUP_STORE_OPS_H

#include "machine/backup/store.h"

/* The first words of both sides; another version has another number. */
#define STORE_GREETING "berth-backups 1"

enum { STORE_QUIET_SECONDS = 600, STORE_FILES_MAX = 100000 };

struct store_ops {
	int (*each)(struct store *, const char *path, store_visit *, void *context, struct err *);
	int (*fetch)(struct store *, const char *path, struct pump *, struct err *);
	int (*replace)(struct store *, const char *path, const char *text, size_t n, struct err *);
	int (*remove)(struct store *, const char *path, struct err *);
	int (*lock)(struct store *, const char *path, unsigned seconds, struct err *);
	void (*unlock)(struct store *);
	int (*content)(struct store *, const char *path, char content[UUID_TEXT], struct err *);
	int (*check)(struct store *, const char *path, const char *sum, struct store_file *,
		     struct err *);
	int (*begin)(struct store *, const char *path, struct store_writing *, struct err *);
	int (*end)(struct store *, struct store_writing *, struct err *);
	int (*keep)(struct store *, struct store_writing *, const char *sum, struct store_file *,
		    struct err *);
	void (*drop)(struct store *, struct store_writing *, struct err *failed);
};

extern const struct store_ops store_here, store_far;

/* Connects to the other host. 0 or -code. */
int store_connect(struct store *store, const struct store_spec *spec, struct err *err);

#endif
