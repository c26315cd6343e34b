/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flags of verbs that a timer runs, and that go by a policy. */
#ifndef BERTH_CMD_CLI_POLICY_H
#define BERTH_CMD_CLI_POLICY_H

#include "cmd/cli/command.h"

#include <stdint.h>

extern const struct flag flag_now, flag_dry_run;

/* The time of --now, in seconds since the epoch; 0: not given, go by the clock. 0 or EXIT_USAGE. */
int now_given(const struct call *call, uint64_t *now, struct err *err);

#endif
