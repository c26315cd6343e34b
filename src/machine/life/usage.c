/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The resources that a machine uses, as its cgroup counts them. */

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "machine/life/life.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/state/machine.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Reads a file with one number; a missing file stays unknown. */
static uint64_t read_one(const struct machine *machine, const char *file)
{
	uint64_t value;

	return run_read_count(machine, file, &value) < 0 ? MACHINE_USAGE_UNKNOWN : value;
}

/* The sum of all "WORD NUMBER" or "WORD=NUMBER" of a file. */
static uint64_t add_up(const char *text, const char *word)
{
	size_t n = strlen(word);
	uint64_t sum = 0, value;

	for (const char *at = text; (at = strstr(at, word)); at += n) {
		bool begins = at == text || at[-1] == ' ' || at[-1] == '\n';
		if (begins && strchr(" =", at[n]) && sscanf(at + n + 1, "%" SCNu64, &value) == 1)
			sum += value;
	}
	return sum;
}

/*
 * The line of io.stat for the disk below the root. The kernel counts the same data again for each device that this disk
 * lies on. If there is no such disk, all lines are added.
 */
static uint64_t read_disk(const struct machine *machine, const char *io, const char *word)
{
	struct run_state state;
	char line[512], device[32];

	if (run_read_state(machine, &state) < 0 || !state.disk)
		return add_up(io, word);
	snprintf(device, sizeof device, "%u:%u ", major(state.disk), minor(state.disk));
	for (const char *at = io; *at; at += *at == '\n') {
		size_t n = strcspn(at, "\n");
		if (strncmp(at, device, strlen(device)) == 0 &&
		    text_print(line, sizeof line, "%.*s", (int)n, at) == 0)
			return add_up(line, word);
		at += n;
	}
	return 0;
}

/* The file is made at the first restart. */
static uint64_t read_restarts(const struct machine *machine)
{
	scoped_free char *path = text_format("%s/restarts", machine->run);
	scoped_free char *text = NULL;
	uint64_t count;

	if (!path || file_read(AT_FDCWD, path, 32, &text) < 0 ||
	    sscanf(text, "%" SCNu64, &count) != 1)
		return 0;
	return count;
}

void machine_usage(const struct machine *machine, struct machine_usage *usage)
{
	scoped_free char *cpu = NULL;
	scoped_free char *io = NULL;
	bool counts_cpu = run_read_group(machine, "cpu.stat", &cpu) >= 0;
	bool counts_io = run_read_group(machine, "io.stat", &io) >= 0;

	*usage = (struct machine_usage){
		.cpu = counts_cpu ? add_up(cpu, "usage_usec") : MACHINE_USAGE_UNKNOWN,
		.memory = read_one(machine, "memory.current"),
		.swap = read_one(machine, "memory.swap.current"),
		.pids = read_one(machine, "pids.current"),
		.read = counts_io ? read_disk(machine, io, "rbytes") : MACHINE_USAGE_UNKNOWN,
		.written = counts_io ? read_disk(machine, io, "wbytes") : MACHINE_USAGE_UNKNOWN,
		.restarts = read_restarts(machine),
	};
}
