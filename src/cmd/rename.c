/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rename, and template rename. */
#include "machine/manage/rename.h"

#include "base/scoped.h"
#include "cmd/common.h"
#include "cmd/print.h"
#include "cmd/template.h"
#include "cmd/verbs.h"

void complete_renames(const struct call *call)
{
	scoped_text struct text notes = { 0 };

	if (call->command->traits & (COMMAND_LOOKS | COMMAND_ANYONE | COMMAND_HIDDEN))
		return;
	renames_finish(&call->dirs, &notes);
	print_notes(&notes);
}

static int run_rename(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_text struct text notes = { 0 };
	int r = name_check(call->words[1], err);

	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r == 0)
		r = machine_rename(&machine, call->words[1], &notes, err);
	print_notes(&notes);
	return r;
}

static int run_template_rename(struct call *call, struct err *err)
{
	int r = name_check(call->words[1], err);

	return r != 0 ? r : template_rename(&call->dirs, call->words[0], call->words[1], err);
}

const struct command command_rename = {
	.name = "rename",
	.aliases = "mv",
	.args = "MACHINE NEW",
	.help = "Give a stopped machine another name",
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.run = run_rename,
};

const struct command template_rename_verb = {
	.group = "template",
	.name = "rename",
	.aliases = "mv",
	.args = "TEMPLATE NEW",
	.help = "Give a template another name",
	.min = 2,
	.max = 2,
	.first = WORD_TEMPLATE,
	.run = run_template_rename,
};
