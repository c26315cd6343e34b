/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verbs that a keeper runs as its children: see machine_finish, machine_respawn, machine_watch_pool, machine_serve, and
 * machine/life/use.h. They are not for people.
 */
#include "cmd/cli/common.h"
#include "cmd/cli/verbs.h"
#include "keeper/keeper_plan.h"
#include "machine/data/data.h"
#include "machine/life/life.h"
#include "machine/life/use.h"
#include "machine/start/start.h"
#include "machine/state/machine.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static int run_finish(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = open_named(&machine, call, call->words[0], err);

	return r != 0 ? r
		      : machine_finish(&machine, call->words[1], call->words[2], data_erase_machine,
				       err);
}

static int run_respawn(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	uint64_t fd;

	if (text_to_u64(call->words[1], 3, INT_MAX, &fd) < 0) {
		err_set(err, EINVAL, "'%s' is not a descriptor", call->words[1]);
		return EXIT_USAGE;
	}
	int r = open_named(&machine, call, call->words[0], err);
	return r != 0 ? r : machine_respawn(&machine, (int)fd, err);
}

static int run_pool_watch(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = open_named(&machine, call, call->words[0], err);

	const char *pool = call->count > 1 ? call->words[1] : machine.config.pool;
	return r != 0 ? r : machine_watch_pool(&call->dirs, pool, err);
}

static int run_serve(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = open_named(&machine, call, call->words[0], err);

	if (r == 0)
		r = machine_serve(&machine, call->count > 1, err);
	return r == 1 ? KEEPER_SERVED : r;
}

/* Somebody may use it again since its keeper has looked. */
static int run_idle(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = open_named(&machine, call, call->words[0], err);

	if (r != 0 || use_is_noted(&machine) || machine_paused(&machine))
		return r;
	use_tell_idle(&machine);
	return strcmp(machine.config.desktop_idle, "stop") == 0
		       ? stop_machine(call, &machine, false, true, err)
		       : machine_pause_idle(&machine, NULL, err);
}

const struct command command_finish = {
	.name = "_finish",
	.args = "MACHINE HOW OUTCOME",
	.help = "Clean up after the end of a guest; run by its keeper",
	.traits = COMMAND_HIDDEN,
	.min = 3,
	.max = 3,
	.run = run_finish,
};

const struct command command_respawn = {
	.name = "_respawn",
	.args = "MACHINE FD",
	.help = "Start the next guest of a reboot; run by its keeper",
	.traits = COMMAND_HIDDEN,
	.min = 2,
	.max = 2,
	.run = run_respawn,
};

/* The verb, its one word and its lock tend.POOL stay, because keepers that an older berth has started use them. */
const struct command command_pool_watch = {
	.name = "_tend",
	.args = "MACHINE [POOL]",
	.help = "Look after a pool that a machine writes to until it has room again; run by its "
		"keeper",
	.traits = COMMAND_HIDDEN,
	.min = 1,
	.max = 2,
	.run = run_pool_watch,
};

const struct command command_serve = {
	.name = "_serve",
	.args = "MACHINE [again]",
	.help = "Bring back the dnsmasq of a machine's network; run by its keeper",
	.traits = COMMAND_HIDDEN,
	.min = 1,
	.max = 2,
	.run = run_serve,
};

const struct command command_idle = {
	.name = "_idle",
	.args = "MACHINE",
	.help = "Pause or stop a machine that nobody has used for a while; run by its keeper",
	.traits = COMMAND_HIDDEN,
	.min = 1,
	.max = 1,
	.run = run_idle,
};
