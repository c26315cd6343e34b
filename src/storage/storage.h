/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes in pools: names, never a machine, never a machine's settings. Drivers: thin, btrfs, dir. */
#ifndef BERTH_STORAGE_STORAGE_H
#define BERTH_STORAGE_STORAGE_H

#include "base/err.h"
#include "base/site.h"
#include "config/config.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A volume's name: labels joined by dots, its kind first: "machine.web", "template.debian",
 * "snapshot.web.before", "incoming.debian.4711". At most 200 characters.
 */
enum { VOLUME_NAME_MAX = 200 };

enum storage_abilities {
	STORAGE_FAST_CLONE = 1 << 0, /* snapshot costs the same whatever the size */
	STORAGE_QUOTA = 1 << 1,      /* a volume's size is enforced */
	STORAGE_BLOCK = 1 << 2,      /* a volume is a block device with a file system */
};

struct volume_info {
	char name[VOLUME_NAME_MAX + 1];
	uint64_t created; /* seconds since the epoch */
	uint64_t size;    /* limit in bytes, 0: the pool's */
	uint64_t used;    /* bytes, where it costs nothing to know; else 0 */
};

struct pool_usage {
	uint64_t total, used; /* bytes */
	/* The pool's file, if what limits total is what the file system below it has left; else "". */
	char backing_file[PATH_MAX];
	uint64_t least; /* bytes; and then so much is too little: as in struct space */
};

/* What a driver with a catalogue knows beside that. */
struct pool_state {
	const char *mode;                       /* "writes", or what is the matter with it */
	uint64_t metadata_total, metadata_used; /* bytes */
	uint64_t promised;                      /* bytes: the sizes of all volumes together */
	uint64_t block;                         /* bytes */
	uint64_t quarantined, lost;             /* ids that are nobody's; volumes that are gone */
	struct err refused;                     /* why it takes no changes; code 0: it takes them */
	bool doubted; /* an error may have hit its volumes, and not all have been checked since */
};

/* One of those that a pool lies on. */
struct pool_disk {
	const char *path;
	uint64_t size;        /* bytes; 0: it is not there */
	unsigned sector_size; /* bytes */
};

/* How a pool is to become larger. */
struct pool_growth {
	uint64_t size;      /* bytes of its loop file; 0: as it is, or all of its devices */
	uint64_t metadata;  /* bytes; 0: what fits its size */
	const char *device; /* another one to lie on, NULL: none */
	bool force;         /* whatever that holds is of no use */
};

struct storage_ops;
struct pool_spec;
struct extents;

/* An open pool: read by everybody, made by pool_open, private by driver. */
struct pool {
	const struct site *site; /* borrowed: outlives the pool */
	char *name;              /* owned */
	char *folder;            /* owned; STATE/pools/NAME */
	struct pool_config config;
	const struct pool_spec *spec;  /* borrowed; while format runs: what was asked for */
	const struct storage_ops *ops; /* borrowed: static */
	void *driver;                  /* owned by the driver */
	struct volume_locks *locks;    /* shared by all that this process has open; volume_lock.c */
	int use_fd; /* owned; the shared lock that keeps the pool from being deleted */
};

/*
 * What a driver does. Every op is there; what cannot be done returns -EOPNOTSUPP with a sentence,
 * and `can` says it beforehand. Volumes appear and vanish whole: after a kill at any moment a volume
 * is there, or it is not, or its name begins with "partial." and open() or destroy() clears it away.
 */
struct storage_ops {
	const char *name;
	unsigned can; /* enum storage_abilities */

	/*
	 * A new pool at config.source (made if it must be, refused if it holds anything), attached;
	 * fills in what of config was left open. Calls pool_intend before it changes anything.
	 */
	int (*format)(struct pool *, struct err *);
	/* Attaches what a reboot took away (a loop device, a mount). Idempotent, cheap when attached. */
	int (*open)(struct pool *, struct err *);
	void (*close)(struct pool *); /* of the handle; what is attached stays */
	/* Detaches everything; refused while volumes are in use. */
	int (*detach)(struct pool *, struct err *);
	/*
	 * Detaches and removes what format made. Only for an empty pool; also for one that a killed
	 * format left half-made, of which there may be nothing.
	 */
	int (*erase)(struct pool *, struct err *);
	int (*pool_usage)(struct pool *, struct pool_usage *, struct err *);

	int (*create)(struct pool *, const char *volume, uint64_t size,
		      struct err *); /* empty, 0755 root */
	int (*snapshot)(struct pool *, const char *origin, const char *volume, struct err *);
	/* Data first, then the name: what shows under `to` after a power cut is whole. -EEXIST. */
	int (*rename)(struct pool *, const char *volume, const char *to, struct err *);
	/* Swaps the contents of two volumes at one stroke: how a restore in place is made. */
	int (*exchange)(struct pool *, const char *one, const char *other, struct err *);
	/*
	 * Idempotent. What would keep others waiting gets a name of partial_begin_removal, and is freed in
	 * pieces; one that has a partial name already stays, and -EINPROGRESS says so.
	 */
	int (*destroy)(struct pool *, const char *volume, struct err *);
	/*
	 * 0; -EBUSY, with words: something that is none of berth's keeps destroy from its work, and is named. NULL
	 * ends the list of volumes, in which a name that ends in a dot, and "", are those that begin so.
	 */
	int (*unused)(struct pool *, const char *const *volumes, struct err *);
	/* Frees a piece of what has such a name: 1: there is more; 0: it is gone. NULL: destroy does it all. */
	int (*free)(struct pool *, const char *partial, struct err *);
	/*
	 * A detached mount of the volume, read-write, nodev cleared by nobody: attributes are set here
	 * as MOUNT_ATTR_* say. The caller owns it and attaches it in a namespace of its own; nothing
	 * shows on the host.
	 */
	int (*mount)(struct pool *, const char *volume, uint64_t attributes, int *mount_fd,
		     struct err *);
	/* Lets go of what mount needed (a device) once the last mount is gone. Idempotent. */
	int (*deactivate)(struct pool *, const char *volume, struct err *);
	int (*info)(struct pool *, const char *volume, struct volume_info *,
		    struct err *); /* -ENOENT */
	/* Calls visit for every volume whose name begins with prefix, in no order; stops at nonzero. */
	int (*list)(struct pool *, const char *prefix,
		    int (*visit)(void *, const struct volume_info *), void *context, struct err *);
	/* Online, larger only; idempotent. */
	int (*resize)(struct pool *, const char *volume, uint64_t size, struct err *err);
	/* For one without maintenance, of an open pool: as pool_grow. NULL: it takes the space that is there. */
	int (*grow)(struct pool *, const struct pool_growth *, struct err *);
	/* For one with STORAGE_FAST_CLONE: whether that holds for this volume. NULL: for each. */
	bool (*at_once)(struct pool *, const char *volume);
	/*
	 * Adds what the volume refers to, as far as it is on the disk. Takes time by the number of its files. Quiet:
	 * 0, -ENOENT, -errno. NULL: info has it.
	 */
	int (*measure)(struct pool *, const char *volume, struct extents *);
	/*
	 * Of a pool that is not open, of which only the settings were read: calls visit with the name of each
	 * volume. Changes and attaches nothing, and says why where the pool cannot be reached. 1: that was
	 * all of them; 0: it cannot be told before it is attached. NULL: it never can.
	 */
	int (*survey)(struct pool *, int (*visit)(void *, const char *volume), void *context,
		      struct err *);
	const struct storage_maintenance *maintenance; /* NULL: the pool needs none */
};

/* A record of the copy that a pool has of what a host knows of it: bytes are followed by a NUL. */
typedef int pool_backup_visit(void *context, const char *kind, const char *name, const char *bytes,
			      size_t length);
enum { POOL_BACKUP_MAX = 64 << 10 }; /* bytes of a file that is kept */

/* A volume that is in use. */
struct volume_use {
	const char *name;
	uint64_t id;      /* its id in the catalogue */
	uint64_t used;    /* bytes of the pool that it refers to, alone or with others */
	uint64_t written; /* bytes that were written to it since it is in use */
};

/*
 * What a volume has taken of its pool since the last snapshot of any volume there, as its metadata on the disk tell
 * it: also what it copied of what it shared. Exact, and as late as their last commit. Zeroed, but for
 * the id: it was never asked for.
 */
struct volume_taken {
	uint64_t id;
	enum { TAKEN_UNASKED, TAKEN_COUNTED, TAKEN_UNKNOWN } told; /* unknown: it takes too long */
	uint64_t bytes;
	uint32_t since; /* the number of that snapshot */
	/* The root of what it was counted by; as long as that stays, so does the count. */
	uint64_t root;
	uint32_t sum;
};

/* For a driver with a catalogue of its own (thin); a report has a line for each finding. */
struct storage_maintenance {
	/* Of an open pool. grow: as pool_grow. */
	int (*grow)(struct pool *, const struct pool_growth *, struct err *);
	int (*check)(struct pool *, unsigned flags, struct text *report, struct err *);
	int (*trim)(struct pool *, struct text *report, struct err *);
	int (*adopt)(struct pool *, uint64_t id, const char *volume, struct err *);
	int (*state)(struct pool *, struct pool_state *, struct err *);
	int (*each_disk)(struct pool *, int (*visit)(void *, const struct pool_disk *),
			 void *context, struct err *);
	/* As pool_usage, of a pool that is not open; -ENODEV when it is not attached. */
	int (*glance)(struct pool *, struct pool_usage *, struct err *);
	/* Calls visit for each volume that is in use. */
	int (*each_use)(struct pool *, int (*visit)(void *, const struct volume_use *),
			void *context, struct err *);
	/* Counts anew what each has taken, unless that has not changed. */
	void (*taken)(struct pool *, struct volume_taken *const *list, size_t count);
	/* The device-mapper device by which the kernel tells of little room... */
	void (*device)(const struct pool *, char *out, size_t room);
	/* ...once, and again only after this. */
	int (*watch_again)(struct pool *, struct err *);
	/* Of one that nobody has open and that need not be attached. */
	int (*repair)(struct pool *, struct text *report, struct err *);
	/*
	 * A copy of what the host knows of it on its own disk: pool.conf, its catalogue, and what `files` has of
	 * those above. kept: reads such a copy from where a pool lies; -ENOENT, without words: there is none.
	 */
	int (*backup_write)(struct pool *, const struct text *files, struct err *);
	int (*backup_read)(const char *path, struct text *, struct err *);
	/* A new catalogue in the folder of the pool, made from that copy, which may be empty. */
	int (*catalog_restore)(struct pool *, const struct text *, struct err *);
	/* The uuid, of 37 bytes, of the pool that lies at path. */
	int (*identify)(const char *path, char *uuid, struct err *);
	/*
	 * Of one that nobody has open, whose disk or file is at path now: attached there, and pool.conf
	 * told. force: whichever host had it, and however old it is. Nothing is changed by a failure.
	 */
	int (*move)(struct pool *, const char *path, bool force, struct text *report, struct err *);
};

struct pool_spec {
	const char *driver;     /* NULL: the best that works here; pool.conf records which */
	const char *source;     /* NULL: below the pool's own folder */
	uint64_t size;          /* of a loop file; 0: a share of the free space */
	uint64_t block;         /* thin: bytes that it allocates at a time; 0: chosen by its size */
	const char *filesystem; /* thin: ext4, xfs; NULL: ext4 */
	bool sparse;            /* thin: a loop file of a given size takes only what is used */
	bool force;             /* thin: whatever the device holds is of no use */
	const char *const
		*settings; /* keys of pool.conf, "KEY=VALUE", NULL-terminated; NULL: none */
};

/* The driver that a new pool would get here, and why, in words: for create and doctor. */
const char *pool_default_driver(const struct site *site, char *why, size_t room);

/* Under the pool's lock. Nothing half-made stays. -EEXIST when there is one of that name. */
int pool_create(const struct site *site, const char *name, const struct pool_spec *spec,
		struct err *err);

/* Opens, and attaches if need be. -ENOENT with the remedy when there is no such pool. */
int pool_open(struct pool *pool, const struct site *site, const char *name, struct err *err);
/* The same for who only looks: what dead commands have left there stays. */
int pool_view(struct pool *pool, const struct site *site, const char *name, struct err *err);
void pool_close(struct pool *pool);
#define scoped_pool __attribute__((cleanup(pool_close)))

/* Calls visit with every pool's name, sorted. */
int pool_list(const struct site *site, int (*visit)(void *, const char *name), void *context,
	      struct err *err);
/* The same of folders of pools that have no settings, and no mark that they are half made. */
int pool_list_lost(const struct site *site, int (*visit)(void *, const char *name), void *context,
		   struct err *err);

/* Empty pools only, unless force: then every volume goes first. */
int pool_delete(const struct site *site, const char *name, bool force, struct err *err);

/* Detaches (for an uninstall or a host's shutdown): volumes stay. */
int pool_detach(const struct site *site, const char *name, struct err *err);

/* Online. */
int pool_grow(const struct site *site, const char *name, const struct pool_growth *growth,
	      struct err *err);

enum pool_check_flags {
	POOL_CHECK_RECLAIM = 1 << 0, /* deletes what belongs to nobody */
};
/* Compares what there is with what there should be; the report has a line for each finding. */
int pool_check(const struct site *site, const char *name, unsigned flags, struct text *report,
	       struct err *err);

/* Gives freed space back to what is below. */
int pool_trim(const struct site *site, const char *name, struct text *report, struct err *err);

/*
 * Mends what an error of a disk or the loss of a file has left, as far as that can be; nobody may use
 * the pool meanwhile.
 */
int pool_repair(const struct site *site, const char *name, struct text *report, struct err *err);

enum pool_imported {
	POOL_IMPORT_CHECK, /* kept is to be taken, after a check of the pool */
	POOL_IMPORT_TAKE,  /* kept is to be taken */
	POOL_IMPORT_MOVED, /* its driver has no catalogue, it is known here, and its place alone was new */
};
/*
 * Takes the pool on that disk, in that file or in that folder from where it is; name: of it, NULL: as it is
 * called. force: from another host, or from a copy of an earlier time. One that nobody knows here is made known
 * by the copy of settings and catalogue that it has, which is put into kept for those above. called, of 64 bytes:
 * its name. enum pool_imported, or -code.
 */
int pool_import(const struct site *site, const char *path, const char *name, bool force,
		char *called, struct text *kept, struct text *report, struct err *err);

/*
 * Brings the copy that an attached pool has of settings and of its catalogue up to date; files: pool_backup_add.
 * Of one that is not attached nothing is done: 1.
 */
int pool_backup_write(const struct site *site, const char *name, const struct text *files,
		      struct err *err);
/* That copy, appended. -ENOENT: there is none, or the pool is not attached. Quiet. */
int pool_backup_read(const struct site *site, const char *name, struct text *kept);
int pool_backup_add(struct text *files, const char *name, const void *bytes, size_t length);
/* Calls visit for each file of a copy. What is not whole is left out. */
int pool_backup_each(const struct text *kept, pool_backup_visit *visit, void *context);
/* What a copy has of that file, appended. -ENOENT: nothing. Quiet. */
int pool_backup_find(const struct text *kept, const char *file, struct text *out);
/* Whether this process has changed what belongs into such a copy; called by whoever does. */
bool pool_backup_is_stale(void);
void pool_backup_mark_stale(void);

/* What a volume takes of its pool. */
struct volume_usage {
	const char *name; /* of one that is removed and still has space too: partial.h */
	uint64_t used;    /* bytes that it refers to, alone or with others */
	uint64_t
		alone; /* bytes that nobody else in the pool has: what its removal would give back */
	bool alone_known;
};

/*
 * Calls visit for each volume of an open pool, the largest first; counted now, which for some drivers takes as long
 * as reading all folders does, and at most ten minutes.
 */
int pool_measure(struct pool *pool, int (*visit)(void *, const struct volume_usage *),
		 void *context, struct err *err);
/* The same of one: what it refers to. */
int volume_measure(struct pool *pool, const char *volume, uint64_t *used, struct err *err);

/* Gives an id that is nobody's a volume's name. */
int pool_adopt(const struct site *site, const char *name, uint64_t id, const char *volume,
	       struct err *err);

/* -EOPNOTSUPP, without words, from a driver without a catalogue. */
int pool_look(struct pool *pool, struct pool_state *state, struct err *err);

/* Calls visit for each disk or loop file that a pool with a catalogue lies on. */
int pool_each_disk(struct pool *pool, int (*visit)(void *, const struct pool_disk *), void *context,
		   struct err *err);

/* Bytes of its loop file and disks, those that are there, by their sizes alone; 0: it lies in a folder. */
uint64_t pool_size(const struct pool_config *config);

/*
 * How full a pool is, where that costs next to nothing to know: nothing is attached for it. 1, or 0
 * and nothing filled in.
 */
int pool_glance(const struct site *site, const char *name, struct pool_usage *usage);

/*
 * Volumes that are removed, so that no verb knows them any more, and whose blocks are freed in pieces by a
 * process behind the command. due: this process has left or seen some, and has to start that. free_all: that
 * process's work, on all pools that are attached; ends at once when another one is at it.
 */
bool pool_freeing_is_due(void);
int pool_free_all(const struct site *site, struct err *err);
/* How many there are in an open pool. */
size_t pool_freeing(struct pool *pool);

/* Changes a key of pool.conf, checked; NULL: back to the default. */
int pool_set(const struct site *site, const char *name, const char *key, const char *value,
	     struct err *err);

/* ---- What a pool can do by itself when it runs out of room: pool_space.c. Does nothing for a driver without a catalogue. */

int pool_each_use(struct pool *pool, int (*visit)(void *, const struct volume_use *), void *context,
		  struct err *err);
void pool_taken(struct pool *pool, struct volume_taken *const *list, size_t count);
/* The device-mapper device whose events tell of little room, "" if there is none; and again, once told. */
void pool_watch_device(const struct pool *pool, char *out, size_t room);
/*
 * The file that a pool is, or "": while it lacks blocks the file system below has to have them, of which no
 * event tells. One that has them all keeps them.
 */
void pool_watch_file(const struct pool *pool, char *out, size_t room);
int pool_watch_again(struct pool *pool, struct err *err);

/*
 * Takes a step within size.max and what is below, or all of a device that has become larger, or the next
 * disk of grow.devices. 1: it has, and how is told: "to 20 GiB".
 */
int pool_grow_itself(struct pool *pool, struct text *how, struct err *err);

/*
 * A hundredth of the pool that is kept filled with nothing, so that giving it up makes room when
 * there is none. keep: makes it, where it is not and there is plenty of room. Both idempotent.
 */
int pool_keep_reserve(struct pool *pool, struct err *err);
int pool_release_reserve(struct pool *pool, struct err *err);
bool pool_is_reserve(const char *volume);

/* Whether a copy of this volume, as it is now, is one stroke, so that whoever writes to it need not be stopped. */
bool volume_copies_at_once(struct pool *pool, const char *volume);

enum volume_lock_mode { VOLUME_LOCK_READ, VOLUME_LOCK_CHANGE };
/*
 * Keeps a volume as it is for who reads it (shared), or for who will change or remove it (alone), until it is
 * released, or this process ends or closes the pool; what is below does so by itself for as long as it takes. Holds belong to the
 * process and are not counted. Waits half a minute, then -EBUSY.
 */
int volume_lock(struct pool *pool, const char *volume, enum volume_lock_mode how, struct err *err);
void volume_release(struct pool *pool, const char *volume);

/* Whether another command holds any volume of that pool just now; it need not be open. */
bool pool_is_copied(const struct site *site, const char *name);

/* The ops, with the volume named in every failure; names are checked. */
int volume_create(struct pool *pool, const char *volume, uint64_t size, struct err *err);
int volume_snapshot(struct pool *pool, const char *origin, const char *volume, struct err *err);
int volume_rename(struct pool *pool, const char *volume, const char *to, struct err *err);
int volume_exchange(struct pool *pool, const char *one, const char *other, struct err *err);
int volume_destroy(struct pool *pool, const char *volume, struct err *err);
/* Whether all of them can be destroyed, asked before the first one is; as the op. */
int volumes_unused(struct pool *pool, const char *const *volumes, struct err *err);
int volume_mount(struct pool *pool, const char *volume, uint64_t attributes, int *mount_fd,
		 struct err *err);
int volume_deactivate(struct pool *pool, const char *volume, struct err *err);
int volume_info(struct pool *pool, const char *volume, struct volume_info *info, struct err *err);
int volume_resize(struct pool *pool, const char *volume, uint64_t size, struct err *err);
int volume_list(struct pool *pool, const char *prefix,
		int (*visit)(void *, const struct volume_info *), void *context, struct err *err);

/* Copies a volume, between pools too: snapshot where it can, else mount both and copy the tree. */
int volume_copy(struct pool *from, const char *origin, struct pool *to, const char *volume,
		struct err *err);

#endif
