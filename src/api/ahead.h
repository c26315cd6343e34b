/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks before a change: what would fail at once is told with a status, and not by an operation that has failed. */
#ifndef BERTH_API_AHEAD_H
#define BERTH_API_AHEAD_H

#include "api/routes.h"

/*
 * What path and body name is there, what the body makes is not there yet, and settings of a new machine are good. Only
 * what is cheap to know: the verb checks again, and more. -code.
 */
int ahead_check(const struct exchange *exchange, struct err *err);

#endif
