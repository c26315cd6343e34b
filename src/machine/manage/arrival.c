/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/arrival.h"

#include "image/source/import.h"
#include "machine/state/content.h"
#include "machine/state/private.h"
#include "storage/driver.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

enum { VOLUMES_MAX = 4096 };

static void name_of(const struct arrival *arrival, const struct stream_volume *volume,
		    char name[VOLUME_NAME_MAX + 1])
{
	subject_volume(arrival->subject, volume->snapshot, name);
}

/* A volume builds on the one before; the first, on a snapshot that is here, or on nothing. */
static int check_order(const struct arrival *arrival, const struct stream_volume *volume,
		       struct err *err)
{
	const struct stream_volume *last =
		arrival->count ? &arrival->list[arrival->count - 1].volume : NULL;
	bool builds = *volume->base;

	if (arrival->count >= VOLUMES_MAX)
		return err_set(err, E2BIG, "it has more than %d snapshots", VOLUMES_MAX);
	if (arrival_root(arrival))
		return err_set(err, EBADMSG, "it has volumes behind the root of the %s",
			       subject_word(arrival->subject));
	if (last ? !builds || strcmp(volume->base, last->content) != 0
		 : builds != (arrival->base_volume != NULL))
		return err_set(err, EBADMSG, "its volumes do not build on each other");
	for (size_t i = 0; i < arrival->count; i++) {
		if (strcmp(arrival->list[i].volume.snapshot, volume->snapshot) == 0)
			return err_set(err, EBADMSG, "it has snapshot '%s' twice",
				       volume->snapshot);
	}
	return *volume->snapshot && !*volume->content
		       ? err_set(err, EBADMSG, "its snapshot '%s' says not what it contains",
				 volume->snapshot)
		       : 0;
}

/* The kernel trusts a file system that it mounts, so that one of a stranger is a danger to the host. */
static int check_blocks(const struct arrival *arrival, const struct stream_volume *volume,
			struct err *err)
{
	const struct pool *pool = arrival->pool;

	if (!pool->ops->fillable)
		return err_set(
			err, EOPNOTSUPP,
			"it has blocks of a thin pool, and pool '%s' is of driver %s; export "
			"it without --blocks",
			pool->name, pool->ops->name);
	if (!arrival->trusted)
		return err_set(err, EPERM,
			       "it has a file system in blocks, which can harm the kernel if it is "
			       "crafted; if you trust its origin, give --trust, else export it "
			       "without --blocks");
	return volume->size == 0 || volume->size % 512
		       ? err_set(err, EBADMSG, "it has a volume without a size")
		       : 0;
}

/* Blocks of an increment must be as large as those of the pool, so that nothing beside them changes. */
static int check_block_size(struct arrival *arrival, const struct stream_volume *volume,
			    struct err *err)
{
	struct pool_state state;

	if (!*volume->base)
		return 0;
	if (pool_look(arrival->pool, &state, err) < 0)
		return -err->code;
	return state.block == volume->block
		       ? 0
		       : err_set(err, EINVAL,
				 "it is an increment in blocks of %llu bytes, and pool '%s' has "
				 "blocks of %llu; export it without --blocks",
				 (unsigned long long)volume->block, arrival->pool->name,
				 (unsigned long long)state.block);
}

static const char *base_of(const struct arrival *arrival)
{
	return arrival->count ? arrival->list[arrival->count - 1].partial.name
			      : arrival->base_volume;
}

static int make_tree(struct arrival *arrival, struct arrived *one, struct err *err)
{
	struct pool *pool = arrival->pool;
	uint64_t size = one->volume.size ? one->volume.size : arrival->size;
	bool limited = pool->ops->can & STORAGE_QUOTA && pool->ops->can & STORAGE_BLOCK;

	return pool->ops->create(pool, one->partial.name, limited ? size : 0, err);
}

/* The volume before is needed no more: its own volume becomes the next one. Whether it was so. */
static bool take_place(struct arrival *arrival, struct arrived *one)
{
	struct arrived *last = arrival->count ? &arrival->list[arrival->count - 1] : NULL;

	if (!last || !arrival->passing || !text_starts(last->volume.snapshot, arrival->passing))
		return false;
	one->partial = last->partial;
	stream_volume_free(&last->volume);
	arrival->count--;
	return true;
}

/* fd: of the device of a volume of blocks. */
static int make_volume(struct arrival *arrival, struct arrived *one, int *fd, struct err *err)
{
	struct pool *pool = arrival->pool;
	const char *base = base_of(arrival);
	bool blocks = stream_is_blocks(&one->volume);
	char name[VOLUME_NAME_MAX + 1];

	if (blocks && (check_blocks(arrival, &one->volume, err) < 0 ||
		       check_block_size(arrival, &one->volume, err) < 0))
		return -err->code;
	if (!blocks && take_place(arrival, one))
		return 0;
	name_of(arrival, &one->volume, name);
	if (partial_begin(pool, name, &one->partial, err) < 0)
		return -err->code;
	int r = base     ? pool->ops->snapshot(pool, base, one->partial.name, err)
		: blocks ? 0
			 : make_tree(arrival, one, err);
	if (r == 0 && blocks)
		r = pool->ops->fillable(pool, one->partial.name, base ? 0 : one->volume.size, fd,
					err);
	if (r < 0)
		partial_abandon(pool, &one->partial);
	return r;
}

static int sync_mount(int mount_fd, struct err *err)
{
	scoped_fd int root = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return root < 0 || syncfs(root) < 0
		       ? err_set(err, errno, "write it to the disk: %s", strerror(errno))
		       : 0;
}

static int fill_part(struct arrival *arrival, struct arrived *one, struct stream_in *in,
		     int flags_fd, struct err *err)
{
	const uint64_t quiet = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	struct pool *pool = arrival->pool;
	scoped_fd int mount_fd = -1;
	scoped_fd int other_fd = -1;
	struct idmap map;

	if (import_ids(arrival->subject->dirs, &map, err) < 0 ||
	    pool->ops->mount(pool, one->partial.name, quiet, &mount_fd, err) < 0 ||
	    pool->ops->mount(pool, one->partial.name, quiet, &other_fd, err) < 0 ||
	    stream_get(in, mount_fd, other_fd, flags_fd, &map, err) < 0)
		return -err->code;
	arrival->attributes += in->report.attributes;
	/* The rename that holds a volume for the first time writes it to the disk as well. */
	return one->held || (*in->report.point && arrival->stay) ? sync_mount(other_fd, err) : 0;
}

/* Each part is complete in itself: modes and times of folders too. */
static int fill_tree(struct arrival *arrival, struct arrived *one, struct stream_in *in,
		     bool goes_on, struct err *err)
{
	struct pool *pool = arrival->pool;
	scoped_fd int flags_fd = memfd_create("flags", MFD_CLOEXEC);

	if (flags_fd < 0)
		return err_set(err, errno, "make a file in memory: %s", strerror(errno));
	if (goes_on && halfway_get_flags(&arrival->stay->halfway, one->number, flags_fd, err) < 0)
		return -err->code;
	for (;;) {
		if (fill_part(arrival, one, in, flags_fd, err) < 0)
			return -err->code;
		if (!*in->report.point)
			return 0;
		if (arrival->stay && (pool->ops->deactivate(pool, one->partial.name, err) < 0 ||
				      arrival_hold(arrival, in, flags_fd, err) < 0))
			return -err->code;
	}
}

static int fill(struct arrival *arrival, struct arrived *one, int *fd, struct stream_in *in,
		bool goes_on, struct err *err)
{
	if (!stream_is_blocks(&one->volume))
		return fill_tree(arrival, one, in, goes_on, err);
	if (stream_get_blocks(in, *fd, &one->volume, err) < 0)
		return -err->code;
	scoped_close_fd(fd);
	int r = arrival->pool->ops->filled(arrival->pool, one->partial.name, false, err);
	one->faulty = r > 0;
	return r < 0 ? r : 0;
}

int arrival_take(struct arrival *arrival, struct stream_volume *volume, struct stream_in *in,
		 struct err *err)
{
	const bool goes_on = arrival->stay && arrival->stay->in_part;
	struct arrived next = { .volume = *volume, .partial = { .fd = -1 } };
	scoped_fd int fd = -1;

	int r = arrival->check ? arrival->check(arrival->context, &next.volume, err) : 0;
	if (r == 0)
		r = check_order(arrival, &next.volume, err);
	if (r == 0)
		r = goes_on ? arrival_go_on(arrival, &next, err)
			    : make_volume(arrival, &next, &fd, err);
	if (r < 0) {
		stream_volume_free(&next.volume);
		return r;
	}
	if (arrival_add(arrival, &next, err) < 0)
		return -err->code;
	struct arrived *one = &arrival->list[arrival->count - 1];
	r = fill(arrival, one, &fd, in, goes_on, err);
	fault_point("travel-arrived");
	if (r == 0)
		r = arrival->pool->ops->deactivate(arrival->pool, one->partial.name, err);
	return r == 0 ? arrival_hold_volume(arrival, in, err) : r;
}

/* The volumes that build on a faulty one are made of it as it was sent, so that it is mended behind them. */
static int mend_all(struct arrival *arrival, struct err *err)
{
	struct pool *pool = arrival->pool;

	for (size_t i = 0; i < arrival->count; i++) {
		const char *name = arrival->list[i].partial.name;
		if (arrival->list[i].faulty && (pool->ops->filled(pool, name, true, err) < 0 ||
						pool->ops->deactivate(pool, name, err) < 0))
			return -err->code;
	}
	return 0;
}

int arrival_finish(struct arrival *arrival, struct err *err)
{
	if (arrival->count == 0)
		return err_set(err, EBADMSG, "it has no volume");
	return mend_all(arrival, err) < 0 ? -err->code : arrival_close(arrival, err);
}

/* A volume for data goes to what takes those of the machine. */
static int take_any(struct arrival *arrival, struct stream_volume *volume, struct stream_in *in,
		    struct err *err)
{
	const struct arrival_others *others = arrival->others;

	if (!*volume->data)
		return arrival_take(arrival, volume, in, err);
	if (others) {
		struct arrival *taker = others->of(others->context, volume->data_uuid);
		if (taker)
			taker->stay = arrival->stay;
		return others->take(others->context, volume, in, err);
	}
	stream_volume_free(volume);
	return err_set(err, EBADMSG, "it has a volume for data that its head does not name");
}

int arrival_read(struct arrival *arrival, struct stream_in *in, struct err *err)
{
	const struct arrival_others *others = arrival->others;
	struct stream_volume volume;
	int r;

	while ((r = stream_next(in, &volume, err)) > 0) {
		if (take_any(arrival, &volume, in, err) < 0)
			return -err->code;
	}
	if (r == 0 && others)
		r = others->finish(others->context, err);
	return r == 0 ? arrival_finish(arrival, err) : r;
}

struct arrived *arrival_root(const struct arrival *arrival)
{
	struct arrived *last = arrival->count ? &arrival->list[arrival->count - 1] : NULL;

	return last && !*last->volume.snapshot ? last : NULL;
}

static void drop_one(struct arrival *arrival, struct arrived *one)
{
	if (*one->partial.name)
		partial_abandon(arrival->pool, &one->partial);
	stream_volume_free(&one->volume);
}

void arrival_drop_one(struct arrival *arrival, size_t index)
{
	struct arrived *one = &arrival->list[index];

	drop_one(arrival, one);
	arrival->count--;
	memmove(one, one + 1, (arrival->count - index) * sizeof *one);
}

void arrival_drop(struct arrival *arrival, size_t kept)
{
	size_t gone = arrival->count > kept ? arrival->count - kept : 0;

	for (size_t i = 0; i < gone; i++)
		drop_one(arrival, &arrival->list[i]);
	arrival->count -= gone;
	if (gone)
		memmove(arrival->list, arrival->list + gone,
			arrival->count * sizeof *arrival->list);
}

int arrival_read_further(struct arrival *arrival, int fd, const char *uuid, struct text *settings,
			 struct err *err)
{
	struct stream_in in = { .fd = fd };
	struct stream_head head;

	/* The root of the first stream is what its snapshot has. */
	if (arrival_root(arrival))
		drop_one(arrival, &arrival->list[--arrival->count]);
	text_free(settings);
	if (stream_open(&in, &head, settings, err) < 0)
		return -err->code;
	bool follows = head.increment && strcmp(head.uuid, uuid) == 0;
	int r = follows && arrival->others
			? arrival->others->begin(arrival->others->context, &head, err)
			: 0;
	stream_head_free(&head);
	if (r < 0)
		return r;
	if (!follows || arrival->count == 0)
		return err_set(err, EBADMSG, "it does not continue the one before");
	if (arrival_read(arrival, &in, err) < 0)
		return -err->code;
	arrival_drop(arrival, 1);
	return 0;
}

int arrival_make_root(struct arrival *arrival, struct err *err)
{
	struct arrived *list =
		reallocarray(arrival->list, arrival->count + 1, sizeof *arrival->list);
	char name[VOLUME_NAME_MAX + 1];

	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	arrival->list = list;
	struct arrived *last = &list[arrival->count - 1], *root = &list[arrival->count];
	*root = (struct arrived){ .volume = { .fresh = last->volume.fresh },
				  .partial = { .fd = -1 } };
	if (text_take(&root->volume.snapshot, strdup("")) < 0 ||
	    text_take(&root->volume.form, strdup(last->volume.form)) < 0) {
		stream_volume_free(&root->volume);
		return err_set(err, ENOMEM, "out of memory");
	}
	subject_volume(arrival->subject, NULL, name);
	int r = partial_begin(arrival->pool, name, &root->partial, err);
	if (r == 0)
		r = arrival->pool->ops->snapshot(arrival->pool, last->partial.name,
						 root->partial.name, err);
	if (r < 0)
		drop_one(arrival, root);
	else
		arrival->count++;
	return r;
}

/* The rename writes the data to the disk before the name. */
int arrival_keep_as(struct arrival *arrival, struct arrived *one, const char *name, struct err *err)
{
	if (arrival->pool->ops->rename(arrival->pool, one->partial.name, name, err) < 0)
		return -err->code;
	partial_end(&one->partial);
	*one->partial.name = '\0';
	return 0;
}

static int keep(struct arrival *arrival, struct arrived *one, struct err *err)
{
	char name[VOLUME_NAME_MAX + 1];

	name_of(arrival, &one->volume, name);
	return arrival_keep_as(arrival, one, name, err);
}

static int mark_fresh(const struct subject *subject, const char *snapshot, struct err *err)
{
	scoped_free char *path = text_format("%s/fresh.%s", subject->folder, snapshot);

	return path ? file_replace(path, "", 0, 0600, err) : err_set(err, ENOMEM, "out of memory");
}

int arrival_keep_snapshot(struct arrival *arrival, struct arrived *one, bool fresh, struct err *err)
{
	const struct subject *subject = arrival->subject;
	const char *snapshot = one->volume.snapshot;
	char name[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	if (subject->machine && (fresh || one->volume.fresh) &&
	    mark_fresh(subject, snapshot, err) < 0)
		return -err->code;
	name_of(arrival, &one->volume, name);
	if (keep(arrival, one, err) < 0 || volume_info(arrival->pool, name, &info, err) < 0)
		return -err->code;
	const struct arrived_content content = { .uuid = one->volume.content,
						 .blocks = stream_is_blocks(&one->volume) &&
							   !one->faulty,
						 .taken = one->volume.created,
						 .was = one->was };
	return content_arrived(subject->folder, snapshot, info.created, &content, err);
}

int arrival_keep_root(struct arrival *arrival, struct arrived *one, struct err *err)
{
	return keep(arrival, one, err);
}

void arrival_end(struct arrival *arrival)
{
	for (size_t i = arrival->count; i > 0; i--) {
		struct arrived *one = &arrival->list[i - 1];
		if (one->held)
			stream_volume_free(&one->volume);
		else
			drop_one(arrival, one);
	}
	free(arrival->list);
	*arrival = (struct arrival){ 0 };
}
