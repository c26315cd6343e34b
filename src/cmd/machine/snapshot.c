/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snapshot take, list, rename, delete; restore. */
#include "cmd/cli/verbs.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/table.h"
#include "machine/backup/held.h"
#include "machine/data/joint.h"
#include "machine/manage/automatic.h"
#include "machine/manage/joint_take.h"
#include "machine/manage/manage.h"
#include "machine/state/machine.h"

#include <string.h>
#include <time.h>

static const struct flag flag_alone = { "no-volumes", 0, false, NULL,
					"the root alone, without the volumes of the machine" };
static const struct flag flag_volumes = { "volumes", 0, false, NULL,
					  "and the volumes that were kept with it" };
static const struct flag *const list_flags[] = { &flag_json, NULL };
static const struct flag *const take_flags[] = { &flag_json, &flag_alone, NULL };
static const struct flag *const restore_flags[] = { &flag_volumes, NULL };
static const struct command *const members[];

/* `snapshot web list` would take a snapshot named list, because the word take may be left out. */
static int check_new_name(const struct call *call, const char *name, struct err *err)
{
	for (const struct command *const *m = members; *m; m++) {
		if (!command_is(*m, name))
			continue;
		err_set(err, EINVAL,
			"'%s' is a verb and cannot name a snapshot; did you mean 'berth snapshot "
			"%s %s'?",
			name, name, call->words[0]);
		return EXIT_USAGE;
	}
	if (snapshot_is_automatic(name, NULL)) {
		err_set(err, EINVAL,
			"a snapshot named '%s' would be an automatic one, which snapshots.keep "
			"deletes; choose another name",
			name);
		return EXIT_USAGE;
	}
	if (held_is(name, NULL, NULL)) {
		err_set(err, EINVAL,
			"a snapshot cannot be named '%s': names of snapshots for backups, which "
			"berth deletes, are like that; choose another name",
			name);
		return EXIT_USAGE;
	}
	return name_check(name, err);
}

static int run_take(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	char made_up[64];
	const char *name = call->count > 1 ? call->words[1] : made_up;
	unsigned how = call_has(call, &flag_alone) ? 0 : SNAPSHOT_VOLUMES;
	int r = call->count > 1 ? check_new_name(call, name, err) : 0;

	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r == 0)
		interrupt_note(
			"interrupted; the snapshot of machine '%s' is whole if 'berth snapshot "
			"list %s' shows it, else the next command removes what was made of it",
			machine.name, machine.name);
	if (r == 0)
		r = name == made_up ? snapshot_take_dated(&machine, "at-", clock_seconds(), how,
							  made_up, err)
				    : snapshot_take(&machine, name, how, err);
	interrupt_quiet();
	if (r != 0)
		return r;
	output_made("snapshot", name);
	if (call_has(call, &flag_json))
		return print_json(json_members((const struct json_member[]){
					  { "machine", json_string(machine.name) },
					  { "name", json_string(name) },
					  { 0 },
				  }),
				  err);
	if (name == made_up)
		printf("%s\n", name);
	return 0;
}

/* The volumes that it was taken with, by the names that they had. */
static void read_volumes(const struct machine *machine, const char *snapshot, struct joint *joint)
{
	if (joint_read(machine, snapshot, joint, &(struct err){ 0 }) < 0)
		*joint = (struct joint){ 0 };
}

static void add_volumes(struct table *table, const struct machine *machine, const char *snapshot)
{
	scoped_joint struct joint joint = { 0 };
	scoped_text struct text names = { 0 };

	read_volumes(machine, snapshot, &joint);
	for (size_t i = 0; i < joint.count; i++)
		text_add(&names, "%s%s", i ? ", " : "", joint.parts[i].volume);
	table_add(table, text_str(&names));
}

static int show_list(const struct machine *machine, const struct snapshot_entry *list, size_t count,
		     struct err *err)
{
	static const char *const heads[] = { "NAME", "CREATED", "VOLUMES", NULL };
	static const char *const plain[] = { "NAME", "CREATED", NULL };
	bool any = false;
	struct table table;
	char when[32];

	for (size_t i = 0; i < count; i++) {
		scoped_joint struct joint joint = { 0 };
		read_volumes(machine, list[i].name, &joint);
		any |= joint.count > 0;
	}
	table_begin(&table, any ? heads : plain);
	for (size_t i = 0; i < count; i++) {
		print_time(list[i].created, when, sizeof when);
		table_add(&table, list[i].name);
		table_add(&table, when);
		if (any)
			add_volumes(&table, machine, list[i].name);
	}
	return table_print(&table, err);
}

static json_t *volumes_array(const struct machine *machine, const char *snapshot)
{
	scoped_joint struct joint joint = { 0 };
	json_t *array = json_array();

	read_volumes(machine, snapshot, &joint);
	for (size_t i = 0; i < joint.count; i++)
		json_array_append_new(array, json_string(joint.parts[i].volume));
	return array;
}

static json_t *list_array(const struct machine *machine, const struct snapshot_entry *list,
			  size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array,
				      json_members((const struct json_member[]){
					      { "name", json_string(list[i].name) },
					      { "created", json_count(list[i].created) },
					      { "volumes", volumes_array(machine, list[i].name) },
					      { 0 },
				      }));
	return array;
}

static int run_list(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free struct snapshot_entry *list = NULL;
	size_t count = 0;

	int r = open_named(&machine, call, call->words[0], err);
	if (r == 0)
		r = snapshot_list(&machine, &list, &count, err);
	if (r != 0)
		return r;
	if (call_has(call, &flag_json))
		return print_json(list_array(&machine, list, count), err);
	if (count == 0) {
		print_note("machine '%s' has no snapshots; 'berth snapshot %s' takes one",
			   machine.name, machine.name);
		return 0;
	}
	return show_list(&machine, list, count, err);
}

/* Runs a function on one snapshot of one machine. */
static int on_snapshot(struct call *call,
		       int (*act)(struct machine *, const char *name, struct err *),
		       struct err *err)
{
	scoped_machine struct machine machine = { 0 };

	int r = name_check(call->words[1], err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	return r != 0 ? r : act(&machine, call->words[1], err);
}

static int run_delete(struct call *call, struct err *err)
{
	return on_snapshot(call, snapshot_delete, err);
}

static int run_rename(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = check_new_name(call, call->words[2], err);

	if (r == 0)
		r = name_check(call->words[1], err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	return r != 0 ? r : snapshot_rename(&machine, call->words[1], call->words[2], err);
}

static int run_restore(struct call *call, struct err *err)
{
	scoped_progress struct progress progress = { 0 };

	progress_begin(&progress, "restoring machine '%s'", call->words[0]);
	return on_snapshot(call, call_has(call, &flag_volumes) ? joint_restore : snapshot_restore,
			   err);
}

static const struct command take = {
	.group = "snapshot",
	.name = "take",
	.aliases = "create",
	.args = "MACHINE [SNAP]",
	.help = "Keep what the root of a machine and its volumes hold now; the word take may be "
		"left out",
	.flags = take_flags,
	.min = 1,
	.max = 2,
	.first = WORD_MACHINE,
	.run = run_take,
};

static const struct command list = {
	.traits = COMMAND_LOOKS,
	.group = "snapshot",
	.name = "list",
	.aliases = "ls",
	.args = "MACHINE",
	.help = "List the snapshots of a machine",
	.flags = list_flags,
	.min = 1,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_list,
};

static const struct command delete = {
	.group = "snapshot",
	.name = "delete",
	.aliases = "rm",
	.args = "MACHINE SNAP",
	.help = "Delete a snapshot",
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_SNAPSHOT,
	.run = run_delete,
};

static const struct command rename_verb = {
	.group = "snapshot",
	.name = "rename",
	.aliases = "mv",
	.args = "MACHINE SNAP NEW",
	.help = "Give a snapshot another name",
	.min = 3,
	.max = 3,
	.first = WORD_MACHINE,
	.rest = WORD_SNAPSHOT,
	.run = run_rename,
};

static const struct command *const members[] = {
	&take, &list, &rename_verb, &delete, &command_snapshot_scheduled, NULL
};

const struct command command_snapshot = {
	.name = "snapshot",
	.aliases = "snap",
	.args = "",
	.help = "Keep states of a machine: take, list, rename, delete, scheduled",
	.max = -1,
	.members = members,
	.other = &take,
};

const struct command command_restore = {
	.name = "restore",
	.aliases = "rollback",
	.args = "MACHINE SNAP",
	.help = "Put the root of a stopped machine back to what a snapshot kept",
	.flags = restore_flags,
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_SNAPSHOT,
	.run = run_restore,
};
