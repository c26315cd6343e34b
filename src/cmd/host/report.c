/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/host/report.h"

#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const verdicts[] = { "ok", "note", "problem" };

void report_add(struct report *report, enum verdict verdict, const char *check, const char *remedy,
		const char *fmt, ...)
{
	scoped_text struct text plain = { 0 };
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	report->problems += verdict == VERDICT_PROBLEM;
	print_plain(text, &plain);
	free(text);
	if (report->array) {
		json_array_append_new(report->array,
				      json_members((const struct json_member[]){
					      { "check", json_string(check) },
					      { "verdict", json_string(verdicts[verdict]) },
					      { "text", json_text(text_str(&plain)) },
					      { "remedy", json_text(remedy) },
					      { 0 },
				      }));
		return;
	}
	printf("%-8s %-14s %s\n", verdicts[verdict], check, text_str(&plain));
	if (remedy)
		printf("%-8s %-14s   -> %s\n", "", "", remedy);
	output_flush();
}
