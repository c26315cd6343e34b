/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A report of checks, with one line for each: fine, a note, or a problem with its remedy. */
#ifndef BERTH_CMD_HOST_REPORT_H
#define BERTH_CMD_HOST_REPORT_H

#include "base/dirs.h"

#include <jansson.h>
#include <stdbool.h>

enum verdict { VERDICT_OK, VERDICT_NOTE, VERDICT_PROBLEM };

struct report {
	const struct dirs *dirs;
	json_t *array; /* NULL: each line is printed at once */
	int problems;
};

/* Adds a line. remedy NULL: none is needed, or none is known. */
void report_add(struct report *report, enum verdict verdict, const char *check, const char *remedy,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
