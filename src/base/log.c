/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int log_fd = -1;

void log_to(int fd)
{
	log_fd = fd;
}

void log_line(const char *fmt, ...)
{
	char line[1024];
	struct tm tm;
	time_t now = time(NULL);
	va_list ap;

	if (log_fd < 0)
		return;
	gmtime_r(&now, &tm);
	size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ ", &tm);

	va_start(ap, fmt);
	int n = vsnprintf(line + used, sizeof line - used - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	used = strlen(line);
	line[used++] = '\n';
	/* A log that cannot be written must not stop the work that it reports on. */
	if (write(log_fd, line, used) < 0)
		return;
}
