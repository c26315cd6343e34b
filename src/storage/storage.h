/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes in pools. This layer knows volumes by name; it knows nothing of machines and their settings. Drivers: thin,
 * btrfs, dir.
 */
#ifndef BERTH_STORAGE_STORAGE_H
#define BERTH_STORAGE_STORAGE_H

#include "base/dirs.h"
#include "base/err.h"
#include "config/config.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The name of a volume: labels joined by dots, the first one its kind: "machine.web", "template.debian",
 * "snapshot.web.before", "incoming.debian.4711". At most 200 characters.
 */
enum { VOLUME_NAME_MAX = 200 };

enum storage_abilities {
	STORAGE_FAST_CLONE = 1 << 0, /* a snapshot takes the same time for any size */
	STORAGE_QUOTA = 1 << 1,      /* a volume's size is enforced */
	STORAGE_BLOCK = 1 << 2,      /* a volume is a block device with a file system */
	STORAGE_CATALOG = 1 << 3,    /* scan reads a database, which takes time */
};

struct volume_info {
	char name[VOLUME_NAME_MAX + 1];
	uint64_t created; /* seconds since the epoch */
	uint64_t size;    /* limit in bytes, 0: the pool's */
	uint64_t used;    /* bytes, if the driver has the figure at hand; else 0 */
};

struct pool_usage {
	uint64_t total, used;                   /* bytes */
	uint64_t metadata_total, metadata_used; /* bytes; total 0: the driver has none */
	/* The pool's file, if the free space of the file system under it limits total; else "". */
	char backing_file[PATH_MAX];
	uint64_t least; /* bytes, used with backing_file: struct space has the meaning */
};

/* Facts about a pool that only a driver with a catalogue (thin) has. */
struct pool_state {
	const char *mode;                       /* "writes", or the pool's fault */
	uint64_t metadata_total, metadata_used; /* bytes */
	uint64_t promised;                      /* bytes: the sizes of all volumes together */
	uint64_t block;                         /* bytes */
	uint64_t quarantined, lost; /* thin ids without a volume; volumes without a thin id */
	struct err refused;         /* why the pool refuses changes; code 0: it allows them */
	bool doubted; /* an error may have hit its volumes, and not all have been checked since */
};

/* A disk of a pool. */
struct pool_disk {
	const char *path;
	uint64_t size;        /* bytes; 0: the disk is missing */
	unsigned sector_size; /* bytes */
};

/* A request to pool_grow. */
struct pool_growth {
	uint64_t
		size; /* bytes of the loop file; 0: keep its size, or use the whole of each device */
	uint64_t metadata;  /* bytes of metadata; 0: chosen by the pool's size */
	const char *device; /* a device to add, or NULL */
	bool force;         /* destroy the data on that device */
	bool itself; /* the pool's watch asks: where a disk has no more room, nothing is written */
};

/* A range of a volume as a block device, in bytes. */
struct volume_range {
	uint64_t offset, length;
	uint64_t hole; /* 1: nothing is mapped there any more; it reads as zeros */
};

/* The blocks of a volume that are mapped, or that differ from those of another volume. */
struct volume_blocks {
	int fd;               /* owned: its device */
	int ranges_fd;        /* owned: a file of struct volume_range, in their order */
	uint64_t size, block; /* bytes: of the volume, and of a block of the pool */
};

struct storage_ops;
struct storage_maintenance;
struct pool_spec;
struct extents;

/* An open pool. Made by pool_open; everybody may read it; the driver's part is private. */
struct pool {
	const struct dirs *dirs; /* borrowed: outlives the pool */
	char *name;              /* owned */
	char *folder;            /* owned; STATE/pools/NAME */
	struct pool_config config;
	const struct pool_spec *spec;  /* borrowed; while format runs: what was asked for */
	const struct storage_ops *ops; /* borrowed: static */
	void *driver;                  /* owned by the driver */
	struct volume_locks *locks;    /* shared by all handles of this process; volume_lock.c */
	int use_fd; /* owned; the shared lock that keeps the pool from being deleted */
};

/*
 * The operations of a driver. All are present unless NULL is allowed; one that the driver lacks returns -EOPNOTSUPP
 * with a sentence, and `can` says so beforehand. Volumes appear and vanish atomically: after a kill at any moment a
 * volume exists, or does not, or has a name that begins with "partial.", and then open() or destroy() removes it.
 */
struct storage_ops {
	const char *name;
	unsigned can; /* enum storage_abilities */

	/*
	 * Makes a new pool at config.source and attaches it. A missing source is created; one with data is refused.
	 * Fills in the keys of config that were left open. Calls pool_intend before it changes anything.
	 */
	int (*format)(struct pool *, struct err *);
	/* Attaches what a reboot detached (a loop device, a mount). Idempotent; cheap if all is attached. */
	int (*open)(struct pool *, struct err *);
	void (*close)(struct pool *); /* closes the handle; the pool stays attached */
	/* Detaches the pool; refused while volumes are in use. */
	int (*detach)(struct pool *, struct err *);
	/*
	 * Detaches the pool and removes what format made. For an empty pool, or one whose format was killed at any
	 * point.
	 */
	int (*erase)(struct pool *, struct err *);
	int (*pool_usage)(struct pool *, struct pool_usage *, struct err *);

	int (*create)(
		struct pool *, const char *volume, uint64_t size,
		struct err
			*); /* an empty volume; its root folder has mode 0755 and belongs to root */
	int (*snapshot)(struct pool *, const char *origin, const char *volume, struct err *);
	/* Writes data to the disk before the name, so that the volume `to` is complete after a power cut. -EEXIST. */
	int (*rename)(struct pool *, const char *volume, const char *to, struct err *);
	/* Swaps the contents of two volumes atomically; restore in place uses it. */
	int (*exchange)(struct pool *, const char *one, const char *other, struct err *);
	/*
	 * Removes a volume. Idempotent. A volume whose removal would block others for long is renamed by
	 * partial_begin_removal, and `free` frees it later in pieces; if it has a partial name already, -EINPROGRESS.
	 */
	int (*destroy)(struct pool *, const char *volume, struct err *);
	/*
	 * Checks that nothing but berth uses volumes before they are destroyed: -EBUSY with a sentence that names the
	 * user. The list ends with NULL; a name in it that ends in a dot, and "", means all volumes that begin with it.
	 */
	int (*unused)(struct pool *, const char *const *volumes, struct err *);
	/*
	 * Frees a piece of a volume that has such a name. 1: there is more; 0: it is gone. NULL: destroy frees
	 * everything.
	 */
	int (*free)(struct pool *, const char *partial, struct err *);
	/*
	 * Makes a detached mount of the volume, read-write, with exactly these MOUNT_ATTR_* attributes. The caller owns
	 * it and attaches it in a mount namespace of its own; the host's mount table does not show it.
	 */
	int (*mount)(struct pool *, const char *volume, uint64_t attributes, int *mount_fd,
		     struct err *);
	/*
	 * For drivers with STORAGE_BLOCK; else NULL. blocks: opens a volume that nobody writes to, for reading; base:
	 * only what differs from that one. The caller owns both descriptors, also after a failure. fillable: makes a
	 * volume of that size without a file system (size 0: takes an existing one) and opens its device for writing.
	 * filled: checks the file system on it, before it is mounted for the first time. 0: it is whole, and not a byte
	 * of it has changed; 1: it has errors that can be mended; mend: they are.
	 */
	int (*blocks)(struct pool *, const char *volume, const char *base, struct volume_blocks *,
		      struct err *);
	int (*fillable)(struct pool *, const char *partial, uint64_t size, int *fd, struct err *);
	int (*filled)(struct pool *, const char *partial, bool mend, struct err *);
	/* Releases what mount needed (a device) after the last mount is gone. Idempotent. */
	int (*deactivate)(struct pool *, const char *volume, struct err *);
	/*
	 * Removes a file that the driver keeps beside the markers of partial.h, and what it stands for, if the process
	 * that made it is dead. Quiet. NULL: the driver keeps none.
	 */
	void (*clear_trace)(struct pool *, const char *file);
	/*
	 * Ends a wait of killed processes for the volume, as far as it is the pool that they wait for: a device that a
	 * dead command left suspended goes on; writes that wait for room in a full pool fail, and what is not on the
	 * disk yet is lost, as in a power cut. The volume can be mounted again after it was released. NULL: nothing
	 * waits for this driver.
	 */
	int (*unblock)(struct pool *, const char *volume, struct err *);
	int (*info)(struct pool *, const char *volume, struct volume_info *,
		    struct err *); /* -ENOENT */
	/* Calls visit for each volume whose name begins with prefix, in any order; stops at nonzero. */
	int (*list)(struct pool *, const char *prefix,
		    int (*visit)(void *, const struct volume_info *), void *context, struct err *);
	/* Checks that the sizes of this pool's volumes can be set; the error has the remedy. NULL: they can. */
	int (*limits)(struct pool *, struct err *);
	/*
	 * Enlarges a volume with a file system of its own, and never shrinks it; else limits what may be written to it,
	 * and size 0 removes the limit. Also while it is mounted. Idempotent.
	 */
	int (*resize)(struct pool *, const char *volume, uint64_t size, struct err *err);
	/*
	 * Grows an open pool as pool_grow does, for drivers without `maintenance`. NULL: the pool always uses all
	 * available space.
	 */
	int (*grow)(struct pool *, const struct pool_growth *, struct err *);
	/* Whether STORAGE_FAST_CLONE holds for this volume. NULL: it holds for all. */
	bool (*at_once)(struct pool *, const char *volume);
	/*
	 * Adds the extents of the volume that are on the disk. The time depends on the number of files. Quiet: 0,
	 * -ENOENT or -errno. NULL: info has the figure.
	 */
	int (*measure)(struct pool *, const char *volume, struct extents *);
	/*
	 * Calls visit with the name of each volume, for a pool that is not open, and of which only pool.conf was read.
	 * Changes and attaches nothing; an unreachable pool is an error with its reason. 1: those were all volumes; 0:
	 * only an attached pool can tell.
	 */
	int (*scan)(struct pool *, int (*visit)(void *, const char *volume), void *context,
		    struct err *);
	const struct storage_maintenance
		*maintenance; /* maintenance.h; NULL: the pool needs none */
};

/*
 * The listener of a repair. `tell` is called before errors in the file system of a snapshot are corrected, with the
 * time of the volume; if it fails, the volume stays as it is.
 */
struct pool_mending {
	int (*tell)(void *context, const char *volume, uint64_t created, struct err *err);
	void *context;
};

/* A record of a pool's backup of the host's settings; a NUL follows the bytes. */
typedef int pool_backup_visit(void *context, const char *kind, const char *name, const char *bytes,
			      size_t length);
enum { POOL_BACKUP_MAX = 64 << 10 }; /* bytes of a settings file in a backup */

/* A volume that is in use. */
struct volume_use {
	const char *name;
	uint64_t id;      /* its id in the catalogue */
	uint64_t used;    /* bytes of the pool that it refers to, shared ones included */
	uint64_t written; /* bytes written to it since it was activated */
};

/*
 * How many blocks of the pool a volume has allocated since the last snapshot of any volume of that pool, by the pool's
 * metadata on the disk; the blocks that it copied because they were shared are included. Exact, as of the last commit
 * of the metadata. A struct that is zeroed but for the id was not counted yet.
 */
struct volume_taken {
	uint64_t id;
	enum {
		TAKEN_UNASKED,
		TAKEN_COUNTED,
		TAKEN_UNKNOWN
	} told; /* unknown: counting takes too long */
	uint64_t bytes;
	uint32_t since; /* the number of that snapshot */
	/* the root block of the metadata that were counted; the same root means the same count */
	uint64_t root;
	uint32_t sum;
};

struct pool_spec {
	const char *driver;     /* NULL: the best driver that works here, which pool.conf records */
	const char *source;     /* NULL: in the pool's own folder */
	uint64_t size;          /* of a loop file; 0: a share of the free space */
	uint64_t block;         /* thin: the block size in bytes; 0: chosen by the pool's size */
	const char *filesystem; /* thin: ext4, xfs; NULL: ext4 */
	bool sparse; /* thin: the loop file is sparse, and takes blocks only as they are written */
	bool force;  /* thin: destroy the data on the device */
	const char *const
		*settings; /* keys of pool.conf, "KEY=VALUE", NULL-terminated; NULL: none */
};

/* The driver that a new pool gets here by default, and the reason as a text, for create and doctor. */
const char *pool_default_driver(const struct dirs *dirs, char *why, size_t room);

/* Makes a pool, under its lock; a failure leaves nothing behind. -EEXIST if a pool of that name exists. */
int pool_create(const struct dirs *dirs, const char *name, const struct pool_spec *spec,
		struct err *err);

/*
 * Opens a pool for use, and attaches it if necessary; removes what killed commands left in it. -ENOENT with the remedy
 * if there is no such pool.
 */
int pool_open(struct pool *pool, const struct dirs *dirs, const char *name, struct err *err);
/* Opens a pool to look at it: what killed commands left stays. */
int pool_view(struct pool *pool, const struct dirs *dirs, const char *name, struct err *err);
/* The same, unless the pool would have to be attached for it: 1, and nothing is open. */
int pool_view_attached(struct pool *pool, const struct dirs *dirs, const char *name,
		       struct err *err);
void pool_close(struct pool *pool);
#define scoped_pool __attribute__((cleanup(pool_close)))

/* Calls visit with the name of each pool, sorted. */
int pool_list(const struct dirs *dirs, int (*visit)(void *, const char *name), void *context,
	      struct err *err);
/* The same for pool folders that have lost their settings and are not marked as unfinished. */
int pool_list_lost(const struct dirs *dirs, int (*visit)(void *, const char *name), void *context,
		   struct err *err);

/*
 * Deletes an empty pool; with force it deletes all volumes first. check (NULL: none) is asked whether a machine runs on
 * its volumes, once no command can begin to use them: 0, or -code for a refusal.
 */
int pool_delete(const struct dirs *dirs, const char *name, bool force,
		int (*check)(const struct dirs *, const char *name, struct err *), struct err *err);

/* Detaches a pool, for an uninstall or a shutdown of the host. Its volumes stay. */
int pool_detach(const struct dirs *dirs, const char *name, struct err *err);

/* Enlarges a pool while it is in use. */
int pool_grow(const struct dirs *dirs, const char *name, const struct pool_growth *growth,
	      struct err *err);

enum pool_check_flags {
	POOL_CHECK_RECLAIM = 1 << 0, /* deletes thin volumes that are not in the catalogue */
};
/* Compares the pool with its catalogue. The report gets a line for each finding. */
int pool_check(const struct dirs *dirs, const char *name, unsigned flags, struct text *report,
	       struct err *err);

/* Discards free blocks, so that the disk or file system under the pool gets them back. */
int pool_trim(const struct dirs *dirs, const char *name, struct text *report, struct err *err);

/*
 * Repairs what a disk error or a lost file has damaged, as far as possible. Nobody may use the pool meanwhile. The
 * snapshots of machines keep every byte, but for those that mending (NULL: nobody) is told of.
 */
int pool_repair(const struct dirs *dirs, const char *name, const struct pool_mending *mending,
		struct text *report, struct err *err);

enum pool_imported {
	POOL_IMPORT_CHECK, /* the caller restores settings from the backup after a check of the pool */
	POOL_IMPORT_TAKE, /* the caller restores settings from the backup */
	POOL_IMPORT_MOVED, /* the pool is known here and only its place has changed; its driver has no catalogue */
};
/*
 * Makes the pool at path (a disk, a file or a folder) known to this host, or updates its place. name: its new name;
 * NULL: the one that it had. force: also if another host had it, or if it is an old copy. Settings and catalogue of an
 * unknown pool come from the backup in it, which is put into `kept`. called (64 bytes) gets its name. Returns enum
 * pool_imported or -code.
 */
int pool_import(const struct dirs *dirs, const char *path, const char *name, bool force,
		char *called, struct text *kept, struct text *report, struct err *err);

/*
 * Updates the backup of settings and catalogue in an attached pool. files: records made by pool_backup_add. 1: the pool
 * is not attached, and nothing was done.
 */
int pool_backup_write(const struct dirs *dirs, const char *name, const struct text *files,
		      struct err *err);
/* Appends that backup to kept. -ENOENT: there is none, or the pool is not attached. Quiet. */
int pool_backup_read(const struct dirs *dirs, const char *name, struct text *kept);
int pool_backup_add(struct text *files, const char *name, const void *bytes, size_t length);
/* Calls visit for each file in a backup; damaged records are skipped. */
int pool_backup_each(const struct text *kept, pool_backup_visit *visit, void *context);
/* Appends the contents of that file in a backup. -ENOENT: it is not in it. Quiet. */
int pool_backup_find(const struct text *kept, const char *file, struct text *out);
/* Whether this process has changed settings that belong into a backup. Whoever changes some calls mark_stale. */
bool pool_backup_is_stale(void);
void pool_backup_mark_stale(void);

/* The space of a volume in its pool. */
struct volume_usage {
	const char *name; /* volumes in removal are included: partial.h */
	uint64_t used;    /* bytes that it refers to, shared ones included */
	uint64_t alone;   /* bytes that only this volume refers to, which its removal would free */
	bool alone_known;
};

/*
 * Counts the space of each volume of an open pool, and calls visit for each, the largest first. For some drivers this
 * reads all folders; it takes at most ten minutes.
 */
int pool_measure(struct pool *pool, int (*visit)(void *, const struct volume_usage *),
		 void *context, struct err *err);
/* The bytes that one volume refers to. */
int volume_measure(struct pool *pool, const char *volume, uint64_t *used, struct err *err);

/* Gives a thin id without a volume a name. */
int pool_adopt(const struct dirs *dirs, const char *name, uint64_t id, const char *volume,
	       struct err *err);

/* The state of an open pool. -EOPNOTSUPP without a sentence if its driver has no catalogue. */
int pool_look(struct pool *pool, struct pool_state *state, struct err *err);

/* Calls visit for each disk or loop file of a pool whose driver has a catalogue. */
int pool_each_disk(struct pool *pool, int (*visit)(void *, const struct pool_disk *), void *context,
		   struct err *err);

/* The sum of the sizes of a pool's loop file and disks that are present, in bytes; 0: the pool is a folder. */
uint64_t pool_size(const struct pool_config *config);

/* How full a pool is, if that is cheap to find out; attaches nothing. 1, or 0 with nothing filled in. */
int pool_glance(const struct dirs *dirs, const char *name, struct pool_usage *usage);

/*
 * Removed volumes, whose blocks a background command frees in pieces. is_due: this process has removed or seen some,
 * and must start that command. free_all is that command: it frees them in all attached pools; returns at once if
 * another process does so already.
 */
bool pool_freeing_is_due(void);
int pool_free_all(const struct dirs *dirs, struct err *err);
/* The number of such volumes in an open pool. */
size_t pool_freeing(struct pool *pool);

/* Checks and changes a key of pool.conf; NULL: back to the default. */
int pool_set(const struct dirs *dirs, const char *name, const char *key, const char *value,
	     struct err *err);

/* ---- A pool that runs out of room: pool_space.c. Without effect for drivers that have no catalogue. */

int pool_each_use(struct pool *pool, int (*visit)(void *, const struct volume_use *), void *context,
		  struct err *err);
void pool_taken(struct pool *pool, struct volume_taken *const *list, size_t count);
/*
 * The device-mapper device whose events report little room; "" if there is none. pool_watch_again makes it report
 * again.
 */
void pool_watch_device(const struct pool *pool, char *out, size_t room);
/*
 * The sparse file of a pool, or "" if the file has all of its blocks: the file system under it must have room for the
 * rest, and no event reports when it has not.
 */
void pool_watch_file(const struct pool *pool, char *out, size_t room);
int pool_watch_again(struct pool *pool, struct err *err);

/*
 * Enlarges the pool by one step: its file up to size.max and to the room of the file system under it, or to the whole
 * of a device that has grown, or by the next disk of grow.devices. Metadata that is scarce gets its part of that. 1: it
 * was enlarged, and how says to what: "to 20 GiB".
 */
int pool_grow_itself(struct pool *pool, struct text *how, struct err *err);

/*
 * The reserve: a volume of a hundredth of the pool. Releasing it makes room when there is none. pool_keep_reserve makes
 * it if it is missing and there is plenty of room. Both are idempotent.
 */
int pool_keep_reserve(struct pool *pool, struct err *err);
int pool_release_reserve(struct pool *pool, struct err *err);
bool pool_is_reserve(const char *volume);

/* Whether a copy of this volume is atomic now, so that its writers need not be frozen. */
bool volume_copies_at_once(struct pool *pool, const char *volume);

enum volume_lock_mode { VOLUME_LOCK_READ, VOLUME_LOCK_CHANGE };
/*
 * Locks a volume: shared for readers (READ), exclusively for a change or removal (CHANGE). The lock lasts until
 * volume_release, or until the process ends or closes the pool. The operations below take it by themselves while they
 * work. Locks belong to the process and are not counted. -EBUSY after half a minute.
 */
int volume_lock(struct pool *pool, const char *volume, enum volume_lock_mode how, struct err *err);
void volume_release(struct pool *pool, const char *volume);

/*
 * Makes the file system that is mounted for the pool writable again, if it is read-only: root of a privileged machine can
 * remount it, as busybox does at a halt. One that the kernel has made read-only after an error stays so. No error: the
 * next change tells it.
 */
void pool_write_again(const struct dirs *dirs, const char *name);

/* Whether another command has locked a volume of that pool now; the pool need not be open. */
bool pool_is_copied(const struct dirs *dirs, const char *name);

/* The operations of the driver, with checked names, and the volume's name in each error. */
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
int volume_unblock(struct pool *pool, const char *volume, struct err *err);
int volume_info(struct pool *pool, const char *volume, struct volume_info *info, struct err *err);
/* Whether the sizes of volumes in this pool can be set; as the op. */
int volumes_limited(struct pool *pool, struct err *err);
int volume_resize(struct pool *pool, const char *volume, uint64_t size, struct err *err);
/*
 * Refuses a limit below what the volume holds, also what it shares with others: nothing could be written to it. A volume
 * with a file system of its own has its own bound. -ENOSPC.
 */
int volume_check_limit(struct pool *pool, const char *volume, uint64_t size, struct err *err);
int volume_list(struct pool *pool, const char *prefix,
		int (*visit)(void *, const struct volume_info *), void *context, struct err *err);
/* Destroys the volumes whose names begin so; stops at one that cannot be destroyed. */
int volumes_destroy(struct pool *pool, const char *prefix, struct err *err);

/* Copies a volume, also to another pool: by a snapshot if possible, else by mounting both and copying the tree. */
int volume_copy(struct pool *from, const char *origin, struct pool *to, const char *volume,
		struct err *err);

#endif
