/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of what a machine may have and do: capabilities, seccomp, devices and the keyring (here), the limits of its
 * cgroup, its rlimits, ids and security label, and how much is free of each host-wide kernel limit. Nothing here looks
 * at processes that run.
 */
#ifndef BERTH_MACHINE_CONFINE_CONFINE_H
#define BERTH_MACHINE_CONFINE_CONFINE_H

#include "config/config.h"
#include "kern/devices.h"
#include "kern/lsm_label.h"

#include <stdbool.h>

/*
 * Confines the calling process for good: a new session keyring, capabilities, the security label (lsm_label_open was
 * called before), and the seccomp filter. Called in init and by every command that enters a machine, as the guest's
 * root, as the last step before the process changes its user and execs.
 */
int confine_process(const struct machine_config *config, const struct lsm_label *label,
		    struct err *err);

/*
 * Limits the number of cgroups below the guest's, and denies it all devices but the usual ones and `more`. The device
 * limit needs BPF programs for cgroups in the kernel; user namespace and nodev mounts hold without it. 0; 1: the kernel
 * cannot load such a program; or -code.
 */
int confine_cgroup(int cgroup_fd, const struct device *more, size_t count, struct err *err);

/*
 * Whether one confinement is left out, so that tests/attack can see what it prevents: true in the tests' own build of
 * this layer if BERTH_TEST_HOLES in the environment has the word, else never.
 */
#ifdef BERTH_TEST_HOLES
bool confine_left_out(const char *word);
#else
static inline bool confine_left_out(const char *word)
{
	(void)word;
	return false;
}
#endif

#endif
