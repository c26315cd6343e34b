/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions and rows that the files of the volume verbs share. */
#ifndef BERTH_CMD_MACHINE_VOLUME_H
#define BERTH_CMD_MACHINE_VOLUME_H

#include "cmd/cli/command.h"

#include <jansson.h>

/* volume_list.c, volume_info.c, volume_settings.c, volume_travel.c */
extern const struct command volume_verb_list, volume_verb_info;
extern const struct command volume_verb_export, volume_verb_import;
extern const struct command volume_verb_set, volume_verb_get, volume_verb_unset, volume_verb_rename;

/* An object of what the settings say, and of the machines that have it. */
struct attachments;
struct volume_config;
json_t *volume_object(const struct attachments *all, const char *name,
		      const struct volume_config *config);

#endif
