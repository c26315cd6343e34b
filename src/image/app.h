/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program that an image runs: the keys app.* of template.conf and machine.conf. */
#ifndef BERTH_IMAGE_APP_H
#define BERTH_IMAGE_APP_H

#include "base/err.h"
#include "base/text.h"
#include "config/config.h"
#include "image/root.h"

#include <stdbool.h>

/* Parses the lines that berth-unpack has made of an image's settings, app.* of template.conf, and refuses all others. */
int app_parse(const struct text *facts, struct template_config *config, struct err *err);

/*
 * Whether guest-init is to run that command in the root. Not if there is none, if it is an init, or if it is no more
 * than a shell and the root has an init of a distribution.
 */
bool app_is_run(const char *command, int root_fd, const struct root_facts *facts);

/* Copies the keys app.* of a template to another. */
int app_copy(struct template_config *to, const struct template_config *from, struct err *err);
/* Copies the keys app.* and the environment of a template to a new machine, and of a machine to a new template. */
int app_to_machine(struct machine_config *to, const struct template_config *from, struct err *err);
int app_of_machine(struct template_config *to, const struct machine_config *from, struct err *err);

#endif
