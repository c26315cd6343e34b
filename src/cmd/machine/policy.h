/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verbs that a timer runs, and that go by a policy: their flags, their time, and what they print. */
#ifndef BERTH_CMD_MACHINE_POLICY_H
#define BERTH_CMD_MACHINE_POLICY_H

#include "cmd/cli/command.h"

#include <stdint.h>

extern const struct flag flag_now, flag_dry_run;

/* The time of --now, in seconds since the epoch; 0: not given, go by the clock. 0 or EXIT_USAGE. */
int now_given(const struct call *call, uint64_t *now, struct err *err);

#endif
