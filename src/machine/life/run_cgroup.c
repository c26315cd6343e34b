/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/run_cgroup.h"

#include "base/file.h"
#include "base/scoped.h"
#include "kern/cgroup.h"
#include "machine/life/life.h"
#include "machine/life/scope.h"
#include "machine/state/machine.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

/*
 * The time in which killed processes die that wait for nothing, and the time for the others after that. A write may
 * take seconds on a slow disk.
 */
enum { DIE_MILLISECONDS = 3000, KILL_MILLISECONDS = 10000, REMOVE_TRIES = 1000, LEAVE_TRIES = 100 };

void run_cgroup(const struct machine *machine, char *out, size_t room)
{
	char group[32];

	if (scope_group_exists(machine, "guest")) {
		scope_group(machine, "guest", out, room);
		return;
	}
	dirs_object_name(machine->dirs, group, sizeof group);
	snprintf(out, room, "%s/%s", group, machine->name);
}

int run_open_cgroup(const struct machine *machine)
{
	char group[256];

	run_cgroup(machine, group, sizeof group);
	return cgroup_make(group);
}

pid_t run_spawn(const struct machine *machine, struct spawn *spawn)
{
	char group[256], path[320];
	pid_t pid = spawn_process(spawn);

	if (pid != -EBUSY)
		return pid;
	run_cgroup(machine, group, sizeof group);
	snprintf(path, sizeof path, "%s/berth.exec", group);
	scoped_fd int leaf = cgroup_make(path);
	if (leaf < 0)
		return leaf;
	struct spawn there = *spawn;
	there.cgroup_fd = leaf;
	pid = spawn_process(&there);
	spawn->pidfd = there.pidfd;
	return pid;
}

static int group_file(const struct machine *machine, const char *file, char path[1024])
{
	char group[256], point[256];

	run_cgroup(machine, group, sizeof group);
	int r = cgroup_mount_point(point, sizeof point);
	return r < 0 ? r : text_print(path, 1024, "%s/%s/%s", point, group, file);
}

int run_write_group(const struct machine *machine, const char *file, const char *text)
{
	char path[1024];
	int r = group_file(machine, file, path);

	return r < 0 ? r : file_write(AT_FDCWD, path, text);
}

int run_read_group(const struct machine *machine, const char *file, char **text)
{
	char path[1024];
	int r = group_file(machine, file, path);

	if (r < 0)
		return r;
	ssize_t n = file_read(AT_FDCWD, path, 64 << 10, text);
	return n < 0 ? (int)n : 0;
}

int run_read_count(const struct machine *machine, const char *file, uint64_t *count)
{
	scoped_free char *text = NULL;
	int r = run_read_group(machine, file, &text);

	if (r < 0)
		return r;
	return sscanf(text, "%" SCNu64, count) == 1 ? 0 : -EPROTO;
}

static int open_group(const struct machine *machine)
{
	char path[256], point[256], full[1024];

	run_cgroup(machine, path, sizeof path);
	int r = cgroup_mount_point(point, sizeof point);
	if (r == 0)
		r = text_print(full, sizeof full, "%s/%s", point, path);
	int fd = r < 0 ? r : open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 && r == 0 ? -errno : fd;
}

/* The run folder may have been removed or mounted over while its guest lives on. */
bool run_needs_cleanup(const struct machine *machine)
{
	if (access(machine->run, F_OK) == 0)
		return true;
	scoped_fd int fd = open_group(machine);
	return fd >= 0;
}

/* EBUSY for a moment: the last process is dead, but the kernel has not released it. */
static int remove_settled(const char *path, int most)
{
	struct timespec pause = { .tv_nsec = 2000000 };
	int r = cgroup_remove(path);

	for (int tries = 0; r == -EBUSY && tries < most; tries++) {
		nanosleep(&pause, NULL);
		r = cgroup_remove(path);
	}
	return r;
}

static int remove_group(const struct machine *machine, const char *path, struct err *err)
{
	int r = remove_settled(path, REMOVE_TRIES);

	if (r < 0)
		return err_set(err, -r, "remove cgroup '%s' of machine '%s': %s", path,
			       machine->name, strerror(-r));
	return 0;
}

/* A killed process that waits for the machine's volume dies when the wait has ended. */
static int unblock_root(struct machine *machine, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	char volume[VOLUME_NAME_MAX + 1];

	machine_volume(machine->name, volume);
	if (pool_open(&pool, machine->dirs, machine->config.pool, err) < 0 ||
	    volume_unblock(&pool, volume, err) < 0)
		return -err->code;
	return 0;
}

/* 0, or -code with a sentence: some do not die. */
static int kill_all(struct machine *machine, int fd, const char *path, struct err *err)
{
	struct err why = { 0 };

	cgroup_kill(fd);
	int r = cgroup_wait_empty(fd, DIE_MILLISECONDS);
	if (r == -ETIMEDOUT) {
		unblock_root(machine, &why);
		r = cgroup_wait_empty(fd, KILL_MILLISECONDS);
	}
	if (r == 0)
		return 0;
	return err_set(err, -r,
		       "machine '%s' has processes that do not die, since they wait in the kernel "
		       "(see cgroup.procs in cgroup '%s'): %s; try again later",
		       machine->name, path,
		       why.code ? why.text : "its disk, or another that they use, does not answer");
}

int run_end_processes(struct machine *machine, struct err *err)
{
	char path[256];

	run_cgroup(machine, path, sizeof path);
	scoped_fd int fd = open_group(machine);
	if (fd >= 0 && kill_all(machine, fd, path, err) < 0)
		return -err->code;
	/*
	 * The cgroup must be removed, not only emptied: on Linux 6.18 a cgroup that cgroup.kill was ever written to
	 * kills every process that is cloned into it from another cgroup.
	 */
	return remove_group(machine, path, err);
}

/* A machine's name cannot begin with '_'. */
int run_keepers_group(const struct machine *machine, struct err *err)
{
	char group[32], path[64];

	dirs_object_name(machine->dirs, group, sizeof group);
	snprintf(path, sizeof path, "%s/_keepers", group);
	int fd = cgroup_make(path);
	if (fd == -ENOENT)
		return err_set(err, ENOENT,
			       "no cgroup v2 tree is mounted; mount one: mount -t cgroup2 none "
			       "/sys/fs/cgroup");
	return fd < 0 ? err_set(err, -fd, "make cgroup '%s': %s", path, strerror(-fd)) : fd;
}

static int is_any(void *context, const char *name)
{
	(void)context;
	(void)name;
	return 1;
}

void machine_leave_groups(const struct dirs *dirs)
{
	struct err ignored = { 0 };
	char name[32], keepers[64];

	if (machine_list(dirs, is_any, NULL, &ignored) != 0)
		return;
	dirs_object_name(dirs, name, sizeof name);
	snprintf(keepers, sizeof keepers, "%s/_keepers", name);
	/* A keeper reports the end of its machine shortly before its own. */
	if (remove_settled(keepers, LEAVE_TRIES) == 0)
		cgroup_remove(name);
}
