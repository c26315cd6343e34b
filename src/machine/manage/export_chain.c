/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/export_chain.h"
#include "machine/state/content.h"
#include "machine/state/fresh.h"

#include "base/scoped.h"

#include <string.h>
#include <sys/mount.h>
#include <time.h>

/* ---- The choice */

static int missing(const struct subject *subject, const char *name, struct err *err)
{
	char listing[SUBJECT_LISTING];

	subject_listing(subject, listing);
	return err_set(err, ENOENT, "%s '%s' has no snapshot '%s'; see: berth %s",
		       subject_word(subject), subject->name, name, listing);
}

/*
 * Whether since is the later one. The list says nothing of the order of two of one second, which a caller may know; and
 * only a single step may be taken against the order of the times.
 */
static bool is_behind(const struct export_spec *spec, const struct snapshot_entry *since,
		      const struct snapshot_entry *until)
{
	return spec->since_is_older ? spec->snapshots && since->created > until->created
				    : since > until;
}

static void leave_out_root(struct export_chain *chain)
{
	const struct export_spec *spec = chain->spec;
	const struct snapshot_entry *root =
		spec->root ? snapshot_find(chain->list, chain->count, spec->root) : NULL;
	size_t at = root ? (size_t)(root - chain->list) : 0;

	/* A snapshot that stays on both sides is written as well, and the root as an increment of it. */
	if (!root || (spec->keep && strcmp(spec->keep, root->name) == 0))
		return;
	chain->count--;
	memmove(chain->list + at, chain->list + at + 1, (chain->count - at) * sizeof *chain->list);
}

static int check(const struct export_chain *chain, const struct snapshot_entry *since,
		 const struct snapshot_entry *until, struct err *err)
{
	const struct export_spec *spec = chain->spec;

	if (spec->snapshot && !until)
		return missing(chain->subject, spec->snapshot, err);
	if (spec->since && !since)
		return missing(chain->subject, spec->since, err);
	if (spec->keep && !snapshot_find(chain->list, chain->count, spec->keep))
		return missing(chain->subject, spec->keep, err);
	if (!since || !until || (since != until && !is_behind(spec, since, until)))
		return 0;
	return err_set(err, EINVAL,
		       since == until ? "snapshot '%s' is the one that '--since' names: there is "
					"nothing between them"
				      : "snapshot '%s' is older than '%s', which '--since' names; "
					"give them in the order of their times",
		       spec->snapshot, spec->since);
}

/*
 * Chooses the snapshots that are written, in place: those after since and up to snapshot, or only the last of them.
 * With since, a snapshot that is asked for stays one.
 */
static int choose(struct export_chain *chain, struct err *err)
{
	const struct export_spec *spec = chain->spec;
	struct snapshot_entry *list = chain->list;
	const struct snapshot_entry *until =
		spec->snapshot ? snapshot_find(list, chain->count, spec->snapshot) : NULL;
	const struct snapshot_entry *since =
		spec->since ? snapshot_find(list, chain->count, spec->since) : NULL;

	if (check(chain, since, until, err) < 0)
		return -err->code;
	size_t end = until ? (size_t)(until - list) + 1 : chain->count;
	size_t first = since ? (size_t)(since - list) + 1 : 0;
	if (!spec->snapshots && spec->keep)
		first = (size_t)(snapshot_find(list, chain->count, spec->keep) - list),
		end = first + 1;
	else if (!spec->snapshots)
		first = since && until ? end - 1 : end;
	else if (since && until && first >= end)
		first = end - 1;
	chain->count = end - first;
	if (chain->count > 0)
		memmove(list, list + first, chain->count * sizeof *list);
	leave_out_root(chain);
	return 0;
}

/* Whether a root is written, besides snapshots. */
static bool has_root(const struct export_spec *spec)
{
	return !spec->since || !spec->snapshot;
}

int export_chain_open(struct export_chain *chain, struct err *err)
{
	if (subject_snapshots(chain->subject, chain->pool, &chain->list, &chain->count, err) < 0)
		return -err->code;
	return choose(chain, err);
}

uint64_t export_chain_pass(struct export_chain *chain, uint64_t volumes)
{
	const uint64_t all = chain->count + has_root(chain->spec);

	chain->passed = volumes < all ? volumes : all;
	return volumes - chain->passed;
}

/* ---- Locks */

static int hold_one(struct export_chain *chain, const char *snapshot, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	subject_volume(chain->subject, snapshot, volume);
	if (volume_lock(chain->pool, volume, VOLUME_LOCK_READ, err) < 0)
		return -err->code;
	if (text_add_bytes(&chain->held, volume, strlen(volume) + 1) < 0)
		return err_set(err, ENOMEM, "out of memory");
	int r = volume_info(chain->pool, volume, &info, err);
	if (r != -ENOENT)
		return r;
	*err = (struct err){ 0 };
	return missing(chain->subject, snapshot, err);
}

/* The snapshot that the root is; NULL: it is none. */
static const char *kept_root(const struct export_spec *spec)
{
	return !has_root(spec) ? NULL : spec->root ? spec->root : spec->snapshot;
}

int export_chain_hold(struct export_chain *chain, struct err *err)
{
	const char *const others[] = { chain->spec->since, kept_root(chain->spec) };

	for (size_t i = 0; i < chain->count; i++) {
		if (hold_one(chain, chain->list[i].name, err) < 0)
			return -err->code;
	}
	for (size_t i = 0; i < 2; i++) {
		if (others[i] && hold_one(chain, others[i], err) < 0)
			return -err->code;
	}
	return 0;
}

/* Thin volumes need a device while they are mounted. */
static void release(struct pool *pool, const char *volume)
{
	pool->ops->deactivate(pool, volume, &(struct err){ 0 });
}

void export_chain_close(struct export_chain *chain)
{
	const char *name = text_str(&chain->held), *end = name + chain->held.length;

	for (; name < end; name += strlen(name) + 1) {
		release(chain->pool, name);
		volume_release(chain->pool, name);
	}
	text_free(&chain->held);
	free(chain->list);
	chain->list = NULL;
}

/* ---- The volumes */

static int mount_for_reading(struct pool *pool, const char *volume, int *mount_fd, struct err *err)
{
	return volume_mount(pool, volume,
			    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				    MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME,
			    mount_fd, err);
}

/* A mount of a volume of the driver, which may have a partial name. */
static int put_mounted(struct export_chain *chain, const struct stream_volume *volume,
		       const char *name, const char *base, struct err *err)
{
	const uint64_t quiet = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			       MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME;
	scoped_fd int mount_fd = -1;
	scoped_fd int base_fd = -1;

	if (chain->pool->ops->mount(chain->pool, name, quiet, &mount_fd, err) < 0 ||
	    (base && mount_for_reading(chain->pool, base, &base_fd, err) < 0))
		return -err->code;
	return stream_put(chain->out, volume, mount_fd, base_fd, err);
}

static int put_blocks(struct export_chain *chain, struct stream_volume *volume, const char *name,
		      const char *base, struct err *err)
{
	struct volume_blocks blocks = { .fd = -1, .ranges_fd = -1 };
	int r = chain->pool->ops->blocks(chain->pool, name, base, &blocks, err);

	volume->size = blocks.size;
	volume->block = blocks.block;
	if (r == 0)
		r = stream_put_blocks(chain->out, volume, blocks.fd, blocks.ranges_fd, err);
	scoped_close_fd(&blocks.fd);
	scoped_close_fd(&blocks.ranges_fd);
	return r;
}

/* Writes a volume as what differs from the one before. */
static int put(struct export_chain *chain, struct stream_volume *volume, const char *name,
	       struct err *err)
{
	char base[VOLUME_NAME_MAX + 1];
	const bool has_base = *chain->base;
	const struct subject *subject = chain->subject;
	const bool is_data = chain->description;

	subject_volume(subject, chain->base_name, base);
	if (text_take(&volume->base, strdup(chain->base)) < 0 ||
	    text_take(&volume->base_name, strdup(has_base ? chain->base_name : "")) < 0 ||
	    text_take(&volume->form, strdup(chain->spec->blocks ? "blocks" : "tree")) < 0 ||
	    text_take(&volume->data, strdup(is_data ? subject->name : "")) < 0 ||
	    text_take(&volume->data_uuid, strdup(is_data ? subject->uuid : "")) < 0 ||
	    text_take(&volume->description, strdup(is_data ? chain->description : "")) < 0 ||
	    text_take(&volume->with, strdup(chain->with ? chain->with : "")) < 0)
		return err_set(err, ENOMEM, "out of memory");
	int r = chain->spec->blocks ? put_blocks(chain, volume, name, has_base ? base : NULL, err)
				    : put_mounted(chain, volume, name, has_base ? base : NULL, err);
	if (has_base)
		release(chain->pool, base);
	return r;
}

/* The limit of a volume, for a pool that has limits. */
static uint64_t size_of(struct pool *pool, const char *name)
{
	struct volume_info info = { 0 };

	if (pool->ops->info(pool, name, &info, &(struct err){ 0 }) < 0)
		return 0;
	return info.size;
}

static bool is_fresh(const struct subject *subject, const char *snapshot)
{
	return subject->machine && fresh_is(subject->machine, snapshot);
}

static int put_snapshot(struct export_chain *chain, const struct snapshot_entry *entry, bool last,
			struct err *err)
{
	const struct subject *subject = chain->subject;
	char name[VOLUME_NAME_MAX + 1];
	struct content content;
	struct stream_volume volume = {
		.created = entry->created,
		.fresh = is_fresh(subject, entry->name),
	};

	subject_volume(subject, entry->name, name);
	volume.size = size_of(chain->pool, name);
	if (content_draw(subject->folder, entry->name, entry->volume_made, &content, err) < 0)
		return -err->code;
	const char *const with = chain->with;
	if (!last || !with)
		chain->with = chain->with_of ? chain->with_of(chain->with_context, entry) : NULL;
	int r = text_take(&volume.snapshot, strdup(entry->name));
	if (r == 0)
		r = text_take(&volume.content, strdup(content_in(&content, chain->spec->blocks)));
	r = r < 0 ? err_set(err, -r, "out of memory") : put(chain, &volume, name, err);
	chain->with = with;
	release(chain->pool, name);
	stream_volume_free(&volume);
	strcpy(chain->base, content_in(&content, chain->spec->blocks));
	chain->base_name = entry->name;
	return r;
}

/* A momentary copy has no limit, nor has a snapshot: that of a volume for data is the one that it has now. */
static uint64_t root_size(const struct export_chain *chain, const char *name)
{
	uint64_t size = size_of(chain->pool, name);
	char root[VOLUME_NAME_MAX + 1];

	if (size || chain->subject->machine)
		return size;
	subject_volume(chain->subject, NULL, root);
	return size_of(chain->pool, root);
}

static int put_root(struct export_chain *chain, const char *name, const char *snapshot,
		    struct err *err)
{
	struct stream_volume volume = {
		.created = (uint64_t)time(NULL),
		.fresh = is_fresh(chain->subject, snapshot),
		.size = root_size(chain, name),
		.snapshot = strdup(""),
		.content = strdup(""),
	};

	int r = volume.snapshot && volume.content ? put(chain, &volume, name, err)
						  : err_set(err, ENOMEM, "out of memory");
	stream_volume_free(&volume);
	release(chain->pool, name);
	return r;
}

/* The first volume builds on the snapshot that '--since' names, or on the last one that the reader has. */
static int begin_base(struct export_chain *chain, struct err *err)
{
	char name[VOLUME_NAME_MAX + 1];
	struct volume_info info;
	struct content content;

	chain->base_name = chain->spec->since;
	if (chain->passed > 0 && chain->passed <= chain->count)
		chain->base_name = chain->list[chain->passed - 1].name;
	if (!chain->base_name)
		return 0;
	subject_volume(chain->subject, chain->base_name, name);
	if (volume_info(chain->pool, name, &info, err) < 0 ||
	    content_draw(chain->subject->folder, chain->base_name, info.created, &content, err) < 0)
		return -err->code;
	strcpy(chain->base, content_in(&content, chain->spec->blocks));
	return 0;
}

int export_chain_write(struct export_chain *chain, const char *now, struct err *err)
{
	const struct export_spec *spec = chain->spec;
	const char *kept = kept_root(spec);
	char name[VOLUME_NAME_MAX + 1];

	if (begin_base(chain, err) < 0)
		return -err->code;
	for (size_t i = chain->passed; i < chain->count; i++) {
		if (put_snapshot(chain, &chain->list[i], i + 1 == chain->count, err) < 0)
			return -err->code;
	}
	if (!has_root(spec) || chain->passed > chain->count)
		return 0;
	if (now)
		return put_root(chain, now, NULL, err);
	subject_volume(chain->subject, kept, name);
	return put_root(chain, name, kept, err);
}

/* ---- The plan */

/* A snapshot as part of a plan: its name, and what identifies its contents. */
static int plan_snapshot(struct export_chain *chain, const char *name, struct text *plan,
			 struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;
	struct content content;

	subject_volume(chain->subject, name, volume);
	if (volume_info(chain->pool, volume, &info, err) < 0 ||
	    content_draw(chain->subject->folder, name, info.created, &content, err) < 0)
		return -err->code;
	text_add(plan, "%s %s\n", name, content_in(&content, chain->spec->blocks));
	return 0;
}

int export_chain_plan(struct export_chain *chain, struct text *plan, struct err *err)
{
	const struct export_spec *spec = chain->spec;
	const char *root = kept_root(spec);

	text_add(plan, "%s\n", chain->subject->uuid);
	if (spec->since && plan_snapshot(chain, spec->since, plan, err) < 0)
		return -err->code;
	text_add(plan, "snapshots\n");
	for (size_t i = 0; i < chain->count; i++) {
		if (plan_snapshot(chain, chain->list[i].name, plan, err) < 0)
			return -err->code;
	}
	text_add(plan, "root\n");
	if (root && plan_snapshot(chain, root, plan, err) < 0)
		return -err->code;
	text_add(plan, "%s\n", !has_root(spec) ? "none" : root ? "kept" : "as it is");
	return plan->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}
