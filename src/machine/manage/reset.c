/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Return of a machine to its template or to a snapshot; its settings stay. */
#include "machine/life/control.h"
#include "machine/life/run_state.h"
#include "machine/manage/manage.h"
#include "machine/manage/replace.h"
#include "machine/state/half.h"
#include "machine/state/move.h"
#include "machine/state/private.h"

#include "base/scoped.h"
#include "image/template/template.h"

#include <string.h>

/* The origin of the root, open. */
struct source {
	struct pool own, other; /* owned: the machine's, and the template's if it is another one */
	bool elsewhere;
	char volume[VOLUME_NAME_MAX + 1];
};

static void source_close(struct source *source)
{
	if (source->elsewhere)
		pool_close(&source->other);
	pool_close(&source->own);
}
#define scoped_source __attribute__((cleanup(source_close)))

static int find_template(struct source *source, const struct machine *machine, struct err *err)
{
	const char *template = machine->config.template;
	struct template_config config = { 0 };
	struct volume_info info;

	if (!*template)
		return err_set(err, EINVAL,
			       "it was made from no template; name a snapshot by --to");
	if (template_open(machine->dirs, template, &config, err) < 0)
		return -err->code;
	source->elsewhere = strcmp(config.pool, machine->config.pool) != 0;
	int r = source->elsewhere ? pool_open(&source->other, machine->dirs, config.pool, err) : 0;
	config_free(&template_schema, &config);
	if (r < 0) {
		source->elsewhere = false;
		return r;
	}
	template_volume(template, source->volume);
	r = volume_info(source->elsewhere ? &source->other : &source->own, source->volume, &info,
			err);
	return r < 0 ? err_wrap(err, "template '%s' has lost its root", template) : 0;
}

static int open_source(struct source *source, struct machine *machine, const char *snapshot,
		       struct err *err)
{
	if (machine_check(machine, err) < 0)
		return -err->code;
	if (pool_open(&source->own, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	if (!snapshot)
		return find_template(source, machine, err) < 0
			       ? err_wrap(err, "machine '%s' cannot be reset", machine->name)
			       : 0;
	snapshot_volume(machine->name, snapshot, source->volume);
	return snapshot_exists(machine, snapshot, err);
}

int machine_reset_check(struct machine *machine, const char *snapshot, struct err *err)
{
	scoped_source struct source source = { .own = { .use_fd = -1 }, .other = { .use_fd = -1 } };

	if (machine->config.ephemeral && run_alive(machine))
		return err_set(
			err, EINVAL,
			"machine '%s' is ephemeral, and resetting it means to stop it, which would "
			"delete it; launch another one instead",
			machine->name);
	return open_source(&source, machine, snapshot, err);
}

int machine_reset(struct machine *machine, const char *snapshot, struct err *err)
{
	scoped_source struct source source = { .own = { .use_fd = -1 }, .other = { .use_fd = -1 } };
	bool running = false;
	scoped_fd int lock = control_lock_ended(machine, &running, err);

	if (lock < 0 || move_check(machine, err) < 0 ||
	    open_source(&source, machine, snapshot, err) < 0)
		return -err->code;
	if (running)
		return err_set(err, EBUSY, "machine '%s' was started meanwhile; reset it again",
			       machine->name);
	if (restoring_clear(machine, &source.own, err) < 0)
		return -err->code;
	const struct replacement by = {
		.from = source.elsewhere ? &source.other : &source.own,
		.volume = source.volume,
		.snapshot = snapshot,
		.verb = "reset",
	};
	int r = root_replace(machine, &source.own, &by, err);
	/* The root is of another moment than the volumes now, as a reset wants it. */
	if (r == 0)
		half_end(machine);
	return r;
}
