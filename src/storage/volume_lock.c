/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks of volumes, for all drivers. A lock on the volume itself is not possible: the root of a subvolume belongs to
 * its guest, which could lock it for ever, and a thin device may not exist. So each pool has one empty file in RUN, and
 * a volume is one byte of it, at the hash of its name: deleted names leave no file, and a process that dies releases
 * its locks. Two names with the same number only wait for each other.
 */
#include "storage/volume_lock.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

enum { LOCK_SECONDS = 30, PAUSE_MILLISECONDS = 10 };

/* Closing any descriptor of the file releases all our locks on it, so it is opened once for all. */
struct volume_locks {
	struct volume_locks *next;
	char *path;
	unsigned users; /* number of open pools */
	int fd;
};

static struct volume_locks *all;

static struct volume_locks *find(const char *path)
{
	struct volume_locks *locks = all;

	while (locks && strcmp(locks->path, path) != 0)
		locks = locks->next;
	return locks;
}

static struct volume_locks *add(const char *path)
{
	struct volume_locks *locks = calloc(1, sizeof *locks);
	char *copy = strdup(path);

	if (!locks || !copy) {
		free(locks);
		free(copy);
		return NULL;
	}
	*locks = (struct volume_locks){ .next = all, .path = copy, .fd = -1 };
	all = locks;
	return locks;
}

static struct volume_locks *locks_of(struct pool *pool)
{
	scoped_free char *path = dirs_run_path(pool->dirs, "holds/%s", pool->name);

	if (!pool->locks && path) {
		pool->locks = find(path);
		if (!pool->locks)
			pool->locks = add(path);
		if (pool->locks)
			pool->locks->users++;
	}
	return pool->locks;
}

void volume_locks_close(struct pool *pool)
{
	struct volume_locks *locks = pool->locks, **at = &all;

	pool->locks = NULL;
	if (!locks || --locks->users > 0)
		return;
	while (*at != locks)
		at = &(*at)->next;
	*at = locks->next;
	scoped_close_fd(&locks->fd);
	free(locks->path);
	free(locks);
}

static int open_file(const struct pool *pool, const char *path)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	struct err ignored = { 0 };
	int fd = open(path, flags, 0600);

	if (fd < 0 && errno == ENOENT) {
		scoped_free char *folder = dirs_run_path(pool->dirs, "holds");
		int r = folder ? file_make_dirs(folder, 0711, &ignored) : -ENOMEM;
		if (r < 0)
			return r;
		fd = open(path, flags, 0600);
	}
	return fd < 0 ? -errno : fd;
}

static int lock_byte(int fd, const char *volume, short type)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)(text_hash(volume) & INT64_MAX),
		.l_len = 1,
	};

	return fcntl(fd, F_SETLK, &lock) < 0 ? -errno : 0;
}

static int wait_for_byte(int fd, const char *volume, short type)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MILLISECONDS * 1000000L };

	for (int tries = 0;; tries++) {
		int r = lock_byte(fd, volume, type);
		if ((r != -EAGAIN && r != -EACCES) ||
		    tries >= LOCK_SECONDS * 1000 / PAUSE_MILLISECONDS)
			return r == -EACCES ? -EAGAIN : r;
		nanosleep(&pause, NULL);
	}
}

int volume_lock_take(struct pool *pool, const char *volume, enum volume_lock_mode how,
		     struct err *err)
{
	struct volume_locks *locks = locks_of(pool);

	if (!locks)
		return err_set(err, ENOMEM, "out of memory");
	if (locks->fd < 0)
		locks->fd = open_file(pool, locks->path);
	/* Removal must work on a full disk; if the file could not be created, there is no reader. */
	if (how == VOLUME_LOCK_CHANGE &&
	    (locks->fd == -ENOSPC || locks->fd == -EDQUOT || locks->fd == -EROFS))
		return 0;
	int r = locks->fd < 0 ? locks->fd
			      : wait_for_byte(locks->fd, volume,
					      how == VOLUME_LOCK_READ ? F_RDLCK : F_WRLCK);
	if (r == -EAGAIN)
		return err_set(err, EBUSY,
			       how == VOLUME_LOCK_READ
				       ? "another berth command is changing it; try again when "
					 "that ends"
				       : "it is being copied by another berth command; try again "
					 "when that ends");
	return r < 0 ? err_set(err, -r, "hold it: %s", strerror(-r)) : 0;
}

void volume_lock_release(struct pool *pool, const char *volume)
{
	if (pool->locks && pool->locks->fd >= 0)
		lock_byte(pool->locks->fd, volume, F_UNLCK);
}

static bool is_locked(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool pool_is_copied(const struct dirs *dirs, const char *name)
{
	scoped_free char *path = dirs_run_path(dirs, "holds/%s", name);
	struct volume_locks *ours = path ? find(path) : NULL;

	if (ours || !path)
		return ours && is_locked(ours->fd);
	scoped_fd int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return is_locked(fd);
}

void volume_locks_forget(struct pool *pool)
{
	scoped_free char *path = dirs_run_path(pool->dirs, "holds/%s", pool->name);

	if (path)
		unlink(path);
	if (pool->locks)
		scoped_close_fd(&pool->locks->fd);
}
