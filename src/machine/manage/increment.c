/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The base is known by its contents, not by its name: a snapshot that was taken anew under the same name is another.
 * The stream names its base in the description of its first volume, before its contents.
 */
#include "machine/manage/increment.h"

#include "machine/manage/data.h"
#include "machine/state/content.h"
#include "machine/state/fresh.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* Finds the base under another name, which it has got on one of the two hosts. Whether it is there. */
static bool find_renamed(struct increment *inc, const char *base, bool blocks)
{
	scoped_free struct snapshot_entry *list = NULL;
	struct content content;
	struct err ignored = { 0 };
	size_t count = 0;

	if (subject_snapshots(inc->subject, inc->pool, &list, &count, &ignored) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (content_find(inc->subject->folder, list[i].name, list[i].volume_made, &content,
				 &ignored) < 0 ||
		    strcmp(content_in(&content, blocks), base) != 0)
			continue;
		subject_volume(inc->subject, list[i].name, inc->base);
		return true;
	}
	return false;
}

static int check_base(struct increment *inc, const struct stream_volume *first, struct err *err)
{
	const struct subject *subject = inc->subject;
	const char *const word = subject_word(subject);
	bool blocks = stream_is_blocks(first);
	struct content content;
	struct volume_info info;
	struct err none = { 0 };

	if (!*first->base || !*first->base_name)
		return err_set(err, EBADMSG, "it says not what it builds on");
	subject_volume(subject, first->base_name, inc->base);
	int r = volume_info(inc->pool, inc->base, &info, &none);
	if (r == -ENOENT && find_renamed(inc, first->base, blocks))
		return 0;
	if (r == -ENOENT)
		return err_set(err, ENOENT,
			       "it builds on snapshot '%s', which %s '%s' has not; import a "
			       "stream first that has it: berth %sexport --snapshots",
			       first->base_name, word, subject->name,
			       subject->machine ? "" : "volume ");
	if (r < 0)
		return err_set(err, none.code, "%s", none.text);
	r = content_find(subject->folder, first->base_name, info.created, &content, err);
	if (r < 0 && err->code)
		return r;
	if ((r == 0 && strcmp(content_in(&content, blocks), first->base) == 0) ||
	    find_renamed(inc, first->base, blocks))
		return 0;
	if (r == 0 && blocks && strcmp(content.files, first->base) == 0)
		return err_set(err, ESTALE,
			       "it builds on the blocks of snapshot '%s', and %s '%s' has its "
			       "files in other blocks; export it without --blocks",
			       first->base_name, word, subject->name);
	return err_set(err, ESTALE,
		       "it builds on a snapshot '%s' with other contents than that of %s '%s' has",
		       first->base_name, word, subject->name);
}

/* The root, or the data, are there already: they give way only if that was said, and nobody uses them. */
static int check_root(const struct increment *inc, struct err *err)
{
	const struct subject *subject = inc->subject;
	const char *const word = subject_word(subject);
	const char *const what = subject->machine ? "root" : "data";

	if (*inc->user && subject->machine)
		return err_set(
			err, EBUSY,
			"machine '%s' is running, and the stream has a new root for it; stop "
			"it first",
			subject->name);
	if (*inc->user)
		return err_set(
			err, EBUSY,
			"machine '%s' runs with volume '%s', and the stream has new data for "
			"it; stop the machine first",
			inc->user, subject->name);
	return inc->force
		       ? 0
		       : err_set(err, EEXIST,
				 "the %s of %s '%s' would give way to that of the stream; --force "
				 "does that, and an export of a snapshot, NAME@SNAP, leaves the "
				 "%s as it is",
				 what, word, subject->name, what);
}

static int check_name(struct increment *inc, const struct stream_volume *volume, struct err *err)
{
	char name[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	if (!*volume->snapshot)
		return check_root(inc, err);
	subject_volume(inc->subject, volume->snapshot, name);
	if (volume_info(inc->pool, name, &info, &(struct err){ 0 }) == 0)
		return err_set(err, EEXIST, "%s '%s' has a snapshot '%s' already",
			       subject_word(inc->subject), inc->subject->name, volume->snapshot);
	return 0;
}

static int check_first(void *context, const struct stream_volume *volume, struct err *err)
{
	struct increment *inc = context;
	int r = inc->arrival.count == 0 ? check_base(inc, volume, err) : 0;

	inc->arrival.base_volume = inc->base;
	return r == 0 ? check_name(inc, volume, err) : r;
}

/* Volumes that an earlier stream has brought are checked as if they came now. */
int increment_check_restored(struct increment *inc, struct err *err)
{
	const struct arrival *arrival = &inc->arrival;

	if (arrival->count > 0 && check_base(inc, &arrival->list[0].volume, err) < 0)
		return -err->code;
	for (size_t i = 0; i < arrival->count; i++) {
		if (check_name(inc, &arrival->list[i].volume, err) < 0)
			return -err->code;
	}
	return 0;
}

/* The data first: the exchange must not survive a power cut without them. */
static int sync_root(struct increment *inc, const char *name, struct err *err)
{
	struct pool *pool = inc->pool;
	scoped_fd int mount_fd = -1;

	if (pool->ops->mount(pool, name, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
			     &mount_fd, err) < 0)
		return -err->code;
	scoped_fd int root = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = root < 0 || syncfs(root) < 0
			? err_set(err, errno, "write its root to the disk: %s", strerror(errno))
			: 0;
	scoped_close_fd(&root);
	scoped_close_fd(&mount_fd);
	return r < 0 ? r : pool->ops->deactivate(pool, name, err);
}

/* The old root goes with the partial name. A kill in between leaves a root that gets its identity once more. */
static int replace_root(struct increment *inc, struct arrived *root, const char *volume,
			struct err *err)
{
	const struct machine *machine = inc->subject->machine;

	if (root->volume.fresh && fresh_mark(machine, err) < 0)
		return -err->code;
	int r = inc->pool->ops->exchange(inc->pool, root->partial.name, volume, err);
	if (r == 0 && !root->volume.fresh)
		fresh_forget(machine, NULL);
	return r;
}

int increment_replace(struct increment *inc, struct err *err)
{
	struct arrived *root = arrival_root(&inc->arrival);
	char volume[VOLUME_NAME_MAX + 1];

	if (!root)
		return 0;
	subject_volume(inc->subject, NULL, volume);
	if (sync_root(inc, root->partial.name, err) < 0)
		return -err->code;
	return inc->subject->machine ? replace_root(inc, root, volume, err)
				     : data_exchange_unused(inc->pool, inc->subject->name, volume,
							    root->partial.name, err);
}

static void tell(const struct increment *inc, const char *snapshot)
{
	const struct subject *subject = inc->subject;

	if (subject->machine)
		machine_tell(subject->machine,
			     &(struct event){ .name = "snapshot-taken", .snapshot = snapshot });
	else
		data_tell(subject->dirs, subject->name,
			  &(struct event){ .name = "volume-snapshot-taken", .snapshot = snapshot });
}

int increment_keep(struct increment *inc, struct err *err)
{
	struct arrival *arrival = &inc->arrival;
	size_t snapshots = arrival->count - (arrival_root(arrival) ? 1 : 0);

	for (size_t i = 0; i < snapshots; i++) {
		struct arrived *one = &arrival->list[i];
		if (arrival_keep_snapshot(arrival, one, false, err) < 0)
			return -err->code;
		tell(inc, one->volume.snapshot);
		fault_point("travel-added");
	}
	return 0;
}

void increment_begin(struct increment *inc, bool trusted)
{
	inc->arrival = (struct arrival){ .pool = inc->pool,
					 .subject = inc->subject,
					 .check = check_first,
					 .context = inc,
					 .trusted = trusted };
}

int increment_check_subject(const struct subject *subject, const struct stream_head *head,
			    struct err *err)
{
	return strcmp(subject->uuid, head->uuid) == 0
		       ? 0
		       : err_set(err, EINVAL,
				 "it is an increment of another %s than '%s' here: that of uuid %s",
				 subject_word(subject), subject->name, head->uuid);
}
