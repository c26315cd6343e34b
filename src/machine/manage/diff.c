/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/diff.h"

#include "machine/manage/manage.h"
#include "machine/manage/moment.h"
#include "machine/state/private.h"
#include "storage/driver.h"

#include "base/scoped.h"
#include "image/template/template.h"

#include <string.h>
#include <sys/mount.h>

/* A volume that is read, or a moment of one. */
struct state {
	struct pool pool; /* owned */
	char volume[VOLUME_NAME_MAX + 1];
	bool locked, mounted, moving;
	struct moment moment; /* owned, if moving */
	int fd;               /* owned; a detached mount */
};

static int state_close(struct state *state, struct err *err)
{
	int r = 0;

	scoped_close_fd(&state->fd);
	if (state->mounted)
		state->pool.ops->deactivate(&state->pool, state->volume, &(struct err){ 0 });
	if (state->moving)
		r = moment_end(&state->moment, err);
	if (state->locked)
		volume_release(&state->pool, state->volume);
	pool_close(&state->pool);
	state->mounted = state->moving = state->locked = false;
	return r;
}

static int mount_state(struct state *state, struct err *err)
{
	const uint64_t quiet = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			       MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME;

	state->mounted = true;
	return state->pool.ops->mount(&state->pool, state->volume, quiet, &state->fd, err);
}

static int open_kept(struct state *state, const struct dirs *dirs, const char *pool,
		     struct err *err)
{
	if (pool_open(&state->pool, dirs, pool, err) < 0)
		return -err->code;
	int r = volume_lock(&state->pool, state->volume, VOLUME_LOCK_READ, err);
	if (r < 0)
		return r;
	state->locked = true;
	return mount_state(state, err);
}

static int open_snapshot(struct state *state, struct machine *machine, const char *name,
			 struct err *err)
{
	if (snapshot_exists(machine, name, err) < 0)
		return -err->code;
	snapshot_volume(machine->name, name, state->volume);
	return open_kept(state, machine->dirs, machine->config.pool, err);
}

static int open_template(struct state *state, const struct machine *machine, struct err *err)
{
	const char *name = machine->config.template;
	struct template_config template = { 0 };

	if (!*name)
		return err_set(err, ENOENT,
			       "machine '%s' was made of no template; name a snapshot to compare "
			       "with: berth diff %s@SNAP",
			       machine->name, machine->name);
	if (template_open(machine->dirs, name, &template, err) < 0)
		return -err->code;
	template_volume(name, state->volume);
	int r = open_kept(state, machine->dirs, template.pool, err);
	config_free(&template_schema, &template);
	return r;
}

static int open_now(struct state *state, struct machine *machine, struct err *err)
{
	const struct subject subject = subject_machine(machine);

	if (machine_check(machine, err) < 0 ||
	    pool_open(&state->pool, machine->dirs, machine->config.pool, err) < 0 ||
	    moment_begin(&state->moment, &subject, machine, &state->pool, false, err) < 0)
		return -err->code;
	state->moving = true;
	text_print(state->volume, sizeof state->volume, "%s", state->moment.volume);
	return mount_state(state, err);
}

static int compare(const struct diff_spec *spec, const struct state *from, const struct state *to,
		   struct err *err)
{
	scoped_fd int a = openat(from->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int b = openat(to->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tree_diff diff = {
		/* Driver dir copies each file, into an inode of its own. */
		.keeps_inodes = strcmp(from->pool.name, to->pool.name) == 0 &&
				from->pool.ops->can & STORAGE_FAST_CLONE,
		.content = spec->content,
		.visit = spec->visit,
		.context = spec->context,
	};

	if (a < 0 || b < 0)
		return err_set(err, errno, "open a root: %s", strerror(errno));
	return tree_diff_walk(&diff, a, b, err);
}

int machine_diff(struct machine *machine, const struct diff_spec *spec, struct err *err)
{
	struct state from = { .pool.use_fd = -1, .fd = -1 }, to = { .pool.use_fd = -1, .fd = -1 };
	struct err moved = { 0 };

	int r = spec->from ? open_snapshot(&from, machine, spec->from, err)
			   : open_template(&from, machine, err);
	if (r == 0)
		r = spec->to ? open_snapshot(&to, machine, spec->to, err)
			     : open_now(&to, machine, err);
	if (r == 0)
		r = compare(spec, &from, &to, err);
	/* A root that was held, and was changed all the same. */
	if (state_close(&to, &moved) < 0 && r == 0) {
		*err = moved;
		r = -err->code;
	}
	state_close(&from, &(struct err){ 0 });
	return r;
}
