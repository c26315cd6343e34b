/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command of berth that runs in the background, after the command that started it has ended. */
#ifndef BERTH_BASE_BACKGROUND_H
#define BERTH_BASE_BACKGROUND_H

#include "base/dirs.h"

/*
 * Runs "berth VERB" for that installation, in a session of its own, with none of the caller's descriptors. The caller
 * does not wait for it and does not learn of a failure: the next command starts the work again. Costs a fork.
 */
void background_run(const struct dirs *dirs, const char *verb);

#endif
