/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine in which the steps of a build are done. It is ephemeral and owned by the command: if that is killed, the
 * machine ends, and the next command deletes it.
 */
#include "cmd/template/derive.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "machine/state/owner.h"

#include <string.h>

enum { BOOT_SECONDS = 300, TRIES = 10, WORDS_MAX = 12 };

static int create(struct derive *derive, const char *from, char name[64], struct err *err)
{
	scoped_free char *base = text_format("build-%s", derive->name);
	scoped_free char *init = text_format("init=%s", derive->file.init);
	scoped_progress struct progress progress = { 0 };
	char size[48] = "disk.size=";
	const char *words[WORDS_MAX] = { "ephemeral=yes", "restart=no",     "boot.autostart=no",
					 "app.command=",  "app.directory=", "app.signal=",
					 "app.user=" };
	size_t count = 7;
	int r = -EEXIST;

	if (!base || !init)
		return err_set(err, ENOMEM, "out of memory");
	if (derive->network)
		words[count++] = derive->network;
	if (*derive->file.init)
		words[count++] = init;
	text_from_size(derive->file.size, size + strlen(size), sizeof size - strlen(size));
	if (derive->file.size)
		words[count++] = size;
	struct machine_spec spec = {
		.template = from,
		.pool = derive->pool,
		.settings = { .words = words, .count = count },
		.owner = &derive->owner,
	};
	progress_begin(&progress, "making a machine to build in");
	for (int tries = 0; r == -EEXIST && tries < TRIES; tries++) {
		*err = (struct err){ 0 };
		if (name_from_template(base, name, err) < 0)
			return -err->code;
		r = machine_create(&derive->call->dirs, name, &spec, err);
	}
	return r;
}

static int wait_booted_work(struct derive *derive, const struct derive_act *act, struct err *err)
{
	(void)act;
	return machine_wait_booted(&derive->machine, BOOT_SECONDS, err);
}

static int boot(struct derive *derive, struct err *err)
{
	scoped_progress struct progress progress = { 0 };
	long mark = console_mark(&derive->machine);

	progress_begin(&progress, "waiting for the machine to boot");
	int r = owner_outlast(derive->owner);
	if (r < 0)
		return err_set(err, -r, "write the lock of machine '%s': %s", derive->machine.name,
			       strerror(-r));
	r = start_machine(&derive->machine, NULL, err);
	fault_point("derive-started");
	/* With --keep the machine may have to live on. */
	if (r == 0 && !derive->keep)
		r = derive->owned = machine_own(&derive->machine, err);
	if (r >= 0)
		r = derive_apart(derive, wait_booted_work, NULL, BOOT_SECONDS + 10, NULL, err);
	if (r < 0 && r != -EINTR)
		console_show(&derive->machine, mark);
	return r;
}

int derive_begin(struct derive *derive, const char *from, struct err *err)
{
	char name[64];
	int r = create(derive, from, name, err);

	if (r < 0)
		return r;
	fault_point("derive-created");
	r = machine_open(&derive->machine, &derive->call->dirs, name, err);
	if (r < 0)
		return r;
	derive->made = true;
	r = boot(derive, err);
	/* ENOENT and ENODATA mean the template. */
	return r == -ENOENT || r == -ENODATA ? -EIO : r;
}

static int stop_work(struct derive *derive, const struct derive_act *act, struct err *err)
{
	enum stop_outcome outcome;

	(void)act;
	int r = machine_stop(&derive->machine, false, 0, &outcome, err);
	return r < 0 ? r : (int)outcome;
}

int derive_stop(struct derive *derive, struct err *err)
{
	scoped_progress struct progress progress = { 0 };

	progress_begin(&progress, "stopping the machine");
	int r = derive_apart(derive, stop_work, NULL, derive->machine.config.stop_timeout + 120,
			     NULL, err);
	fault_point("derive-stopped");
	if (r == STOP_KILLED)
		print_note("the machine did not stop in time, and was killed; its root is as after "
			   "a power cut");
	return r < 0 ? r : 0;
}

/* A kept machine is of the template of the file, and not of a step of the cache. */
static void name_template(struct derive *derive)
{
	static const char *const names[] = { "template", NULL };
	struct machine *machine = &derive->machine;
	scoped_free char *conf = text_format("%s/machine.conf", machine->folder);

	if (conf && text_take(&machine->config.template, strdup(derive->from)) == 0)
		config_record(&machine_schema, conf, &machine->config, names, &(struct err){ 0 });
}

/* An ephemeral machine is deleted when it stops, and so it becomes an ordinary one. */
static void leave(struct derive *derive)
{
	const struct config_change change = { .name = "ephemeral", .value = "no" };
	const char *name = derive->machine.name;
	struct err err = { 0 };

	name_template(derive);
	if (machine_set(&derive->machine, &change, 1, &err) < 0)
		print_note("machine '%s' cannot be kept: %s", name, err.text);
	else
		print_note("machine '%s' is kept; look inside: berth shell %s; delete it: berth "
			   "delete --force %s",
			   name, name, name);
	owner_release(&derive->machine, &derive->owner);
}

void derive_discard(struct derive *derive, bool keep)
{
	struct err err = { 0 };

	if (derive->made && keep)
		leave(derive);
	else if (derive->made && machine_delete(&derive->machine, true, &err) < 0)
		print_note("%s", err.text);
	scoped_close_fd(&derive->owned);
	scoped_close_fd(&derive->owner);
	machine_close(&derive->machine);
	derive->made = false;
}
