/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor: checks what berth needs from this host. Each part adds lines to one report. */
#ifndef BERTH_CMD_HOST_DOCTOR_H
#define BERTH_CMD_HOST_DOCTOR_H

#include "cmd/host/report.h"

/* doctor_kernel.c: features of the kernel, tried out where possible. */
void doctor_kernel(struct report *report);
/* doctor_host.c: programs, free space, limits, firewalls of others. */
void doctor_host(struct report *report);
/* doctor_state.c: machines and templates with a missing part. */
void doctor_state(struct report *report);
/* doctor_forwards.c: forwards without the process that passes their connections on. */
void doctor_forwards(struct report *report);
/* doctor_rules.c: firewall rules for machines that are not there. */
void doctor_rules(struct report *report);
/* doctor_policy.c: schedules of snapshots and backups. */
void doctor_policy(struct report *report);
/* doctor_access.c: rights of users for the API. */
void doctor_access(struct report *report);

#endif
