/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/rename.h"

#include "cmd/cli/common.h"
#include "cmd/template/template.h"

static int run_rename(struct call *call, struct err *err)
{
	int r = name_check(call->words[0], err);

	if (r == 0)
		r = name_check(call->words[1], err);
	return r != 0 ? r : template_rename(&call->dirs, call->words[0], call->words[1], err);
}

const struct command template_rename_verb = {
	.group = "template",
	.name = "rename",
	.aliases = "mv",
	.args = "TEMPLATE NEW",
	.help = "Give a template another name",
	.min = 2,
	.max = 2,
	.first = WORD_TEMPLATE,
	.run = run_rename,
};
