/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes that go with a machine: the copies that were made for an ephemeral one when it was cloned, those that have
 * arrived with one that another host takes back, and those of one that has moved to another host. Its settings still name
 * them, and no other machine has them. They are marked as half removed, durably, before the machine is erased.
 * If that is cut, the next command finds by the mark whether the machine is there: then the volume is whole again, else
 * it is removed.
 */
#include "machine/data/data.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "machine/life/passing.h"
#include "machine/life/volume_use.h"
#include "machine/state/move.h"

#include <string.h>

enum { SETTLE_SECONDS = 10 };

struct going {
	char name[64];
	int lock; /* owned */
};

struct ending {
	struct machine *machine;
	bool moved;         /* to another host, with all of them */
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

/* maker: "UUID NAME", or "". 0 or -code. */
static int set_maker(const struct dirs *dirs, const char *name, struct volume_config *config,
		     char *maker)
{
	scoped_free char *path = dirs_state_path(dirs, "volumes/%s/volume.conf", name);

	if (text_take(&config->maker, maker) < 0 || !path)
		return -ENOMEM;
	return config_record(&volume_schema, path, config, (const char *const[]){ "maker", NULL },
			     &(struct err){ 0 });
}

/* A volume of a machine that has moved is made its own first, by which a command that goes on finds whose it is. */
static bool belongs(const struct ending *ending, const char *name)
{
	const struct machine *machine = ending->machine;
	struct volume_config config = { 0 };
	bool does = data_open(machine->dirs, name, &config, &(struct err){ 0 }) == 0;

	if (does && !data_is_made_for(&config, machine))
		does = ending->moved &&
		       set_maker(machine->dirs, name, &config,
				 text_format("%s %s", machine->config.uuid, machine->name)) == 0;
	config_free(&volume_schema, &config);
	return does;
}

static bool goes_along(const struct ending *ending, const char *name)
{
	struct machine *machine = ending->machine;
	char other[64];

	return data_each_machine(machine->dirs, name, note_other, machine, &(struct err){ 0 }) ==
		       0 &&
	       !volume_use_find(machine->dirs, name, machine->name, false, other) &&
	       belongs(ending, name);
}

/* The machine's lock is held, which comes after those of volumes: a command that has one of these is not waited for. */
static void mark_one(struct ending *ending, const char *name)
{
	const struct dirs *dirs = ending->machine->dirs;
	struct going *going = &ending->list[ending->count];
	struct unfinished mark = data_mark(dirs, name);
	scoped_fd int lock = data_lock(dirs, name, 0, &(struct err){ 0 });

	if (lock < 0 || !goes_along(ending, name) || unfinished_undo(&mark, &(struct err){ 0 }) < 0)
		return;
	text_print(going->name, sizeof going->name, "%s", name);
	going->lock = take_fd(&lock);
	ending->count++;
	fault_point("volume-going");
}

static void mark_all(struct ending *ending)
{
	const struct machine_config *config = &ending->machine->config;
	struct move_mark mark;
	size_t count = 0;

	for (const struct section *at = config->volumes; at; at = at->next)
		count++;
	if (!count)
		return;
	/* A volume that a killed command has left half made or half removed is whole, because its machine is there. */
	data_sweep(ending->machine->dirs);
	if (!data_goes_with(ending->machine))
		return;
	ending->moved = move_read(ending->machine, &mark, &(struct err){ 0 }) == 0 &&
			mark.phase == MOVE_MOVED && !mark.volumes_stay;
	ending->list = calloc(count, sizeof *ending->list);
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

	/* Nobody is to start it any more. */
	passing_end_all(machine->dirs, machine->name);
	mark_all(&ending);
	int r = machine_erase(machine, forget, err);
	if (r < 0 && !unfinished_is(&mark))
		passing_listen(machine, NULL);
	fault_point("volume-machine-gone");
	settle_all(&ending, r == 0 || unfinished_is(&mark));
	return r;
}

void data_settle_arrived(const struct machine *machine)
{
	for (const struct section *at = machine->config.volumes; at; at = at->next) {
		struct volume_config config = { 0 };
		scoped_fd int lock =
			data_lock(machine->dirs, at->name, SETTLE_SECONDS, &(struct err){ 0 });
		if (lock >= 0 &&
		    data_open(machine->dirs, at->name, &config, &(struct err){ 0 }) == 0 &&
		    data_is_made_for(&config, machine))
			set_maker(machine->dirs, at->name, &config, strdup(""));
		config_free(&volume_schema, &config);
	}
}
