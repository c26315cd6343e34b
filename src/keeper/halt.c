/* How a guest is asked to halt, and how it is made to. */
#include "keeper/supervise.h"

#include "base/log.h"
#include "kern/cgroup.h"
#include "kern/process.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

enum { LOOK_MS = 20, LATER_LOOK_MS = 200, QUICK_LOOKS = 100 };

static void signal_init(struct keeper *keeper, int number)
{
	syscall(SYS_pidfd_send_signal, keeper->guest.fd, number, NULL, 0);
}

/*
 * The kernel drops a signal that the first process of a pid namespace neither catches nor blocks, and an
 * init that was just executed does neither. One that is blocked waits, but is dropped as well if its
 * process lets it through without having a handler, as happens for a moment around each fork of a shell:
 * so the look is repeated until it was taken. Of an init in sigwait(3) it cannot be seen that it takes
 * signals: it gets one untold, and at most one more. True: there is no more to do.
 */
static bool init_heard(struct keeper *keeper)
{
	uint64_t bit = process_bit(keeper->plan.halt_signal);
	struct process init;

	if (process_look(keeper->init, &init) < 0)
		return true;
	if (keeper->asked && (init.pending & bit))
		return false;
	if (keeper->asked && ((init.caught | init.blocked) & bit))
		return true;
	keeper->asked = (init.caught | init.blocked) & bit;
	if (keeper->asked || !keeper->looks)
		signal_init(keeper, keeper->plan.halt_signal);
	return init.caught & bit;
}

static void look_again(struct keeper *keeper)
{
	long ms = keeper->looks++ < QUICK_LOOKS ? LOOK_MS : LATER_LOOK_MS;
	struct itimerspec at = { .it_value.tv_nsec = ms * 1000000 };

	timerfd_settime(keeper->ask.fd, 0, &at, NULL);
}

static void ask_ready(struct keeper *keeper, struct source *source)
{
	uint64_t ticks;

	if (read(source->fd, &ticks, sizeof ticks) == sizeof ticks && !init_heard(keeper))
		look_again(keeper);
}

void halt_ask(struct keeper *keeper)
{
	keeper->asked = false;
	keeper->looks = 0;
	if (init_heard(keeper))
		return;
	keeper->ask = (struct source){ timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), ask_ready };
	if (keeper->ask.fd < 0) {
		log_line("the guest may not have heard that it is to halt");
		return;
	}
	keeper_watch(keeper, &keeper->ask, EPOLLIN);
	look_again(keeper);
}

/* A stop between two runs has nobody to ask. */
static bool ends_at_once(struct keeper *keeper)
{
	if (keeper->waiting && !respawn_runs(keeper))
		keeper_end(keeper, ENDED_CLEAN, "stopped before it was started again");
	return keeper->done;
}

/* Also for a start, which then waits for the end. */
static void mark_halting(struct keeper *keeper)
{
	keeper_mark(keeper, "halting");
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
	/* Both: the group also holds what was entered from outside, init may have left the group. */
	cgroup_kill(keeper->cgroup);
	signal_init(keeper, SIGKILL);
}

void keeper_halt(struct keeper *keeper, unsigned seconds)
{
	struct itimerspec at = { .it_value.tv_sec = seconds ? seconds : 1 };

	if (ends_at_once(keeper))
		return;
	/* A second request may shorten the wait; the signal is sent once, as a power button is pressed. */
	timerfd_settime(keeper->timer.fd, 0, &at, NULL);
	if (keeper->halting)
		return;
	mark_halting(keeper);
	log_line("asking the guest to halt, for at most %u s", seconds);
	/* A guest that is being made is asked when it is there. */
	if (respawn_runs(keeper))
		return;
	/* A paused guest would not hear it. */
	cgroup_thaw(keeper->cgroup);
	unlinkat(keeper->run, "paused", 0);
	unlinkat(keeper->run, "held", 0);
	halt_ask(keeper);
	clients_tell_halting(keeper, seconds ? seconds : 1);
}
