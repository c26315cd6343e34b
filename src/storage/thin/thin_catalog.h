/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The catalogue of a thin pool: an SQLite file with the names of its volumes, and the protocol in two transactions that
 * keeps it consistent with the pool's own metadata. Knows nothing of device-mapper.
 */
#ifndef BERTH_STORAGE_THIN_CATALOG_H
#define BERTH_STORAGE_THIN_CATALOG_H

#include "storage/storage.h"

/*
 * Each change of the pool increases its transaction number by one: an intent is written durably, then the pool is
 * changed and its number increased, then the intent is finished. A command that finds an intent whose maker is dead
 * sees by the pool's number whether the change was made.
 */
struct catalog {
	struct sqlite3 *db; /* owned */
	char *path;         /* owned */
};

enum catalog_state {
	CATALOG_CREATING,    /* by an unfinished intent; hidden */
	CATALOG_READY,       /* a volume */
	CATALOG_DELETING,    /* by an unfinished intent; hidden */
	CATALOG_QUARANTINED, /* an id of the pool without a name; hidden */
	CATALOG_LOST,        /* a volume whose id the pool no longer has */
};

enum { CATALOG_ID_MAX = (1 << 24) - 1 }; /* ids begin at 1 */

struct catalog_volume {
	uint64_t id; /* id of the thin device; reused only after all other ids */
	char name[VOLUME_NAME_MAX + 1];
	char uuid[37];
	uint64_t size;    /* bytes */
	uint64_t origin;  /* id of its origin, which may be gone; 0: none */
	uint64_t created; /* seconds since the epoch */
	enum catalog_state state;
};

enum catalog_op { CATALOG_NOTHING, CATALOG_CREATE, CATALOG_SNAPSHOT, CATALOG_DELETE };

struct catalog_intent {
	enum catalog_op op; /* CATALOG_NOTHING: there is no intent */
	uint64_t id, origin;
	uint64_t transaction; /* the pool's transaction number after the change */
	bool suspended;       /* the origin is suspended meanwhile */
};

struct catalog_head {
	uint64_t transaction; /* the pool's transaction number after the last finished change */
	uint64_t next_id;     /* the next id to use; beyond CATALOG_ID_MAX ids start again at 1 */
	struct catalog_intent intent;
};

/* Makes an empty catalogue, durably. -EEXIST. */
int catalog_create(const char *path, const char *uuid, struct err *err);

/*
 * Opens a catalogue with durable commits (WAL, synchronous=FULL), and checks that it belongs to that pool and has a
 * known version. Neither a fork nor two threads may share it.
 */
int catalog_open(struct catalog *catalog, const char *path, const char *uuid, struct err *err);
/* Whether it is open, and its file was not replaced since. */
bool catalog_is_at_its_path(const struct catalog *catalog);
void catalog_close(struct catalog *catalog);
#define scoped_catalog __attribute__((cleanup(catalog_close)))

/* Removes the file and SQLite's files beside it. 0 or -errno. */
int catalog_remove(const char *path);

int catalog_read_head(struct catalog *catalog, struct catalog_head *head, struct err *err);

/* Finds a volume that is ready or lost. -ENOENT without filling in anything. */
int catalog_find(struct catalog *catalog, const char *name, struct catalog_volume *volume,
		 struct err *err);
/* Finds a row in any state. -ENOENT without filling in anything. */
int catalog_find_id(struct catalog *catalog, uint64_t id, struct catalog_volume *volume,
		    struct err *err);
int catalog_list(struct catalog *catalog, const char *prefix,
		 int (*visit)(void *, const struct catalog_volume *), void *context,
		 struct err *err);
/* The same for all rows, sorted by id. */
int catalog_list_all(struct catalog *catalog, int (*visit)(void *, const struct catalog_volume *),
		     void *context, struct err *err);

struct catalog_census {
	uint64_t volumes, bytes;    /* volumes that are ready, and the sum of their sizes */
	uint64_t quarantined, lost; /* how many */
};
int catalog_count(struct catalog *catalog, struct catalog_census *census, struct err *err);

/*
 * The id for the next volume. If next_id is beyond CATALOG_ID_MAX, the id was used before, and the caller asks the pool
 * whether it still has it, because an undo would delete it. -ENOSPC: all ids are in use.
 */
int catalog_next_id(struct catalog *catalog, uint64_t *id, struct err *err);

/*
 * First transaction of making a volume: takes the id and writes the intent. origin NULL: an empty volume of that size.
 * -EEXIST: the name is taken.
 */
int catalog_intend_volume(struct catalog *catalog, const char *name, uint64_t size,
			  const struct catalog_volume *origin, bool suspended, uint64_t *id,
			  struct err *err);
/* First transaction of removing a volume. */
int catalog_intend_delete(struct catalog *catalog, uint64_t id, struct err *err);

/* Second transaction: the change was made, and the pool's number increased. */
int catalog_finish(struct catalog *catalog, struct err *err);

/*
 * Second transaction if the change was not made: a volume that was to be made is forgotten. keep: its id, or the id of
 * a volume that was to be removed, goes into quarantine, without a name.
 */
int catalog_abandon(struct catalog *catalog, bool keep, struct err *err);

/* Single transactions. -ENOENT, -EEXIST. */
int catalog_rename(struct catalog *catalog, const char *from, const char *to, struct err *err);
int catalog_exchange(struct catalog *catalog, const char *one, const char *other, struct err *err);
int catalog_resize(struct catalog *catalog, uint64_t id, uint64_t size, struct err *err);

/* Changes for thin_check: adds an id of the pool that is not in the catalogue; changes a state; sets the number. */
int catalog_quarantine(struct catalog *catalog, uint64_t id, struct err *err);
/* Makes a volume of an id in quarantine. -ENOENT, -EEXIST. */
int catalog_adopt(struct catalog *catalog, uint64_t id, const char *name, uint64_t size,
		  struct err *err);
int catalog_set_state(struct catalog *catalog, uint64_t id, enum catalog_state state,
		      struct err *err);
int catalog_set_transaction(struct catalog *catalog, uint64_t transaction, struct err *err);

/* Adds a row from a backup of a catalogue: READY or QUARANTINED. A row whose id or name is taken is skipped. */
/* Ids below that are not used any more. */
int catalog_draw_from(struct catalog *catalog, uint64_t id, struct err *err);
int catalog_put(struct catalog *catalog, const struct catalog_volume *volume, struct err *err);

/* Named numbers in the catalogue; 0: there is none of that name. */
#define CATALOG_STEP  "step"  /* step of the labels, after the last attach or detach */
#define CATALOG_DOUBT "doubt" /* enum thin_doubt, until file systems were checked */
int catalog_note(struct catalog *catalog, const char *name, uint64_t *value, struct err *err);
int catalog_set_note(struct catalog *catalog, const char *name, uint64_t value, struct err *err);

#endif
