/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deadlines of one layer that have to be longer than those of another, which it waits for. */
#ifndef BERTH_BASE_DEADLINES_H
#define BERTH_BASE_DEADLINES_H

/*
 * The end of a killed machine, from the inside out. The clean-up waits for a volume that somebody still has open, then
 * leaves it. The keeper waits for the clean-up before it tells its clients: were it told at the same moment, a command
 * after `stop --force` would meet a clean-up at work, or not, by chance. The client waits for the keeper, which has the
 * difference to see the guest die; after that the client kills the keeper.
 */
enum {
	DEADLINE_VOLUME_IN_USE_MS = 2000,
	DEADLINE_CLEANUP_KILLED_MS = 3000,
	DEADLINE_KILL_MS = 4000,
};

_Static_assert(
	DEADLINE_VOLUME_IN_USE_MS + 500 <= DEADLINE_CLEANUP_KILLED_MS,
	"a keeper tells the end of a killed machine after its clean-up has given up a volume");
_Static_assert(DEADLINE_CLEANUP_KILLED_MS + 500 <= DEADLINE_KILL_MS,
	       "a client kills a keeper only after that has given up its clean-up");

#endif
