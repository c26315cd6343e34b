/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work that a command leaves to a process behind it, since nobody has to wait for it. */
#ifndef BERTH_BASE_BEHIND_H
#define BERTH_BASE_BEHIND_H

#include "base/site.h"

/*
 * Runs "berth VERB" on that site in a session of its own, of which the caller hears no more. Costs a fork. What
 * cannot be started is done by the command that comes next.
 */
void behind_run(const struct site *site, const char *verb);

#endif
