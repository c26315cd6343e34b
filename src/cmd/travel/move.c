/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * move: a machine to another host, by ssh. It is removed here after it has booted there. The mark on the disk says at
 * any moment which of the two hosts may start it, and the same command goes on from there.
 */
#include "cmd/cli/verbs.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/print.h"
#include "cmd/travel/move.h"
#include "cmd/travel/stream_file.h"
#include "cmd/travel/there.h"
#include "machine/life/run_state.h"
#include "machine/start/start.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { ACCEPT_SECONDS = 120, START_SECONDS = 420, FINISH_SECONDS = 300 };

static const struct flag flag_abort = {
	"abort", 0, false, NULL, "end a move that is not completed: the machine stays here"
};
static const struct flag flag_dry = {
	"dry-run", 'n', false, NULL, "only check, and tell how long the machine would stand still"
};
static const struct flag *const move_flags[] = {
	&flag_abort,         &flag_there,         &flag_compress,    &flag_dry,  &flag_root_there,
	&flag_network_there, &flag_leave_volumes, &flag_pool_there,  &flag_rate, &flag_set_there,
	&flag_ssh,           &flag_threads,       &flag_trust_there, NULL
};

/* ---- The agreement */

/* A root that an earlier try of this move has brought without a snapshot can only be sent once more. */
static int choose_base(struct moving *moving, bool dry, struct err *err)
{
	const struct offer *offer = &moving->offer;
	int r = offer_base(offer, moving->machine, NULL, moving->last, err);

	if (r < 0 || !offer->there || *moving->last)
		return r;
	if (strcmp(offer->state, "arriving") != 0 || strcmp(offer->token, moving->mark.token) != 0)
		return err_set(err, EEXIST,
			       "host '%s' has machine '%s', and no snapshot in common with it that "
			       "could be built on: delete it there",
			       moving->target.host, offer->name);
	return dry ? 0 : far_ask(&moving->far, "release", FINISH_SECONDS, err);
}

/* ---- The handover */

/* The machine is this host's: it goes on here, and the sentence in err says why it does not move. */
static int stay(struct moving *moving, struct err *err)
{
	struct err why = *err, failed = { 0 };
	struct machine *machine = moving->machine;
	const char *next = "the same command goes on from there";

	*err = (struct err){ 0 };
	/* Without the mark of a stop it may start, also if the disk takes no other mark: the lock is released. */
	int r = moving_note(machine, &moving->mark, MOVE_COPYING, &failed);
	scoped_close_fd(&moving->lock);
	if (r == 0 || moving->mark.phase < MOVE_HANDING)
		r = moving->mark.ran ? machine_start(machine, NULL, NULL, &failed) : 0;
	if (r < 0)
		return err_set(err, why.code, "%.1000s; machine '%s' is stopped here: %.800s",
			       why.text, machine->name, failed.text);
	return err_set(err, why.code, "%.1500s; machine '%s' %s here; %s", why.text, machine->name,
		       moving->mark.ran ? "runs on" : "stays", next);
}

/* Nobody but the other host knows whether it has the machine. */
static int tell_unsure(const struct moving *moving, struct err *err)
{
	const char *name = moving->machine->name, *host = moving->target.host;
	struct err why = *err;

	*err = (struct err){ 0 };
	return err_set(
		err, why.code,
		"%.900s; host '%s' may have taken machine '%s' over, so it is not started here: "
		"'berth "
		"move %s %s' asks that host and goes on; to decide by hand, look with 'berth list' "
		"there: if that host is lost, or shows it as 'arriving', 'berth move --abort "
		"--force "
		"%s' takes it back",
		why.text, host, name, name, host, name);
}

static int ask_accept(struct moving *moving, struct err *err)
{
	int r = far_ask(&moving->far, "accept", ACCEPT_SECONDS, err);

	if (r == FAR_RETURNED) {
		err_set(err, EREMOTEIO, "host '%s': %.1500s", moving->far.host, moving->far.said);
		return stay(moving, err);
	}
	if (r < 0)
		return tell_unsure(moving, err);
	fault_point("move-accept-answered");
	return moving_note(moving->machine, &moving->mark, MOVE_MOVED, err);
}

/* began: when the machine was stopped, of clock_ms; 0: by an earlier command. */
static int start_there(struct moving *moving, int64_t began, struct err *err)
{
	const char *name = moving->machine->name, *host = moving->target.host;

	if (!moving->mark.ran)
		return 0;
	int r = far_ask(&moving->far, "start", START_SECONDS, err);
	if (r == FAR_RETURNED) {
		err_set(err, EREMOTEIO, "host '%s': %.1500s", host, moving->far.said);
		return stay(moving, err);
	}
	if (r < 0)
		return err_wrap(
			err,
			"host '%s' has machine '%s' now, which is kept here too: 'berth move "
			"%s %s' completes the move when it runs there, and 'berth move --abort "
			"%s' takes it back if it does not",
			host, name, name, host, name);
	if (began)
		print_note("machine '%s' stood still for %.1f s", name,
			   (double)(clock_ms() - began) / 1000);
	return 0;
}

static int complete(struct moving *moving, int64_t began, struct err *err)
{
	scoped_free char *finish = text_format("finish %s", moving->prefix);

	fault_point("move-moved");
	if (!finish)
		return err_set(err, ENOMEM, "out of memory");
	if (start_there(moving, began, err) < 0)
		return -err->code;
	fault_point("move-booted");
	if (far_ask(&moving->far, finish, FINISH_SECONDS, err) < 0)
		return err_wrap(
			err,
			"machine '%s' is on host '%s' and has left a copy here; 'berth move "
			"%s %s' or 'berth delete %s' removes it",
			moving->machine->name, moving->target.host, moving->machine->name,
			moving->target.host, moving->machine->name);
	fault_point("move-finished");
	if (moving->mark.volumes_stay)
		tell_left_volumes(moving->machine, "what was moved", false);
	if (machine_delete(moving->machine, false, err) < 0)
		return -err->code;
	printf("%s\n", moving->far.done);
	return 0;
}

static int hand_over(struct moving *moving, int64_t began, struct err *err)
{
	if (moving_note(moving->machine, &moving->mark, MOVE_HANDING, err) < 0)
		return stay(moving, err);
	fault_point("move-handing");
	if (ask_accept(moving, err) < 0)
		return -err->code;
	return complete(moving, began, err);
}

/* ---- The order of a move */

/* An interrupt ends ssh, whose end is a failure like any other: the machine must not stay stopped. */
static void hold_interrupts(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static int stop_and_hand_over(struct moving *moving, struct err *err)
{
	struct machine *machine = moving->machine;
	bool killed = false;

	hold_interrupts();
	int64_t began = clock_ms();
	if (moving_stop(machine, &moving->mark, moving->settings, &killed, err) < 0)
		return stay(moving, err);
	if (killed)
		print_note("machine '%s' did not halt in time and was killed", machine->name);
	if (move_copy_last(moving, err) < 0)
		return stay(moving, err);
	fault_point("move-sent");
	return hand_over(moving, began, err);
}

/* Marks the machine as being moved; an interrupt that leaves it so tells what can be done. */
static int begin(struct moving *moving, struct err *err)
{
	const char *name = moving->machine->name;

	interrupt_hold();
	int r = moving_note(moving->machine, &moving->mark, MOVE_COPYING, err);
	if (r == 0) {
		fault_point("move-copying");
		interrupt_note("machine '%s' stays here, its move to host '%s' is not completed: "
			       "'berth move %s' goes on, and 'berth move --abort %s' ends it",
			       name, moving->target.host, name, name);
	}
	interrupt_release();
	return r;
}

static int move_new(struct moving *moving, bool dry, struct err *err)
{
	struct machine *machine = moving->machine;

	int r = move_connect(moving, "copying", dry, err);
	if (r == 0)
		r = choose_base(moving, dry, err);
	if (r != 0 || dry)
		return r != 0 ? r : move_plan(moving, err);
	snprintf(moving->mark.name, sizeof moving->mark.name, "%s", moving->offer.name);
	if (begin(moving, err) < 0)
		return -err->code;
	/* A snapshot that a killed command has taken and not sent would be older than the common one. */
	move_forget_copies(moving, moving->last);
	if (run_alive(machine) && move_copy(moving, err) < 0)
		return err_wrap(err, "machine '%s' stays here; the same command goes on from there",
				machine->name);
	return stop_and_hand_over(moving, err);
}

static int refuse_state(const struct moving *moving, struct err *err)
{
	const char *name = moving->machine->name, *host = moving->target.host;
	bool absent = strcmp(moving->offer.state, "absent") == 0;

	return err_set(
		err, ENOENT,
		absent ? "host '%s' has no machine '%s' any more, which was handed over to it: if "
			 "it was deleted there, 'berth move --abort %s' takes it back"
		       : "host '%s' has another state of machine '%s' than that of this move; look "
			 "there, and decide: berth move --abort %s",
		host, name, name);
}

/* The other host was asked before to take the machine: only it knows what became of that. */
static int go_on(struct moving *moving, struct err *err)
{
	const struct offer *offer = &moving->offer;

	hold_interrupts();
	if (move_connect(moving, move_phase_name(moving->mark.phase), false, err) != 0)
		return tell_unsure(moving, err);
	bool arriving = strcmp(offer->state, "arriving") == 0 &&
			strcmp(offer->token, moving->mark.token) == 0;
	if (moving->mark.phase == MOVE_HANDING && arriving)
		return ask_accept(moving, err) < 0 ? -err->code : complete(moving, 0, err);
	if (strcmp(offer->state, "here") != 0)
		return refuse_state(moving, err);
	if (moving->mark.phase == MOVE_HANDING &&
	    moving_note(moving->machine, &moving->mark, MOVE_MOVED, err) < 0)
		return -err->code;
	return complete(moving, 0, err);
}

/* ---- The verb */

static int check_mark(struct moving *moving, struct err *err)
{
	const struct move_mark *mark = &moving->mark;
	const char *name = moving->machine->name;

	if (mark->phase == MOVE_ARRIVING)
		return move_check(moving->machine, err);
	if (move_is_of_pool(mark))
		return err_set(
			err, EBUSY,
			"machine '%s' was being moved from pool '%s' to pool '%s', which cannot "
			"be ended now; see why one of them is out of reach: berth pool list",
			name, mark->from_pool, mark->pool);
	if (mark->phase != MOVE_NONE && strcmp(mark->host, moving->target.host) != 0)
		return err_set(err, EBUSY,
			       "machine '%s' is on its way to host '%s': complete that, or end it: "
			       "berth move --abort %s",
			       name, mark->host, name);
	if (moving->machine->config.ephemeral)
		return err_set(
			err, EINVAL,
			"machine '%s' is ephemeral, and a stop deletes it: send it, which needs "
			"none: berth send %s %s",
			name, name, moving->target.host);
	return machine_check(moving->machine, err);
}

/* Without a target, that of the mark is meant. */
static int find_target(struct moving *moving, struct err *err)
{
	const struct call *call = moving->call;
	const char *word = call->count > 1 ? call->words[1] : moving->mark.host;

	if (!*word) {
		err_set(err, EINVAL, "there is no host; use: berth move MACHINE [USER@]HOST");
		return EXIT_USAGE;
	}
	if (target_parse(word, &moving->target, err) < 0)
		return EXIT_USAGE;
	if (!moving->target.name && *moving->mark.name && moving->mark.phase != MOVE_ARRIVING &&
	    strcmp(moving->mark.name, moving->machine->name) != 0)
		moving->target.name = strdup(moving->mark.name);
	return 0;
}

/*
 * Commands that reach the host are kept in the mark, so that the next command, as sentences name it, goes the same way.
 */
static int keep_way(const struct moving *moving, const struct flag *flag, char *kept, size_t room,
		    struct err *err)
{
	const char *given = call_value(moving->call, flag);

	if (!given)
		return 0;
	if (strchr(given, '\n') || text_print(kept, room, "%s", given) < 0) {
		err_set(err, EINVAL,
			"--%s takes one line of at most %zu bytes: put the command into a script",
			flag->name, room - 1);
		return EXIT_USAGE;
	}
	return 0;
}

static int move(struct moving *moving, struct err *err)
{
	struct move_mark *mark = &moving->mark;
	bool abort = call_has(moving->call, &flag_abort);

	if (move_read(moving->machine, mark, err) < 0)
		return -err->code;
	enum move_phase phase = mark->phase;
	int r = abort && phase == MOVE_NONE ? 0 : find_target(moving, err);
	if (r == 0 && !abort)
		r = check_mark(moving, err);
	if (r != 0)
		return r;
	if (phase == MOVE_NONE) {
		uuid_draw(mark->token);
		text_print(mark->host, sizeof mark->host, "%s",
			   moving->target.host ? moving->target.host : "");
	}
	if (phase < MOVE_HANDING && call_has(moving->call, &flag_leave_volumes))
		mark->volumes_stay = true;
	if (phase < MOVE_HANDING && !abort && !mark->volumes_stay &&
	    moving_check_volumes(moving->machine, err) < 0)
		return -err->code;
	r = keep_way(moving, &flag_ssh, mark->ssh, sizeof mark->ssh, err);
	if (r == 0)
		r = keep_way(moving, &flag_there, mark->berth, sizeof mark->berth, err);
	if (r != 0)
		return r;
	snprintf(moving->prefix, sizeof moving->prefix, MOVE_COPIES "%.8s-", mark->token);
	if (abort)
		return move_abort(moving, call_has(moving->call, &flag_root_there), err);
	bool dry = call_has(moving->call, &flag_dry);
	return phase == MOVE_HANDING || phase == MOVE_MOVED
		       ? dry ? move_check(moving->machine, err) : go_on(moving, err)
		       : move_new(moving, dry, err);
}

static int run_move(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct moving moving = {
		.call = call, .machine = &machine, .lock = -1, .far = { .to = -1, .from = -1 }
	};

	int r = name_check(call->words[0], err);
	if (r == 0)
		r = there_speed(call, &moving.rate, &moving.press, err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r == 0) {
		signal(SIGPIPE, SIG_IGN);
		moving.lock = move_lock(&call->dirs, machine.name, 0, err);
		r = moving.lock < 0 ? moving.lock : move(&moving, err);
	}
	print_notes(&moving.far.notes);
	far_close(&moving.far);
	scoped_close_fd(&moving.lock);
	free(moving.settings);
	offer_free(&moving.offer);
	target_free(&moving.target);
	return r;
}

const struct command command_move = {
	.name = "move",
	.args = "MACHINE [[USER@]HOST[:NAME]]",
	.help = "Move a machine, running or not, to another host by ssh",
	.flags = move_flags,
	.min = 1,
	.max = 2,
	.first = WORD_MACHINE,
	.run = run_move,
};
