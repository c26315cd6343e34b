/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The base is known by its contents, not by its name: a snapshot that was taken anew under the same name is another.
 * The stream names its base in the description of its first volume, before its contents.
 */
#include "machine/manage/increment.h"

#include "machine/life/control.h"
#include "machine/manage/arrival.h"
#include "machine/state/content.h"
#include "machine/state/fresh.h"
#include "machine/state/move.h"
#include "machine/state/private.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

struct increment {
	struct machine *machine;        /* borrowed */
	struct pool *pool;              /* borrowed */
	const struct import_spec *spec; /* borrowed */
	bool running;
	struct arrival arrival;
	char base[VOLUME_NAME_MAX + 1];
};

/* Finds the base under another name, which it has got on one of the two hosts. Whether it is there. */
static bool find_renamed(struct increment *inc, const char *base, bool blocks)
{
	scoped_free struct snapshot_entry *list = NULL;
	struct content content;
	struct err ignored = { 0 };
	size_t count = 0;

	if (snapshot_list(inc->machine, &list, &count, &ignored) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (content_find(inc->machine->folder, list[i].name, list[i].volume_made, &content,
				 &ignored) < 0 ||
		    strcmp(content_in(&content, blocks), base) != 0)
			continue;
		snapshot_volume(inc->machine->name, list[i].name, inc->base);
		return true;
	}
	return false;
}

static int check_base(struct increment *inc, const struct stream_volume *first, struct err *err)
{
	const struct machine *machine = inc->machine;
	bool blocks = stream_is_blocks(first);
	struct content content;
	struct volume_info info;
	struct err none = { 0 };

	if (!*first->base || !*first->base_name)
		return err_set(err, EBADMSG, "it says not what it builds on");
	snapshot_volume(machine->name, first->base_name, inc->base);
	int r = volume_info(inc->pool, inc->base, &info, &none);
	if (r == -ENOENT && find_renamed(inc, first->base, blocks))
		return 0;
	if (r == -ENOENT)
		return err_set(err, ENOENT,
			       "it builds on snapshot '%s', which machine '%s' has not; import a "
			       "stream first that has it: berth export --snapshots",
			       first->base_name, machine->name);
	if (r < 0)
		return err_set(err, none.code, "%s", none.text);
	r = content_find(machine->folder, first->base_name, info.created, &content, err);
	if (r < 0 && err->code)
		return r;
	if ((r == 0 && strcmp(content_in(&content, blocks), first->base) == 0) ||
	    find_renamed(inc, first->base, blocks))
		return 0;
	if (r == 0 && blocks && strcmp(content.files, first->base) == 0)
		return err_set(err, ESTALE,
			       "it builds on the blocks of snapshot '%s', and machine '%s' has its "
			       "files in other blocks; export it without --blocks",
			       first->base_name, machine->name);
	return err_set(
		err, ESTALE,
		"it builds on a snapshot '%s' with other contents than that of machine '%s' has",
		first->base_name, machine->name);
}

static int check_name(struct increment *inc, const struct stream_volume *volume, struct err *err)
{
	char name[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	if (!*volume->snapshot) {
		if (inc->running)
			return err_set(err, EBUSY,
				       "machine '%s' is running, and the stream has a new root for "
				       "it; stop it first",
				       inc->machine->name);
		if (!inc->spec->force && !inc->spec->arriving)
			return err_set(err, EEXIST,
				       "the root of machine '%s' would give way to that of the "
				       "stream; --force does that, and an export of a snapshot, "
				       "NAME@SNAP, leaves the root as it is",
				       inc->machine->name);
		return 0;
	}
	snapshot_volume(inc->machine->name, volume->snapshot, name);
	if (volume_info(inc->pool, name, &info, &(struct err){ 0 }) == 0)
		return err_set(err, EEXIST, "machine '%s' has a snapshot '%s' already",
			       inc->machine->name, volume->snapshot);
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
static int check_restored(struct increment *inc, struct err *err)
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
static int replace_root(struct increment *inc, struct arrived *root, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];

	machine_volume(inc->machine->name, volume);
	if (sync_root(inc, root->partial.name, err) < 0)
		return -err->code;
	if (root->volume.fresh && fresh_mark(inc->machine, err) < 0)
		return -err->code;
	int r = inc->pool->ops->exchange(inc->pool, root->partial.name, volume, err);
	if (r == 0 && !root->volume.fresh)
		fresh_forget(inc->machine, NULL);
	return r;
}

static int keep_all(struct increment *inc, struct err *err)
{
	struct arrival *arrival = &inc->arrival;
	struct arrived *root = arrival_root(arrival);
	size_t snapshots = arrival->count - (root ? 1 : 0);

	for (size_t i = 0; i < snapshots; i++) {
		struct arrived *one = &arrival->list[i];
		if (arrival_keep_snapshot(arrival, one, false, err) < 0)
			return -err->code;
		machine_tell(inc->machine, &(struct event){ .name = "snapshot-taken",
							    .snapshot = one->volume.snapshot });
	}
	return root ? replace_root(inc, root, err) : 0;
}

static int add(struct increment *inc, const struct stream_head *head, struct stream_in *in,
	       struct err *err)
{
	scoped_halfway struct halfway halfway = { 0 };
	struct arrival *arrival = &inc->arrival;
	const struct import_spec *spec = inc->spec;

	*arrival = (struct arrival){ .pool = inc->pool,
				     .machine = inc->machine,
				     .check = check_first,
				     .context = inc,
				     .trusted = spec->trust,
				     .told = spec->told,
				     .told_context = spec->told_context };
	int r = spec->resumable ? arrival_begin(arrival, &halfway, inc->machine->dirs,
						inc->machine->name, head, err)
				: 0;
	if (r == 0)
		r = check_restored(inc, err);
	if (r == 0)
		r = arrival_read(arrival, in, err);
	if (r == 0)
		r = keep_all(inc, err);
	arrival_settle(arrival);
	arrival_end(arrival);
	return r;
}

int import_increment(const struct dirs *dirs, const char *name, const struct stream_head *head,
		     struct stream_in *in, const struct import_spec *spec, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_pool struct pool pool = { 0 };
	struct increment inc = { .machine = &machine, .pool = &pool, .spec = spec };

	if (machine_open(&machine, dirs, name, err) < 0 || machine_check(&machine, err) < 0)
		return -err->code;
	if (strcmp(machine.config.uuid, head->uuid) != 0)
		return err_set(err, EINVAL,
			       "it is an increment of another machine than '%s' here: that of uuid "
			       "%s",
			       name, head->uuid);
	scoped_fd int lock = control_lock_ended(&machine, &inc.running, err);
	if (lock < 0 || (!spec->arriving && move_check(&machine, err) < 0) ||
	    pool_open(&pool, dirs, machine.config.pool, err) < 0 ||
	    restoring_clear(&machine, &pool, err) < 0)
		return -err->code;
	return add(&inc, head, in, err);
}
