/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals to the guest's init, above all the halt signal, which is sent once init will take it.
 * When a guest is to halt, and when it is killed, is in life.c.
 */
#include "keeper/keeper.h"

#include "base/log.h"
#include "kern/process.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

enum { LOOK_MS = 20, LATER_LOOK_MS = 200, QUICK_LOOKS = 100 };

void halt_send(struct keeper *keeper, int number)
{
	syscall(SYS_pidfd_send_signal, keeper->guest.fd, number, NULL, 0);
}

/*
 * The kernel drops a signal that the first process of a pid namespace neither catches nor blocks, and an init that was
 * just executed does neither. A blocked signal stays pending, but is dropped as well if init unblocks it without a
 * handler, as a shell does for a moment around each fork: so the look is repeated until init has taken the signal. An
 * init in sigtimedwait(2) takes signals that its status shows as neither. An init of which nothing is seen gets the
 * signal once all the same. True: there is no more to do.
 */
static bool init_heard(struct keeper *keeper)
{
	uint64_t bit = process_bit(keeper->plan.halt_signal);
	struct process init;

	if (process_look(keeper->init, &init) < 0)
		return true;
	if (keeper->asked && (init.pending & bit))
		return false;
	bool takes = ((init.caught | init.blocked) & bit) || process_waits_for_signal(keeper->init);
	if (keeper->asked && takes)
		return true;
	keeper->asked = takes;
	if (keeper->asked || !keeper->looks)
		halt_send(keeper, keeper->plan.halt_signal);
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
	event_loop_watch(keeper, &keeper->ask, EPOLLIN);
	look_again(keeper);
}
