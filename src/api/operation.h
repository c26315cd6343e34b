/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations: verbs that go on in a process of their own after the response. Each has a folder RUN/operations/ID with
 * operation.json, the output of the verb, and a lock that the process holds, which tells a killed one.
 */
#ifndef BERTH_API_OPERATION_H
#define BERTH_API_OPERATION_H

#include "api/argv.h"
#include "base/dirs.h"
#include "base/err.h"
#include "base/uuid.h"
#include "cmd/cli/command.h"

#include <jansson.h>

/*
 * Begins the verb of argv in a process that outlives the caller. user: whose it is. Removes operations that have ended
 * an hour ago. -EAGAIN: too many work. When it returns 0 the process works, and id names it.
 */
int operation_begin(const struct call *call, const struct argv *argv, const char *user,
		    char id[UUID_TEXT], struct err *err);

/* The record of an operation, which the caller frees; NULL with -ENOENT: there is none. */
json_t *operation_look(const struct dirs *dirs, const char *id, struct err *err);
/* The records of all, the oldest first. */
json_t *operation_list(const struct dirs *dirs, struct err *err);

/* Waits until it has ended, or the time is over. 1: it has; 0; or -code. */
int operation_wait(const struct dirs *dirs, const char *id, unsigned seconds, struct err *err);
/* Interrupts it as ^C on a terminal does. -EBUSY: it has ended already. */
int operation_cancel(const struct dirs *dirs, const char *id, struct err *err);

#endif
