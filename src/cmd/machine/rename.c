/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rename, and the end of a rename that was killed. */
#include "machine/manage/rename.h"
#include "machine/manage/pool_move.h"
#include "machine/manage/rule_peers.h"

#include "base/renaming.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/verbs.h"

#include <string.h>

void complete_renames(const struct call *call)
{
	scoped_text struct text notes = { 0 };

	if (call->command->traits & (COMMAND_LOOKS | COMMAND_ANYONE | COMMAND_HIDDEN) ||
	    !renaming_any(&call->dirs))
		return;
	renames_finish(&call->dirs, &notes);
	pool_moves_finish(&call->dirs, &notes);
	print_notes(&notes);
}

struct following {
	const char *from, *to;
};

/* A rule names its peer, and does not follow a rename: another machine may get the old name. */
static void note_rule(void *context, const struct rule_peer *peer)
{
	const struct following *following = context;

	if (strcmp(peer->machine, following->from) == 0)
		print_note("rule '%s' of %s '%s' still %s the name '%s', and not '%s'; see: berth "
			   "rule list",
			   peer->rule, peer->kind, peer->owner, peer->deny ? "denies" : "allows",
			   following->from, following->to);
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
	if (r == 0)
		rule_peers_each(&call->dirs, note_rule,
				&(struct following){ call->words[0], call->words[1] });
	return r;
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
