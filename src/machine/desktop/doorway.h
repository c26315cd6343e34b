/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way of a process of the host into a running machine: its namespaces, and the ids that are its own. */
#ifndef BERTH_MACHINE_DESKTOP_DOORWAY_H
#define BERTH_MACHINE_DESKTOP_DOORWAY_H

#include "kern/idmap.h"
#include "machine/state/machine.h"

#include <stdint.h>

struct doorway {
	int pidfd; /* owned */
	uint64_t namespaces;
	struct idmap map;
};

int doorway_open(struct doorway *doorway, struct machine *machine, struct err *err);
void doorway_close(struct doorway *doorway);
#define scoped_doorway __attribute__((cleanup(doorway_close)))

/* Called in a child: it becomes the machine's root there, and nobody may trace it. */
int doorway_enter(const struct doorway *doorway, struct err *err);

#endif
