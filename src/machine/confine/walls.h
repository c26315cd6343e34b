/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of what a machine may have and do: the walls that its root cannot take down (here), its cgroup's limits, its
 * rlimits, ids and security label, and how much the host has left of what all machines share. Nothing here looks at
 * processes that run.
 */
#ifndef BERTH_MACHINE_CONFINE_WALLS_H
#define BERTH_MACHINE_CONFINE_WALLS_H

#include "config/config.h"
#include "kern/devices.h"
#include "kern/label.h"

#include <stdbool.h>

/*
 * Called in init and in every command that enters, as the guest's root and as the last step before it becomes another
 * user and executes. Raises: a keyring of its own, the capabilities, the security label, for which label_open was
 * called, and the filter of system calls.
 */
int walls_raise(const struct machine_config *config, const struct label *label, struct err *err);

/*
 * Limits how many cgroups a guest makes below its own, and denies it every device but those in its /dev: the usual ones
 * and `more`. The latter needs device programs for cgroups in the kernel; the user namespace and nodev mounts hold
 * without them. 0, or 1: this kernel loads no such program, or -code.
 */
int walls_confine(int cgroup_fd, const struct device *more, size_t count, struct err *err);

/*
 * Whether a wall is to be left out, so that tests/attack can see what is behind it: in the test's own
 * build of this layer when the environment's BERTH_TEST_HOLES has the word, else never.
 */
#ifdef BERTH_TEST_HOLES
bool walls_hole(const char *word);
#else
static inline bool walls_hole(const char *word)
{
	(void)word;
	return false;
}
#endif

#endif
