/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest side of a start. */
#ifndef BERTH_MACHINE_START_GUEST_H
#define BERTH_MACHINE_START_GUEST_H

#include "machine/start/run.h"

/*
 * Runs as process 1 of the new namespaces, with the host side's memory as it was at the clone, and
 * ends in exec of init. The steps mirror start.c's.
 */
void guest_main(struct run *run, struct sync *sync) __attribute__((noreturn));

#endif
