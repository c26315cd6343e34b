/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backup take, scheduled, forget: backups that are made, and folders that are let go. */
#include "cmd/machine/backup.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/verbs.h"
#include "cmd/machine/policy.h"
#include "machine/backup/backup.h"

#include <string.h>

static const struct flag flag_full = { "full", 0, false, NULL,
				       "a full backup, and not only what has changed" };
static const struct flag *const take_flags[] = { &flag_full, &flag_label, &flag_now, &flag_target,
						 NULL };
static const struct flag *const scheduled_flags[] = { &flag_label, &flag_now, &flag_target, NULL };

/* ---- Making them */

static void show(void *context, uint64_t bytes)
{
	progress_show_bytes(context, bytes);
}

static int make_one(struct call *call, struct machine *machine, const char *target, uint64_t now,
		    struct err *err)
{
	scoped_free char *doing = text_format("backing up machine '%s'", machine->name);
	struct progress_bytes shown = { .doing = doing, .began = clock_ms() };
	struct backup_spec spec = {
		.target = target,
		.now = now,
		.full = call_has(call, &flag_full),
		.codec = STREAM_LZ4,
		.tick = progress_is_shown() ? show : NULL,
		.tick_context = &shown,
	};
	struct backup made;
	char size[32];

	if (!doing)
		return err_set(err, ENOMEM, "out of memory");
	int r = backup_make(machine, &spec, &made, err);
	if (progress_is_shown())
		progress_write("%s", "");
	if (r < 0)
		return r;
	text_human_size(made.size, size, sizeof size);
	printf("%s@%.15s: %s, %s\n", machine->name, made.file, made.base ? "increment" : "full",
	       size);
	return 0;
}

static int act_take(struct call *call, struct machine *machine, struct err *err)
{
	scoped_free char *target = NULL;
	uint64_t now;
	int r = now_given(call, &now, err);

	if (r == 0)
		r = machine_check(machine, err);
	if (r == 0)
		r = backup_target_wanted(call, machine, &target, err);
	return r != 0 ? r : make_one(call, machine, target, now, err);
}

static int run_take(struct call *call, struct err *err)
{
	if (call->count == 0 && !call_has(call, &flag_label)) {
		err_set(err, EINVAL, "name the machines, or choose them by --label; '*' is all");
		return EXIT_USAGE;
	}
	return for_each_machine(call, act_take, false, err);
}

static int act_scheduled(struct call *call, struct machine *machine, struct err *err)
{
	scoped_free char *target = NULL;
	uint64_t now;
	int r = now_given(call, &now, err);

	if (r == 0)
		r = machine_check(machine, err);
	if (r != 0 || !*machine->config.backup_schedule)
		return r;
	r = backup_target_wanted(call, machine, &target, err);
	if (r == 0)
		r = backup_is_due(machine, target, now, err);
	return r <= 0 ? r : make_one(call, machine, target, now, err);
}

static int run_scheduled(struct call *call, struct err *err)
{
	return for_each_machine(call, act_scheduled, false, err);
}

/* ---- Letting a target go */

static int act_forget(struct call *call, struct machine *machine, struct err *err)
{
	return backup_forget(machine, call->context, err);
}

static int run_forget(struct call *call, struct err *err)
{
	scoped_free char *target = strdup(call->words[0]);

	if (!target)
		return err_set(err, ENOMEM, "out of memory");
	if (backup_target_check(target, err) < 0 || target_forget(&call->dirs, target, err) < 0)
		return -err->code;
	/* All machines of this host had a snapshot for it. */
	call->context = target;
	call->count = 0;
	int r = for_each_machine(call, act_forget, false, err);
	call->context = NULL;
	return r;
}

static const struct command take = {
	.group = "backup",
	.name = "take",
	.aliases = "create",
	.args = "[MACHINE...]",
	.help = "Write backups of machines, running or not; the word take may be left out",
	.flags = take_flags,
	.min = 0,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_take,
};

static const struct command scheduled = {
	.group = "backup",
	.name = "scheduled",
	.traits = COMMAND_ALL,
	.args = "[MACHINE...]",
	.help = "Write the backups that are due by backup.schedule, and delete old ones",
	.flags = scheduled_flags,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_scheduled,
};

static const struct command forget = {
	.group = "backup",
	.name = "forget",
	.traits = COMMAND_ALL,
	.args = "FOLDER",
	.help = "Delete the snapshots that backups in a folder build on; the backups stay",
	.min = 1,
	.max = 1,
	.first = WORD_FILE,
	.run = run_forget,
};

static const struct command *const members[] = {
	&take,   &scheduled, &backup_list_verb, &backup_verify_verb, &backup_restore_verb,
	&forget, NULL,
};

const struct command command_backups = {
	.name = "backup",
	.args = "",
	.help = "Keep machines in files: take, scheduled, list, verify, restore, forget",
	.max = -1,
	.members = members,
	.other = &take,
};
