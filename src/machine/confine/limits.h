/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine may use of the host, as its control group is told. */
#ifndef BERTH_MACHINE_CONFINE_LIMITS_H
#define BERTH_MACHINE_CONFINE_LIMITS_H

#include "machine/state/machine.h"

#include <sys/types.h>

/*
 * Writes a machine's limits into its group. A limit whose controller the group lacks is refused by
 * name (-ENOTSUP); a limit that is not set needs none. The group may be populated. disk: the one
 * below the machine's root, which the rates of I/O are of; 0: there is none, or more than one.
 */
int limits_apply(const struct machine *machine, const struct machine_config *config, int cgroup_fd,
		 dev_t disk, struct err *err);

/* The same refusals as far as they are known before there is a group: a controller that the host lacks. */
int limits_check(const struct machine *machine, const struct machine_config *config,
		 struct err *err);

/* After a start that failed: if a limit was hit, err names it instead of what came of that. */
void limits_explain(const struct machine *machine, int cgroup_fd, struct err *err);

#endif
