/* Driver `thin`, shared by its files: the pool's place on a disk, its devices, one change at a time. */
#ifndef BERTH_STORAGE_THIN_H
#define BERTH_STORAGE_THIN_H

#include "kern/dm.h"
#include "storage/storage.h"
#include "storage/thin_catalog.h"

/*
 * A file or device holds, one behind the other: a label, the pool's metadata, room of the same size
 * for a repaired copy of it, and the data, which ends where the disk ends. All in sectors.
 */
struct thin_layout {
	uint64_t block;                    /* what the pool allocates at a time */
	uint64_t metadata, spare, data;    /* where they begin */
	uint64_t metadata_size, data_size; /* data_size: of whole blocks; not in the label */
};

enum {
	THIN_LABEL_SIZE = 4096, /* bytes, at the beginning */
	THIN_HEAD = 2048,       /* sectors in front of the metadata */
	THIN_WAIT_MS = 5000,    /* for those who only look at a device, such as udev's workers */
};

/*
 * Lays out a disk of so many sectors; block 0: chosen by the size. Says what is wrong with the
 * block or the size. Pure.
 */
int thin_layout_choose(uint64_t sectors, uint64_t block, struct thin_layout *layout,
		       struct err *err);

/* The label in text. read: -ENOENT when there is none; uuid has room for 37. */
int thin_label_write(int fd, const char *uuid, const struct thin_layout *layout);
int thin_label_read(int fd, char *uuid, struct thin_layout *layout);

/* An open pool's handle: pool->driver. */
struct thin {
	struct dm dm;
	char name[96]; /* of its devices, up to what tells them apart: "berth.default" */
	struct thin_layout layout; /* filled in by thin_attach */
};

struct thin *thin_of(const struct pool *pool);

/* The handle, without attaching anything; -ENODEV in words where there is no device-mapper. */
int thin_begin(struct pool *pool, struct err *err);
void thin_end(struct pool *pool);

/* Whether the pool's device is there and works. */
bool thin_attached(const struct pool *pool);
/* Under the lock: makes what is missing of loop device, linear devices and pool. Idempotent. */
int thin_attach(struct pool *pool, struct err *err);
/* Under the lock: the pool takes all that is below it by now. */
int thin_extend(struct pool *pool, struct err *err);
/* Under the lock. -EBUSY while a volume is in use, and then nothing is taken away. */
int thin_detach(struct pool *pool, struct err *err);

/* The path of the catalogue; the caller owns it; NULL: out of memory. */
char *thin_catalog_path(const struct pool *pool);

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
	int lock; /* owned */
	struct catalog catalog;
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

/* format, and erase: the disk below. */
int thin_format(struct pool *pool, struct err *err);
int thin_erase(struct pool *pool, struct err *err);
int thin_grow(struct pool *pool, uint64_t size, struct err *err);

/* An empty file system on a volume's device, its top a folder with nothing in it. */
int thin_make_filesystem(struct pool *pool, dev_t dev, struct err *err);
/* A detached mount of it. */
int thin_mount(dev_t dev, uint64_t attributes, int *mount_fd, struct err *err);

#endif
