/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Driver `thin`, shared by its files: the pool's place on a disk, its devices, one change at a time. */
#ifndef BERTH_STORAGE_THIN_H
#define BERTH_STORAGE_THIN_H

#include "kern/dm_thin.h"
#include "storage/storage.h"
#include "storage/thin/thin_catalog.h"

/* Where something lies on which disk, in sectors; one behind the other in what is made of them. */
enum { THIN_EXTENTS = 24, THIN_DISKS = 16 };
struct thin_extents {
	struct {
		uint64_t disk, start, length;
	} list[THIN_EXTENTS];
	uint64_t count;
};

/*
 * A file or device holds a label, the pool's metadata, as much room for a repaired copy of it, and the
 * data. What grows gets another extent behind all that is there, or on a further disk. All in sectors.
 */
struct thin_layout {
	uint64_t block; /* what the pool allocates at a time */
	uint64_t disks; /* at least one */
	struct thin_extents metadata, spare, data;
	struct thin_place {
		uint64_t start, length;
	} backup; /* on the first disk, for copies of catalogue and settings; 0: in its head */
	char uuids[THIN_DISKS][40]; /* of the further ones; the first has the pool's */
	/* By whom the label was written, and to what. "": unknown, or nobody. */
	struct thin_mark {
		uint64_t step;      /* one more with each time; 0: by a berth that did not count */
		char kind[16];      /* of device: blockdev_kind() */
		char host[24];      /* that has the pool attached: thin_host() */
		char host_name[64]; /* its name, for people */
	} mark;
};

/* What a further disk says of itself: whose it is, and as which of them. */
struct thin_disk_label {
	char pool[37], uuid[37];
	uint64_t index;
	uint64_t step; /* the first one's, when this was written */
	char kind[16];
};

enum {
	THIN_LABEL_SIZE = 4096, /* bytes; at the beginning, and a second one behind it */
	THIN_HEAD = 2048,       /* sectors in front of all else on a disk */
	THIN_TAIL = 2048,       /* and behind all else, where there was room for that */
	THIN_IN_USE_MS = 2000,  /* how long a volume may take to be let go of */
	THIN_WAIT_MS = 5000,    /* for those who only look at a device, such as udev's workers */
};

uint64_t thin_extents_size(const struct thin_extents *extents);
/* The first sector behind all of them on that disk, THIN_HEAD if there are none. */
uint64_t thin_layout_end(const struct thin_layout *layout, unsigned disk);
/* Where the tail of a disk of so many sectors begins. */
uint64_t thin_layout_tail(uint64_t sectors);

/*
 * Lays out a disk of so many sectors; block 0: chosen by the size. Says what is wrong with the
 * block or the size. Pure.
 */
int thin_layout_choose(uint64_t sectors, uint64_t block, struct thin_layout *layout,
		       struct err *err);

/* One more disk, on which there is nothing yet. Says why it cannot be. Pure; untouched on failure. */
int thin_layout_add(struct thin_layout *layout, const char *uuid, uint64_t sectors,
		    struct err *err);

/*
 * Lays out what disks have got behind the layout's end: metadata and spare as the size of all or, if
 * that is more, as `metadata` (sectors; 0: as the size) wants them, and data. sectors: of each disk.
 * Pure; untouched on failure.
 */
int thin_layout_grow(struct thin_layout *layout, const uint64_t *sectors, uint64_t metadata,
		     struct err *err);

/*
 * The label in text, whole at any moment: its copies are written first, the second one in the middle of
 * the head and in the tail, if nothing else is there. read: -ENOENT when there is none in front, -EUCLEAN
 * when both there are damaged; uuid has room for 37.
 */
int thin_label_write(int fd, const char *uuid, const struct thin_layout *layout);
int thin_label_read(int fd, char *uuid, struct thin_layout *layout);
/* The same of a further disk, of which `end` sectors are in use; to the one, the other's label is none. */
int thin_label_write_disk(int fd, const struct thin_disk_label *label, uint64_t end);
int thin_label_read_disk(int fd, struct thin_disk_label *label);
/* From the copies that are not in front, for when that has been overwritten. As read. */
int thin_label_read_copy(int fd, char *uuid, struct thin_layout *layout);
int thin_label_read_disk_copy(int fd, struct thin_disk_label *label);
/* Where those are, in bytes, on a disk of which `end` sectors are in use: at most 2, with room behind each. */
unsigned thin_label_copies(int fd, uint64_t end, off_t *places);
/* Zeros in place of every label and copy of the pool of that uuid, or its further disk. 0 or -errno. */
int thin_label_wipe(int fd, const char *pool);

/* An open pool's handle: pool->driver. */
struct thin {
	struct dm dm;
	char name[96]; /* of its devices, up to what tells them apart: "berth.default" */
	struct thin_layout layout; /* filled in by thin_attach, thin_extend and thin_look */
	struct catalog catalog;    /* by thin_catalog */
	pid_t owner;               /* of the connection to it */
	bool taken_over;           /* whichever host had the disks, and however old they are */
	bool moving; /* to a place that pool.conf is told of once it is attached there */
};

struct thin *thin_of(const struct pool *pool);

/* The handle, without attaching anything; -ENODEV in words where there is no device-mapper. */
int thin_begin(struct pool *pool, struct err *err);
void thin_end(struct pool *pool);

extern const struct storage_maintenance thin_maintenance;

/* Reads the layout. */
int thin_look(struct pool *pool, struct err *err);
/* Of an open pool: as storage_maintenance says. */
int thin_each_disk(struct pool *pool, int (*visit)(void *, const struct pool_disk *), void *context,
		   struct err *err);
/* Whether the pool's device is there and works. */
bool thin_attached(const struct pool *pool);
/* Under the lock: makes what is missing of loop device, linear devices and pool. Idempotent. */
int thin_attach(struct pool *pool, struct err *err);
/* Under the lock: the live devices become what the label says by now. */
int thin_extend(struct pool *pool, struct err *err);
/* Gives a sparse file the blocks of its metadata or spare, which it must not lack when they are written. */
int thin_fill(const struct pool *pool, const struct thin_extents *extents, struct err *err);
/*
 * Under the lock: writes the layout, enlarged to what the disks are by now and to so much metadata (0:
 * what fits their size), into the label.
 */
int thin_enlarge(struct pool *pool, uint64_t metadata, struct err *err);
/* Under the lock. -EBUSY while a volume is in use, and then nothing is taken away. */
int thin_detach(struct pool *pool, struct err *err);

/* Under the lock: the part's node, "metadata" or "data". */
int thin_path(struct pool *pool, const char *part, char *out, size_t room, struct err *err);

/* Under the lock, of a detached pool: metadata and spare alone, for programs; and away again. */
int thin_expose(struct pool *pool, struct err *err);
int thin_conceal(struct pool *pool, struct err *err);
/* Of an exposed one: what was the spare is the metadata from now on. */
int thin_swap(struct pool *pool, struct err *err);

/* The path of the catalogue; the caller owns it; NULL: out of memory. */
char *thin_catalog_path(const struct pool *pool);
/*
 * The catalogue, which the handle keeps open: to open it costs more than a change in it. Not for a
 * list, whose visitor may change something meanwhile.
 */
int thin_catalog(struct pool *pool, struct catalog **catalog, struct err *err);

/* One by its name; words, which begin with what is being done, also when there is none: -ENOENT. */
int thin_find_volume(struct catalog *catalog, const char *name, struct catalog_volume *volume,
		     const char *doing, struct err *err);
/* Words for one that the pool no longer has. */
int thin_refuse_lost(const struct pool *pool, const struct catalog_volume *volume, struct err *err);

/* Under the lock: a volume's device, made if it is not there. */
int thin_activate(struct pool *pool, const struct catalog_volume *volume, dev_t *dev,
		  struct err *err);
/* Whether it is there. Quiet. */
bool thin_active(const struct pool *pool, uint64_t id, struct dm_info *info);
/* Quiet; 0 also when there is none. */
int thin_deactivate(struct pool *pool, uint64_t id, unsigned wait_ms);
int thin_suspend(struct pool *pool, uint64_t id);
int thin_resume(struct pool *pool, uint64_t id);

/* To the pool itself. */
int thin_status(struct pool *pool, unsigned flags, struct dm_pool_status *status, struct err *err);
int thin_message(struct pool *pool, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * One change at a time: the lock, the open catalogue, and a pool that was put right after whoever
 * died at work on it. What can be said about a pool that cannot be changed is said by thin_enter.
 */
struct thin_session {
	int lock;                /* owned */
	struct catalog *catalog; /* the handle's */
	struct catalog_head head;
	struct dm_pool_status status;
};

int thin_enter(struct pool *pool, struct thin_session *session, struct err *err);
void thin_leave(struct thin_session *session);
#define scoped_session __attribute__((cleanup(thin_leave)))

/* The lock alone. A descriptor or -code; waits so many seconds. */
int thin_lock(const struct pool *pool, unsigned seconds, struct err *err);

/*
 * Brings catalogue and pool together after a death: an intent is finished or undone as the pool's
 * transaction number tells. Fills in head and status as they are then. Words and failure for a pool
 * that takes no changes, or whose number fits to nothing.
 */
int thin_recover(struct pool *pool, struct thin_session *session, struct err *err);

/* The pool's number is stepped as the intent says, proven by its status, and the intent finished. */
int thin_commit(struct pool *pool, struct thin_session *session, struct err *err);

/* Words for a status that a change must not be built on; transaction as in the catalogue. */
int thin_check_status(const struct pool *pool, const struct dm_pool_status *status,
		      uint64_t transaction, struct err *err);

/*
 * Compares every id, resumes what is suspended, and takes the pool's transaction number for the
 * catalogue's: ids that nobody knows go into quarantine, volumes that are gone are marked lost. With
 * POOL_CHECK_RECLAIM what is in quarantine is deleted. A line for each finding.
 */
int thin_check(struct pool *pool, unsigned flags, struct text *report, struct err *err);

/* As storage_ops say. */
int thin_create(struct pool *pool, const char *name, uint64_t size, struct err *err);
int thin_snapshot(struct pool *pool, const char *origin, const char *name, struct err *err);
int thin_destroy(struct pool *pool, const char *name, struct err *err);
/* No process has a device of them open. Their devices go. */
int thin_unused(struct pool *pool, const char *const *volumes, struct err *err);

/* format, and erase: the disk below. */
int thin_format(struct pool *pool, struct err *err);
int thin_erase(struct pool *pool, struct err *err);
int thin_grow(struct pool *pool, const struct pool_growth *growth, struct err *err);

/* Whether the pool has that id: 1, 0, or a failure. */
int thin_has(struct pool *pool, uint64_t id, struct err *err);

/*
 * Under the lock: runs a program on a snapshot of the metadata, whose device is its last word; io as in
 * child_run().
 */
struct child_io;
int thin_run_on_snapshot(struct pool *pool, const char *program, const char *const *words,
			 const struct child_io *io, struct err *err);

/*
 * Calls visit for every id that the pool has, asked of its metadata with thin_ls(8). Under the lock.
 * -ENOENT, filling in nothing: that is not installed; visit's nonzero stops it.
 */
int thin_ids(struct pool *pool, int (*visit)(void *context, uint64_t id), void *context,
	     struct err *err);

/*
 * After an error: metadata checked, and repaired into the spare if need be; a catalogue that is lost
 * made anew from what the pool has; the file systems that may have been hit checked.
 */
int thin_repair(struct pool *pool, struct text *report, struct err *err);

/* thin_move.c; as storage_maintenance says. */
int thin_identify(const char *path, char *uuid, struct err *err);
int thin_move(struct pool *pool, const char *path, bool force, struct text *report,
	      struct err *err);

/* Makes a volume larger, its file system too. */
int thin_resize(struct pool *pool, const char *volume, uint64_t size, struct err *err);

/* Gives the blocks that volumes have freed back to the pool, and the pool's to what is below. */
int thin_trim(struct pool *pool, struct text *report, struct err *err);

/* ---- Running out of room: thin_space.c; as storage_maintenance says. */

/* Words for a volume, or its growth, with which the pool would promise more than overcommit.max allows. */
int thin_admit_promise(struct pool *pool, struct thin_session *session, uint64_t bytes,
		       struct err *err);
int thin_each_use(struct pool *pool, int (*visit)(void *, const struct volume_use *), void *context,
		  struct err *err);
int thin_glance(struct pool *pool, struct pool_usage *usage, struct err *err);
void thin_watch_device(const struct pool *pool, char *out, size_t room);
int thin_watch_again(struct pool *pool, struct err *err);

/* ---- File systems of volumes: thin_fs.c. All of a pool's are of one type. */

/* Whether the programs and the kernel's parts that the pool's type needs are there. */
int thin_fs_check_host(const struct pool *pool, struct err *err);

/* An empty file system on a volume's device, its top a folder with nothing in it. */
int thin_make_filesystem(struct pool *pool, dev_t dev, struct err *err);
/* A detached mount of it. */
int thin_mount(const struct pool *pool, dev_t dev, uint64_t attributes, int *mount_fd,
	       struct err *err);
/* The same to look at what is nobody's: nothing at all is written. A descriptor or -errno. */
int thin_mount_look(const struct pool *pool, dev_t dev);
/* Makes it as large as its device. Idempotent. */
int thin_grow_filesystem(const struct pool *pool, dev_t dev, struct err *err);

/* What the first 4096 bytes of a volume say of it. */
struct thin_fs {
	const char *type;  /* "ext4", "xfs" or NULL */
	uint64_t size;     /* bytes */
	unsigned smallest; /* bytes that it writes at a time; the disk's sectors may be no larger */
};
void thin_fs_look(dev_t dev, struct thin_fs *fs);

/* Under the lock: the same of an id that has no device. */
int thin_describe(struct pool *pool, uint64_t id, struct thin_fs *fs, struct err *err);

/* Under the lock: the name in its /etc/hostname, NULL if there is none; the caller owns it. */
char *thin_host_name(struct pool *pool, uint64_t id, const struct thin_fs *fs);

enum thin_fs_state { THIN_FS_CLEAN, THIN_FS_MENDED, THIN_FS_BROKEN };
/* Has its own program look at it, and mend what needs no decision. whole: even if it says it is clean. */
int thin_check_filesystem(const struct pool *pool, dev_t dev, bool whole, enum thin_fs_state *state,
			  struct err *err);

#endif
