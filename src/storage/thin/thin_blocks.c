/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes of a thin pool as blocks: which are mapped, which differ from another volume's, and new ones to be filled. */
#include "base/child.h"
#include "base/fault.h"
#include "base/scoped.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/partial.h"
#include "storage/thin/thin.h"
#include "storage/thin/thin_ranges.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { LIST_SECONDS = 600 };

/* A file without a name, in the folder of the pool. */
static int open_list(const struct pool *pool, struct err *err)
{
	int fd = open(pool->folder, O_RDWR | O_TMPFILE | O_NONBLOCK | O_CLOEXEC, 0600);

	return fd < 0 ? err_set(err, errno, "make a list of blocks in '%s': %s", pool->folder,
				strerror(errno))
		      : fd;
}

/* Reads the mappings in a snapshot of the metadata, under the lock; base NULL: of the volume alone. */
static int list_mappings(struct pool *pool, const struct catalog_volume *volume,
			 const struct catalog_volume *base, int out_fd, struct err *err)
{
	const char *name = base ? "thin_delta" : "thin_dump";
	scoped_free char *program = disk_find_program(name);
	scoped_text struct text errors = { 0 };
	const struct child_io io = { .out_fd = out_fd, .errors = &errors, .seconds = LIST_SECONDS };
	char id[24], base_id[24];
	const char *const alone[] = { "--metadata-snap", "--dev-id", id, NULL };
	const char *const both[] = { "--metadata-snap", "--thin1", base_id, "--thin2", id, NULL };

	if (!program)
		return err_set(err, ENOENT,
			       "%s is not installed; install thin-provisioning-tools, or leave out "
			       "--blocks",
			       name);
	snprintf(id, sizeof id, "%" PRIu64, volume->id);
	snprintf(base_id, sizeof base_id, "%" PRIu64, base ? base->id : 0);
	return thin_run_on_snapshot(pool, program, base ? both : alone, &io, err);
}

/* Finds both volumes, opens the device of the first, and lists its blocks. */
static int open_and_list(struct pool *pool, const char *name, const char *base_name,
			 struct volume_blocks *blocks, int list_fd, struct err *err)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct catalog_volume volume, base;
	dev_t dev;

	if (thin_enter(pool, &session, err) < 0 ||
	    thin_find_volume(session.catalog, name, &volume, "read its blocks", err) < 0 ||
	    thin_refuse_lost(pool, &volume, err) < 0 ||
	    (base_name &&
	     thin_find_volume(session.catalog, base_name, &base, "read its blocks", err) < 0) ||
	    thin_activate(pool, &volume, &dev, err) < 0)
		return -err->code;
	blocks->fd = dm_open_device(dev, O_RDONLY);
	if (blocks->fd < 0)
		return storage_fail(err, blocks->fd, "open its device");
	blocks->size = volume.size;
	blocks->block = thin_of(pool)->layout.block * DM_SECTOR;
	return list_mappings(pool, &volume, base_name ? &base : NULL, list_fd, err);
}

int thin_blocks(struct pool *pool, const char *name, const char *base, struct volume_blocks *blocks,
		struct err *err)
{
	scoped_fd int list_fd = open_list(pool, err);

	*blocks = (struct volume_blocks){ .fd = -1, .ranges_fd = -1 };
	if (list_fd < 0)
		return list_fd;
	blocks->ranges_fd = open_list(pool, err);
	if (blocks->ranges_fd < 0 || thin_look(pool, err) < 0 ||
	    open_and_list(pool, name, base, blocks, list_fd, err) < 0)
		return -err->code;
	struct thin_ranges ranges = { .block = blocks->block,
				      .size = blocks->size,
				      .fd = blocks->ranges_fd };
	if (lseek(list_fd, 0, SEEK_SET) < 0)
		return err_set(err, errno, "read a list of blocks: %s", strerror(errno));
	scoped_file FILE *list = fdopen(list_fd, "r");
	if (!list)
		return err_set(err, errno, "read a list of blocks: %s", strerror(errno));
	take_fd(&list_fd);
	return thin_ranges_read(list, &ranges, err);
}

static int activate(struct pool *pool, const char *name, const char *doing, dev_t *dev,
		    struct err *err)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct catalog_volume volume;

	if (thin_enter(pool, &session, err) < 0 ||
	    thin_find_volume(session.catalog, name, &volume, doing, err) < 0)
		return -err->code;
	return thin_activate(pool, &volume, dev, err);
}

int thin_fillable(struct pool *pool, const char *name, uint64_t size, int *fd, struct err *err)
{
	dev_t dev;

	if (size > 0)
		return thin_create_blank(pool, name, size, fd, err);
	if (activate(pool, name, "fill it", &dev, err) < 0)
		return -err->code;
	*fd = dm_open_device(dev, O_RDWR);
	return *fd < 0 ? storage_fail(err, *fd, "open its device") : 0;
}

/* Without the lock: no command looks at a name in the making. */
static int check_filled(struct pool *pool, const char *name, bool whole, enum thin_fs_state *state,
			struct err *err)
{
	struct thin_fs fs;
	dev_t dev;

	if (activate(pool, name, "check it", &dev, err) < 0)
		return -err->code;
	thin_fs_look(dev, &fs);
	if (!fs.type || strcmp(fs.type, pool->config.filesystem) != 0)
		return err_set(err, EINVAL, "it has %s%s, and the file systems of this pool are %s",
			       fs.type ? "a file system of type " : "no file system",
			       fs.type ? fs.type : "", pool->config.filesystem);
	return thin_check_filesystem(pool, dev, whole, state, err);
}

/* The check replays the journal. An increment in blocks needs the volume as it was sent, so a copy is checked. */
int thin_check_copy(struct pool *pool, const char *name, bool whole, enum thin_fs_state *state,
		    struct err *err)
{
	struct partial copy;

	if (partial_begin(pool, "check", &copy, err) < 0)
		return -err->code;
	int r = pool->ops->snapshot(pool, name, copy.name, err);
	if (r == 0)
		r = check_filled(pool, copy.name, whole, state, err);
	partial_abandon(pool, &copy);
	return r;
}

int thin_filled(struct pool *pool, const char *name, bool mend, struct err *err)
{
	enum thin_fs_state state = THIN_FS_BROKEN;
	int r = mend ? check_filled(pool, name, true, &state, err)
		     : thin_check_copy(pool, name, true, &state, err);

	if (r < 0)
		return r;
	if (state == THIN_FS_BROKEN)
		return err_set(err, EUCLEAN, "its file system is damaged");
	return state == THIN_FS_MENDED;
}
