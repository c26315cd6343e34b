/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program that an image runs: its settings become presets of the template, app.* and env of machine.conf. */
#ifndef BERTH_IMAGE_TEMPLATE_APP_H
#define BERTH_IMAGE_TEMPLATE_APP_H

#include "base/err.h"
#include "base/text.h"
#include "config/config.h"
#include "image/template/root.h"

#include <stdbool.h>

/* Parses the lines of template.conf that berth-unpack has made of an image's settings, and refuses all others. */
int app_parse(const struct text *facts, struct template_config *config, struct err *err);

/*
 * Whether guest-init is to run that command (NULL: there is none) in the root. Not if there is none, if it is an init,
 * or if it is no more than a shell and the root has an init of a distribution.
 */
bool app_is_run(const char *command, int root_fd, const struct root_facts *facts);

#endif
