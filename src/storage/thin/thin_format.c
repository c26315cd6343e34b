/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creation and removal of thin pools. */
#include "base/fault.h"
#include "base/scoped.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/thin/thin_disks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { MIB = 1 << 20 };

/* ---- Whether it may be used */

/* The host is checked before anything is changed: a pool that could be created but not used is refused. */
static int check_host(struct pool *pool, struct err *err)
{
	static const char *const targets[] = { "thin-pool", "thin", "linear" };
	unsigned version[3];

	if (thin_fs_check_host(pool, err) < 0 || thin_begin(pool, err) < 0)
		return -err->code;
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		if (dm_target_version(&thin_of(pool)->dm, targets[i], version) < 0)
			return err_set(err, ENODEV,
				       "the kernel has no device-mapper target '%s' (try: modprobe "
				       "dm-thin-pool)",
				       targets[i]);
	}
	return 0;
}

/* ---- Making */

/* The device or file is known to be free from here on. */
static int fill_disk(struct pool *pool, int fd, uint64_t bytes, struct err *err)
{
	const char *path = pool->config.source;
	scoped_free char *catalog = thin_catalog_path(pool);
	struct thin_layout layout;

	if (!catalog)
		return err_set(err, ENOMEM, "out of memory");
	if (thin_layout_choose(bytes / DM_SECTOR, pool->spec->block / DM_SECTOR, &layout, err) < 0)
		return -err->code;
	/* The kernel could not write metadata that has no room in the file. */
	if (pool->config.size) {
		bool sparse = pool->spec->sparse || !pool->spec->size;
		off_t length = (off_t)(sparse ? layout.spare.list[0].start * DM_SECTOR : bytes);
		if (fallocate(fd, 0, 0, length) < 0 && errno != EOPNOTSUPP)
			return err_set(err, errno, "reserve the space of '%s': %s", path,
				       strerror(errno));
	}
	/* Clears the places of other signatures, and the place where the kernel may find no metadata. */
	const uint64_t places[] = {
		0,
		layout.metadata.list[0].start * DM_SECTOR,
		layout.spare.list[0].start * DM_SECTOR,
		layout.data.list[0].start * DM_SECTOR,
		bytes - MIB,
	};
	fault_point("thin-format-clear");
	int r = thin_clear(fd, places, sizeof places / sizeof *places);
	fault_point("thin-format-label");
	if (r == 0)
		r = thin_label_write(fd, pool->config.uuid, &layout);
	if (r < 0)
		return err_set(err, -r, "write to '%s': %s", path, strerror(-r));
	fault_point("thin-format-catalog");
	if (catalog_remove(catalog) < 0 || catalog_create(catalog, pool->config.uuid, err) < 0)
		return err->code ? -err->code
				 : err_set(err, EIO, "remove an old catalogue '%s'", catalog);
	fault_point("thin-format-attach");
	return 0;
}

static int attach_new(struct pool *pool, struct err *err)
{
	scoped_fd int lock = thin_lock(pool, 60, err);

	return lock < 0 ? lock : thin_attach(pool, err);
}

static int format_device(struct pool *pool, struct err *err)
{
	const char *path = pool->config.source;
	scoped_fd int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	struct thin_layout layout;
	struct thin_disk disk;

	if (pool->config.size)
		return err_set(err, EINVAL, "a size is for a loop file; '%s' is used whole", path);
	if (fd < 0)
		return err_set(err, errno, "open '%s': %s", path,
			       errno == EBUSY ? "it is in use" : strerror(errno));
	if (thin_disk_measure(fd, path, &disk, err) < 0)
		return -err->code;
	if (thin_layout_choose(disk.sectors, pool->spec->block / DM_SECTOR, &layout, err) < 0)
		return err_wrap(err, "'%s'", path);
	if ((!pool->spec->force && thin_refuse_full(fd, path, err) < 0) ||
	    pool_intend(pool, err) < 0)
		return -err->code;
	/* The device belongs to this process alone until it belongs to the pool. */
	if (fill_disk(pool, fd, disk.sectors * DM_SECTOR, err) < 0)
		return -err->code;
	scoped_close_fd(&fd);
	return attach_new(pool, err);
}

static int format_file(struct pool *pool, struct err *err)
{
	scoped_free char *folder = strdup(pool->config.source);

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	char *slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	scoped_fd int fd = disk_make_file(pool, folder, err);
	if (fd < 0 || fill_disk(pool, fd, pool->config.size, err) < 0)
		return -err->code;
	return attach_new(pool, err);
}

int thin_format(struct pool *pool, struct err *err)
{
	struct stat st;

	if (check_host(pool, err) < 0)
		return -err->code;
	if (!*pool->config.source) {
		free(pool->config.source);
		pool->config.source = text_format("%s/pool.thin", pool->folder);
		if (!pool->config.source)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (stat(pool->config.source, &st) == 0 && S_ISBLK(st.st_mode))
		return format_device(pool, err);
	if (stat(pool->config.source, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, EINVAL,
			       "'%s' is neither a device nor a file; driver thin needs one of both",
			       pool->config.source);
	return format_file(pool, err);
}

/*
 * Wipes a disk only if it has a label of this pool: a disk that the killed format had not reached may belong to
 * somebody else.
 */
static int wipe_device(struct pool *pool, struct err *err)
{
	const char *path = pool->config.source;
	scoped_fd int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	static const char zeros[2 * THIN_LABEL_SIZE];
	struct thin_layout layout;
	char uuid[37];

	if (fd < 0)
		return err_set(err, errno, "open '%s' to wipe it: %s", path, strerror(errno));
	if (thin_label_read(fd, uuid, &layout) < 0 || strcmp(uuid, pool->config.uuid) != 0 ||
	    thin_is_elsewhere(&layout))
		return 0;
	if (pwrite(fd, zeros, sizeof zeros, (off_t)(layout.metadata.list[0].start * DM_SECTOR)) < 0)
		return err_set(err, errno, "wipe '%s': %s", path, strerror(errno));
	int r = thin_label_wipe(fd, pool->config.uuid);
	return r < 0 ? err_set(err, -r, "wipe '%s': %s", path, strerror(-r)) : 0;
}

/* Files that a repair has kept. */
static void remove_kept(const struct pool *pool)
{
	static const char *const names[] = { "metadata.backup",    "metadata.backup.new",
					     "catalog.db.damaged", "catalog.db.damaged-wal",
					     THIN_LABEL_FILE,      "superblock" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		scoped_free char *path = text_format("%s/%s", pool->folder, names[i]);
		if (path)
			unlink(path);
	}
}

/* Further disks only if there may be any: to search for them, every device of the host is opened. */
static int wipe_further(struct pool *pool, struct err *err)
{
	scoped_fd int fd = open(pool->config.source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct thin_layout layout;
	struct stat st;
	char uuid[37];

	bool labelled = fd >= 0 && thin_label_read(fd, uuid, &layout) == 0;
	bool several = labelled && layout.disks > 1;

	if (labelled && thin_is_elsewhere(&layout))
		return 0;
	if (!several && !*pool->config.devices && !*pool->config.grow_devices &&
	    !(fd >= 0 && fstat(fd, &st) == 0 && S_ISBLK(st.st_mode)))
		return 0;
	return thin_wipe_further(pool, err);
}

int thin_erase(struct pool *pool, struct err *err)
{
	scoped_free char *catalog = thin_catalog_path(pool);
	const char *source = pool->config.source;
	struct err none = { 0 };
	struct stat st;

	if (!catalog)
		return err_set(err, ENOMEM, "out of memory");
	if (thin_begin(pool, &none) == 0) {
		scoped_fd int lock = thin_lock(pool, 60, err);
		int r = lock < 0 ? lock : thin_detach(pool, err);
		thin_end(pool);
		if (r < 0)
			return r;
	} else if (none.code != ENODEV) {
		return err_set(err, none.code, "%s", none.text);
	}
	/* The first disk is last, because its label names the others, which are needed after an interruption. */
	if (wipe_further(pool, err) < 0)
		return -err->code;
	fault_point("thin-erase-further");
	if (lstat(source, &st) == 0 && S_ISREG(st.st_mode) && unlink(source) < 0)
		return err_set(err, errno, "remove '%s': %s", source, strerror(errno));
	if (stat(source, &st) == 0 && S_ISBLK(st.st_mode) && wipe_device(pool, err) < 0)
		return -err->code;
	remove_kept(pool);
	int r = catalog_remove(catalog);
	return r < 0 ? err_set(err, -r, "remove '%s': %s", catalog, strerror(-r)) : 0;
}
