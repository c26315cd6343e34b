/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A btrfs of a pool whose file or disk has moved: imported from its present place. */
#include "base/scoped.h"
#include "storage/backup.h"
#include "storage/disk.h"
#include "storage/driver.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Offsets of the first superblock; btrfs(5), on-disk format. */
enum {
	SUPER_AT = 64 << 10,
	FSID_AT = 0x20,
	MAGIC_AT = 0x40,
	MIB = 1 << 20,
};

int disk_identify(const char *path, char uuid[37])
{
	scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned char super[4096];
	char *at = uuid;

	if (fd < 0)
		return -errno;
	ssize_t n = pread(fd, super, sizeof super, SUPER_AT);
	if (n < 0)
		return -errno;
	if (n != sizeof super || memcmp(super + MAGIC_AT, "_BHRfS_M", 8) != 0)
		return -ENOENT;
	for (int i = 0; i < 16; i++)
		at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			      super[FSID_AT + i]);
	return 0;
}

/* A truncated file keeps its expected size in pool.conf, and the next attach refuses it. */
int disk_set_source(struct pool *pool, const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set(err, errno, "look at '%s': %s", path, strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is neither a device nor a file", path);
	if (text_take(&pool->config.source, strdup(path)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	uint64_t size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size / MIB * MIB : 0;
	if (size > pool->config.size || S_ISBLK(st.st_mode))
		pool->config.size = size;
	return 0;
}

static int open_mounted(const struct pool *pool, struct err *err)
{
	scoped_fd int mount = disk_mount_source(pool, err);

	if (mount < 0)
		return mount;
	int fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(err, errno, "open the volumes in '%s': %s", pool->config.source,
				strerror(errno))
		      : fd;
}

int disk_backup_read(const char *path, const char *uuid, struct text *kept, struct err *err)
{
	struct pool pool = { .name = (char[]){ "" }, .use_fd = -1 };

	int r = config_defaults(&pool_schema, &pool.config, err);
	if (r == 0)
		r = text_take(&pool.config.uuid, strdup(uuid)) < 0
			    ? err_set(err, ENOMEM, "out of memory")
			    : disk_set_source(&pool, path, err);
	scoped_fd int fd = r < 0 ? -1 : open_mounted(&pool, err);
	config_free(&pool_schema, &pool.config);
	if (fd < 0)
		return -err->code;
	r = backup_read(fd, kept);
	return r == 0 || r == -ENOENT
		       ? r
		       : err_set(err, -r, "read what '%s' has of the pool's settings: %s", path,
				 strerror(-r));
}

int disk_move(struct pool *pool, const char *path, struct err *err)
{
	static const char *const found[] = { "size", "source", NULL };
	scoped_free char *conf = pool_path(pool, "pool.conf");

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	if (disk_detach(pool, err) < 0 || disk_set_source(pool, path, err) < 0 ||
	    disk_open_locked(pool, err) < 0)
		return -err->code;
	return config_record(&pool_schema, conf, &pool->config, found, err);
}
