/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/estimate.h"

#include "machine/life/life.h"

#include <poll.h>
#include <stdio.h>

enum { WATCH_MILLISECONDS = 3000 };

uint64_t estimate_writes(const struct machine *machine)
{
	struct machine_usage first, second;

	machine_usage(machine, &first);
	if (first.written == MACHINE_USAGE_UNKNOWN)
		return MACHINE_USAGE_UNKNOWN;
	poll(NULL, 0, WATCH_MILLISECONDS);
	machine_usage(machine, &second);
	return second.written == MACHINE_USAGE_UNKNOWN || second.written < first.written
		       ? MACHINE_USAGE_UNKNOWN
		       : (second.written - first.written) * 1000 / WATCH_MILLISECONDS;
}

void estimate_copy(const char *what, uint64_t bytes, uint64_t rate)
{
	char size[32];

	text_human_size(bytes, size, sizeof size);
	printf("%s: %s, %.1f s\n", what, size, (double)bytes / (double)rate);
}

/* While a copy is made, the machine writes what the next one has. */
void estimate_last(uint64_t size, uint64_t writes, uint64_t rate)
{
	uint64_t last = size;

	for (int round = 0; round < 10 && last > rate; round++)
		last = (uint64_t)((double)last / (double)rate * (double)writes);
	/* Each copy takes a while for itself, in which the machine writes too. */
	if (last < writes)
		last = writes;
	estimate_copy("last copy", last, rate);
	printf("stands still: about %.1f s, and as long as its stop and its boot take\n",
	       (double)last / (double)rate);
}
