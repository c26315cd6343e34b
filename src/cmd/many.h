/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several machines by one command: --count. */
#ifndef BERTH_CMD_MANY_H
#define BERTH_CMD_MANY_H

#include "cmd/command.h"

extern const struct flag flag_count, flag_start_at;

/* Makes one machine of that name, and prints nothing on standard output. 0, -code or an exit code. */
typedef int make_fn(struct call *call, const char *name, struct err *err);

/*
 * Makes BASE-1 to BASE-N as --count and --start-at say, at most 16 at a time. Refuses if one of the names is taken.
 * One that fails does not stop the others; the error tells which are missing.
 */
int make_many(struct call *call, const char *base, make_fn *make, struct err *err);

#endif
