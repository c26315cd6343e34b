/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Driver `thin`, for its files: the layout of its disks, its devices, and one change at a time. */
#ifndef BERTH_STORAGE_THIN_H
#define BERTH_STORAGE_THIN_H

#include "kern/dm_thin.h"
#include "storage/storage.h"
#include "storage/thin/thin_catalog.h"

/* Extents on disks, in sectors; a device is made of them one after the other. */
enum { THIN_EXTENTS = 24, THIN_DISKS = 16 };
struct thin_extents {
	struct {
		uint64_t disk, start, length;
	} list[THIN_EXTENTS];
	uint64_t count;
};

/*
 * The layout of the disks: label, metadata of the pool, equal room (spare) for a repaired copy of them, and data.
 * Growth adds extents after all others, or on a further disk. All in sectors.
 */
struct thin_layout {
	uint64_t block; /* the block size of the pool */
	uint64_t disks; /* at least one */
	struct thin_extents metadata, spare, data;
	struct thin_place {
		uint64_t start, length;
	} backup; /* on the first disk, for the backup of catalogue and settings; length 0: in the head */
	char uuids[THIN_DISKS][40]; /* of the further disks; the first disk has the pool's UUID */
	/* The host that wrote the label, and the device it wrote to. "": unknown, or no host. */
	struct thin_mark {
		uint64_t
			step; /* increased by each write; 0: written by a berth that did not count */
		char kind[16];      /* of device: blockdev_kind() */
		char host[24];      /* the host that has the pool attached: thin_host() */
		char host_name[64]; /* its name, for people */
	} mark;
};

/* The label of a further disk: its pool, and its position in it. */
struct thin_disk_label {
	char pool[37], uuid[37];
	uint64_t index;
	uint64_t step; /* step of the first label when this one was written */
	char kind[16];
};

enum {
	THIN_LABEL_SIZE = 4096, /* bytes; one at the beginning of a disk, a second after it */
	THIN_HEAD = 2048,       /* sectors at the beginning of a disk */
	THIN_TAIL = 2048,       /* sectors at its end, if there was room */
	THIN_WAIT_MS = 5000,    /* for openers of a device, such as udev workers */
};

uint64_t thin_extents_size(const struct thin_extents *extents);
/* The first sector after all extents on that disk; THIN_HEAD if there are none. */
uint64_t thin_layout_end(const struct thin_layout *layout, unsigned disk);
/* The first sector of the tail of a disk with that many sectors. */
uint64_t thin_layout_tail(uint64_t sectors);

/*
 * Makes a layout for one disk with that many sectors; block 0: chosen by the size. An error names the fault of block or
 * size. Pure.
 */
int thin_layout_choose(uint64_t sectors, uint64_t block, struct thin_layout *layout,
		       struct err *err);

/* Adds an empty disk to a layout. Pure; a failure leaves the layout untouched. */
int thin_layout_add(struct thin_layout *layout, const char *uuid, uint64_t sectors,
		    struct err *err);

/*
 * Adds the free sectors of all disks to a layout: metadata and spare in proportion to the size, or `metadata` sectors
 * (0: in proportion) if that is more; the rest is data. sectors: size of each disk. Pure; a failure leaves the layout
 * untouched.
 */
int thin_layout_grow(struct thin_layout *layout, const uint64_t *sectors, uint64_t metadata,
		     struct err *err);

/*
 * Write and read the label as text. A write is atomic: it writes the copies first, the second in the middle of the head
 * and in the tail, if nothing else is there. read: -ENOENT: there is none at the beginning; -EUCLEAN: both there are
 * damaged; uuid has room for 37 bytes.
 */
int thin_label_write(int fd, const char *uuid, const struct thin_layout *layout);
int thin_label_read(int fd, char *uuid, struct thin_layout *layout);
/*
 * The same for a further disk, of which `end` sectors are in use. Each kind of label counts as none for the other's
 * functions.
 */
int thin_label_write_disk(int fd, const struct thin_disk_label *label, uint64_t end);
int thin_label_read_disk(int fd, struct thin_disk_label *label);
/* Read the label from its other copies, when the ones at the beginning were overwritten. Results as above. */
int thin_label_read_copy(int fd, char *uuid, struct thin_layout *layout);
int thin_label_read_disk_copy(int fd, struct thin_disk_label *label);
/*
 * The offsets of those copies, in bytes, on a disk of which `end` sectors are in use: at most 2, each with room for a
 * label.
 */
unsigned thin_label_copies(int fd, uint64_t end, off_t *places);
/* Overwrites all labels and copies of the pool of that UUID, or of its further disk, by zeros. 0 or -errno. */
int thin_label_wipe(int fd, const char *pool);

/* An open pool's handle: pool->driver. */
struct thin {
	struct dm dm;
	char name[96];             /* common prefix of its devices: "berth.default" */
	struct thin_layout layout; /* filled in by thin_attach, thin_extend and thin_look */
	struct catalog catalog;    /* by thin_catalog */
	pid_t owner;               /* process that opened the catalogue */
	struct thin_trace *traces; /* owned: of devices that it has made; thin_trace.c */
	bool taken_over;           /* ignore which host had the disks, and how old they are */
	bool moving; /* the pool moves; pool.conf is updated after it was attached at its new place */
};

struct thin *thin_of(const struct pool *pool);

/* Makes the handle, without attaching anything; -ENODEV with a sentence if there is no device-mapper. */
int thin_begin(struct pool *pool, struct err *err);
void thin_end(struct pool *pool);

extern const struct storage_maintenance thin_maintenance;

/* Reads the layout from the label. */
int thin_look(struct pool *pool, struct err *err);
/* The function each_disk of storage_maintenance, for an open pool. */
int thin_each_disk(struct pool *pool, int (*visit)(void *, const struct pool_disk *), void *context,
		   struct err *err);
/* Whether the pool's device exists and works. */
bool thin_attached(const struct pool *pool);
/* Makes what is missing of loop device, linear devices and pool, under the lock. Idempotent. */
int thin_attach(struct pool *pool, struct err *err);
/* Reloads the live devices as the label describes them now, under the lock. */
int thin_extend(struct pool *pool, struct err *err);
/* Allocates the blocks of metadata or spare in a sparse file, so that writes there cannot fail for lack of room. */
int thin_fill(const struct pool *pool, const struct thin_extents *extents, struct err *err);
/*
 * Enlarges the layout to the current size of the disks, with that much metadata (0: in proportion), and writes the
 * label. Under the lock.
 */
int thin_enlarge(struct pool *pool, uint64_t metadata, struct err *err);
/* Detaches the pool, under the lock. -EBUSY while a volume is in use; nothing is detached then. */
int thin_detach(struct pool *pool, struct err *err);

/* The path of a part's device node, "metadata" or "data", under the lock. */
int thin_path(struct pool *pool, const char *part, char *out, size_t room, struct err *err);

/* Make and remove the devices of metadata and spare alone, for programs, while the pool is detached. Under the lock. */
int thin_expose(struct pool *pool, struct err *err);
int thin_conceal(struct pool *pool, struct err *err);
/* Swaps spare and metadata of a pool that was exposed. */
int thin_swap(struct pool *pool, struct err *err);

/* The path of the catalogue; the caller owns it; NULL: out of memory. */
char *thin_catalog_path(const struct pool *pool);
/*
 * The catalogue, which the handle keeps open, because opening it costs more than a change. Not for lists whose visitor
 * may change it.
 */
int thin_catalog(struct pool *pool, struct catalog **catalog, struct err *err);

/* Finds a volume by name; an error, also -ENOENT, has a sentence that begins with `doing`. */
int thin_find_volume(struct catalog *catalog, const char *name, struct catalog_volume *volume,
		     const char *doing, struct err *err);
/* Sets err for a volume that the pool has lost. Returns -code. */
int thin_refuse_lost(const struct pool *pool, const struct catalog_volume *volume, struct err *err);

/* The device of a volume, made if necessary. Under the lock. */
int thin_activate(struct pool *pool, const struct catalog_volume *volume, dev_t *dev,
		  struct err *err);
/* Whether the device of a volume exists. Quiet. */
bool thin_active(const struct pool *pool, uint64_t id, struct dm_info *info);
/* These are quiet; 0 also if the device does not exist. */
int thin_deactivate(struct pool *pool, uint64_t id, unsigned wait_ms);
int thin_suspend(struct pool *pool, uint64_t id);
int thin_resume(struct pool *pool, uint64_t id);

/* The status of the pool; a message to it. */
int thin_status(struct pool *pool, unsigned flags, struct dm_pool_status *status, struct err *err);
int thin_message(struct pool *pool, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * A change: the lock, the open catalogue, and a pool that was recovered after a killed command. thin_enter refuses,
 * with a sentence, a pool that cannot be changed.
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

/* Takes only the lock. A descriptor or -code; waits up to that many seconds. */
int thin_lock(const struct pool *pool, unsigned seconds, struct err *err);

/*
 * Recovers after a killed command: completes or undoes an intent, as the pool's transaction number tells. Fills in head
 * and status after that. Fails with a sentence if the pool takes no changes, or its number matches neither.
 */
int thin_recover(struct pool *pool, struct thin_session *session, struct err *err);

/* Steps the pool's transaction number as the intent says, verifies it by the status, and finishes the intent. */
int thin_commit(struct pool *pool, struct thin_session *session, struct err *err);

/* Fails with a sentence if the status forbids changes; transaction: of the catalogue. */
int thin_check_status(const struct pool *pool, const struct dm_pool_status *status,
		      uint64_t transaction, struct err *err);

/*
 * Compares all ids of pool and catalogue, resumes suspended devices, and takes over the pool's transaction number: ids
 * that are not in the catalogue go into quarantine, volumes without an id are marked lost. POOL_CHECK_RECLAIM deletes
 * what is in quarantine. A line of the report for each finding.
 */
int thin_check(struct pool *pool, unsigned flags, struct text *report, struct err *err);

/* The functions of storage_ops. */
int thin_create(struct pool *pool, const char *name, uint64_t size, struct err *err);
int thin_snapshot(struct pool *pool, const char *origin, const char *name, struct err *err);
int thin_destroy(struct pool *pool, const char *name, struct err *err);
/* The op `unused`: fails if a process has a device of these volumes open; removes the devices. */
int thin_unused(struct pool *pool, const char *const *volumes, struct err *err);
int thin_unblock(struct pool *pool, const char *name, struct err *err);

/* The ops blocks, fillable and filled: thin_blocks.c. */
int thin_blocks(struct pool *pool, const char *name, const char *base, struct volume_blocks *blocks,
		struct err *err);
int thin_fillable(struct pool *pool, const char *name, uint64_t size, int *fd, struct err *err);
int thin_filled(struct pool *pool, const char *name, bool mend, struct err *err);
/* Makes a volume without a file system, whose name is partial. fd: of its device, the caller's. */
int thin_create_blank(struct pool *pool, const char *name, uint64_t size, int *fd, struct err *err);

/* format and erase the disks. */
int thin_format(struct pool *pool, struct err *err);
int thin_erase(struct pool *pool, struct err *err);
int thin_grow(struct pool *pool, const struct pool_growth *growth, struct err *err);

/* Whether the pool has that id: 1, 0, or -code. */
int thin_has(struct pool *pool, uint64_t id, struct err *err);

/*
 * Runs a program on a snapshot of the metadata; the last word of its arguments is the device. io: as in child_run().
 * Under the lock.
 */
struct child_io;
int thin_run_on_snapshot(struct pool *pool, const char *program, const char *const *words,
			 const struct child_io *io, struct err *err);

/*
 * Calls visit for each id in the pool's metadata, by thin_ls(8); nonzero stops it. Under the lock. -ENOENT, without a
 * sentence: it is not installed.
 */
int thin_ids(struct pool *pool, int (*visit)(void *context, uint64_t id), void *context,
	     struct err *err);

/*
 * Repairs a pool after an error: checks metadata, and repairs them into the spare if necessary; makes a lost catalogue
 * anew from the pool; checks the file systems that may be damaged.
 */
int thin_repair(struct pool *pool, const struct pool_mending *mending, struct text *report,
		struct err *err);

/* thin_move.c; as storage_maintenance says. */
int thin_identify(const char *path, char *uuid, struct err *err);
int thin_move(struct pool *pool, const char *path, bool force, struct text *report,
	      struct err *err);

/* Enlarges a volume with its file system. */
int thin_resize(struct pool *pool, const char *volume, uint64_t size, struct err *err);

/* Discards the blocks that file systems of volumes have freed, and then the free blocks of the pool. */
int thin_trim(struct pool *pool, struct text *report, struct err *err);

/* ---- Running out of room: thin_space.c; as storage_maintenance says. */

/* Fails with a sentence if a new volume, or its growth, by bytes would exceed overcommit.max. */
int thin_admit_promise(struct pool *pool, struct thin_session *session, uint64_t bytes,
		       struct err *err);
int thin_each_use(struct pool *pool, int (*visit)(void *, const struct volume_use *), void *context,
		  struct err *err);
int thin_glance(struct pool *pool, struct pool_usage *usage, struct err *err);
void thin_watch_device(const struct pool *pool, char *out, size_t room);
int thin_watch_again(struct pool *pool, struct err *err);

/* ---- File systems of volumes: thin_fs.c. All of a pool's are of one type. */

/* Checks that the programs and kernel parts for the pool's file system type exist. */
int thin_fs_check_host(const struct pool *pool, struct err *err);

/* Makes an empty file system on a volume's device, with an empty root folder. */
int thin_make_filesystem(struct pool *pool, dev_t dev, struct err *err);
/* Makes a detached mount of it. */
int thin_mount(const struct pool *pool, dev_t dev, uint64_t attributes, int *mount_fd,
	       struct err *err);
/* The same to inspect a volume without an owner: writes nothing at all. A descriptor or -errno. */
int thin_mount_look(const struct pool *pool, dev_t dev);
/* Grows the file system to the size of its device. Idempotent. */
int thin_grow_filesystem(const struct pool *pool, dev_t dev, struct err *err);

/* The file system of a volume, by its first 4096 bytes. */
struct thin_fs {
	const char *type;  /* "ext4", "xfs" or NULL */
	uint64_t size;     /* bytes */
	unsigned smallest; /* its smallest write in bytes; disk sectors must not be larger */
};
void thin_fs_look(dev_t dev, struct thin_fs *fs);

/* The same for an id without a device. Under the lock. */
int thin_describe(struct pool *pool, uint64_t id, struct thin_fs *fs, struct err *err);

/* The host name in its /etc/hostname; the caller owns it; NULL: none. Under the lock. */
char *thin_host_name(struct pool *pool, uint64_t id, const struct thin_fs *fs);

enum thin_fs_state { THIN_FS_CLEAN, THIN_FS_MENDED, THIN_FS_BROKEN };
/* Runs the fsck of its type, which repairs what needs no decision. whole: also if the file system is marked clean. */
int thin_check_filesystem(const struct pool *pool, dev_t dev, bool whole, enum thin_fs_state *state,
			  struct err *err);
/* The same for a copy of the volume, which is removed again: not a byte of the volume changes. Not in a session. */
int thin_check_copy(struct pool *pool, const char *name, bool whole, enum thin_fs_state *state,
		    struct err *err);
/* Whether a volume keeps the bytes that it was made with: nobody writes to a snapshot of a machine. */
bool thin_keeps_bytes(const char *volume);

#endif
