/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thin pool whose disk or file has moved or comes from another host: imported from its present place. */
#include "base/fault.h"
#include "base/scoped.h"
#include "storage/driver.h"
#include "storage/thin/thin_disks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { MIB = 1 << 20, LOCK_SECONDS = 120 };

/* Reads the label, or a copy of it on the disk; fd is open. */
static int read_any(int fd, char *uuid, struct thin_layout *layout)
{
	int r = thin_label_read(fd, uuid, layout);

	return r == -ENOENT || r == -EUCLEAN ? thin_label_read_copy(fd, uuid, layout) : r;
}

int thin_identify(const char *path, char *uuid, struct err *err)
{
	scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct thin_disk_label label;
	struct thin_layout layout;

	if (fd < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	int r = read_any(fd, uuid, &layout);
	if (r == 0)
		return 0;
	if (thin_label_read_disk(fd, &label) == 0)
		return err_set(
			err, EINVAL,
			"'%s' is disk %llu of a thin pool (UUID %s); give the first one, which "
			"says where the others belong",
			path, (unsigned long long)label.index + 1, label.pool);
	return err_set(err, -r,
		       r == -ENOENT    ? "'%s' holds no thin pool"
		       : r == -EUCLEAN ? "'%s': the label of the thin pool there is damaged"
				       : "'%s' cannot be read",
		       path);
}

/* Sets source and size to the present ones. */
static int set_source(struct pool *pool, const char *path, struct err *err)
{
	scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct thin_layout layout;
	char uuid[37];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is neither a device nor a file", path);
	int r = read_any(fd, uuid, &layout);
	if (r < 0 || strcmp(uuid, pool->config.uuid) != 0)
		return err_set(err, ESTALE, "'%s' holds another pool (UUID %s) than '%s' (%s)",
			       path, r < 0 ? "?" : uuid, pool->name, pool->config.uuid);
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < thin_layout_end(&layout, 0) * DM_SECTOR)
		return err_set(err, EIO,
			       "'%s' has been cut off: it has %lld bytes, and the pool on it takes "
			       "%llu",
			       path, (long long)st.st_size,
			       (unsigned long long)thin_layout_end(&layout, 0) * DM_SECTOR);
	char *copy = strdup(path);
	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	free(pool->config.source);
	pool->config.source = copy;
	pool->config.size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size / MIB * MIB : 0;
	return 0;
}

int thin_move(struct pool *pool, const char *path, bool force, struct text *report, struct err *err)
{
	if (thin_begin(pool, err) < 0)
		return -err->code;
	scoped_fd int lock = thin_lock(pool, LOCK_SECONDS, err);
	if (lock < 0 || thin_detach(pool, err) < 0 || set_source(pool, path, err) < 0)
		return -err->code;
	thin_of(pool)->taken_over = force;
	thin_of(pool)->moving = true;
	if (thin_relabel(pool, report, err) < 0 || thin_attach(pool, err) < 0)
		return -err->code;
	thin_of(pool)->moving = false;
	fault_point("thin-moved");
	return thin_save_places(pool, err);
}
