/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/idmap.h"

#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"
#include "kern/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

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

static int write_maps(pid_t pid, const char *users, const char *groups)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
	int r = file_write(AT_FDCWD, path, users);
	if (r < 0)
		return r;
	snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
	return file_write(AT_FDCWD, path, groups);
}

int idmap_write(pid_t pid, const struct idmap *map)
{
	char line[64];

	snprintf(line, sizeof line, "0 %" PRIu32 " %" PRIu32 "\n", map->base, map->count);
	return write_maps(pid, line, line);
}

int idmap_become_root(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return -errno;
	/* The change of ids has set it to fs.suid_dumpable. */
	prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

static int make_userns(const char *users, const char *groups)
{
	struct spawn spawn = { .namespaces = CLONE_NEWUSER, .cgroup_fd = -1 };
	char path[64], byte;
	int life[2];

	if (pipe2(life, O_CLOEXEC) < 0)
		return -errno;
	scoped_fd int mine = life[1], its = life[0];
	pid_t pid = spawn_process(&spawn);
	if (pid == 0) {
		/* The process lives only as long as its creator needs it to name the namespace, or is killed. */
		close(life[1]);
		_exit(read(life[0], &byte, 1) != 0);
	}
	if (pid < 0)
		return pid;
	scoped_fd int pidfd = spawn.pidfd;
	int r = write_maps(pid, users, groups);
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
	scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (r == 0 && fd < 0)
		r = -errno;
	scoped_close_fd(&mine);
	child_wait(pid);
	return r < 0 ? r : take_fd(&fd);
}

int idmap_userns(const struct idmap *map)
{
	char line[64];

	snprintf(line, sizeof line, "0 %" PRIu32 " %" PRIu32 "\n", map->base, map->count);
	return make_userns(line, line);
}

int idmap_userns_pair(const struct idmap_pair *pair)
{
	char users[64], groups[64];

	snprintf(users, sizeof users, "%" PRIu32 " %" PRIu32 " 1\n", pair->user, pair->to_user);
	snprintf(groups, sizeof groups, "%" PRIu32 " %" PRIu32 " 1\n", pair->group, pair->to_group);
	return make_userns(users, groups);
}
