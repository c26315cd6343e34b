/* Whether and when a guest that ended is started again. */
#include "keeper/supervise.h"

#include "base/log.h"

#include <fcntl.h>
#include <sys/timerfd.h>

/* A run that lasted so long was no failed try. */
enum { GOOD_RUN_SECONDS = 60, LONGEST_PAUSE = 60 };

static bool is_wanted(const struct keeper *keeper, enum ended ended)
{
	if (keeper->halting)
		return false;
	switch (keeper->plan.restart) {
	case RESTART_NO:
		return false;
	case RESTART_ON_FAILURE:
		return ended == ENDED_FAILED;
	case RESTART_ALWAYS:
		return true;
	}
	return false;
}

/* 1, 2, 4 ... seconds, at most a minute. */
static time_t pause_before(unsigned tries)
{
	return tries < 6 ? (time_t)1 << tries : LONGEST_PAUSE;
}

bool restart_later(struct keeper *keeper, enum ended ended, const char *how)
{
	struct timespec now;

	if (!is_wanted(keeper, ended))
		return false;
	clock_gettime(CLOCK_BOOTTIME, &now);
	if (!keeper->waiting && now.tv_sec - keeper->began >= GOOD_RUN_SECONDS)
		keeper->restarts = 0;
	if (keeper->restarts == keeper->plan.restart_limit) {
		log_line("not started again: %u times in a row are enough", keeper->restarts);
		return false;
	}
	struct itimerspec at = { .it_value.tv_sec = pause_before(keeper->restarts++) };
	log_line("%s; starting it again in %lld s", how, (long long)at.it_value.tv_sec);
	keeper_tell_end(keeper, ended, how);
	keeper_let_go(keeper);
	keeper->waiting = true;
	keeper_mark(keeper, "waiting");
	timerfd_settime(keeper->timer.fd, 0, &at, NULL);
	return true;
}

void restart_now(struct keeper *keeper)
{
	log_line("starting it again");
	keeper_start_again(keeper, "restarted");
}
