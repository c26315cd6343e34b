/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The limits of a machine, written into its cgroup. */
#ifndef BERTH_MACHINE_CONFINE_LIMITS_H
#define BERTH_MACHINE_CONFINE_LIMITS_H

#include "machine/state/machine.h"

#include <sys/types.h>

/*
 * Writes a machine's limits into its cgroup, which may be populated. A limit whose controller the cgroup lacks is
 * refused by name (-ENOTSUP); a limit that is not set needs no controller. disk: the disk that I/O rates apply to;
 * 0 if the root is on none or on several.
 */
int limits_apply(const struct machine *machine, const struct machine_config *config, int cgroup_fd,
		 dev_t disk, struct err *err);

/* The same checks before there is a cgroup: a limit whose controller the host lacks. */
int limits_check(const struct machine *machine, const struct machine_config *config,
		 struct err *err);

/* Improves the error of a failed start: if a limit was hit, err names the limit instead of its consequence. */
void limits_explain(const struct machine *machine, int cgroup_fd, struct err *err);

#endif
