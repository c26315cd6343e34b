/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Search for the disks of a thin pool by their labels, when they are no longer where pool.conf says. */
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/blockdev.h"
#include "storage/driver.h"
#include "storage/thin/thin_disks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Kinds of devices whose label also appears on a part of them. */
static bool is_made_of_parts(const char *kind)
{
	return strcmp(kind, "md") == 0 || strcmp(kind, "multipath") == 0 || strcmp(kind, "dm") == 0;
}

bool thin_is_part(const char *noted, const char *kind)
{
	return is_made_of_parts(noted) && *kind && strcmp(noted, kind) != 0;
}

int thin_refuse_part(const struct pool *pool, const char *path, const char *noted, const char *kind,
		     struct err *err)
{
	const char *whole = strcmp(noted, "md") == 0          ? "an md array"
			    : strcmp(noted, "multipath") == 0 ? "a multipath disk"
							      : "a device of device-mapper's";

	return err_set(err, EBUSY,
		       "'%s' has its label, but the pool lay on %s, of which this (%s) may be a "
		       "part or a path; bring that up and try again; if the pool was moved here on "
		       "purpose: berth pool import --force %s %s",
		       path, whole, kind, path, pool->name);
}

static bool has_holders(const char *path)
{
	scoped_dir DIR *dir = opendir(path);

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_name[0] != '.')
			return true;
	}
	return false;
}

/*
 * A part of another device, such as a disk below multipath: the device that consists of it is to be used. So is a
 * partition of such a disk, whose folder lies in the disk's.
 */
static bool is_held(const char *name)
{
	scoped_free char *own = text_format("/sys/class/block/%s/holders", name);
	scoped_free char *disk = text_format("/sys/class/block/%s/../holders", name);

	return (own && has_holders(own)) || (disk && has_holders(disk));
}

static int each_device(bool held, int (*visit)(void *context, const char *path), void *context)
{
	scoped_dir DIR *dir = opendir("/sys/class/block");
	int r = 0;

	for (struct dirent *e; r == 0 && dir && (e = readdir(dir));) {
		scoped_free char *path = text_format("/dev/%s", e->d_name);
		if (!path || e->d_name[0] == '.' || is_held(e->d_name) != held)
			continue;
		/* sysfs writes a '/' in a node's name as '!'. */
		for (char *c = path; (c = strchr(c, '!'));)
			*c = '/';
		r = visit(context, path);
	}
	return r;
}

int thin_each_device(int (*visit)(void *context, const char *path), void *context)
{
	return each_device(false, visit, context);
}

/* A device with a label of the pool. */
struct found {
	char *path;    /* owned */
	char uuid[37]; /* uuid of the disk; that of the pool: the first disk */
	uint64_t step;
	char noted[16], kind[16]; /* the kind of device in the label, and the present kind */
};

/* False: the device has no such label. */
static bool look_at(const struct pool *pool, const char *path, struct found *found)
{
	scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct thin_disk_label label;
	struct thin_layout layout;
	struct stat st;
	char uuid[37];

	*found = (struct found){ 0 };
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	blockdev_kind(st.st_rdev, found->kind, sizeof found->kind);
	if (thin_label_read(fd, uuid, &layout) == 0) {
		found->step = layout.mark.step;
		memcpy(found->uuid, uuid, sizeof found->uuid);
		memcpy(found->noted, layout.mark.kind, sizeof found->noted);
		return strcmp(uuid, pool->config.uuid) == 0;
	}
	if (thin_label_read_disk(fd, &label) < 0 || strcmp(label.pool, pool->config.uuid) != 0)
		return false;
	found->step = label.step;
	memcpy(found->uuid, label.uuid, sizeof found->uuid);
	memcpy(found->noted, label.kind, sizeof found->noted);
	return true;
}

struct search {
	const struct pool *pool;
	struct found list[4 * THIN_DISKS];
	unsigned count;
	struct err *err;
};

static int gather(void *context, const char *path)
{
	struct search *search = context;
	struct found found;

	if (search->count == sizeof search->list / sizeof *search->list ||
	    !look_at(search->pool, path, &found))
		return 0;
	found.path = strdup(path);
	search->list[search->count++] = found;
	return found.path ? 0 : err_set(search->err, ENOMEM, "out of memory");
}

static void forget(struct search *search)
{
	for (unsigned i = 0; i < search->count; i++)
		free(search->list[i].path);
}

static int refuse_two(const struct found *one, const struct found *other, struct err *err)
{
	const struct found *old = one->step < other->step ? one : other;
	const struct found *new = old == one ? other : one;

	if (old->step == new->step)
		return err_set(err, ENOTUNIQ,
			       "both '%s' and '%s' hold it, and nothing tells which is the copy; "
			       "take that away, or take its label from it: dd if=/dev/zero "
			       "of=COPY bs=1M count=1",
			       one->path, other->path);
	return err_set(err, ENOTUNIQ,
		       "both '%s' and '%s' hold it, and '%s' is a copy of an earlier time; take it "
		       "away, or take its label from it: dd if=/dev/zero of=%s bs=1M count=1",
		       one->path, other->path, old->path, old->path);
}

/* The device with that uuid that is no part of the device that the label was written to; NULL: none. */
static const struct found *pick(const struct search *search, const char *uuid,
				const struct found **part, const struct found **second)
{
	const struct found *found = NULL;

	for (unsigned i = 0; i < search->count; i++) {
		const struct found *one = &search->list[i];
		if (strcmp(one->uuid, uuid) != 0)
			continue;
		if (thin_is_part(one->noted, one->kind))
			*part = one;
		else if (found)
			*second = one;
		else
			found = one;
	}
	return found;
}

/* An array that is being assembled holds its parts, and does not show its label yet. */
static int refuse_held_part(const struct pool *pool, const char *uuid, struct err *err)
{
	struct search held = { .pool = pool, .err = err };
	const struct found *part = NULL, *second = NULL;

	int r = each_device(true, gather, &held);
	if (r == 0)
		pick(&held, uuid, &part, &second);
	if (part)
		r = thin_refuse_part(pool, part->path, part->noted, part->kind, err);
	forget(&held);
	return r;
}

int thin_refuse_idle_array(const struct pool *pool, struct err *err)
{
	scoped_free char *path = text_format("%s/" THIN_LABEL_FILE, pool->folder);
	scoped_fd int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	struct thin_layout layout;
	char uuid[37], array[64];

	if (fd < 0 || thin_label_read(fd, uuid, &layout) < 0 ||
	    strcmp(layout.mark.kind, "md") != 0 || !blockdev_idle_array(array, sizeof array))
		return 0;
	return err_set(
		err, EBUSY,
		"its disk '%s', on an md array, is not there, and array '%s' has parts but "
		"does not run; see /proc/mdstat; if it lacks a part, connect that, or run it "
		"without: mdadm --run /dev/%s",
		pool->config.source, array, array);
}

/* An error if there are two, or only a part. 0: found, or NULL. */
static int choose(const struct search *search, const char *uuid, const struct found **found,
		  struct err *err)
{
	const struct found *part = NULL, *second = NULL;

	*found = pick(search, uuid, &part, &second);
	if (second)
		return refuse_two(*found, second, err);
	if (!*found && !part)
		return refuse_held_part(search->pool, uuid, err);
	return part && !*found
		       ? thin_refuse_part(search->pool, part->path, part->noted, part->kind, err)
		       : 0;
}

int thin_refuse_copies(const struct pool *pool, struct err *err)
{
	struct search search = { .pool = pool, .err = err };
	const struct found *found;

	int r = thin_each_device(gather, &search);
	for (unsigned i = 0; r == 0 && i < search.count; i++) {
		const char *uuid = search.list[i].uuid;
		/* A loop file is found by its name; its loop device shows the same label. */
		if (!pool->config.size || strcmp(uuid, pool->config.uuid) != 0)
			r = choose(&search, uuid, &found, err);
	}
	forget(&search);
	return r;
}

int thin_find_disk(const struct pool *pool, const char *uuid, char **found, struct err *err)
{
	struct search search = { .pool = pool, .err = err };
	const struct found *one = NULL;

	int r = thin_each_device(gather, &search);
	if (r == 0)
		r = choose(&search, uuid ? uuid : pool->config.uuid, &one, err);
	*found = NULL;
	if (r == 0 && one) {
		*found = strdup(one->path);
		r = *found ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	forget(&search);
	return r;
}

static int wipe(void *context, const char *path)
{
	const struct search *search = context;
	struct thin_disk_label label;
	scoped_fd int look = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (look < 0 || thin_label_read_disk(look, &label) < 0 ||
	    strcmp(label.pool, search->pool->config.uuid) != 0)
		return 0;
	scoped_fd int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return err_set(search->err, errno, "open '%s' to wipe it: %s", path,
			       strerror(errno));
	int r = thin_label_wipe(fd, search->pool->config.uuid);
	return r < 0 ? err_set(search->err, -r, "wipe '%s': %s", path, strerror(-r)) : 0;
}

int thin_wipe_further(const struct pool *pool, struct err *err)
{
	struct search search = { .pool = pool, .err = err };

	return thin_each_device(wipe, &search);
}
