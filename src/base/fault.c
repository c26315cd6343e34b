/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fault.h"

#ifdef BERTH_FAULTS

#include "base/scoped.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

void (*fault_watch)(const char *name);

static void trace(const char *name)
{
	const char *path = getenv("BERTH_FAULT_TRACE");
	char line[128];

	if (!path)
		return;
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0600);
	int n = snprintf(line, sizeof line, "%s\n", name);
	if (fd >= 0 && n > 0 && (size_t)n < sizeof line && write(fd, line, (size_t)n) < 0)
		abort();
}

void fault_point(const char *name)
{
	static unsigned passed;
	const char *wanted = getenv("BERTH_FAULT");
	size_t length = strlen(name);

	trace(name);
	if (fault_watch)
		fault_watch(name);
	if (!wanted || strncmp(wanted, name, length) != 0 ||
	    (wanted[length] != ':' && wanted[length] != '\0'))
		return;
	unsigned long nth = wanted[length] ? strtoul(wanted + length + 1, NULL, 10) : 1;
	const char *number = getenv("BERTH_FAULT_SIGNAL");
	if (++passed == nth)
		raise(number ? atoi(number) : SIGKILL);
}

bool fault_control(const char *name)
{
	const char *wanted = getenv("BERTH_CONTROL");

	return wanted && strcmp(wanted, name) == 0;
}

#endif
