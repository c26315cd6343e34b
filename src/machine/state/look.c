/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The condition of a machine: complete, broken, half made, half removed, or absent. Commands that act complete an
 * interrupted change; those that look change nothing.
 */
#include "machine/state/private.h"

#include "base/scoped.h"
#include "machine/state/parts.h"

enum { LOAD_TRIES = 10 };

/* Half made or half removed: the next holder of the lock completes the change. */
static int finish_off(struct machine *machine, struct err *err)
{
	struct unfinished mark = machine_mark(machine);
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0)
		return lock;
	return unfinished_is(&mark) ? machine_erase(machine, false, err) : 0;
}

/* A machine without settings: absent (-ENOENT), broken (0), or half removed while its pool is away (1). */
static int load_rest(struct machine *machine, bool act, struct err *err)
{
	struct unfinished mark = machine_mark(machine);

	if (unfinished_is(&mark)) {
		struct err why = { 0 };
		if (!act || finish_off(machine, &why) == 0)
			return machine_absent(machine->dirs, machine->name, err);
		/* The machine is shown as broken, so that at least a forced deletion works. */
		err_set(&machine->fault, why.code, "machine '%s' is half removed, and %s",
			machine->name, why.text);
		config_free(&machine_schema, &machine->config);
		return config_defaults(&machine_schema, &machine->config, err) < 0 ? -err->code : 1;
	}
	if (config_defaults(&machine_schema, &machine->config, err) < 0)
		return -err->code;
	if (!parts_find(machine, act))
		return machine_absent(machine->dirs, machine->name, err);
	return 0;
}

/* Whether settings or a mark have appeared since neither was found. */
static bool has_changed(const struct machine *machine)
{
	struct unfinished mark = machine_mark(machine);
	scoped_free char *conf = machine_path(machine, mark.file);

	return (conf && access(conf, F_OK) == 0) || unfinished_is(&mark);
}

/* Absent, half made, or with settings that are missing or damaged. */
int machine_find(struct machine *machine, bool act, struct err *err)
{
	for (int tries = 0; tries < LOAD_TRIES; tries++) {
		machine->fault = (struct err){ 0 };
		int r = machine_load(machine, &machine->fault);
		if (r == 0)
			return 0;
		if (r != -ENOENT) {
			err_wrap(&machine->fault, "machine '%s'", machine->name);
			return config_defaults(&machine_schema, &machine->config, err);
		}
		machine->fault = (struct err){ 0 };
		r = load_rest(machine, act, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (!has_changed(machine))
			return 0;
		config_free(&machine_schema, &machine->config);
	}
	return err_set(err, EAGAIN, "machine '%s' is being made and deleted; try again",
		       machine->name);
}

int machine_look(struct machine *machine, const struct dirs *dirs, const char *name,
		 struct err *err)
{
	int r = machine_paths(machine, dirs, name, err);

	if (r == 0)
		r = machine_find(machine, false, err);
	if (r < 0)
		machine_close(machine);
	return r;
}
