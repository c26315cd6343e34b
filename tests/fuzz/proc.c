/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Texts of /proc, of control groups and of a run folder: mountinfo, cgroup.events and the state of a run,
 * each up to a NUL. The linker puts our fopen and statfs in place of the C library's.
 */
#include "fuzz.h"

#include "base/text.h"
#include "kern/cgroup.h"
#include "machine/life/run_state.h"
#include "machine/state/machine.h"

#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

static char *mounts;

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
	if (!mounts || strcmp(path, "/proc/self/mountinfo") != 0)
		return __real_fopen(path, mode);
	return fmemopen(mounts, *mounts ? strlen(mounts) : 1, "r");
}

/* Any file system at an unusual place counts as one of cgroups. */
int __wrap_statfs(const char *path, struct statfs *fs);
int __wrap_statfs(const char *path, struct statfs *fs)
{
	*fs = (struct statfs){ .f_type = CGROUP2_SUPER_MAGIC };
	return text_starts(path, "/sys/fs/cgroup") ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char point[256];
	const char *path;
	int folder = fuzz_folder(&path);
	struct machine machine = { .run = (char *)(uintptr_t)path };
	struct run_state state;

	mounts = fuzz_word(&data, &size);
	if (cgroup_mount_point(point, sizeof point) == 0)
		fuzz_check(memchr(point, '\0', sizeof point));
	free(mounts);
	mounts = NULL;
	char *events = fuzz_word(&data, &size);
	fuzz_file(folder, "cgroup.events", (const uint8_t *)events, strlen(events));
	free(events);
	cgroup_populated(folder);
	cgroup_wait_empty(folder, 0);
	fuzz_file(folder, "state", data, size);
	run_read_state(&machine, &state);
	return 0;
}
