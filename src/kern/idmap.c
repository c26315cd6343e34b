#include "kern/idmap.h"

#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"
#include "kern/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

int idmap_fit(uint64_t *base, uint64_t *count)
{
	scoped_free char *text = NULL;
	uint64_t inside, length, room = 0;
	char *rest;

	ssize_t n = file_read(AT_FDCWD, "/proc/self/uid_map", 4096, &text);
	if (n < 0)
		return (int)n;
	rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (sscanf(line, "%" SCNu64 " %*u %" SCNu64, &inside, &length) != 2)
			continue;
		if (*base >= inside && *base + *count * IDMAP_COUNT <= inside + length)
			return 0;
		if (inside == 0)
			room = length / IDMAP_COUNT;
	}
	if (room < 2)
		return -EPERM;
	*base = IDMAP_COUNT;
	*count = room - 1;
	return 1;
}

int idmap_write(pid_t pid, const struct idmap *map)
{
	char path[64], line[64];

	snprintf(line, sizeof line, "0 %" PRIu32 " %" PRIu32 "\n", map->base, map->count);
	snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
	int r = file_write(AT_FDCWD, path, line);
	if (r < 0)
		return r;
	snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
	return file_write(AT_FDCWD, path, line);
}

int idmap_become_root(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return -errno;
	return 0;
}

int idmap_userns(const struct idmap *map)
{
	struct spawn spawn = { .namespaces = CLONE_NEWUSER, .cgroup_fd = -1 };
	char path[64];
	pid_t pid = spawn_process(&spawn);

	if (pid == 0) {
		/* Lives only as long as its maker needs it to name the namespace. */
		for (;;)
			pause();
	}
	if (pid < 0)
		return pid;
	scoped_fd int pidfd = spawn.pidfd;
	int r = idmap_write(pid, map);
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r == 0 && fd < 0)
		r = -errno;
	kill(pid, SIGKILL);
	child_wait(pid);
	return r < 0 ? r : take_fd(&fd);
}
