/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The status of a machine for a list of many. */
#ifndef BERTH_MACHINE_LIFE_STATUS_BRIEF_H
#define BERTH_MACHINE_LIFE_STATUS_BRIEF_H

#include "machine/life/life.h"

/* As machine_status, without its cgroup; memory only if asked for. runs_on: receives the network of its run, or "". */
void machine_status_brief(const struct machine *machine, struct network *network, bool memory,
			  struct machine_status *status, char runs_on[64]);

#endif
