/* SPDX-License-Identifier: GPL-2.0-or-later */
/* set, get, unset: the keys of machine.conf(5). */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/backup/backup.h"
#include "cmd/cli/changes.h"
#include "cmd/cli/common.h"
#include "cmd/cli/policy.h"
#include "cmd/cli/print.h"
#include "cmd/cli/rights.h"
#include "machine/life/life.h"
#include "machine/life/pending.h"
#include "machine/manage/manage.h"
#include "machine/state/machine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const struct flag *const get_flags[] = { &flag_json, NULL };

/* The change that takes a fixed IPv4 address out of the settings. */
static bool gives_up_address(const struct config_change *change)
{
	return strcmp(change->name, "network.address") == 0 && (!change->value || !*change->value);
}

/* Whether nothing is left for the next start. A lease stays as it is without a fixed address. */
static bool all_live(const struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		if (!pending_is_live(changes->list[i].name) && !gives_up_address(&changes->list[i]))
			return false;
	}
	return true;
}

/* A running machine keeps it; a stopped one has no lease any more. */
static void note_kept_address(const struct machine *machine, const struct changes *changes)
{
	struct machine_status status = { 0 };
	char address[INET_ADDRSTRLEN];
	bool given_up = false;

	for (size_t i = 0; i < changes->count; i++) {
		/* On another network the machine gets another address. */
		if (strcmp(changes->list[i].name, "network") == 0)
			return;
		given_up |= gives_up_address(&changes->list[i]);
	}
	if (!given_up)
		return;
	machine_status(machine, NULL, &status);
	if (!status.leased || status.lease.foreign || machine_is_down(status.state))
		return;
	inet_ntop(AF_INET, &status.lease.address, address, sizeof address);
	print_note("machine '%s' keeps its address %s; for another: berth set %s "
		   "network.address=ADDRESS",
		   machine->name, address, machine->name);
}

/* Names in boot.after may come first, and their machines later. */
static void note_absent(const struct machine *machine, const struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		const struct config_change *one = &changes->list[i];
		if (strcmp(one->name, "boot.after") != 0 || !one->value)
			continue;
		scoped_free char *names = strdup(one->value);
		char *rest = names;
		for (char *name; names && (name = strsep(&rest, " ,\t"));) {
			scoped_machine struct machine other = { 0 };
			if (*name && machine_read(&other, machine->dirs, name,
						  &(struct err){ 0 }) == -ENOENT)
				print_note(
					"machine '%s' is to start after '%s', and no machine has "
					"that name",
					machine->name, name);
		}
	}
}

static bool any_of_backups(const struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		if (text_starts(changes->list[i].name, "backup."))
			return true;
	}
	return false;
}

static void note_sentence(void *context, const char *sentence)
{
	(void)context;
	print_note("%s", sentence);
}

/* Users may come later, and may be meant to have the host. */
static void note_rights(const struct machine *machine, const struct changes *changes)
{
	bool users = false, walls = false;

	for (size_t i = 0; i < changes->count; i++) {
		users |= strcmp(changes->list[i].name, "access.users") == 0;
		walls |= strcmp(changes->list[i].name, "security.privileged") == 0;
	}
	if (users)
		rights_absent(machine, note_sentence, NULL);
	if (users || walls)
		rights_wide(machine, note_sentence, NULL);
}

/* Notes of what a change does not do yet, or does not do at all. */
static void note_effects(struct machine *machine, const struct changes *changes)
{
	struct machine_status status = { 0 };

	note_absent(machine, changes);
	note_rights(machine, changes);
	note_kept_address(machine, changes);
	if (any_of_backups(changes))
		backup_remark(machine);
	if (all_live(changes))
		return;
	machine_status(machine, NULL, &status);
	if (!machine_is_down(status.state))
		print_note("machine '%s' runs: it takes effect at its next start", machine->name);
}

/* --dry-run: all that a change checks, and what it would change. */
static int try_change(const struct call *call, struct machine *machine,
		      const struct changes *changes, struct err *err)
{
	struct machine_config wanted;

	if (machine_set_check(machine, changes->list, changes->count, &wanted, err) < 0)
		return -err->code;
	int r = changes_show(call, &machine_schema, &machine->config, &wanted, changes, err);
	config_free(&machine_schema, &wanted);
	return r;
}

static int make_change(const struct call *call, struct machine *machine,
		       const struct changes *changes, struct err *err)
{
	scoped_machine struct machine before = { 0 };
	int r = open_named(&before, call, call->words[0], err);

	if (r == 0)
		r = machine_set(machine, changes->list, changes->count, err);
	if (r != 0)
		return r;
	if (changes_any(&machine_schema, &before.config, &machine->config, changes))
		note_effects(machine, changes);
	return changes_show(call, &machine_schema, &before.config, &machine->config, changes, err);
}

static int change(const struct call *call, bool unset, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_changes struct changes changes = { 0 };

	int r = changes_given(call, &machine_schema, unset ? CHANGES_UNSET : CHANGES_SET, &changes,
			      err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r != 0)
		return r;
	r = call_has(call, &flag_dry_run) ? try_change(call, &machine, &changes, err)
					  : make_change(call, &machine, &changes, err);
	/* The key is unknown, and the file has no line with it either. */
	return r == -ENOENT && unset ? EXIT_USAGE : r;
}

static int run_set(struct call *call, struct err *err)
{
	return change(call, false, err);
}

static int run_unset(struct call *call, struct err *err)
{
	return change(call, true, err);
}

static int run_get(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };

	int r = open_named(&machine, call, call->words[0], err);
	if (r == 0)
		r = machine_check(&machine, err);
	return r != 0 ? r : settings_show(call, &machine_schema, &machine.config, NULL, err);
}

const struct command command_set = {
	.name = "set",
	.args = "MACHINE KEY=VALUE...",
	.help = "Change settings of a machine, all or none of them",
	.flags = changes_flags,
	.min = 2,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_KEY,
	.run = run_set,
};

const struct command command_get = {
	.traits = COMMAND_LOOKS,
	.name = "get",
	.args = "MACHINE [KEY]",
	.help = "Show settings of a machine",
	.flags = get_flags,
	.min = 1,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_KEY,
	.run = run_get,
};

const struct command command_unset = {
	.name = "unset",
	.args = "MACHINE KEY...",
	.help = "Put settings of a machine back to their defaults",
	.flags = changes_flags,
	.min = 2,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_KEY,
	.run = run_unset,
};
