/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks of a thin pool: found by their labels, and opened all or none. */
#include "storage/thin/thin_disks.h"
#include "base/file.h"
#include "base/scoped.h"
#include "kern/blockdev.h"
#include "storage/disk.h"
#include "storage/driver.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

int thin_look(struct pool *pool, struct err *err)
{
	scoped_fd int fd = open(pool->config.source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char uuid[37];

	int r = fd < 0 ? -errno : thin_label_read(fd, uuid, &thin_of(pool)->layout);
	if (r == 0 && strcmp(uuid, pool->config.uuid) != 0)
		r = -ENOENT;
	return r < 0 ? err_set(err, -r, "read the label of '%s': %s", pool->config.source,
			       strerror(-r))
		     : 0;
}

void thin_disks_close(struct thin_disks *disks)
{
	for (unsigned i = 0; i < disks->count; i++) {
		scoped_close_fd(&disks->list[i].fd);
		free(disks->list[i].path);
	}
	if (disks->count > 0)
		loop_close(&disks->loop);
	disks->count = 0;
}

unsigned thin_disks_sector(const struct thin_disks *disks)
{
	unsigned most = DM_SECTOR;

	for (unsigned i = 0; i < disks->count; i++) {
		if (disks->list[i].sector_size > most)
			most = disks->list[i].sector_size;
	}
	return most;
}

int thin_disk_measure(int fd, const char *path, struct thin_disk *disk, struct err *err)
{
	uint64_t bytes = 0;
	int sector = 0;
	struct stat st;

	if (fstat(fd, &st) < 0 || ioctl(fd, BLKGETSIZE64, &bytes) < 0 ||
	    ioctl(fd, BLKSSZGET, &sector) < 0)
		return err_set(err, errno, "ask '%s' for its size: %s", path, strerror(errno));
	if (sector > THIN_LABEL_SIZE)
		return err_set(err, EINVAL,
			       "'%s' has sectors of %d bytes; thin pools need them to be of at "
			       "most 4096: give a disk with such",
			       path, sector);
	*disk = (struct thin_disk){ .fd = fd,
				    .dev = st.st_rdev,
				    .sectors = bytes / DM_SECTOR,
				    .sector_size = (unsigned)sector };
	return 0;
}

/* ---- Where they are */

int thin_save_places(const struct pool *pool, struct err *err)
{
	static const char *const found[] = { "devices", "grow.devices", "size", "source", NULL };
	scoped_free char *conf = text_format("%s/pool.conf", pool->folder);

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	/* A pool in the making has no label yet. */
	return access(conf, F_OK) < 0 || thin_of(pool)->moving
		       ? 0
		       : config_record(&pool_schema, conf, &pool->config, found, err);
}

/* The place of a further disk in pool.conf; the caller owns it. */
static char *place_of(const struct pool *pool, unsigned index)
{
	scoped_free char *places = strdup(pool->config.devices);
	char *rest = places, *word = NULL;

	for (unsigned i = 0; places && i < index; i++)
		word = strsep(&rest, " ");
	return word && *word ? strdup(word) : NULL;
}

/* A descriptor, or -1: it is another disk. */
static int open_if(const struct pool *pool, const char *path, const char *uuid,
		   struct thin_disk_label *label)
{
	scoped_fd int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || thin_label_read_disk(fd, label) < 0 ||
	    strcmp(label->pool, pool->config.uuid) != 0 || strcmp(label->uuid, uuid) != 0)
		return -1;
	return take_fd(&fd);
}

/* The size in the label may not be larger than the disk. */
static int take_disk(const struct pool *pool, int fd, const char *path, const char *noted,
		     uint64_t step, struct thin_disk *disk, struct err *err)
{
	char kind[BLOCKDEV_KIND_MAX + 1];

	if (thin_disk_measure(fd, path, disk, err) < 0)
		return -err->code;
	blockdev_kind(disk->dev, kind, sizeof kind);
	if (!thin_of(pool)->taken_over && thin_is_part(noted, kind))
		return thin_refuse_part(pool, path, noted, kind, err);
	disk->step = step;
	disk->path = strdup(path);
	return disk->path ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int refuse_missing(const struct pool *pool, unsigned index, const char *place,
			  struct err *err)
{
	return err_set(
		err, ENODEV,
		"its disk %u of %u, which was '%s', is not there, and no other has its label; "
		"connect it; if it is, and something has written over its label: berth pool repair "
		"%s",
		index + 1, (unsigned)thin_of(pool)->layout.disks, place ? place : "?", pool->name);
}

/* Adds the place of the disk to places. */
static int open_further(const struct pool *pool, unsigned index, struct thin_disks *disks,
			struct text *places, struct err *err)
{
	const char *uuid = thin_of(pool)->layout.uuids[index];
	scoped_free char *path = place_of(pool, index);
	struct thin_disk_label label;
	scoped_fd int fd = path ? open_if(pool, path, uuid, &label) : -1;

	if (fd < 0) {
		scoped_free char *found = NULL;
		if (thin_find_disk(pool, uuid, &found, err) < 0)
			return -err->code;
		if (!found)
			return refuse_missing(pool, index, path, err);
		free(path);
		path = take_ptr(&found);
		fd = open_if(pool, path, uuid, &label);
		if (fd < 0)
			return err_set(err, EIO, "open '%s': it has gone again", path);
	}
	if (take_disk(pool, fd, path, label.kind, label.step, &disks->list[index], err) < 0)
		return -err->code;
	take_fd(&fd);
	disks->count++;
	text_add(places, "%s%s", places->length ? " " : "", path);
	return 0;
}

/* ---- All of them */

static int open_source(struct pool *pool, struct loop *loop, struct err *err)
{
	const char *path = pool->config.source;

	if (pool->config.size) {
		if (disk_serve(pool, loop, err) < 0)
			return -err->code;
		path = loop->path;
	}
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	return fd;
}

static int check_label(struct pool *pool, int fd, struct err *err)
{
	char uuid[37];

	int r = thin_label_read(fd, uuid, &thin_of(pool)->layout);
	if (r == -ENOENT || r == -EUCLEAN)
		return err_set(err, EUCLEAN,
			       "something has written over the pool's label on '%s'; if nothing "
			       "else uses that now, have the label written back: berth pool repair "
			       "%s",
			       pool->config.source, pool->name);
	if (r < 0)
		return err_set(err, -r, "read the label of '%s': %s", pool->config.source,
			       strerror(-r));
	if (strcmp(uuid, pool->config.uuid) != 0)
		return err_set(err, ESTALE, "'%s' holds another pool (UUID %s) than this one (%s)",
			       pool->config.source, uuid, pool->config.uuid);
	return 0;
}

static int open_first(struct pool *pool, struct thin_disks *disks, struct err *err)
{
	scoped_loop struct loop loop = { .fd = -1 };
	scoped_fd int fd = open_source(pool, &loop, err);
	const struct thin_mark *mark = &thin_of(pool)->layout.mark;

	if (fd < 0 || check_label(pool, fd, err) < 0 ||
	    take_disk(pool, fd, pool->config.source, mark->kind, mark->step, &disks->list[0], err) <
		    0)
		return -err->code;
	take_fd(&fd);
	disks->loop = loop;
	loop.fd = -1;
	disks->count = 1;
	return 0;
}

static int check_sizes(const struct pool *pool, const struct thin_disks *disks, struct err *err)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;

	for (unsigned i = 0; i < disks->count; i++) {
		scoped_free char *further = i > 0 ? place_of(pool, i) : NULL;
		uint64_t has = disks->list[i].sectors, end = thin_layout_end(layout, i);
		if (has < end)
			return err_set(err, EIO,
				       "'%s' has become too small for the pool on it: it has %llu "
				       "MiB of %llu; give back what was taken from it",
				       further ? further : pool->config.source,
				       (unsigned long long)(has * DM_SECTOR >> 20),
				       (unsigned long long)(end * DM_SECTOR >> 20));
	}
	return 0;
}

static int open_all(struct pool *pool, struct thin_disks *disks, struct err *err)
{
	scoped_text struct text places = { 0 };

	if (open_first(pool, disks, err) < 0)
		return -err->code;
	for (unsigned i = 1; i < thin_of(pool)->layout.disks; i++) {
		if (open_further(pool, i, disks, &places, err) < 0)
			return -err->code;
	}
	if (places.failed)
		return err_set(err, ENOMEM, "out of memory");
	if (strcmp(text_str(&places), pool->config.devices) != 0) {
		free(pool->config.devices);
		pool->config.devices = strdup(text_str(&places));
		if (!pool->config.devices)
			return err_set(err, ENOMEM, "out of memory");
		if (thin_save_places(pool, err) < 0)
			return -err->code;
	}
	return check_sizes(pool, disks, err);
}

int thin_disks_open(struct pool *pool, struct thin_disks *disks, struct err *err)
{
	*disks = (struct thin_disks){ .loop.fd = -1 };
	if (open_all(pool, disks, err) == 0)
		return 0;
	thin_disks_close(disks);
	return -err->code;
}

int thin_each_disk(struct pool *pool, int (*visit)(void *, const struct pool_disk *), void *context,
		   struct err *err)
{
	int r = 0;

	if (thin_look(pool, err) < 0)
		return -err->code;
	for (unsigned i = 0; r == 0 && i < thin_of(pool)->layout.disks; i++) {
		scoped_loop struct loop loop = { .fd = -1 };
		scoped_free char *place = i > 0 ? place_of(pool, i) : strdup(pool->config.source);
		scoped_fd int fd = place ? open(place, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
		struct pool_disk disk = { .path = place ? place : "?" };
		struct thin_disk found = { 0 };
		bool file = i == 0 && pool->config.size && fd >= 0 && loop_find(fd, &loop) == 0;
		int device = file ? loop.fd : fd;
		if (device >= 0 && thin_disk_measure(device, disk.path, &found, err) < 0)
			return -err->code;
		disk.size = found.sectors * DM_SECTOR;
		disk.sector_size = found.sector_size;
		r = visit(context, &disk);
	}
	return r;
}

/* Writes a label to a disk without any trace of the pool. */
static int copy_label(const struct pool *pool, int fd, struct err *err)
{
	scoped_free char *path = text_format("%s/" THIN_LABEL_FILE, pool->folder);
	char label[THIN_LABEL_SIZE];

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (pread(fd, label, sizeof label, 0) != (ssize_t)sizeof label)
		return err_set(err, EIO, "read the label of '%s' back", pool->config.source);
	return file_replace(path, label, sizeof label, 0600, err);
}

int thin_disks_write(struct pool *pool, const struct thin_disks *disks, struct err *err)
{
	struct thin_layout *layout = &thin_of(pool)->layout;
	int fd = disks->list[0].fd;

	layout->mark.step++;
	int r = thin_label_write(fd, pool->config.uuid, layout);
	if (r < 0)
		return err_set(err, -r, "write the label of '%s': %s", pool->config.source,
			       strerror(-r));
	return copy_label(pool, fd, err);
}
