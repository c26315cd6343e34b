/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snapshot scheduled: takes the snapshots that are due, and deletes those that are kept no more. */
#include "cmd/cli/policy.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/verbs.h"
#include "config/policy.h"
#include "machine/manage/automatic.h"

#include <string.h>
#include <time.h>

enum { WAIT_SECONDS = 60 };

static const struct flag *const scheduled_flags[] = { &flag_dry_run, &flag_json, &flag_label,
						      &flag_now, NULL };

struct scheduled {
	uint64_t now;
	json_t *array; /* owned; NULL: text is printed */
};

static void show_one(struct scheduled *scheduled, const char *machine, const char *done,
		     const char *snapshot, const char *would)
{
	if (!scheduled->array) {
		printf("%s: snapshot %s %s%s\n", machine, snapshot, would, done);
		return;
	}
	json_array_append_new(scheduled->array, json_members((const struct json_member[]){
							{ "machine", json_string(machine) },
							{ "snapshot", json_string(snapshot) },
							{ "done", json_string(done) },
							{ 0 },
						}));
}

static int act(struct call *call, struct machine *machine, struct err *err)
{
	struct scheduled *scheduled = call->context;
	struct automatic automatic = { .now = scheduled->now,
				       .dry = call_has(call, &flag_dry_run) };
	const char *would = automatic.dry ? "would be " : "";
	int r = snapshots_by_policy(machine, &automatic, err);

	if (*automatic.taken)
		show_one(scheduled, machine->name, "taken", automatic.taken, would);
	char *rest = automatic.deleted.data;
	for (char *name; (name = strsep(&rest, "\n"));) {
		if (*name)
			show_one(scheduled, machine->name, "deleted", name, would);
	}
	text_free(&automatic.deleted);
	return r;
}

static int run_scheduled(struct call *call, struct err *err)
{
	scoped_free struct scheduled *scheduled = calloc(1, sizeof *scheduled);
	int r = scheduled ? now_given(call, &scheduled->now, err)
			  : err_set(err, ENOMEM, "out of memory");

	if (r != 0)
		return r;
	/*
	 * A second one at once would take each snapshot twice. The clock is read after the wait: by an earlier time, what
	 * the other one took meanwhile would lie in the future, and count for nothing.
	 */
	scoped_fd int lock = call_has(call, &flag_dry_run)
				     ? -1
				     : dirs_lock(&call->dirs, "snapshots-by-policy", WAIT_SECONDS,
						 "the policy of snapshots", err);
	if (err->code)
		return -err->code;
	if (!scheduled->now)
		scheduled->now = clock_seconds();
	call->context = scheduled;
	if (call_has(call, &flag_json) && !(scheduled->array = json_array()))
		return err_set(err, ENOMEM, "out of memory");
	r = for_each_machine(call, act, false, err);
	if (!scheduled->array)
		return r;
	struct err failed = { 0 };
	if (print_json(scheduled->array, &failed) < 0 && r == 0) {
		*err = failed;
		r = -err->code;
	}
	return r;
}

const struct command command_snapshot_scheduled = {
	.group = "snapshot",
	.name = "scheduled",
	.traits = COMMAND_ALL,
	.args = "[MACHINE...]",
	.help = "Take the snapshots that are due by snapshots.schedule, and delete old ones",
	.flags = scheduled_flags,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_scheduled,
};
