/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/folder.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/holder.h"
#include "kern/mount.h"
#include "storage/backup.h"
#include "storage/driver.h"
#include "storage/partial.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static const char mark[] = ".berth-pool";

struct folder {
	int fd; /* owned */
};

int folder_fd(const struct pool *pool)
{
	const struct folder *folder = pool->driver;

	return folder ? folder->fd : -1;
}

int folder_keep(struct pool *pool, int fd, struct err *err)
{
	struct folder *folder = malloc(sizeof *folder);

	folder_close(pool);
	if (!folder) {
		close(fd);
		return err_set(err, ENOMEM, "out of memory");
	}
	folder->fd = fd;
	pool->driver = folder;
	return 0;
}

void folder_close(struct pool *pool)
{
	struct folder *folder = pool->driver;

	if (folder)
		scoped_close_fd(&folder->fd);
	free(folder);
	pool->driver = NULL;
}

/* A new file system has lost+found. */
static int check_empty(int fd, const char *path, struct err *err)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_dir DIR *dir = own < 0 ? NULL : fdopendir(own);

	if (!dir) {
		int code = errno;
		scoped_close_fd(&own);
		return err_set(err, code, "list '%s': %s", path, strerror(code));
	}
	for (struct dirent *e; (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		    strcmp(e->d_name, "lost+found"))
			return err_set(err, ENOTEMPTY,
				       "folder '%s' is not empty ('%.80s'); give an empty one",
				       path, e->d_name);
	}
	return 0;
}

static int write_mark(int fd, const struct pool *pool, struct err *err)
{
	scoped_fd int file = openat(fd, mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t n = strlen(pool->config.uuid);

	if (file < 0 || write(file, pool->config.uuid, n) != (ssize_t)n || fsync(file) < 0)
		return err_set(err, errno, "mark '%s' as the pool's: %s", pool->config.source,
			       strerror(errno));
	return 0;
}

int folder_format(struct pool *pool, struct err *err)
{
	const char *path = pool->config.source;
	scoped_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	if (fd >= 0 && check_empty(fd, path, err) < 0)
		return -err->code;
	if (pool_intend(pool, err) < 0)
		return -err->code;
	if (fd < 0) {
		if (file_make_dirs(path, 0700, err) < 0)
			return -err->code;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0 || fchmod(fd, 0700) < 0 || fchown(fd, 0, 0) < 0)
		return err_set(err, errno, "make '%s' the pool's: %s", path, strerror(errno));
	if (write_mark(fd, pool, err) < 0)
		return -err->code;
	return folder_keep(pool, take_fd(&fd), err);
}

int folder_open(struct pool *pool, struct err *err)
{
	const char *path = pool->config.source;
	scoped_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_free char *uuid = NULL;

	if (fd < 0)
		return err_set(err, errno,
			       "open folder '%s' of its volumes: %s; if it is on a disk of its "
			       "own, mount that",
			       path, strerror(errno));
	if (file_read(fd, mark, 64, &uuid) < 0 || strcmp(text_trim(uuid), pool->config.uuid) != 0)
		return err_set(err, ESTALE,
			       "folder '%s' is not the one that holds its volumes: '%s/%s' is "
			       "missing or another's; if it is on a disk of its own, mount that",
			       path, path, mark);
	return folder_keep(pool, take_fd(&fd), err);
}

/* Volumes that dead commands have left, and removed ones that are not freed yet: no other command will free them. */
static int remove_partials(int fd, const char *path, struct err *err)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_dir DIR *dir = own < 0 ? NULL : fdopendir(own);
	int r = 0;

	if (!dir) {
		r = -errno;
		scoped_close_fd(&own);
		return err_set(err, -r, "list '%s': %s", path, strerror(-r));
	}
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (partial_is(e->d_name))
			r = remove_tree(fd, e->d_name);
		if (r < 0)
			err_set(err, -r, "remove '%s/%s': %s", path, e->d_name, strerror(-r));
	}
	return r;
}

int folder_erase(struct pool *pool, struct err *err)
{
	const char *path = pool->config.source;
	scoped_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_free char *uuid = NULL;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_set(err, errno, "open '%s': %s", path, strerror(errno));
	/* Left by a creation that was killed before the mark, or of another pool. */
	ssize_t n = file_read(fd, mark, 64, &uuid);
	if (n > 0 && strcmp(text_trim(uuid), pool->config.uuid) != 0)
		return 0;
	if (n >= 0 && remove_partials(fd, path, err) < 0)
		return -err->code;
	int r = n >= 0 ? backup_remove(fd) : 0;
	if (r < 0)
		return err_set(err, -r, "remove the copy of settings in '%s': %s", path,
			       strerror(-r));
	if (n >= 0 && unlinkat(fd, mark, 0) < 0)
		return err_set(err, errno, "remove '%s/%s': %s", path, mark, strerror(errno));
	size_t length = strlen(pool->folder);
	if (strncmp(path, pool->folder, length) == 0 && path[length] == '/' && rmdir(path) < 0)
		return err_set(err, errno, "remove '%s': %s", path, strerror(errno));
	return 0;
}

/* ---- From another place */

int folder_identify(const char *path, char uuid[37])
{
	scoped_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_free char *text = NULL;

	if (fd < 0)
		return -errno;
	ssize_t n = file_read(fd, mark, 64, &text);
	if (n < 0)
		return (int)n;
	const char *is = text_trim(text);
	if (strlen(is) != 36 || strspn(is, "0123456789abcdef-") != 36)
		return -EUCLEAN;
	return text_print(uuid, 37, "%s", is);
}

int folder_backup_read(const char *path, struct text *kept, struct err *err)
{
	scoped_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : backup_read(fd, kept);

	return r == 0 || r == -ENOENT
		       ? r
		       : err_set(err, -r, "read what '%s' has of the pool's settings: %s", path,
				 strerror(-r));
}

/* If two folders have the same mark, the pool cannot be told from its copy. */
static int refuse_copy(const struct pool *pool, const char *path, struct err *err)
{
	struct stat here, there;
	char uuid[37];

	if (folder_identify(pool->config.source, uuid) < 0 ||
	    strcmp(uuid, pool->config.uuid) != 0 || stat(path, &there) < 0 ||
	    stat(pool->config.source, &here) < 0 || file_is_same(&here, &there))
		return 0;
	return err_set(err, EEXIST,
		       "it is in folder '%s', and '%s' is a copy of that; to use the copy, move "
		       "the other one away first",
		       pool->config.source, path);
}

int folder_take(struct pool *pool, const char *path, struct err *err)
{
	if (text_take(&pool->config.source, strdup(path)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (pool->ops->open(pool, err) < 0)
		return -err->code;
	/* Modes may have been lost on the way, so they are set as in format. */
	int fd = folder_fd(pool);
	if (fchown(fd, 0, 0) < 0 || fchmod(fd, 0700) < 0)
		return err_set(err, errno, "make '%s' the pool's: %s", path, strerror(errno));
	return 0;
}

int folder_move(struct pool *pool, const char *path, struct err *err)
{
	static const char *const found[] = { "source", NULL };
	scoped_free char *conf = pool_path(pool, "pool.conf");

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	if (refuse_copy(pool, path, err) < 0 || folder_take(pool, path, err) < 0)
		return -err->code;
	return config_record(&pool_schema, conf, &pool->config, found, err);
}

int folder_names(struct pool *pool, int (*visit)(void *, const char *volume), void *context,
		 struct err *err)
{
	int fd = openat(folder_fd(pool), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!dir) {
		r = -errno;
		scoped_close_fd(&fd);
		return err_set(err, -r, "list '%s': %s", pool->config.source, strerror(-r));
	}
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (e->d_name[0] != '.' && (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN))
			r = visit(context, e->d_name);
	}
	return r < 0 ? r : 1;
}

int folder_scan(struct pool *pool, int (*visit)(void *, const char *volume), void *context,
		struct err *err)
{
	int r = folder_open(pool, err);

	return r < 0 ? r : folder_names(pool, visit, context, err);
}

int folder_usage(struct pool *pool, struct pool_usage *usage, struct err *err)
{
	struct statvfs fs;

	if (fstatvfs(folder_fd(pool), &fs) < 0)
		return err_set(err, errno, "read the free space of pool '%s': %s", pool->name,
			       strerror(errno));
	/* The reserve of root counts neither as used nor as free, as in df(1). */
	usage->used = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize;
	usage->total = usage->used + (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}

static bool is_among(const void *volumes, const char *path)
{
	char volume[VOLUME_NAME_MAX + 1];
	size_t n = strcspn(path, "/");

	if (n >= sizeof volume)
		return false;
	memcpy(volume, path, n);
	volume[n] = '\0';
	return volume_is_among(volume, volumes);
}

int folder_unused(struct pool *pool, const char *const *volumes, struct err *err)
{
	char link[32], folder[PATH_MAX], point[PATH_MAX];

	snprintf(link, sizeof link, "/proc/self/fd/%d", folder_fd(pool));
	ssize_t n = readlink(link, folder, sizeof folder - 1);
	if (n < 0)
		return err_set(err, errno, "see what is mounted in pool '%s': %s", pool->name,
			       strerror(errno));
	folder[n] = '\0';
	if (!holder_mount_below(folder, is_among, volumes, point, sizeof point))
		return 0;
	return err_set(err, EBUSY, "something is mounted on '%s'; unmount that first", point);
}

int folder_sync(const struct pool *pool)
{
	return fsync(folder_fd(pool)) < 0 ? -errno : 0;
}

int folder_mount(int fd, uint64_t attributes, int *mount_fd, struct err *err)
{
	const uint64_t all = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			     MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
	const uint64_t atime = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
	scoped_fd int mount = mount_clone(fd, "", 0);

	/*
	 * A clone of a shared mount is its peer, and the guest's mounts on it would appear on the host. The atime bits
	 * are one field, which can only be set together with its clearing.
	 */
	int r = mount < 0 ? mount : mount_private(mount);
	if (r == 0)
		r = mount_attributes(mount, attributes, (all & ~attributes) | MOUNT_ATTR__ATIME, 0);
	/* Inside a machine, flags that its host has set cannot be cleared, and do no harm. */
	if (r == -EPERM)
		r = mount_attributes(mount, attributes & ~atime, 0, 0);
	if (r < 0)
		return err_set(err, -r, "mount it: %s", mount_why(r));
	*mount_fd = take_fd(&mount);
	return 0;
}

int folder_list(struct pool *pool, const char *prefix,
		int (*visit)(void *, const struct volume_info *), void *context, struct err *err)
{
	int fd = openat(folder_fd(pool), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		int code = errno;
		scoped_close_fd(&fd);
		return err_set(err, code, "list the volumes of pool '%s': %s", pool->name,
			       strerror(code));
	}
	for (struct dirent *e; (e = readdir(dir));) {
		struct volume_info info;
		struct err why = { 0 };

		if (!text_starts(e->d_name, prefix) ||
		    (volume_name_fault(e->d_name) && !partial_is(e->d_name)))
			continue;
		int r = pool->ops->info(pool, e->d_name, &info, &why);
		if (r == 0)
			r = visit(context, &info);
		else if (r == -ENOENT)
			r = 0;
		else
			return err_set(err, why.code, "%s", why.text);
		if (r != 0)
			return r;
	}
	return 0;
}
