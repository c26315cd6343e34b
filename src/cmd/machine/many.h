/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several machines by one command: --count. */
#ifndef BERTH_CMD_MACHINE_MANY_H
#define BERTH_CMD_MACHINE_MANY_H

#include "cmd/cli/command.h"

extern const struct flag flag_count, flag_start_at;

/* Creates one machine of that name, and prints nothing on standard output. 0, -code or an exit code. */
typedef int make_fn(struct call *call, const char *name, struct err *err);

/*
 * Creates BASE-1 to BASE-N by --count and --start-at, at most 16 at a time. Refuses if one of the names is taken. A
 * failure does not stop the others; the error names the missing machines, or those that are not set up to the end.
 */
/* Checks the values of --count and --start-at. 0 or EXIT_USAGE. */
int many_check(const struct call *call, struct err *err);
int make_many(struct call *call, const char *base, make_fn *make, struct err *err);

#endif
