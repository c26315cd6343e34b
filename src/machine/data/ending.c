/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes that go with an ephemeral machine: the copies that were made for it when it was cloned, which its settings
 * still name, and which no other machine has. They are marked as half removed, durably, before the machine is erased.
 * If that is cut, the next command finds by the mark whether the machine is there: then the volume is whole again, else
 * it is removed.
 */
#include "machine/data/data.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "machine/life/volume_use.h"

#include <string.h>

struct going {
	char name[64];
	int lock; /* owned */
};

struct ending {
	struct machine *machine;
	struct going *list; /* owned */
	size_t count;
};

bool data_is_made_for(const struct volume_config *config, const struct machine *machine)
{
	size_t n = strlen(machine->config.uuid);

	return n > 0 && text_starts(config->maker, machine->config.uuid) && config->maker[n] == ' ';
}

static int note_other(void *context, const char *name, const struct attached_config *attached)
{
	const struct machine *machine = context;

	(void)attached;
	return strcmp(name, machine->name) != 0;
}

static bool goes_along(struct machine *machine, const char *name)
{
	struct volume_config config = { 0 };
	struct err ignored = { 0 };
	char other[64];
	bool made = data_open(machine->dirs, name, &config, &ignored) == 0 &&
		    data_is_made_for(&config, machine);

	config_free(&volume_schema, &config);
	return made && data_each_machine(machine->dirs, name, note_other, machine, &ignored) == 0 &&
	       !volume_use_find(machine->dirs, name, machine->name, false, other);
}

/* The machine's lock is held, which comes after those of volumes: a command that has one of these is not waited for. */
static void mark_one(struct ending *ending, const char *name)
{
	const struct dirs *dirs = ending->machine->dirs;
	struct going *going = &ending->list[ending->count];
	struct unfinished mark = data_mark(dirs, name);
	scoped_fd int lock = data_lock(dirs, name, 0, &(struct err){ 0 });

	if (lock < 0 || !goes_along(ending->machine, name) ||
	    unfinished_undo(&mark, &(struct err){ 0 }) < 0)
		return;
	text_print(going->name, sizeof going->name, "%s", name);
	going->lock = take_fd(&lock);
	ending->count++;
	fault_point("volume-going");
}

static void mark_all(struct ending *ending)
{
	const struct machine_config *config = &ending->machine->config;
	size_t count = 0;

	for (const struct section *at = config->volumes; config->ephemeral && at; at = at->next)
		count++;
	ending->list = count ? calloc(count, sizeof *ending->list) : NULL;
	for (const struct section *at = config->volumes; ending->list && at; at = at->next)
		mark_one(ending, at->name);
}

/* Data that cannot be removed now stay half removed, and the next command that makes or deletes volumes tries again. */
static void settle_all(struct ending *ending, bool gone)
{
	const struct dirs *dirs = ending->machine->dirs;

	for (size_t i = 0; i < ending->count; i++) {
		struct going *going = &ending->list[i];
		if (!gone) {
			data_finish(dirs, going->name, &(struct err){ 0 });
		} else if (data_erase(dirs, going->name, false, &(struct err){ 0 }) == 0) {
			data_lock_forget(dirs, going->name);
			data_tell(dirs, going->name, &(struct event){ .name = "volume-deleted" });
		}
		scoped_close_fd(&going->lock);
	}
	free(ending->list);
}

int data_erase_machine(struct machine *machine, bool forget, struct err *err)
{
	struct ending ending = { .machine = machine };
	struct unfinished mark = machine_mark(machine);

	mark_all(&ending);
	int r = machine_erase(machine, forget, err);
	fault_point("volume-machine-gone");
	settle_all(&ending, r == 0 || unfinished_is(&mark));
	return r;
}
