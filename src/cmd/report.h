/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A report of checks: one line each, which is fine, worth knowing, or a problem with its remedy. */
#ifndef BERTH_CMD_REPORT_H
#define BERTH_CMD_REPORT_H

#include "base/dirs.h"

#include <jansson.h>
#include <stdbool.h>

enum verdict { VERDICT_OK, VERDICT_NOTE, VERDICT_PROBLEM };

struct report {
	const struct dirs *dirs;
	json_t *array; /* NULL: printed as it comes */
	int problems;
};

/* remedy NULL: none is needed, or none is known. */
void report_add(struct report *report, enum verdict verdict, const char *check, const char *remedy,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
