/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The resource limits and the OOM score that every process of a machine begins with, independent of the caller's. */
#ifndef BERTH_MACHINE_CONFINE_RLIMITS_H
#define BERTH_MACHINE_CONFINE_RLIMITS_H

#include "config/config.h"

#include <sys/types.h>

/*
 * Sets the resource limits of this process, which are inherited, to those of a service: for a process of the host that
 * becomes a guest's or creates one. A limit that cannot be set stays; inside a machine limits can only be lowered.
 */
void rlimits_reset(void);

/*
 * Sets the limits of the machine's settings, after rlimits_reset. Another reset takes them back; a guest that is cloned
 * between the two inherits them, and so does its user namespace. 1: the settings have limits, 0: they have none, or
 * -code.
 */
int rlimits_give(const struct machine_config *config, struct err *err);
int rlimits_lend(const struct machine_config *config, struct err *err);

/* Whether the limits of the settings could be set here; the caller's stay as they are. 0 or -code. */
int rlimits_check(const struct machine_config *config, struct err *err);

/*
 * The OOM score: the kernel kills processes of guests before the host's own, and keepers, without which a guest ends
 * too, after all others. A guest's root may raise the score that the host has set, not lower it. pid 0: the caller.
 */
void rlimits_rank_guest(pid_t pid, const struct machine_config *config);
void rlimits_rank_keeper(void);

#endif
