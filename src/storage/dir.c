/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Driver `dir`: plain trees on any file system. Volume NAME is a folder with the tree in NAME/root. The modification
 * time of NAME is the time of its creation; nothing changes it later.
 */
#include "base/remove.h"
#include "base/scoped.h"
#include "kern/idmap.h"
#include "kern/mount.h"
#include "storage/copy.h"
#include "storage/dir_limit.h"
#include "storage/driver.h"
#include "storage/folder.h"
#include "storage/partial.h"
#include "storage/tree_usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The nearest existing folder: the pool's own may not exist yet. */
static int open_nearest(const char *path)
{
	scoped_free char *at = strdup(path);

	while (at) {
		int fd = open(*at ? at : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		char *slash = strrchr(at, '/');
		if (fd >= 0 || errno != ENOENT || !slash)
			return fd >= 0 ? fd : -errno;
		*slash = '\0';
	}
	return -ENOMEM;
}

/*
 * Checks, before the pool is created, what every import and every machine need. EPERM: the file system belongs to our
 * host, and this is a machine itself; a privileged machine needs no mapped ids there.
 */
static int check_maps(const char *path, struct err *err)
{
	uint64_t base = 1879048192, count = 1;
	scoped_fd int folder = open_nearest(path);

	if (idmap_fit(&base, &count) < 0)
		return 0; /* the caller that needs ids reports it */
	const struct idmap map = { .base = (uint32_t)base, .count = IDMAP_COUNT };
	scoped_fd int userns = idmap_userns(&map);
	scoped_fd int mount = folder < 0 ? folder : mount_clone(folder, "", 0);
	if (folder < 0 || userns < 0 || mount < 0)
		return err_set(err, EIO, "try a mount of '%s': %s", path,
			       userns < 0 ? strerror(-userns) : mount_why(mount));
	int r = mount_idmap(mount, userns);
	return r < 0 && r != -EPERM
		       ? err_set(err, -r,
				 "driver dir needs a file system that can be mounted with mapped "
				 "ids, and that of "
				 "'%s' cannot: %s; use one on ext4, xfs, btrfs or tmpfs, or driver "
				 "btrfs",
				 path, mount_why(r))
		       : 0;
}

static int format_pool(struct pool *pool, struct err *err)
{
	if (pool->config.size)
		return err_set(err, EOPNOTSUPP,
			       "a size is for a loop file; driver dir uses the file system that "
			       "it is on");
	if (!*pool->config.source) {
		free(pool->config.source);
		pool->config.source = text_format("%s/volumes", pool->folder);
		if (!pool->config.source)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (check_maps(pool->config.source, err) < 0)
		return -err->code;
	return folder_format(pool, err);
}

/* Plain folders have nothing to detach. */
static int detach_pool(struct pool *pool, struct err *err)
{
	(void)err;
	folder_close(pool);
	return 0;
}

static int open_root(struct pool *pool, const char *volume)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	scoped_fd int fd = openat(folder_fd(pool), volume, flags);

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
	int root = openat(fd, "root", flags);
	return root < 0 ? -errno : root;
}

/* NAME and NAME/root, 0755; returns the open root, or -errno. */
static int make_volume(struct pool *pool, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	if (mkdirat(folder_fd(pool), name, 0700) < 0)
		return -errno;
	scoped_fd int fd = openat(folder_fd(pool), name, flags);
	if (fd < 0 || mkdirat(fd, "root", 0700) < 0)
		return -errno;
	scoped_fd int root = openat(fd, "root", flags);
	if (root < 0 || fchown(root, 0, 0) < 0 || fchmod(root, 0755) < 0)
		return -errno;
	return take_fd(&root);
}

/* rename(2) replaces no folder with entries, and every volume has "root". */
static int publish(struct pool *pool, const char *from, const char *to)
{
	if (renameat(folder_fd(pool), from, folder_fd(pool), to) < 0)
		return errno == ENOTEMPTY || errno == ENOTDIR ? -EEXIST : -errno;
	return folder_sync(pool);
}

static int fill_volume(struct pool *pool, const char *origin, const char *partial, struct err *err)
{
	scoped_fd int root = make_volume(pool, partial);

	if (root < 0)
		return storage_fail(err, root, "make it");
	dir_limit_begin(folder_fd(pool), root);
	if (!origin)
		return 0;
	scoped_fd int from = open_root(pool, origin);
	if (from < 0)
		return storage_fail(err, from, "open it");
	int r = copy_tree(from, root, err);
	/* The whole file system is synced once, because an fsync of each of 10^5 files would take minutes. */
	if (r == 0 && syncfs(root) < 0)
		r = storage_fail(err, -errno, "write the copy to the disk");
	return r;
}

/* Created under a partial name, from origin or empty, and renamed when it is complete. */
static int make_whole(struct pool *pool, const char *origin, const char *volume, struct err *err)
{
	struct partial partial;
	struct stat st;

	if (fstatat(folder_fd(pool), volume, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return storage_fail(err, -EEXIST, "make '%s'", volume);
	int r = partial_begin(pool, volume, &partial, err);
	if (r < 0)
		return r;
	r = fill_volume(pool, origin, partial.name, err);
	if (r == 0) {
		r = publish(pool, partial.name, volume);
		if (r < 0)
			storage_fail(err, r, "make '%s'", volume);
	}
	if (r < 0)
		partial_abandon(pool, &partial);
	else
		partial_end(&partial);
	return r;
}

static int create_volume(struct pool *pool, const char *volume, uint64_t size, struct err *err)
{
	(void)size;
	return make_whole(pool, NULL, volume, err);
}

static int snapshot_volume(struct pool *pool, const char *origin, const char *volume,
			   struct err *err)
{
	scoped_fd int from = open_root(pool, origin);

	if (from < 0)
		return storage_fail(err, from, "copy it to '%s'", volume);
	return make_whole(pool, origin, volume, err);
}

static int rename_volume(struct pool *pool, const char *volume, const char *to, struct err *err)
{
	scoped_fd int root = open_root(pool, volume);

	int r = root < 0 ? root : 0;
	if (r == 0 && syncfs(root) < 0)
		r = -errno;
	if (r == 0)
		r = publish(pool, volume, to);
	return r < 0 ? storage_fail(err, r, "rename it to '%s'", to) : 0;
}

static int exchange_volumes(struct pool *pool, const char *one, const char *other, struct err *err)
{
	int fd = folder_fd(pool);

	if (renameat2(fd, one, fd, other, RENAME_EXCHANGE) < 0) {
		if (errno == EINVAL)
			return err_set(err, EOPNOTSUPP,
				       "exchange it with '%s': the file system cannot exchange "
				       "two folders at one stroke",
				       other);
		return storage_fail(err, -errno, "exchange it with '%s'", other);
	}
	int r = folder_sync(pool);
	return r < 0 ? storage_fail(err, r, "make the exchange durable") : 0;
}

enum { AT_ONCE = 10000, PIECE = 1000 };

/* -EINPROGRESS: too many files for the command to wait. */
static int remove_volume(struct pool *pool, const char *name, unsigned at_most, struct err *err)
{
	scoped_fd int root = open_root(pool, name);

	if (root >= 0)
		dir_limit_forget(root);
	int r = remove_some(folder_fd(pool), name, &at_most);
	if (r == -EINPROGRESS)
		return err_set(err, EINPROGRESS, "it is freed in pieces");
	return r < 0 ? storage_fail(err, r, "remove it ('%s')", name) : 0;
}

static int free_volume(struct pool *pool, const char *partial, struct err *err)
{
	int r = remove_volume(pool, partial, PIECE, err);

	if (r != -EINPROGRESS)
		return r;
	*err = (struct err){ 0 };
	return 1;
}

/* One rename ends the volume; the long part follows. */
static int destroy_volume(struct pool *pool, const char *volume, struct err *err)
{
	struct partial partial;
	struct err why = { 0 };

	if (partial_is(volume))
		return remove_volume(pool, volume, AT_ONCE, err);
	int r = partial_begin_removal(pool, volume, &partial, err);
	if (r < 0)
		return r;
	if (renameat(folder_fd(pool), volume, folder_fd(pool), partial.name) < 0) {
		int code = errno;
		partial_end(&partial);
		return code == ENOENT ? 0 : storage_fail(err, -code, "remove it");
	}
	r = folder_sync(pool);
	if (r < 0)
		storage_fail(&why, r, "make its removal durable");
	else
		r = remove_volume(pool, partial.name, AT_ONCE, &why);
	if (r == -EINPROGRESS) {
		partial_leave(&partial);
		return 0;
	}
	if (r < 0)
		partial_abandon(pool, &partial);
	else
		partial_end(&partial);
	return r < 0 ? err_set(err, why.code, "%s", why.text) : 0;
}

static int mount_volume(struct pool *pool, const char *volume, uint64_t attributes, int *mount_fd,
			struct err *err)
{
	scoped_fd int root = open_root(pool, volume);

	if (root < 0)
		return storage_fail(err, root, "mount it");
	return folder_mount(root, attributes, mount_fd, err);
}

static int deactivate_volume(struct pool *pool, const char *volume, struct err *err)
{
	(void)pool;
	(void)volume;
	(void)err;
	return 0;
}

static int look_at_volume(struct pool *pool, const char *volume, struct volume_info *info,
			  struct err *err)
{
	struct stat st;

	if (fstatat(folder_fd(pool), volume, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return storage_fail(err, -errno, "look at it");
	if (!S_ISDIR(st.st_mode))
		return storage_fail(err, -ENOENT, "look at it");
	scoped_fd int root = dir_limit_counts(folder_fd(pool)) ? open_root(pool, volume) : -1;
	struct dir_limit limit = { 0 };
	if (root >= 0)
		dir_limit_look(root, &limit);
	*info = (struct volume_info){ .created = (uint64_t)st.st_mtime,
				      .size = limit.limit,
				      .used = limit.used };
	snprintf(info->name, sizeof info->name, "%s", volume);
	return 0;
}

static int check_limits(struct pool *pool, struct err *err)
{
	return dir_limit_check(folder_fd(pool), pool->config.source, err);
}

/* A limit that its file system no longer enforces can be removed all the same. */
static int limit_volume(struct pool *pool, const char *volume, uint64_t size, struct err *err)
{
	scoped_fd int root = open_root(pool, volume);

	if (root < 0)
		return storage_fail(err, root, "limit it");
	if (size && check_limits(pool, err) < 0)
		return -err->code;
	return dir_limit_set(root, size, err);
}

static int measure_volume(struct pool *pool, const char *volume, struct extents *extents)
{
	scoped_fd int root = open_root(pool, volume);
	struct dir_limit limit;

	if (root < 0)
		return root;
	dir_limit_look(root, &limit);
	if (!limit.counted)
		return tree_usage(root, extents);
	extents->used += limit.used;
	return 0;
}

const struct storage_ops storage_dir = {
	.name = "dir",
	.can = 0,
	.format = format_pool,
	.open = folder_open,
	.close = folder_close,
	.detach = detach_pool,
	.erase = folder_erase,
	.pool_usage = folder_usage,
	.create = create_volume,
	.snapshot = snapshot_volume,
	.rename = rename_volume,
	.exchange = exchange_volumes,
	.destroy = destroy_volume,
	.unused = folder_unused,
	.free = free_volume,
	.mount = mount_volume,
	.deactivate = deactivate_volume,
	.info = look_at_volume,
	.list = folder_list,
	.measure = measure_volume,
	.limits = check_limits,
	.resize = limit_volume,
	.scan = folder_scan,
};
