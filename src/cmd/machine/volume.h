/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions and rows that the files of the volume verbs share. */
#ifndef BERTH_CMD_MACHINE_VOLUME_H
#define BERTH_CMD_MACHINE_VOLUME_H

#include "cmd/cli/command.h"

/* volume_list.c */
extern const struct command volume_verb_list, volume_verb_info;

#endif
