/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every process of a machine begins with, whoever starts it: resource limits, and its place with the OOM killer. */
#ifndef BERTH_MACHINE_CONFINE_RLIMITS_H
#define BERTH_MACHINE_CONFINE_RLIMITS_H

#include "config/config.h"

#include <sys/types.h>

/*
 * In a process of the host's that becomes a guest's or makes one: its resource limits, which pass on, become
 * those that a service has, whatever the caller's are. As far as they can be set; in a machine ours may
 * only be lowered.
 */
void rlimits_reset(void);

/*
 * After that, what the machine's settings say of its own. Lent, they can be taken back by another reset: a guest
 * that is born meanwhile may have them, and its user namespace has what that takes over from its maker. 1: the
 * settings say something, 0: nothing, or -code.
 */
int rlimits_give(const struct machine_config *config, struct err *err);
int rlimits_lend(const struct machine_config *config, struct err *err);

/* Whether they could be given here; leaves the caller's as they are. 0 or -code. */
int rlimits_check(const struct machine_config *config, struct err *err);

/*
 * How soon the kernel ends a process when the host is out of memory: guests' before the host's own, the
 * keeper, without whom a guest ends too, after all others. What the host's root has set, the guest's may
 * raise, not lower. pid 0: the caller.
 */
void rlimits_rank_guest(pid_t pid, const struct machine_config *config);
void rlimits_rank_keeper(void);

#endif
