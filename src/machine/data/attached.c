/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that have a volume in their settings. Two machines never have one with the right to write to it. */
#include "machine/data/data.h"

#include "base/scoped.h"
#include "machine/life/volume_use.h"

#include <string.h>

struct search {
	const struct dirs *dirs;
	const char *volume;
	int (*visit)(void *, const char *machine, const struct attached_config *attached);
	void *context;
};

/* A machine whose settings cannot be read cannot start either. */
static int look(void *context, const char *name)
{
	const struct search *search = context;
	scoped_machine struct machine machine = { 0 };

	if (machine_read(&machine, search->dirs, name, &(struct err){ 0 }) < 0)
		return 0;
	const struct section *section = config_section(machine.config.volumes, search->volume);
	return section ? search->visit(search->context, name,
				       (const struct attached_config *)section)
		       : 0;
}

int data_each_machine(const struct dirs *dirs, const char *name,
		      int (*visit)(void *, const char *machine,
				   const struct attached_config *attached),
		      void *context, struct err *err)
{
	struct search search = { dirs, name, visit, context };

	return machine_list(dirs, look, &search, err);
}

struct holder {
	const char *except;                 /* the machine that is not looked for, or NULL */
	bool writes;                        /* only machines that may write */
	const struct data_leaving *leaving; /* NULL: none is */
	char machine[64];
};

static bool is_leaving(const struct data_leaving *leaving, const char *machine, const char *volume)
{
	return leaving && leaving->leaves(leaving->context, machine, volume);
}

static int note_holder(void *context, const char *machine, const struct attached_config *attached)
{
	struct holder *holder = context;

	if ((holder->except && strcmp(machine, holder->except) == 0) ||
	    (holder->writes && attached->readonly) ||
	    is_leaving(holder->leaving, machine, attached->section.name))
		return 0;
	text_print(holder->machine, sizeof holder->machine, "%s", machine);
	return 1;
}

int data_check_free(const struct dirs *dirs, const char *name, struct err *err)
{
	struct holder holder = { 0 };
	char machine[64];

	int r = data_each_machine(dirs, name, note_holder, &holder, err);
	if (r < 0)
		return r;
	if (r > 0)
		return err_set(
			err, EBUSY,
			"volume '%s' is attached to machine '%s' and cannot be deleted; detach it "
			"first: berth volume detach %s %s",
			name, holder.machine, holder.machine, name);
	if (volume_use_find(dirs, name, NULL, false, machine))
		return err_set(err, EBUSY,
			       "volume '%s' cannot be deleted: machine '%s' runs with it; stop "
			       "the machine first",
			       name, machine);
	return 0;
}

/* No other machine may have the right to write. */
static int check_writers(const struct dirs *dirs, const char *machine, const char *name,
			 const struct data_leaving *leaving, struct err *err)
{
	struct holder holder = { .except = machine, .writes = true, .leaving = leaving };
	char other[64];

	int r = data_each_machine(dirs, name, note_holder, &holder, err);
	if (r < 0)
		return r;
	if (r > 0)
		return err_set(err, EBUSY,
			       "volume '%s' is attached to machine '%s', and two machines cannot "
			       "write to one; detach it there first, or attach it with --read-only",
			       name, holder.machine);
	return volume_use_find(dirs, name, machine, true, other) &&
			       !is_leaving(leaving, other, name)
		       ? err_set(err, EBUSY, "machine '%s' runs with volume '%s'; stop it first",
				 other, name)
		       : 0;
}

int data_check_attach(const struct dirs *dirs, const char *machine,
		      const struct attached_config *attached, const struct data_leaving *leaving,
		      struct err *err)
{
	const char *name = attached->section.name;
	struct volume_config config = { 0 };
	scoped_inventory struct inventory inventory = { .dirs = dirs };

	if (data_open(dirs, name, &config, err) < 0)
		return -err->code;
	int r = data_has_volume(&inventory, name, &config, err);
	config_free(&volume_schema, &config);
	if (r < 0)
		return err_wrap(err, "volume '%s' cannot be attached", name);
	return attached->readonly ? 0 : check_writers(dirs, machine, name, leaving, err);
}
