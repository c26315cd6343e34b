/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a move that has not been completed: the machine is this host's again, if the other one does not run it. */
#include "cmd/travel/move.h"

#include "cmd/cli/print.h"

#include <errno.h>
#include <string.h>

enum { RELEASE_SECONDS = 300 };

/* A decision by hand: nobody is asked. */
static int take_unasked(struct moving *moving, struct err *err)
{
	const struct machine *machine = moving->machine;

	if (move_drop(machine, err) < 0)
		return -err->code;
	print_note(
		"machine '%s' is this host's now; host '%s' was not asked, and must not start its "
		"own",
		machine->name, moving->mark.host);
	return 0;
}

/* A machine that was never handed over is this host's anyway, also if the other one is out of reach. */
static int end_copying(struct moving *moving, struct err *err)
{
	const struct machine *machine = moving->machine;
	struct err why = { 0 };

	int r = move_connect(moving, "abort", false, &why);
	if (r == 0 && strcmp(moving->offer.state, "arriving") == 0 &&
	    strcmp(moving->offer.token, moving->mark.token) == 0)
		r = far_ask(&moving->far, "release", RELEASE_SECONDS, &why);
	if (r != 0)
		print_note("what has arrived on host '%s' stays there: %s; 'berth delete %s' there "
			   "removes it",
			   moving->mark.host, why.text,
			   *moving->mark.name ? moving->mark.name : machine->name);
	return move_drop(machine, err);
}

static int take_back(struct moving *moving, struct err *err)
{
	const struct machine *machine = moving->machine;
	const char *host = moving->mark.host;
	const struct offer *offer = &moving->offer;

	if (move_connect(moving, "abort", false, err) != 0)
		return err_wrap(
			err,
			"machine '%s' is not taken back, because host '%s' may run it; if that "
			"host is lost, or has the machine as 'arriving', 'berth move --abort "
			"--force %s' decides that without it",
			machine->name, host, machine->name);
	if (offer->runs)
		return err_set(
			err, EBUSY,
			"machine '%s' runs on host '%s': stop it there first, or complete the "
			"move: berth move %s %s",
			machine->name, host, machine->name, host);
	bool handed = strcmp(offer->state, "here") == 0;
	if (far_ask(&moving->far, "release", RELEASE_SECONDS, err) != 0)
		return err->code ? -err->code
				 : err_set(err, EPROTO, "host '%s': %s", host, moving->far.said);
	if (handed)
		print_note("host '%s' does not start its copy, which has what the machine wrote "
			   "there, if "
			   "it ran: 'berth clone %s NEW' there makes a machine of it, and 'berth "
			   "delete "
			   "%s' there removes it",
			   host, offer->name, offer->name);
	return move_drop(machine, err);
}

int move_abort(struct moving *moving, bool force, struct err *err)
{
	const struct machine *machine = moving->machine;
	enum move_phase phase = moving->mark.phase;

	if (phase == MOVE_NONE)
		return err_set(err, ENOENT, "machine '%s' is not being moved", machine->name);
	if (phase == MOVE_ARRIVING && !force)
		return err_set(
			err, EREMOTE,
			"machine '%s' belongs to host '%s', from which it was arriving: 'berth "
			"move "
			"--abort' is for that host; if that host is lost, --force makes it this "
			"host's, as it came last",
			machine->name, moving->mark.host);
	int r = force && phase >= MOVE_HANDING ? take_unasked(moving, err)
		: phase < MOVE_HANDING         ? end_copying(moving, err)
					       : take_back(moving, err);
	if (r == 0)
		move_forget_copies(moving, "");
	return r;
}
