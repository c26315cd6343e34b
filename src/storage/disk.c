/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/disk.h"

#include "base/backing_fs.h"
#include "base/file.h"
#include "base/scoped.h"
#include "kern/holder.h"
#include "kern/loop.h"
#include "kern/mount.h"
#include "storage/driver.h"
#include "storage/folder.h"
#include "storage/subvol.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

static char *mount_path(const struct pool *pool)
{
	return dirs_run_path(pool->dirs, "pools/%s", pool->name);
}

void pool_write_again(const struct dirs *dirs, const char *name)
{
	scoped_free char *path = dirs_run_path(dirs, "pools/%s", name);
	scoped_fd int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct statx st;
	struct statvfs usage;

	if (fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) == 0 &&
	    (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) && fstatvfs(fd, &usage) == 0 &&
	    (usage.f_flag & ST_RDONLY))
		mount_options(fd, "rw");
}

/* 1: the handle is open; 0: nothing is mounted there; else -code. A few system calls. */
static int open_attached(struct pool *pool, const char *path, struct err *err)
{
	scoped_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statx st;
	char uuid[37];

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	if (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return 0;
	if (!subvol_supported(fd) || subvol_filesystem(fd, uuid) < 0 ||
	    strcmp(uuid, pool->config.uuid) != 0)
		return err_set(err, EBUSY, "something else is mounted on '%s'; unmount it", path);
	int r = folder_keep(pool, take_fd(&fd), err);
	return r < 0 ? r : 1;
}

int disk_serve(const struct pool *pool, struct loop *loop, struct err *err)
{
	const char *path = pool->config.source;
	scoped_fd int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return err_set(
			err, ENOENT,
			"its loop file '%s' is gone; put it back, or say where it is now: "
			"berth pool import PATH %s; if it is lost for good, forget the pool: "
			"berth pool delete --force %s",
			path, pool->name, pool->name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "open its loop file '%s': %s", path, strerror(errno));
	if ((uint64_t)st.st_size < pool->config.size)
		return err_set(err, EIO,
			       "its loop file '%s' has been cut off: it has %lld bytes of %llu; "
			       "restore it from a backup",
			       path, (long long)st.st_size, (unsigned long long)pool->config.size);
	/* A file never has two loop devices: each would cache data that the other changes. */
	int r = loop_find(fd, loop);
	if (r == -ENOENT)
		r = loop_attach(fd, LOOP_WITH_AUTOCLEAR | LOOP_WITH_DIRECT, 4096, loop);
	if (r < 0)
		return err_set(err, -r, "attach '%s' to a loop device: %s", path, loop_why(r));
	return 0;
}

static int mount_failed(const struct pool *pool, int r, struct err *err)
{
	const char *source = pool->config.source;

	if (r == -ENODEV)
		return err_set(err, ENODEV, "mount '%s': the kernel has no btrfs", source);
	if (r == -EINVAL || r == -EUCLEAN || r == -EIO)
		return err_set(err, -r,
			       "mount '%s': it is damaged, or no longer the btrfs that was made "
			       "there; see the kernel's log (dmesg) and btrfs-check(8)",
			       source);
	if (r == -EEXIST)
		return err_set(err, EEXIST, "mount '%s': a copy of it is mounted already", source);
	return err_set(err, -r, "mount '%s': %s", source, mount_why(r));
}

int disk_mount_source(const struct pool *pool, struct err *err)
{
	scoped_loop struct loop loop = { .fd = -1 };
	const char *device = pool->config.source;
	char uuid[37] = "";

	if (pool->config.size) {
		if (disk_serve(pool, &loop, err) < 0)
			return -err->code;
		device = loop.path;
	}
	/* Freed space returns to the disk below the file. */
	scoped_fd int mount = mount_make("btrfs", device, "discard=async",
					 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
						 MOUNT_ATTR_NOATIME);
	if (mount < 0)
		return mount_failed(pool, mount, err);
	scoped_fd int fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || subvol_filesystem(fd, uuid) < 0 || strcmp(uuid, pool->config.uuid) != 0)
		return err_set(err, ESTALE,
			       "'%s' holds another btrfs (UUID %s) than the pool's (%s)",
			       pool->config.source, uuid, pool->config.uuid);
	return take_fd(&mount);
}

static int attach(struct pool *pool, const char *path, struct err *err)
{
	scoped_fd int mount = disk_mount_source(pool, err);
	scoped_free char *pools = dirs_run_path(pool->dirs, "pools");

	if (mount < 0)
		return mount;
	if (!pools)
		return err_set(err, ENOMEM, "out of memory");
	/* 0700: set-user-id programs of guests must be out of reach of the host's users. */
	if (file_make_dirs(pool->dirs->run, 0711, err) < 0 ||
	    file_make_dirs(pools, 0700, err) < 0 || file_make_dirs(path, 0700, err) < 0)
		return -err->code;
	int r = mount_attach(mount, AT_FDCWD, path);
	if (r < 0)
		return err_set(err, -r, "mount '%s' on '%s': %s", pool->config.source, path,
			       mount_why(r));
	return 0;
}

int disk_attach(struct pool *pool, const char *path, struct err *err)
{
	int r = attach(pool, path, err);

	if (r < 0)
		return r;
	/* Settings may have been changed while the pool, with its copy of them, was detached. */
	pool_backup_mark_stale();
	r = open_attached(pool, path, err);
	if (r == 0)
		return err_set(err, EIO, "'%s' vanished after it was mounted", path);
	return r < 0 ? r : 0;
}

int disk_open_locked(struct pool *pool, struct err *err)
{
	scoped_free char *path = mount_path(pool);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = open_attached(pool, path, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return disk_attach(pool, path, err);
}

int disk_open(struct pool *pool, struct err *err)
{
	scoped_free char *path = mount_path(pool);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = open_attached(pool, path, err);
	if (r != 0)
		return r < 0 ? r : 0;
	scoped_fd int lock = pool_lock(pool, err);
	return lock < 0 ? lock : disk_open_locked(pool, err);
}

int disk_scan(struct pool *pool, int (*visit)(void *, const char *volume), void *context,
	      struct err *err)
{
	scoped_free char *path = mount_path(pool);
	const char *source = pool->config.source;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = open_attached(pool, path, err);
	if (r > 0)
		return folder_names(pool, visit, context, err);
	if (r == 0 && access(source, F_OK) < 0)
		return err_set(err, errno,
			       "its file or device '%s' is not there: %s; if it is on a disk of "
			       "its own, attach or mount that",
			       source, strerror(errno));
	return r;
}

static int refuse_open(const char *path, struct err *err)
{
	char holder[512];

	if (!holder_find_through(path, holder, sizeof holder))
		return err_set(err, EBUSY, "'%s' is in use; leave it, and stop what runs there",
			       path);
	return err_set(err, EBUSY, "'%s' is in use: %s; leave it, and stop what runs there", path,
		       holder);
}

static int unmount(struct pool *pool, const char *path, struct err *err)
{
	folder_close(pool);
	if (umount2(path, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT)
		return 0;
	if (errno == EBUSY)
		return refuse_open(path, err);
	return err_set(err, errno, "unmount '%s': %s", path, strerror(errno));
}

static bool served(const struct pool *pool)
{
	scoped_fd int fd = open(pool->config.source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	scoped_loop struct loop loop = { .fd = -1 };

	return pool->config.size && fd >= 0 && loop_find(fd, &loop) == 0;
}

/*
 * The kernel lists a btrfs while it is mounted in any namespace, also a guest's. A short wait is for mounts that are
 * about to end, and for processes that only look at the loop device: until it is closed, the disk below cannot be
 * unmounted.
 */
static bool released(const struct pool *pool)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	scoped_free char *path = text_format("/sys/fs/btrfs/%s", pool->config.uuid);
	bool mounted = true;

	for (int i = 0; path && i < 200; i++) {
		mounted = mounted && access(path, F_OK) == 0;
		if (!mounted && !served(pool))
			return true;
		nanosleep(&pause, NULL);
	}
	return !mounted;
}

/* Names the process to stop. Called before the pool is mounted here again, which would be found first. */
static int refuse_used(dev_t device, struct err *err)
{
	char holder[512];

	if (!device || !holder_find(device, holder, sizeof holder))
		return err_set(err, EBUSY, "its volumes are in use; stop the machines on it");
	return err_set(
		err, EBUSY,
		"its volumes are in use: %s; stop the machines on it, and whatever else uses it",
		holder);
}

int disk_detach(struct pool *pool, struct err *err)
{
	scoped_free char *path = mount_path(pool);
	struct err ignored = { 0 };
	dev_t device = 0;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	holder_device(path, &device);
	int r = unmount(pool, path, err);
	if (r < 0)
		return r;
	if (!released(pool)) {
		refuse_used(device, err);
		attach(pool, path, &ignored);
		return -err->code;
	}
	rmdir(path);
	return 0;
}

/* Clears the btrfs superblock and its copies; otherwise the device would be refused for the next pool. */
static int wipe_device(const char *path, struct err *err)
{
	static const char zeros[4096];
	static const off_t places[] = { 64 << 10, 64 << 20, 256LL << 30 };
	scoped_fd int fd = open(path, O_WRONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "open '%s' to wipe it: %s", path, strerror(errno));
	off_t size = lseek(fd, 0, SEEK_END);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (places[i] + (off_t)sizeof zeros <= size &&
		    pwrite(fd, zeros, sizeof zeros, places[i]) != sizeof zeros)
			return err_set(err, errno, "wipe '%s': %s", path, strerror(errno));
	}
	return fsync(fd) < 0 ? err_set(err, errno, "wipe '%s': %s", path, strerror(errno)) : 0;
}

int disk_erase(struct pool *pool, struct err *err)
{
	scoped_free char *path = mount_path(pool);
	const char *source = pool->config.source;
	dev_t device = 0;
	struct stat st;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	holder_device(path, &device);
	int r = unmount(pool, path, err);
	if (r < 0 || lstat(source, &st) < 0)
		return r;
	bool unused = released(pool);
	if (S_ISBLK(st.st_mode))
		return unused ? wipe_device(source, err) : refuse_used(device, err);
	/* A file that is in use, because another namespace has a copy of the mount, keeps its blocks, but no name. */
	if (S_ISREG(st.st_mode) && unlink(source) < 0)
		return err_set(err, errno, "remove '%s': %s", source, strerror(errno));
	return 0;
}

void disk_limit_usage(const struct pool *pool, struct pool_usage *usage)
{
	struct backing_fs backing;

	if (!pool->config.size || backing_fs_look(pool->config.source, &backing) < 0)
		return;
	uint64_t total = backing_fs_limit(&backing, usage->total, usage->used);
	if (total == usage->total)
		return;
	snprintf(usage->backing_file, sizeof usage->backing_file, "%s", pool->config.source);
	usage->least = backing_fs_least(usage->total);
	usage->total = total;
}

int disk_usage(struct pool *pool, struct pool_usage *usage, struct err *err)
{
	int r = folder_usage(pool, usage, err);

	if (r == 0)
		disk_limit_usage(pool, usage);
	return r;
}
