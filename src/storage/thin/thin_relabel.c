/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Restoration of a label that was overwritten, for example by an installer's partition table: from a copy on the disk
 * itself, or from the copy in the pool's folder if the disk's content proves that it is the pool's.
 */
#include "base/fault.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/thin/thin_disks.h"
#include "storage/thin/thin_super.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct relabel {
	struct pool *pool;
	struct text *report;
	struct err *err;
};

/* Whether metadata begins at that sector, with the catalogue's transaction number if that can be read. */
static bool has_metadata(struct pool *pool, int fd, uint64_t sector)
{
	unsigned char super[THIN_SUPER_SIZE];
	struct catalog_head head = { 0 };
	struct catalog *catalog;
	struct err none = { 0 };

	if (!thin_super_read(fd, sector, super))
		return false;
	uint64_t transaction = thin_super_transaction(super);
	return thin_catalog(pool, &catalog, &none) < 0 ||
	       catalog_read_head(catalog, &head, &none) < 0 || transaction == head.transaction ||
	       transaction == head.transaction + 1;
}

/* The label to write in front; where: its origin, for the report. */
static int find_copy(struct pool *pool, int fd, struct thin_layout *layout, const char **where)
{
	scoped_free char *path = text_format("%s/" THIN_LABEL_FILE, pool->folder);
	scoped_fd int kept = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	char uuid[37];

	*where = "a copy on the disk";
	if (thin_label_read_copy(fd, uuid, layout) == 0)
		return strcmp(uuid, pool->config.uuid) == 0 ? 0 : -ESTALE;
	*where = "the copy in the pool's folder";
	if (kept < 0 || thin_label_read(kept, uuid, layout) < 0 ||
	    strcmp(uuid, pool->config.uuid) != 0 ||
	    !has_metadata(pool, fd, layout->metadata.list[0].start))
		return -ENOENT;
	return 0;
}

/* A descriptor that no other process can have, so that no partition is in use; or -code. */
static int open_alone(const char *path, struct err *err)
{
	struct stat st;
	int alone = stat(path, &st) == 0 && S_ISBLK(st.st_mode) ? O_EXCL : 0;
	int fd = open(path, O_RDWR | O_CLOEXEC | alone);

	if (fd < 0)
		return err_set(err, errno, "write the pool's label back to '%s': %s", path,
			       errno == EBUSY ? "something uses it, such as a partition that was "
						"made there; let go of that, or give the disk up"
					      : strerror(errno));
	return fd;
}

static int told(struct relabel *relabel, const char *path, const char *where, int r)
{
	if (r < 0)
		return err_set(relabel->err, -r, "write the label of '%s': %s", path, strerror(-r));
	text_add(relabel->report, "the label of '%s' had been written over: written back from %s\n",
		 path, where);
	fault_point("thin-relabelled");
	return 0;
}

static int mend_first(struct relabel *relabel, const char *path, int fd)
{
	struct pool *pool = relabel->pool;
	struct thin_layout layout;
	const char *where;
	char uuid[37];

	int r = thin_label_read(fd, uuid, &layout);
	if (r != -ENOENT && r != -EUCLEAN)
		return 0;
	r = find_copy(pool, fd, &layout, &where);
	if (r < 0)
		return err_set(relabel->err, ENODEV,
			       "the label on '%s' is gone, and nothing there tells that it is a "
			       "disk of the pool; connect the one that is; the pool's folder '%s' "
			       "has what is known of it",
			       path, pool->folder);
	scoped_fd int alone = open_alone(path, relabel->err);
	if (alone < 0)
		return alone;
	return told(relabel, path, where, thin_label_write(alone, pool->config.uuid, &layout));
}

/* Restores a further disk without a label, if a copy on it proves that it belongs to the pool. */
static int mend_further(void *context, const char *path)
{
	struct relabel *relabel = context;
	struct thin_layout *layout = &thin_of(relabel->pool)->layout;
	scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct thin_disk_label label, other;
	struct thin_layout none;
	char uuid[37];

	if (fd < 0 || thin_label_read_disk(fd, &other) == 0 ||
	    thin_label_read(fd, uuid, &none) == 0 || thin_label_read_disk_copy(fd, &label) < 0 ||
	    strcmp(label.pool, relabel->pool->config.uuid) != 0 || label.index >= layout->disks ||
	    strcmp(label.uuid, layout->uuids[label.index]) != 0)
		return 0;
	scoped_fd int alone = open_alone(path, relabel->err);
	if (alone < 0)
		return alone;
	return told(relabel, path, "a copy on the disk",
		    thin_label_write_disk(alone, &label,
					  thin_layout_end(layout, (unsigned)label.index)));
}

/* Finds the first disk under another name, with a copy of the label and none in front. */
static int find_first(void *context, const char *path)
{
	struct relabel *relabel = context;
	scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct thin_layout layout;
	char uuid[37];

	if (fd < 0 || thin_label_read(fd, uuid, &layout) == 0 ||
	    thin_label_read_copy(fd, uuid, &layout) < 0 ||
	    strcmp(uuid, relabel->pool->config.uuid) != 0)
		return 0;
	return mend_first(relabel, path, fd) < 0 ? -relabel->err->code : 1;
}

static int mend_source(struct relabel *relabel)
{
	const char *path = relabel->pool->config.source;
	scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct thin_layout layout;
	char *found = NULL;
	char uuid[37];

	int r = fd < 0 ? -errno : thin_label_read(fd, uuid, &layout);
	if (r == 0 && strcmp(uuid, relabel->pool->config.uuid) == 0)
		return 0;
	/* A file does not move; a device may have another name, with or without its label. */
	if (relabel->pool->config.size)
		return fd < 0 ? 0 : mend_first(relabel, path, fd);
	if (thin_find_disk(relabel->pool, NULL, &found, relabel->err) < 0)
		return -relabel->err->code;
	free(found);
	if (found)
		return 0;
	if (r < 0 && fd >= 0 && thin_label_read_copy(fd, uuid, &layout) == 0)
		return mend_first(relabel, path, fd);
	r = thin_each_device(find_first, relabel);
	if (r != 0)
		return r < 0 ? r : 0;
	return fd < 0 ? 0 : mend_first(relabel, path, fd);
}

int thin_relabel(struct pool *pool, struct text *report, struct err *err)
{
	struct relabel relabel = { .pool = pool, .report = report, .err = err };

	if (thin_attached(pool))
		return 0;
	if (mend_source(&relabel) < 0)
		return -err->code;
	if (thin_look(pool, &(struct err){ 0 }) < 0 || thin_of(pool)->layout.disks == 1)
		return 0;
	return thin_each_device(mend_further, &relabel);
}
