/* SPDX-License-Identifier: GPL-2.0-or-later */
/* publish: makes a template from a machine. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "machine/manage/manage.h"

#include <string.h>

static const struct flag flag_keep = { "keep", 0, false, NULL,
				       "leave identity, logs and histories in it" };
static const struct flag *const publish_flags[] = { &flag_keep, &flag_pool, NULL };

/* Publishes under names that were checked before. */
static int publish(struct call *call, const char *name, const char *snapshot, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_text struct text notes = { 0 };
	scoped_progress struct progress progress = { 0 };
	const struct publish_spec spec = {
		.snapshot = snapshot,
		.pool = call_value(call, &flag_pool),
		.keep = call_has(call, &flag_keep),
	};

	progress_begin(&progress, "publishing machine '%s'", name);
	int r = open_named(&machine, call, name, err);
	if (r == 0) {
		interrupt_whole("template", call->words[1], "template info", call->words[1]);
		r = machine_publish(&machine, call->words[1], &spec, &notes, err);
		interrupt_quiet();
	}
	char *rest = notes.data;
	for (char *line; r == 0 && (line = strsep(&rest, "\n"));) {
		if (*line)
			print_note("%s", line);
	}
	if (r == 0)
		tell_left_volumes(&machine, "the template", false);
	return r;
}

static int run_publish(struct call *call, struct err *err)
{
	char *snapshot;
	scoped_free char *name = name_split(call->words[0], &snapshot, err);
	const char *pool = call_value(call, &flag_pool);

	if (!name)
		return -err->code;
	int r = name_check(name, err);
	if (r == 0 && snapshot)
		r = name_check(snapshot, err);
	if (r == 0)
		r = name_check(call->words[1], err);
	if (r == 0 && pool)
		r = name_check(pool, err);
	return r != 0 ? r : publish(call, name, snapshot, err);
}

const struct command command_publish = {
	.name = "publish",
	.args = "MACHINE[@SNAP] TEMPLATE",
	.help = "Make a template of a machine, running or not, without its identity",
	.flags = publish_flags,
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.run = run_publish,
};
