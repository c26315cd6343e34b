/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor: what berth needs of this host. Each part adds its lines to one report. */
#ifndef BERTH_CMD_DOCTOR_H
#define BERTH_CMD_DOCTOR_H

#include "cmd/report.h"

/* doctor_kernel.c: what the kernel has, tried where trying is possible. */
void doctor_kernel(struct report *report);
/* doctor_host.c: programs, room, limits, other people's firewalls. */
void doctor_host(struct report *report);
/* doctor_state.c: machines and templates that have lost a part. */
void doctor_state(struct report *report);

#endif
