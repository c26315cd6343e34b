/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of an operation, which its process writes and others read. */
#ifndef BERTH_API_OPERATION_FILES_H
#define BERTH_API_OPERATION_FILES_H

#include "base/dirs.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

/* Values of member status_code, as Incus has them. */
enum {
	OPERATION_RUNNING = 103,
	OPERATION_DONE = 200,
	OPERATION_FAILED = 400,
	OPERATION_CANCELLED = 401
};

/* The path of a file of an operation; the caller owns it; NULL: out of memory. */
char *operation_path(const struct dirs *dirs, const char *id, const char *file);
/* The process that holds its lock; 0: none does; -1: one without a number here, of another namespace. */
pid_t operation_worker(const struct dirs *dirs, const char *id);
/* Whether somebody wanted it to be cancelled. */
bool operation_is_cancelled(const struct dirs *dirs, const char *id);
/* Removes those that have ended an hour ago. The number of those that work. */
size_t operation_forget_old(const struct dirs *dirs);

/* Fills in how it ended: error and the name of its code, with the status of HTTP (0: by the code). Takes notes over. */
void operation_end_record(json_t *record, int status_code, const char *error, int code, int http,
			  json_t *notes);

#endif
