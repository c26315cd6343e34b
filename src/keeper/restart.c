/* Whether and when a guest that ended, or reboots, is started again. */
#include "keeper/supervise.h"

#include "base/clock.h"
#include "base/log.h"

#include <fcntl.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* A run that lasted so long was no failed try. */
enum { GOOD_RUN_SECONDS = 60, LONGEST_PAUSE = 60 };

/* More than so many reboots that fast; and how long one more has to wait for. */
enum { FAST_REBOOTS = 5, FAST_MS = 10000, REBOOT_MS = 10000 };

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

/* No guest, until the time is there; then the next, of which the event tells. */
static void wait_for(struct keeper *keeper, struct itimerspec at, const char *event)
{
	keeper_let_go(keeper);
	keeper->waiting = true;
	keeper->again = event;
	keeper_mark(keeper, "waiting");
	timerfd_settime(keeper->timer.fd, 0, &at, NULL);
}

/* Before anything says that the guest is gone. */
static void note_good_run(struct keeper *keeper)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	if (!keeper->waiting && now.tv_sec - keeper->began >= GOOD_RUN_SECONDS)
		keeper->restarts = 0;
}

bool restart_later(struct keeper *keeper, enum ended ended, const char *how)
{
	if (!is_wanted(keeper, ended))
		return false;
	note_good_run(keeper);
	if (keeper->restarts == keeper->plan.restart_limit) {
		log_line("not started again: %u times in a row are enough", keeper->restarts);
		return false;
	}
	struct itimerspec at = { .it_value.tv_sec = pause_before(keeper->restarts++) };
	log_line("%s; starting it again in %lld s", how, (long long)at.it_value.tv_sec);
	keeper_tell_end(keeper, ended, how);
	wait_for(keeper, at, "restarted");
	return true;
}

void restart_now(struct keeper *keeper)
{
	log_line("starting it again");
	respawn_begin(keeper);
}

/* A guest that reboots without ever coming up is broken. */
static bool reboots_too_fast(struct keeper *keeper, int64_t now)
{
	if (keeper->booted) {
		keeper->reboot_count = 0;
		return false;
	}
	int64_t *oldest = &keeper->reboots[keeper->reboot_count++ % FAST_REBOOTS];
	bool fast = keeper->reboot_count > FAST_REBOOTS && now - *oldest < FAST_MS;
	*oldest = now;
	return fast;
}

/*
 * One that comes up, or says so, may reboot as it likes, but makes the host work for it outside its limits: some
 * at once, then one for each REBOOT_MS.
 */
static int64_t brake(struct keeper *keeper, int64_t now)
{
	int64_t credit = keeper->reboot_credit + now - keeper->credited;

	if (credit > FAST_REBOOTS * REBOOT_MS)
		credit = FAST_REBOOTS * REBOOT_MS;
	keeper->credited = now;
	keeper->reboot_credit = credit - REBOOT_MS;
	return keeper->reboot_credit < 0 ? -keeper->reboot_credit : 0;
}

void restart_begin(struct keeper *keeper)
{
	keeper->credited = clock_ms();
	keeper->reboot_credit = FAST_REBOOTS * REBOOT_MS;
}

void restart_reboot(struct keeper *keeper)
{
	int64_t now = clock_ms();

	note_good_run(keeper);
	keeper_mark(keeper, "waiting");
	log_line("rebooting");
	unlinkat(keeper->run, "booted", 0);
	if (reboots_too_fast(keeper, now)) {
		keeper_after(keeper, ENDED_FAILED, "rebooted more than 5 times within 10 seconds");
		return;
	}
	int64_t pause = brake(keeper, now);
	struct itimerspec at = { .it_value = { pause / 1000, pause % 1000 * 1000000 } };
	if (pause)
		log_line("it reboots too often; the next time in %lld ms", (long long)pause);
	wait_for(keeper, at, "rebooted");
	if (!pause)
		respawn_begin(keeper);
}
