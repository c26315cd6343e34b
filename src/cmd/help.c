/* SPDX-License-Identifier: GPL-2.0-or-later */
/* help, version. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"

#include <string.h>

static void add_overview(struct text *out)
{
	unsigned width = print_width();

	print_meaning("usage:", 7, "berth [--root DIR] VERB [OPTION]... [ARG]...", width, out);
	print_meaning("", 0, "Complete Linux systems in containers, each with its own init.", width,
		      out);
	for (const struct family *family = families; family->commands; family++) {
		if (!family->title)
			continue;
		text_add(out, "\n%s\n", family->title);
		for (const struct command *const *c = family->commands; *c; c++) {
			scoped_text struct text left = { 0 };
			text_add(&left, "  %s %s", (*c)->name, (*c)->members ? "VERB" : (*c)->args);
			print_meaning(text_str(&left), 35, (*c)->help, width, out);
		}
	}
	text_add(out, "\n");
	print_meaning("", 0, "'berth help VERB' tells more of one, berth(1) everything.", width,
		      out);
}

static int run_help(struct call *call, struct err *err)
{
	scoped_text struct text out = { 0 };
	const struct command *command = NULL;
	int used;

	/* `berth --help` runs this too; its words are a verb, if there are any. */
	if (call->count > 0) {
		command = command_find(call->words, call->count, &used, err);
		if (!command)
			return EXIT_USAGE;
	}
	if (command)
		command_help(command, &out);
	else
		add_overview(&out);
	if (out.failed)
		return err_set(err, ENOMEM, "out of memory");
	output_text(text_str(&out));
	return 0;
}

static int run_version(struct call *call, struct err *err)
{
	(void)call;
	(void)err;
	puts("berth " BERTH_VERSION);
	return 0;
}

const struct command command_help_verb = {
	.name = "help",
	.args = "[VERB]",
	.help = "Show what there is, or more of one verb",
	.traits = COMMAND_ANYONE,
	.max = 2,
	.first = WORD_VERB,
	.run = run_help,
};

const struct command command_version = {
	.name = "version",
	.args = "",
	.help = "Show the version",
	.traits = COMMAND_ANYONE,
	.run = run_version,
};
