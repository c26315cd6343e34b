/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The time since a machine was used, for desktop.idle. A use is a client of this keeper, a process of the host that holds
 * the lock "use" in the run folder (machine/life/use.h), or work of the guest's own. The keeper looks now and then, and
 * `berth _idle` pauses or stops the machine.
 */
#include "keeper/keeper.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* WORK_PERCENT: of one processor, on average between two looks; an idle XFCE takes less than 1. */
enum { LOOKS = 4, LEAST_MS = 1000, MOST_MS = 60000, WORK_PERCENT = 5 };

/* What the guest has used of the processors, in microseconds. */
static uint64_t read_spent(const struct keeper *keeper)
{
	scoped_free char *text = NULL;
	uint64_t spent;

	if (file_read(keeper->cgroup, "cpu.stat", 4096, &text) < 0 ||
	    !text_starts(text, "usage_usec "))
		return 0;
	char *number = text + strlen("usage_usec ");
	number[strcspn(number, "\n")] = '\0';
	return text_to_u64(number, 0, UINT64_MAX, &spent) == 0 ? spent : 0;
}

static bool has_worked(struct keeper *keeper, int64_t now)
{
	struct idle *idle = &keeper->idle;
	uint64_t spent = read_spent(keeper), before = idle->spent;
	int64_t passed = now - idle->looked;

	idle->spent = spent;
	idle->looked = now;
	return spent > before && (spent - before) / 10 >= (uint64_t)passed * WORK_PERCENT;
}

static bool has_clients(const struct keeper *keeper)
{
	for (const struct client *c = keeper->clients; c; c = c->next) {
		if (c->role == CLIENT_ENTERS || c->role == CLIENT_CONSOLE)
			return true;
	}
	return false;
}

static bool is_marked(const struct keeper *keeper, const char *name)
{
	return faccessat(keeper->run, name, F_OK, 0) == 0;
}

/* A guest that stands still, or comes or goes, is not idle. */
static bool is_used(struct keeper *keeper, int64_t now)
{
	bool worked = has_worked(keeper, now);

	return worked || !keeper->booted || keeper->halting || keeper->waiting ||
	       has_clients(keeper) || lock_is_held(keeper->run, "use") ||
	       is_marked(keeper, "paused") || is_marked(keeper, "held") ||
	       is_marked(keeper, "frozen");
}

/* The verb is a grandchild: it may stop the machine, and so this keeper. */
static void act(struct keeper *keeper)
{
	log_line("nobody has used it for %u s", keeper->plan.idle_after);
	if (child_detach(-1) == 0)
		verb_exec(keeper, "_idle", NULL, NULL);
}

static int64_t next_look(const struct keeper *keeper, int64_t now)
{
	int64_t after = (int64_t)keeper->plan.idle_after * 1000;
	int64_t pause = after / LOOKS, end = keeper->idle.used + after;

	pause = pause < LEAST_MS ? LEAST_MS : pause > MOST_MS ? MOST_MS : pause;
	return end > now && end < now + pause ? end : now + pause;
}

void idle_watch(struct keeper *keeper)
{
	int64_t now = clock_ms();

	if (!keeper->plan.idle_after)
		return;
	keeper->idle = (struct idle){ .used = now, .looked = now, .spent = read_spent(keeper) };
	keeper->idle.due = next_look(keeper, now);
}

int idle_timeout(const struct keeper *keeper)
{
	if (!keeper->idle.due)
		return -1;
	int64_t now = clock_ms();
	return keeper->idle.due <= now ? 0 : (int)(keeper->idle.due - now);
}

void idle_check(struct keeper *keeper)
{
	struct idle *idle = &keeper->idle;

	if (!idle->due)
		return;
	int64_t now = clock_ms();
	if (now < idle->due)
		return;
	if (is_used(keeper, now)) {
		idle->used = now;
	} else if (now - idle->used >= (int64_t)keeper->plan.idle_after * 1000) {
		act(keeper);
		idle->used = now;
	}
	idle->due = next_look(keeper, now);
}
