/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The restart policy: whether, and after what pause, a guest that ended or reboots is started again.
 * It only decides; supervise.c does it.
 */
#include "keeper/keeper.h"

#include "base/clock.h"
#include "base/log.h"

#include <time.h>

/* A run of this length was no failed try. */
enum { GOOD_RUN_SECONDS = 60, LONGEST_PAUSE_MS = 60000 };

/* A guest may reboot so often within so many ms; how long each further reboot waits. */
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
static int64_t pause_before(unsigned tries)
{
	return tries < 6 ? (int64_t)1000 << tries : LONGEST_PAUSE_MS;
}

/* To be called while the guest still counts as running. */
static void note_good_run(struct keeper *keeper)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	if (!keeper->waiting && now.tv_sec - keeper->began >= GOOD_RUN_SECONDS)
		keeper->restarts = 0;
}

int64_t restart_after(struct keeper *keeper, enum ended ended, const char *how)
{
	if (!is_wanted(keeper, ended))
		return RESTART_NEVER;
	note_good_run(keeper);
	if (keeper->restarts == keeper->plan.restart_limit) {
		log_line("not started again: %u times in a row are enough", keeper->restarts);
		return RESTART_NEVER;
	}
	int64_t pause = pause_before(keeper->restarts++);
	log_line("%s; starting it again in %lld s", how, (long long)pause / 1000);
	return pause;
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
 * A guest that comes up, or claims to, may reboot as it likes; but each reboot makes the host work outside the guest's
 * limits. So some go at once, and then one each REBOOT_MS.
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

int64_t restart_reboot(struct keeper *keeper)
{
	int64_t now = clock_ms();

	note_good_run(keeper);
	if (reboots_too_fast(keeper, now))
		return RESTART_NEVER;
	int64_t pause = brake(keeper, now);
	if (pause)
		log_line("it reboots too often; the next time in %lld ms", (long long)pause);
	return pause;
}
