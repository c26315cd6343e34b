/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions that the files of the template verbs share. */
#ifndef BERTH_CMD_TEMPLATE_TEMPLATE_H
#define BERTH_CMD_TEMPLATE_TEMPLATE_H

#include "base/dirs.h"
#include "cmd/cli/command.h"
#include "config/config.h"

#include <jansson.h>

/* The object that `template list --json` prints for a template; NULL: out of memory. */
json_t *template_object(const char *name, const struct template_config *config);

/* Writes "86.2 MiB", or "-" if the size was not measured. */
void template_size_text(const struct template_config *config, char *out, size_t room);

/* Adds the names of machines that were made from the template, each with its NUL, sorted. Quiet. */
void template_users(const struct dirs *dirs, const char *name, struct text *users);

extern const struct command template_info;
/* rename.c */
extern const struct command template_rename_verb;
/* template_export.c */
extern const struct command template_export_verb;
/* template_settings.c */
extern const struct command template_set_verb, template_get_verb, template_unset_verb;

/* template_cache.c */
extern const struct command template_prune;
/* Lists the steps of builds in the cache, for template list. */
int template_cache_show(const struct call *call, bool json, struct err *err);

#endif
