/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Labels of machines: output of labels, and the choice of machines by labels. */
#ifndef BERTH_CMD_CLI_LABELS_H
#define BERTH_CMD_CLI_LABELS_H

#include "base/err.h"
#include "cmd/cli/command.h"
#include "config/config.h"

#include <jansson.h>
#include <stdbool.h>

/* Whether a name matches a pattern: fnmatch(3). */
bool name_matches(const char *word, const char *name);

/* An object of names and values. */
json_t *labels_object(const struct label *first);
/* Adds "role=web,tier=front". */
void labels_text(const struct label *first, struct text *out);

/*
 * Whether there are labels that match all of wanted, "NAME=VALUE" or "NAME" for any value, separated by commas. A
 * VALUE may be a shell pattern. wanted passed labels_check_wanted.
 */
bool labels_match(const struct label *first, const char *wanted);
/* EXIT_USAGE for text that is no such list. */
int labels_check_wanted(const char *wanted, struct err *err);

#endif
