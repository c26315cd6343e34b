/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pool move: a machine to another pool of this host. */
#include "machine/manage/pool_move.h"
#include "base/clock.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/estimate.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/verbs.h"
#include "cmd/host/pool.h"
#include "machine/data/data.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"

#include <string.h>

static const struct flag flag_drop_attributes = { "drop-attributes", 0, false, NULL,
						  "also if attributes of its files stay behind" };
static const struct flag flag_try = {
	"dry-run", 'n', false, NULL, "only check, and tell how long the machine would stand still"
};
static const struct flag *const move_flags[] = { &flag_drop_attributes, &flag_try, NULL };

/* Data stay where they are, and attached. */
static void tell_volumes(const struct machine *machine)
{
	for (const struct section *at = machine->config.volumes; at; at = at->next) {
		struct volume_config volume = { 0 };
		if (data_open(machine->dirs, at->name, &volume, &(struct err){ 0 }) < 0)
			continue;
		print_note("volume '%s' of machine '%s' stays in pool '%s', attached as before",
			   at->name, machine->name, volume.pool);
		config_free(&volume_schema, &volume);
	}
}

/* ---- A dry run */

static void tell_last(uint64_t size, uint64_t writes, uint64_t rate)
{
	if (writes == MACHINE_USAGE_UNKNOWN)
		printf("stands still: not known, because nothing counts what the machine writes\n");
	else if (writes >= rate)
		printf("last copy: not bounded, because the machine writes as much as is copied\n");
	else
		estimate_last(size, writes, rate);
}

static int plan(struct machine *machine, const struct pool_move_spec *spec, struct err *err)
{
	uint64_t size = 0, rate = 0;
	char text[32];

	if (pool_move_check(machine, spec, err) < 0 ||
	    pool_move_measure(machine, spec, &size, &rate, err) < 0)
		return -err->code;
	int live = pool_move_is_live(machine, err);
	if (live < 0)
		return live;
	if (rate == 0)
		rate = 1;
	text_human_size(rate, text, sizeof text);
	printf("machine: '%s', from pool '%s' to pool '%s'\n", machine->name, machine->config.pool,
	       spec->pool);
	printf("rate: %s a second\n", text);
	if (!run_alive(machine)) {
		estimate_copy("copy", size, rate);
		printf("stands still: it is stopped\n");
	} else if (live) {
		estimate_copy("first copy", size, rate);
		tell_last(size, estimate_writes(machine), rate);
	} else {
		estimate_copy("copy", size, rate);
		printf("stands still: for the whole copy, because the snapshots of pool '%s' are "
		       "copies themselves, and as long as its stop and its boot take\n",
		       machine->config.pool);
	}
	return 0;
}

/* ---- The move */

static void show(void *context, uint64_t bytes)
{
	progress_show_bytes(context, bytes);
}

static void tell_end(const struct machine *machine, const struct pool_move_spec *spec,
		     struct pool_move_report *report)
{
	if (report->killed)
		print_note("machine '%s' did not halt in time and was killed", machine->name);
	print_notes(&report->warning);
	if (report->ran)
		print_note("machine '%s' stood still for %.1f s", machine->name,
			   (double)report->still / 1000);
	if (report->unremoved.code)
		print_note("machine '%s' is in pool '%s' now, but what it had before could not be "
			   "removed: %s; the next command tries again",
			   machine->name, spec->pool, report->unremoved.text);
}

static int move(struct machine *machine, const struct pool_move_spec *spec, struct err *err)
{
	scoped_free char *doing = text_format("moving machine '%s'", machine->name);
	struct progress_bytes shown = { .doing = doing, .began = clock_ms() };
	struct pool_move_report report = { 0 };

	if (!doing)
		return err_set(err, ENOMEM, "out of memory");
	interrupt_note("machine '%s' stays in pool '%s'; the next command removes what was copied",
		       machine->name, machine->config.pool);
	struct pool_move_spec watched = *spec;
	watched.tick = progress_is_shown() ? show : NULL;
	watched.tick_context = &shown;
	int r = machine_pool_move(machine, &watched, &report, err);
	if (progress_is_shown())
		progress_write("%s", "");
	interrupt_quiet();
	tell_end(machine, spec, &report);
	text_free(&report.warning);
	if (r == 0)
		tell_volumes(machine);
	return r;
}

static int run_move(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct pool_move_spec spec = { .drop_attributes = call_has(call, &flag_drop_attributes) };
	int r = name_check(call->words[0], err);

	if (r == 0)
		r = name_check(call->words[1], err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r != 0)
		return r;
	spec.pool = call->words[1];
	return call_has(call, &flag_try) ? plan(&machine, &spec, err) : move(&machine, &spec, err);
}

const struct command pool_verb_move = {
	.group = "pool",
	.name = "move",
	.args = "MACHINE POOL",
	.help = "Move a machine, running or not, to another pool",
	.flags = move_flags,
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_POOL,
	.run = run_move,
};
