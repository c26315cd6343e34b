/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User data for the distribution's own cloud-init. */
#ifndef BERTH_CMD_MACHINE_CLOUD_INIT_H
#define BERTH_CMD_MACHINE_CLOUD_INIT_H

#include "cmd/cli/command.h"
#include "machine/state/machine.h"

extern const struct flag flag_cloud_init;

/* Checks that the file can be given to cloud-init: one of its formats and, if that is YAML, valid. 0 or EXIT_USAGE. */
int cloud_init_check(const char *path, struct err *err);

/* Writes the seed of source NoCloud into the root of a machine that was never started. */
int cloud_init_seed(const char *path, struct machine *machine, struct err *err);

#endif
