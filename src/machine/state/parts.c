/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/state/parts.h"

#include "base/renaming.h"
#include "base/scoped.h"
#include "base/unfinished.h"
#include "image/template/template.h"
#include "machine/state/move.h"
#include "machine/state/private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The remedies, by the parts that are left. */
static void tell_rest(struct machine *machine, bool folder, const char *pool)
{
	const char *name = machine->name;

	if (folder && pool)
		err_set(&machine->fault, ENODATA,
			"machine '%s' has lost its settings, and pool '%s' holds its root: bring "
			"back '%s/machine.conf', or make it anew: berth adopt %s; or delete it: "
			"berth "
			"delete --force %s",
			name, pool, machine->folder, name, name);
	else if (folder)
		err_set(&machine->fault, ENODATA,
			"machine '%s' has lost its settings, and no reachable pool has its "
			"root: bring back '%s/machine.conf' and its pool, or delete it: berth "
			"delete --force %s",
			name, machine->folder, name);
	else
		err_set(&machine->fault, ENODATA,
			"machine '%s' has no folder and no settings, and pool '%s' holds its root: "
			"bring back '%s', or make it a machine again: berth adopt %s; or delete "
			"it: berth delete --force %s",
			name, pool, machine->folder, name, name);
}

bool parts_find(struct machine *machine, bool act)
{
	scoped_inventory struct inventory inventory = { .dirs = machine->dirs, .attach = act };
	bool folder = access(machine->folder, F_OK) == 0;
	char volume[VOLUME_NAME_MAX + 1];
	struct renaming renaming;

	machine_volume(machine->name, volume);
	const char *pool = inventory_find(&inventory, volume);
	/* A root that has not followed to the new name of its machine is not this one's. */
	if (!folder &&
	    (!pool || renaming_find_from(&renaming, machine->dirs, "machines", machine->name)))
		return false;
	tell_rest(machine, folder, pool);
	if (pool) {
		free(machine->config.pool);
		machine->config.pool = strdup(pool);
	}
	return true;
}

/* Whether another command has taken the name away since the machine was opened: its root went with it. */
static bool is_gone(const struct machine *machine)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");

	return conf && access(conf, F_OK) < 0 && errno == ENOENT;
}

/* The pool that it has moved to since the machine was opened; the caller owns it. NULL: it has not. */
static char *find_new_pool(const struct machine *machine)
{
	struct machine now = { 0 };
	char *pool = NULL;

	if (machine_paths(&now, machine->dirs, machine->name, &(struct err){ 0 }) == 0 &&
	    machine_load(&now, &(struct err){ 0 }) == 0 &&
	    strcmp(now.config.pool, machine->config.pool) != 0)
		pool = strdup(now.config.pool);
	machine_close(&now);
	return pool;
}

int parts_lost_volume(const struct machine *machine, struct err *err)
{
	*err = (struct err){ 0 };
	if (is_gone(machine))
		return err_set(
			err, ENOENT,
			"no machine '%s': it has just been renamed or deleted; see: berth list",
			machine->name);
	scoped_free char *pool = find_new_pool(machine);
	if (pool)
		return err_set(err, EBUSY, "machine '%s' has just moved to pool '%s'; try again",
			       machine->name, pool);
	return err_set(err, ENODATA,
		       "machine '%s' has lost its root: there is no volume 'machine.%s' in pool "
		       "'%s'; bring it back from a backup, or delete the machine: berth delete %s",
		       machine->name, machine->name, machine->config.pool, machine->name);
}

/* The name that the root has until it follows to the new name of its machine, after a killed rename. */
static bool old_volume(const struct machine *machine, char volume[VOLUME_NAME_MAX + 1])
{
	struct renaming renaming;

	if (!renaming_find_to(&renaming, machine->dirs, "machines", machine->name))
		return false;
	machine_volume(renaming.from, volume);
	return true;
}

int parts_check(const struct machine *machine, struct inventory *inventory, const char **missing,
		struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	const char *what = NULL;

	machine_volume(machine->name, volume);
	int r = machine_check(machine, err);
	if (r < 0) {
		what = "machine.conf";
	} else {
		r = inventory_volume(inventory, machine->config.pool, volume, err);
		if (r == -ENOENT && old_volume(machine, volume)) {
			*err = (struct err){ 0 };
			r = inventory_volume(inventory, machine->config.pool, volume, err);
		}
		what = r == -ENOENT ? "volume" : "pool";
		if (r == -ENOENT)
			r = parts_lost_volume(machine, err);
		else if (r < 0)
			err_wrap(err, "machine '%s'", machine->name);
	}
	if (missing)
		*missing = r < 0 ? what : NULL;
	return r;
}

struct strays {
	const struct dirs *dirs;
	int (*visit)(void *, const char *pool, const char *volume);
	void *context;
};

/* A machine that changes its pool, or did when the command was killed, has volumes in both. */
static bool moves_between(const struct machine *machine, const char *pool)
{
	struct move_mark mark;

	return move_read(machine, &mark, &(struct err){ 0 }) == 0 && move_is_of_pool(&mark) &&
	       (strcmp(mark.pool, pool) == 0 || strcmp(mark.from_pool, pool) == 0);
}

/* A machine with a folder is known, at least as broken. */
static bool machine_has(const struct dirs *dirs, const char *name, const char *pool)
{
	scoped_machine struct machine machine = { 0 };
	struct renaming renaming;
	struct err why = { 0 };

	if (machine_paths(&machine, dirs, name, &why) < 0 ||
	    renaming_find_from(&renaming, dirs, "machines", name))
		return true;
	struct unfinished mark = machine_mark(&machine);
	int r = machine_load(&machine, &why);
	if (r == 0)
		return strcmp(machine.config.pool, pool) == 0 || moves_between(&machine, pool);
	return r != -ENOENT || access(machine.folder, F_OK) == 0 || unfinished_is(&mark);
}

static bool template_has(const struct dirs *dirs, const char *name, const char *pool)
{
	scoped_free char *folder = dirs_state_path(dirs, "templates/%s", name);
	struct renaming renaming;
	bool has_folder = !folder || access(folder, F_OK) == 0 ||
			  renaming_find_from(&renaming, dirs, "templates", name);
	struct template_config config = { 0 };
	struct err why = { 0 };
	int r = template_open(dirs, name, &config, &why);
	bool same = r == 0 && strcmp(config.pool, pool) == 0;

	if (r == 0)
		config_free(&template_schema, &config);
	return r == 0 ? same : r != -ENOENT && has_folder;
}

/* The layer below machine/data looks only for the folder: data whose settings are lost are known as broken. */
static bool data_has(const struct dirs *dirs, const char *name, const char *pool)
{
	scoped_free char *folder = dirs_state_path(dirs, "volumes/%s", name);
	scoped_free char *path = dirs_state_path(dirs, "volumes/%s/volume.conf", name);
	const struct unfinished mark = {
		.dirs = dirs, .kind = "volumes", .name = name, .file = "volume.conf"
	};
	struct volume_config config = { 0 };
	struct renaming renaming;

	if (!folder || !path || unfinished_is(&mark) ||
	    renaming_find_from(&renaming, dirs, "volumes", name))
		return true;
	if (config_load(&volume_schema, path, &config, &(struct err){ 0 }) < 0)
		return access(folder, F_OK) == 0;
	bool same = strcmp(config.pool, pool) == 0;
	config_free(&volume_schema, &config);
	return same;
}

/* Whether a part of a machine has come, by a send that was cut: manage/halfway.h. */
static bool halfway_has(const struct dirs *dirs, const char *name)
{
	scoped_free char *mark = dirs_state_path(dirs, "machines/.halfway/%s/halfway.conf", name);

	return !mark || access(mark, F_OK) == 0;
}

static int visit_volume(void *context, const char *pool, const char *volume)
{
	const struct strays *strays = context;
	static const char *const of_machines[] = { "machine.", "snapshot.", "restoring." };
	char name[64];

	const char *dot = strchr(volume, '.');
	if (!dot)
		return 0;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(dot + 1, "."), dot + 1);
	bool known = !text_starts(volume, "template.") || template_has(strays->dirs, name, pool);
	if (text_starts(volume, "halfway."))
		known = halfway_has(strays->dirs, name);
	if (text_starts(volume, "data.") || text_starts(volume, "datasnapshot."))
		known = data_has(strays->dirs, name, pool);
	for (size_t i = 0; i < sizeof of_machines / sizeof *of_machines; i++) {
		if (text_starts(volume, of_machines[i]))
			known = machine_has(strays->dirs, name, pool);
	}
	return known ? 0 : strays->visit(strays->context, pool, volume);
}

int parts_each_stray(struct inventory *inventory,
		     int (*visit)(void *, const char *pool, const char *volume), void *context,
		     struct err *err)
{
	struct strays strays = { inventory->dirs, visit, context };

	return inventory_each(inventory, visit_volume, &strays, err);
}
