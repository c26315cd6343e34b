/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The changes in a guest's life that may come at any time, from a client, a signal, or the guest: booted, halt, kill,
 * end. What follows an event of the guest's own process is in supervise.c; how init is signalled in halt.c.
 */
#include "keeper/keeper.h"

#include "base/log.h"
#include "base/scoped.h"
#include "kern/cgroup.h"

#include <signal.h>
#include <sys/timerfd.h>
#include <unistd.h>

void keeper_set_booted(struct keeper *keeper)
{
	if (keeper->booted)
		return;
	keeper->booted = true;
	record_mark(keeper, "booted");
	log_line("booted");
	record_name(keeper, "booted");
	clients_tell(keeper, SAY_BOOTED);
}

void keeper_end(struct keeper *keeper, enum ended ended, const char *how)
{
	record_mark(keeper, "halting");
	keeper->done = true;
	keeper->ended = ended;
	text_print(keeper->how, sizeof keeper->how, "%s", how);
	log_line("ended: %s", how);
}

void keeper_let_go(struct keeper *keeper)
{
	event_loop_close(keeper, &keeper->guest);
	event_loop_close(keeper, &keeper->console);
	input_forget(keeper);
	event_loop_close(keeper, &keeper->notify);
	event_loop_close(keeper, &keeper->ask);
	hits_close(keeper);
	scoped_close_fd(&keeper->cgroup);
}

/* A stop between two runs: there is no guest to ask. */
static bool ends_at_once(struct keeper *keeper)
{
	if (keeper->waiting && !respawn_runs(keeper))
		keeper_end(keeper, ENDED_CLEAN, "stopped before it was started again");
	return keeper->done;
}

/* A start that comes now sees the mark and waits for the end. */
static void mark_halting(struct keeper *keeper)
{
	record_mark(keeper, "halting");
	keeper->halting = true;
}

void keeper_kill(struct keeper *keeper)
{
	if (ends_at_once(keeper))
		return;
	keeper->killed = true;
	mark_halting(keeper);
	log_line("killing the guest");
	if (respawn_runs(keeper)) {
		respawn_kill(keeper);
		keeper_end(keeper, ENDED_KILLED, "killed while it was started again");
		return;
	}
	/* Both: the cgroup also holds processes of `berth exec`, and init may have left the cgroup. */
	cgroup_kill(keeper->cgroup);
	halt_send(keeper, SIGKILL);
}

void keeper_halt(struct keeper *keeper, unsigned seconds)
{
	struct itimerspec at = { .it_value.tv_sec = seconds ? seconds : 1 };

	if (ends_at_once(keeper))
		return;
	/* A second request may shorten the wait; the signal is sent once. */
	timerfd_settime(keeper->timer.fd, 0, &at, NULL);
	if (keeper->halting)
		return;
	mark_halting(keeper);
	log_line("asking the guest to halt, for at most %u s", seconds);
	/* The next guest is being made: it is asked when it is there. */
	if (respawn_runs(keeper))
		return;
	/* A paused guest would not hear it. */
	cgroup_thaw(keeper->cgroup);
	unlinkat(keeper->run, "paused", 0);
	unlinkat(keeper->run, "held", 0);
	halt_ask(keeper);
	clients_tell_halting(keeper, seconds ? seconds : 1);
}
