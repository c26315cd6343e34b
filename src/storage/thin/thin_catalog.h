/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a thin pool holds, by name: an SQLite file that is the truth beside the pool's own metadata,
 * and the two-transaction protocol that keeps the two together. Knows nothing of device-mapper.
 */
#ifndef BERTH_STORAGE_THIN_CATALOG_H
#define BERTH_STORAGE_THIN_CATALOG_H

#include "storage/storage.h"

/*
 * Every change of the pool is one step of its transaction number: an intent is made durable, then
 * the pool is told and its number stepped, then the intent is finished. Whoever finds an intent with
 * nobody at work on it knows by the pool's number which of the two happened.
 */
struct catalog {
	struct sqlite3 *db; /* owned */
	char *path;         /* owned */
};

enum catalog_state {
	CATALOG_CREATING,    /* of an intent; not shown */
	CATALOG_READY,       /* a volume */
	CATALOG_DELETING,    /* of an intent; not shown */
	CATALOG_QUARANTINED, /* an id that is in the pool and nobody's: has no name, is not shown */
	CATALOG_LOST,        /* a volume that the pool no longer has */
};

enum { CATALOG_ID_MAX = (1 << 24) - 1 }; /* ids begin at 1 */

struct catalog_volume {
	uint64_t id; /* of the thin device; not used again before all others were */
	char name[VOLUME_NAME_MAX + 1];
	char uuid[37];
	uint64_t size;    /* bytes */
	uint64_t origin;  /* id that it is a snapshot of, which may be gone; 0: none */
	uint64_t created; /* seconds since the epoch */
	enum catalog_state state;
};

enum catalog_op { CATALOG_NOTHING, CATALOG_CREATE, CATALOG_SNAPSHOT, CATALOG_DELETE };

struct catalog_intent {
	enum catalog_op op; /* CATALOG_NOTHING: there is no intent */
	uint64_t id, origin;
	uint64_t transaction; /* the pool's number once it is done */
	bool suspended;       /* the origin is suspended meanwhile */
};

struct catalog_head {
	uint64_t transaction; /* the pool's, after what was finished last */
	uint64_t next_id; /* ids that were drawn, and one: beyond CATALOG_ID_MAX they begin again */
	struct catalog_intent intent;
};

/* A new, empty one, durable when it returns; -EEXIST. */
int catalog_create(const char *path, const char *uuid, struct err *err);

/*
 * Opens it, makes sure that commits are durable (WAL, synchronous=FULL), and that it is that pool's
 * and of a version that is known. Neither a fork nor two threads may share it.
 */
int catalog_open(struct catalog *catalog, const char *path, const char *uuid, struct err *err);
/* Whether it is open, and nobody has put another in its place since. */
bool catalog_is_at_its_path(const struct catalog *catalog);
void catalog_close(struct catalog *catalog);
#define scoped_catalog __attribute__((cleanup(catalog_close)))

/* Removes the file and what SQLite keeps beside it. 0, or -errno. */
int catalog_remove(const char *path);

int catalog_read_head(struct catalog *catalog, struct catalog_head *head, struct err *err);

/* Volumes that are ready or lost. -ENOENT, filling in nothing. */
int catalog_find(struct catalog *catalog, const char *name, struct catalog_volume *volume,
		 struct err *err);
/* Of any state. -ENOENT, filling in nothing. */
int catalog_find_id(struct catalog *catalog, uint64_t id, struct catalog_volume *volume,
		    struct err *err);
int catalog_list(struct catalog *catalog, const char *prefix,
		 int (*visit)(void *, const struct catalog_volume *), void *context,
		 struct err *err);
/* The same, of every row, by id. */
int catalog_list_all(struct catalog *catalog, int (*visit)(void *, const struct catalog_volume *),
		     void *context, struct err *err);

struct catalog_census {
	uint64_t volumes, bytes;    /* those that are ready, and their sizes' sum */
	uint64_t quarantined, lost; /* how many */
};
int catalog_count(struct catalog *catalog, struct catalog_census *census, struct err *err);

/*
 * The id that the next volume would get. When next_id is beyond CATALOG_ID_MAX it was drawn before, and the pool is
 * to be asked whether it has it, since what is begun on it is undone by removing it. -ENOSPC: all are taken.
 */
int catalog_next_id(struct catalog *catalog, uint64_t *id, struct err *err);

/*
 * The first transaction of making a volume: draws that id and writes the intent. origin NULL: an empty
 * one of that size. -EEXIST: the name is taken.
 */
int catalog_intend_volume(struct catalog *catalog, const char *name, uint64_t size,
			  const struct catalog_volume *origin, bool suspended, uint64_t *id,
			  struct err *err);
/* The first of removing one. */
int catalog_intend_delete(struct catalog *catalog, uint64_t id, struct err *err);

/* The second: what was intended has happened, and the pool's number is stepped. */
int catalog_finish(struct catalog *catalog, struct err *err);

/*
 * Or: it has not, and the pool is as it was. A volume that was to be made is forgotten; with keep,
 * its id (or that of one that was to be removed) stays, without a name, in quarantine.
 */
int catalog_abandon(struct catalog *catalog, bool keep, struct err *err);

/* Single transactions. -ENOENT, -EEXIST. */
int catalog_rename(struct catalog *catalog, const char *from, const char *to, struct err *err);
int catalog_exchange(struct catalog *catalog, const char *one, const char *other, struct err *err);
int catalog_resize(struct catalog *catalog, uint64_t id, uint64_t size, struct err *err);

/* For a reconciliation: an id that the pool has and nobody knows; a changed state; the number. */
int catalog_quarantine(struct catalog *catalog, uint64_t id, struct err *err);
/* One in quarantine becomes a volume. -ENOENT, -EEXIST. */
int catalog_adopt(struct catalog *catalog, uint64_t id, const char *name, uint64_t size,
		  struct err *err);
int catalog_set_state(struct catalog *catalog, uint64_t id, enum catalog_state state,
		      struct err *err);
int catalog_set_transaction(struct catalog *catalog, uint64_t transaction, struct err *err);

/* A whole row, as a copy of a catalogue has it: READY or QUARANTINED. One whose id or name is taken is left out. */
/* No id below that is drawn any more. */
int catalog_draw_from(struct catalog *catalog, uint64_t id, struct err *err);
int catalog_put(struct catalog *catalog, const struct catalog_volume *volume, struct err *err);

/* Numbers that are remembered beside all that; 0: there is none of that name. */
#define CATALOG_STEP  "step"  /* of the disks' labels, as the last attach or detach left it */
#define CATALOG_DOUBT "doubt" /* about what volumes hold, until their file systems were checked */
int catalog_note(struct catalog *catalog, const char *name, uint64_t *value, struct err *err);
int catalog_set_note(struct catalog *catalog, const char *name, uint64_t value, struct err *err);

#endif
