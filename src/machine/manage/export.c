/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine into a stream: its settings, and volumes that build on each other, the oldest first. */
#include "machine/manage/moment.h"
#include "machine/manage/travel.h"
#include "machine/state/content.h"
#include "machine/state/fresh.h"
#include "machine/state/private.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

/* An export under way. */
struct exporting {
	struct machine *machine;        /* borrowed */
	const struct export_spec *spec; /* borrowed */
	struct pool *pool;              /* borrowed */
	struct snapshot_entry *chain;   /* owned: snapshots that are written, the oldest first */
	size_t count;
	struct stream_out out;
	char base[UUID_TEXT];  /* content of the volume before; "": none */
	const char *base_name; /* its name; borrowed */
};

static const struct snapshot_entry *find(const struct snapshot_entry *list, size_t count,
					 const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	}
	return NULL;
}

static int missing(const struct machine *machine, const char *name, struct err *err)
{
	return err_set(err, ENOENT,
		       "machine '%s' has no snapshot '%s'; see: berth snapshot list %s",
		       machine->name, name, machine->name);
}

/* Whether since is the later one, in the order of the list. Only a single step may be taken against that order. */
static bool is_behind(const struct export_spec *spec, const struct snapshot_entry *since,
		      const struct snapshot_entry *until)
{
	return since > until && (spec->snapshots || !spec->since_is_older);
}

static void leave_out_root(struct exporting *x)
{
	const struct snapshot_entry *root =
		x->spec->root ? find(x->chain, x->count, x->spec->root) : NULL;
	size_t at = root ? (size_t)(root - x->chain) : 0;

	/* A snapshot that stays on both sides is written as well, and the root as an increment of it. */
	if (!root || (x->spec->keep && strcmp(x->spec->keep, root->name) == 0))
		return;
	x->count--;
	memmove(x->chain + at, x->chain + at + 1, (x->count - at) * sizeof *x->chain);
}

/*
 * Chooses the snapshots that are written, in place: those after since and up to snapshot, or only the last of them.
 * With since, a snapshot that is asked for stays one.
 */
static int choose(struct exporting *x, struct snapshot_entry *list, size_t count, struct err *err)
{
	const struct export_spec *spec = x->spec;
	const struct snapshot_entry *until =
		spec->snapshot ? find(list, count, spec->snapshot) : NULL;
	const struct snapshot_entry *since = spec->since ? find(list, count, spec->since) : NULL;

	if (spec->snapshot && !until)
		return missing(x->machine, spec->snapshot, err);
	if (spec->since && !since)
		return missing(x->machine, spec->since, err);
	if (since && until && (since == until || is_behind(spec, since, until)))
		return err_set(err, EINVAL,
			       since == until ? "snapshot '%s' is the one that '--since' names: "
						"there is nothing between them"
					      : "snapshot '%s' is older than '%s', which '--since' "
						"names; give them in the order of their times",
			       spec->snapshot, spec->since);
	if (spec->keep && !find(list, count, spec->keep))
		return missing(x->machine, spec->keep, err);
	size_t first = since ? (size_t)(since - list) + 1 : 0;
	size_t end = until ? (size_t)(until - list) + 1 : count;
	if (!spec->snapshots && spec->keep)
		first = (size_t)(find(list, count, spec->keep) - list), end = first + 1;
	else if (!spec->snapshots)
		first = since && until ? end - 1 : end;
	x->chain = list;
	x->count = end - first;
	if (x->count > 0)
		memmove(list, list + first, x->count * sizeof *list);
	leave_out_root(x);
	return 0;
}

static int begin_list(struct exporting *x, struct err *err)
{
	struct snapshot_entry *list = NULL;
	size_t count = 0;

	if (snapshot_list(x->machine, &list, &count, err) < 0)
		return -err->code;
	int r = choose(x, list, count, err);
	if (r < 0)
		free(list);
	return r;
}

static int mount_for_reading(struct pool *pool, const char *volume, int *mount_fd, struct err *err)
{
	return volume_mount(pool, volume,
			    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				    MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME,
			    mount_fd, err);
}

/* Thin volumes need a device while they are mounted. */
static void release(struct pool *pool, const char *volume)
{
	pool->ops->deactivate(pool, volume, &(struct err){ 0 });
}

/* A mount of a volume of the driver, which may have a partial name. */
static int put_mounted(struct exporting *x, const struct stream_volume *volume, const char *name,
		       const char *base, struct err *err)
{
	const uint64_t quiet = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			       MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME;
	scoped_fd int mount_fd = -1;
	scoped_fd int base_fd = -1;

	if (x->pool->ops->mount(x->pool, name, quiet, &mount_fd, err) < 0 ||
	    (base && mount_for_reading(x->pool, base, &base_fd, err) < 0))
		return -err->code;
	return stream_put(&x->out, volume, mount_fd, base_fd, err);
}

static int put_blocks(struct exporting *x, struct stream_volume *volume, const char *name,
		      const char *base, struct err *err)
{
	struct volume_blocks blocks = { .fd = -1, .ranges_fd = -1 };
	int r = x->pool->ops->blocks(x->pool, name, base, &blocks, err);

	volume->size = blocks.size;
	volume->block = blocks.block;
	if (r == 0)
		r = stream_put_blocks(&x->out, volume, blocks.fd, blocks.ranges_fd, err);
	scoped_close_fd(&blocks.fd);
	scoped_close_fd(&blocks.ranges_fd);
	return r;
}

static int put_form(struct exporting *x, struct stream_volume *volume, const char *name,
		    const char *base, struct err *err)
{
	return x->spec->blocks ? put_blocks(x, volume, name, base, err)
			       : put_mounted(x, volume, name, base, err);
}

/* Writes a volume as what differs from the one before. */
static int put(struct exporting *x, struct stream_volume *volume, const char *name, struct err *err)
{
	char base[VOLUME_NAME_MAX + 1];
	bool has_base = *x->base;

	if (has_base) {
		snapshot_volume(x->machine->name, x->base_name, base);
		if (volume_lock(x->pool, base, VOLUME_LOCK_READ, err) < 0)
			return -err->code;
	}
	if (text_take(&volume->base, strdup(x->base)) < 0 ||
	    text_take(&volume->base_name, strdup(has_base ? x->base_name : "")) < 0 ||
	    text_take(&volume->form, strdup(x->spec->blocks ? "blocks" : "tree")) < 0)
		err_set(err, ENOMEM, "out of memory");
	int r = err->code ? -err->code : put_form(x, volume, name, has_base ? base : NULL, err);
	if (has_base) {
		release(x->pool, base);
		volume_release(x->pool, base);
	}
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

static int put_snapshot(struct exporting *x, const struct snapshot_entry *entry, struct err *err)
{
	char name[VOLUME_NAME_MAX + 1];
	struct content content;
	struct stream_volume volume = {
		.created = entry->created,
		.fresh = fresh_is(x->machine, entry->name),
	};

	snapshot_volume(x->machine->name, entry->name, name);
	volume.size = size_of(x->pool, name);
	if (content_draw(x->machine, entry->name, entry->volume_made, &content, err) < 0 ||
	    volume_lock(x->pool, name, VOLUME_LOCK_READ, err) < 0)
		return -err->code;
	int r = text_take(&volume.snapshot, strdup(entry->name));
	if (r == 0)
		r = text_take(&volume.content, strdup(content_in(&content, x->spec->blocks)));
	r = r < 0 ? err_set(err, -r, "out of memory") : put(x, &volume, name, err);
	release(x->pool, name);
	volume_release(x->pool, name);
	stream_volume_free(&volume);
	strcpy(x->base, content_in(&content, x->spec->blocks));
	x->base_name = entry->name;
	return r;
}

static int put_root(struct exporting *x, const char *name, bool fresh, struct err *err)
{
	struct stream_volume volume = {
		.created = (uint64_t)time(NULL),
		.fresh = fresh,
		.size = size_of(x->pool, name),
		.snapshot = strdup(""),
		.content = strdup(""),
	};

	int r = volume.snapshot && volume.content ? put(x, &volume, name, err)
						  : err_set(err, ENOMEM, "out of memory");
	stream_volume_free(&volume);
	release(x->pool, name);
	return r;
}

/* The root is what a snapshot keeps. */
static int put_kept(struct exporting *x, const char *snapshot, struct err *err)
{
	char name[VOLUME_NAME_MAX + 1];

	snapshot_volume(x->machine->name, snapshot, name);
	if (volume_lock(x->pool, name, VOLUME_LOCK_READ, err) < 0)
		return -err->code;
	int r = put_root(x, name, fresh_is(x->machine, snapshot), err);
	volume_release(x->pool, name);
	return r;
}

/* Whether a root is written, besides snapshots. */
static bool has_root(const struct export_spec *spec)
{
	return !spec->since || !spec->snapshot;
}

/* moment: of the root; NULL: it is that of a snapshot. */
static int put_volumes(struct exporting *x, const struct moment *moment, struct err *err)
{
	const struct export_point *behind = x->spec->behind;

	for (size_t i = behind ? behind->volumes : 0; i < x->count; i++) {
		if (put_snapshot(x, &x->chain[i], err) < 0)
			return -err->code;
	}
	if (!has_root(x->spec) || (behind && behind->volumes > x->count))
		return 0;
	return moment ? put_root(x, moment->volume, fresh_is(x->machine, NULL), err)
		      : put_kept(x, x->spec->root ? x->spec->root : x->spec->snapshot, err);
}

static int fill_head(const struct exporting *x, struct stream_head *head, struct err *err)
{
	const struct machine_config *config = &x->machine->config;
	char host[256] = "";

	if (gethostname(host, sizeof host - 1) < 0)
		host[0] = '\0';
	head->epoch = (uint64_t)time(NULL);
	head->increment = x->spec->since != NULL;
	if (text_take(&head->arch, strdup(config->arch)) < 0 ||
	    text_take(&head->berth, strdup(BERTH_VERSION)) < 0 ||
	    text_take(&head->driver, strdup(x->pool->ops->name)) < 0 ||
	    text_take(&head->host, strdup(host)) < 0 ||
	    text_take(&head->name, strdup(x->machine->name)) < 0 ||
	    text_take(&head->plan, strdup(x->spec->plan ? x->spec->plan : "")) < 0 ||
	    text_take(&head->resumes, strdup(x->spec->behind ? x->spec->behind->sum : "")) < 0 ||
	    text_take(&head->uuid, strdup(config->uuid)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

static int put_start(struct exporting *x, struct err *err)
{
	scoped_free char *path = machine_path(x->machine, "machine.conf");
	scoped_free char *bytes = NULL;
	struct stream_head head = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &bytes);
	if (n < 0)
		return n == -ENOENT
			       ? machine_gone(x->machine, err)
			       : err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	const struct text settings = { .data = bytes, .length = (size_t)n };
	int r = fill_head(x, &head, err);
	if (r == 0)
		r = stream_begin(&x->out, &head, &settings, err);
	stream_head_free(&head);
	return r;
}

/* The first volume builds on the snapshot that '--since' names. */
static int begin_base(struct exporting *x, struct err *err)
{
	const struct export_point *behind = x->spec->behind;
	char name[VOLUME_NAME_MAX + 1];
	struct volume_info info;
	struct content content;

	x->base_name = x->spec->since;
	if (behind && behind->volumes > 0 && behind->volumes <= x->count)
		x->base_name = x->chain[behind->volumes - 1].name;
	if (!x->base_name)
		return 0;
	snapshot_volume(x->machine->name, x->base_name, name);
	if (volume_info(x->pool, name, &info, err) < 0 ||
	    content_draw(x->machine, x->base_name, info.created, &content, err) < 0)
		return -err->code;
	strcpy(x->base, content_in(&content, x->spec->blocks));
	return 0;
}

static int check_point(const struct exporting *x, struct err *err)
{
	const struct export_point *behind = x->spec->behind;

	return behind && behind->volumes > x->count + has_root(x->spec)
		       ? err_set(err, ESTALE, "the reader has more volumes than there are")
		       : 0;
}

static int write_stream(struct exporting *x, const struct moment *moment, struct err *err)
{
	if (check_point(x, err) < 0 || begin_base(x, err) < 0 || put_start(x, err) < 0 ||
	    put_volumes(x, moment, err) < 0)
		return -err->code;
	return stream_end(&x->out, err);
}

static int export(struct exporting *x, struct err *err)
{
	const struct export_spec *spec = x->spec;
	struct moment moment;

	if (spec->snapshot || spec->root)
		return write_stream(x, NULL, err);
	if (moment_begin(&moment, x->machine, x->pool, spec->quiet, err) < 0)
		return -err->code;
	int r = write_stream(x, &moment, err);
	struct err moved = { 0 };
	if (moment_end(&moment, &moved) < 0 && r == 0) {
		*err = moved;
		r = -err->code;
	}
	return r;
}

int machine_export_check(struct machine *machine, const struct export_spec *spec, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	struct exporting x = { .machine = machine, .spec = spec, .pool = &pool };

	if (machine_check(machine, err) < 0 ||
	    pool_open(&pool, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	if (spec->blocks && !pool.ops->blocks)
		return err_set(
			err, EOPNOTSUPP,
			"machine '%s' is in pool '%s' of driver %s, which has no blocks; leave "
			"out --blocks",
			machine->name, pool.name, pool.ops->name);
	int r = begin_list(&x, err);
	free(x.chain);
	return r;
}

/* A snapshot as part of a plan: its name, and what identifies its contents. */
static int plan_snapshot(struct exporting *x, const char *name, struct text *plan, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;
	struct content content;

	snapshot_volume(x->machine->name, name, volume);
	if (volume_info(x->pool, volume, &info, err) < 0 ||
	    content_draw(x->machine, name, info.created, &content, err) < 0)
		return -err->code;
	text_add(plan, "%s %s\n", name, content_in(&content, x->spec->blocks));
	return 0;
}

static int plan_all(struct exporting *x, struct text *plan, struct err *err)
{
	const struct export_spec *spec = x->spec;
	const char *root = spec->root ? spec->root : spec->snapshot;

	text_add(plan, "%s\n", x->machine->config.uuid);
	if (spec->since && plan_snapshot(x, spec->since, plan, err) < 0)
		return -err->code;
	text_add(plan, "snapshots\n");
	for (size_t i = 0; i < x->count; i++) {
		if (plan_snapshot(x, x->chain[i].name, plan, err) < 0)
			return -err->code;
	}
	text_add(plan, "root\n");
	if (has_root(spec) && root && plan_snapshot(x, root, plan, err) < 0)
		return -err->code;
	text_add(plan, "%s\n", !has_root(spec) ? "none" : root ? "kept" : "as it is");
	return plan->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

int machine_export_plan(struct machine *machine, const struct export_spec *spec,
			char plan[SHA256_HEX + 1], struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	scoped_text struct text text = { 0 };
	struct exporting x = { .machine = machine, .spec = spec, .pool = &pool };
	struct sha256 sum;

	if (pool_open(&pool, machine->dirs, machine->config.pool, err) < 0 ||
	    begin_list(&x, err) < 0)
		return -err->code;
	int r = plan_all(&x, &text, err);
	free(x.chain);
	if (r < 0 || sha256_begin(&sum, err) < 0)
		return -err->code;
	sha256_add(&sum, text_str(&text), text.length);
	sha256_end(&sum, plan);
	return 0;
}

int machine_export(struct machine *machine, const struct export_spec *spec, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	struct exporting x = {
		.machine = machine,
		.spec = spec,
		.pool = &pool,
		.out = { .fd = spec->fd,
			 .codec = spec->codec,
			 .tick = spec->tick,
			 .tick_context = spec->tick_context,
			 .limit = spec->limit,
			 .point = spec->behind && *spec->behind->point ? spec->behind->point
								       : NULL },
	};

	if (machine_check(machine, err) < 0 ||
	    pool_open(&pool, machine->dirs, machine->config.pool, err) < 0 ||
	    begin_list(&x, err) < 0)
		return -err->code;
	int r = export(&x, err);
	free(x.chain);
	return r < 0 ? err_wrap(err, "%s machine '%s'", spec->verb ? spec->verb : "export",
				machine->name)
		     : 0;
}
