/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The starter of a machine turns into its keeper. */
#ifndef BERTH_MACHINE_START_HANDOVER_H
#define BERTH_MACHINE_START_HANDOVER_H

#include "machine/start/run.h"

/*
 * Executes berth-keeper with the run's descriptors at the numbers that it expects. The keeper reports on report_fd that
 * it has begun. Returns only on failure, with -code.
 */
int handover_to_keeper(struct run *run, int report_fd, struct err *err);

#endif
