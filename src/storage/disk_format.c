/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creation of a pool's storage: a loop file of a fitting size, or a device, and btrfs on it. */
#include "base/child.h"
#include "base/scoped.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/folder.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static const uint64_t MIB = 1 << 20, GIB = 1 << 30;

/* Below this size, mkfs.btrfs and then every guest would fail in other ways. */
static const uint64_t SIZE_MIN = 256 << 20;

char *disk_find_program(const char *name)
{
	const char *path = getenv("PATH");
	scoped_free char *folders = text_format("%s:/usr/sbin:/sbin", path ? path : "");
	char *rest = folders;

	for (char *folder; rest && (folder = strsep(&rest, ":"));) {
		scoped_free char *found = text_format("%s/%s", folder, name);
		if (*folder == '/' && found && access(found, X_OK) == 0)
			return take_ptr(&found);
	}
	return NULL;
}

const char *disk_mkfs_program(void)
{
	static char program[PATH_MAX];
	scoped_free char *found = disk_find_program("mkfs.btrfs");

	return found && text_print(program, sizeof program, "%s", found) == 0 ? program : NULL;
}

/* The free space at the path, or where it will be. */
static int free_at(const char *path, uint64_t *bytes)
{
	scoped_free char *at = strdup(path);
	struct statvfs fs;

	while (at && statvfs(at, &fs) < 0) {
		char *slash = strrchr(at, '/');
		if (errno != ENOENT || !slash || slash == at)
			return -errno;
		*slash = '\0';
	}
	if (!at)
		return -ENOMEM;
	*bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}

int disk_share(const char *folder, uint64_t *share, struct err *err)
{
	uint64_t bytes = 0;
	char shown[32];

	int r = free_at(folder, &bytes);
	if (r < 0)
		return err_set(err, -r, "read the free space at '%s': %s", folder, strerror(-r));
	if (bytes / 2 < GIB) {
		text_human_size(bytes, shown, sizeof shown);
		return err_set(err, ENOSPC,
			       "a loop file takes half of the free space, at least 1 GiB, but at "
			       "'%s' only %s are free; free some, or name another place with "
			       "--source",
			       folder, shown);
	}
	*share = bytes / 2 / MIB * MIB;
	return 0;
}

/* config.size if that fits, else a share of the free space in that folder. */
static int choose_size(struct pool *pool, const char *folder, struct err *err)
{
	uint64_t bytes = 0;
	char asked[32], shown[32];

	if (!pool->config.size)
		return disk_share(folder, &pool->config.size, err);
	int r = free_at(folder, &bytes);
	if (r < 0)
		return err_set(err, -r, "read the free space at '%s': %s", folder, strerror(-r));
	text_human_size(pool->config.size, asked, sizeof asked);
	pool->config.size = pool->config.size / MIB * MIB;
	text_human_size(bytes, shown, sizeof shown);
	if (pool->config.size < SIZE_MIN)
		return err_set(err, EINVAL, "a loop file of %s is too small; give at least 256M",
			       asked);
	if (pool->config.size > bytes)
		return err_set(err, ENOSPC,
			       "a loop file of %s does not fit: at '%s' only %s are free", asked,
			       folder, shown);
	return 0;
}

/* Refuses a file with data. A new file has none, nor has one that was prepared with truncate or fallocate. */
static int check_hollow(int fd, const char *path, struct err *err)
{
	off_t data = lseek(fd, 0, SEEK_DATA);

	if (data < 0 && errno == ENXIO)
		return 0;
	return err_set(err, EEXIST, "file '%s' is not empty; name one that does not exist", path);
}

static int run_mkfs(const struct pool *pool, struct err *err)
{
	scoped_free char *label = text_format("berth-%s", pool->name);
	scoped_text struct text out = { 0 };
	scoped_text struct text errors = { 0 };
	const struct child_io io = { .out = &out, .errors = &errors };
	const char *program = disk_mkfs_program();
	const char *const argv[] = {
		program, "-q", "-U", pool->config.uuid, "-L", label, pool->config.source, NULL
	};
	struct err failed = { 0 };

	if (!label)
		return err_set(err, ENOMEM, "out of memory");
	if (!program)
		return err_set(err, ENOENT,
			       "mkfs.btrfs is not installed; install btrfs-progs, or use driver "
			       "dir");
	/*
	 * mkfs goes on if this process is killed, and would then write into the file of the next command: so it holds
	 * the pool's lock too.
	 */
	fcntl(pool->use_fd, F_SETFD, 0);
	int r = child_run(argv, &io, &failed);
	fcntl(pool->use_fd, F_SETFD, FD_CLOEXEC);
	if (r == 0)
		return 0;
	if (strstr(text_str(&errors), "existing filesystem") ||
	    strstr(text_str(&errors), "partition table"))
		return err_set(err, EEXIST,
			       "'%s' holds something; if it is of no use, wipe it first: wipefs "
			       "--all %s",
			       pool->config.source, pool->config.source);
	return err_set(err, failed.code, "%s", failed.text);
}

static int attach_new(struct pool *pool, struct err *err)
{
	scoped_free char *path = dirs_run_path(pool->dirs, "pools/%s", pool->name);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = disk_attach(pool, path, err);
	if (r < 0)
		return r;
	if (fchmod(folder_fd(pool), 0700) < 0)
		return err_set(err, errno, "change the mode of '%s': %s", path, strerror(errno));
	return 0;
}

int disk_make_file(struct pool *pool, const char *folder, struct err *err)
{
	const char *path = pool->config.source;
	scoped_fd int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 && errno != ENOENT)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	if (fd >= 0) {
		if (check_hollow(fd, path, err) < 0)
			return -err->code;
		if (!pool->config.size && fstat(fd, &st) == 0)
			pool->config.size = (uint64_t)st.st_size;
	}
	if (choose_size(pool, folder, err) < 0 || pool_intend(pool, err) < 0)
		return -err->code;
	if (fd < 0)
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)pool->config.size) < 0)
		return err_set(err, errno, "make the loop file '%s': %s", path, strerror(errno));
	return take_fd(&fd);
}

static int format_file(struct pool *pool, const char *folder, struct err *err)
{
	scoped_fd int fd = disk_make_file(pool, folder, err);

	if (fd < 0 || run_mkfs(pool, err) < 0)
		return -err->code;
	if (fsync(fd) < 0)
		return err_set(err, errno, "write '%s': %s", pool->config.source, strerror(errno));
	return attach_new(pool, err);
}

/* mkfs refuses a device with data; only after it succeeded may a failure clear the device. */
static int format_device(struct pool *pool, struct err *err)
{
	const char *path = pool->config.source;
	scoped_fd int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);

	if (pool->config.size)
		return err_set(err, EINVAL, "a size is for a loop file; '%s' is used whole", path);
	if (fd < 0)
		return err_set(err, errno, "open '%s': %s", path,
			       errno == EBUSY ? "it is in use" : strerror(errno));
	scoped_close_fd(&fd);
	if (run_mkfs(pool, err) < 0 || pool_intend(pool, err) < 0)
		return -err->code;
	return attach_new(pool, err);
}

int disk_format(struct pool *pool, struct err *err)
{
	const char *path = pool->config.source;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISBLK(st.st_mode))
		return format_device(pool, err);
	scoped_free char *folder = strdup(path);
	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	char *slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	if (access(folder, F_OK) < 0)
		return err_set(err, errno, "make '%s': its folder: %s", path, strerror(errno));
	return format_file(pool, folder, err);
}
