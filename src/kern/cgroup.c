/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/cgroup.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": field 5, type after the dash. */
static int search_mounts(char *out, size_t room)
{
	scoped_file FILE *mounts = fopen("/proc/self/mountinfo", "re");
	scoped_free char *line = NULL;
	size_t size = 0;

	while (mounts && getline(&line, &size, mounts) > 0) {
		char *dash = strstr(line, " - cgroup2 ");
		char point[4096];
		if (dash && sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1 && is_cgroup2(point))
			return text_print(out, room, "%s", point);
	}
	return -ENOENT;
}

int cgroup_mount_point(char *out, size_t room)
{
	static const char *const usual[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
		if (is_cgroup2(usual[i]))
			return text_print(out, room, "%s", usual[i]);
	}
	return search_mounts(out, room);
}

/* Best effort: a controller may be bound to v1, or not delegated by the parent's owner. */
static void hand_down_controllers(int fd)
{
	scoped_free char *have = NULL;
	char *rest;

	if (file_read(fd, "cgroup.controllers", 4096, &have) <= 0)
		return;
	rest = have;
	for (char *name; (name = strsep(&rest, " \n"));) {
		char word[64];
		if (*name && text_print(word, sizeof word, "+%s", name) == 0)
			file_write(fd, "cgroup.subtree_control", word);
	}
}

static int open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

bool cgroup_has_controller(const char *name)
{
	scoped_free char *have = NULL;
	char point[256];

	if (cgroup_mount_point(point, sizeof point) < 0)
		return false;
	scoped_fd int fd = open_dir(AT_FDCWD, point);
	if (fd < 0 || file_read(fd, "cgroup.controllers", 4096, &have) <= 0)
		return false;
	char *rest = have;
	for (char *word; (word = strsep(&rest, " \n"));) {
		if (strcmp(word, name) == 0)
			return true;
	}
	return false;
}

int cgroup_make(const char *path)
{
	char point[256];
	scoped_free char *copy = strdup(path);
	char *rest = copy;
	int r = cgroup_mount_point(point, sizeof point);

	if (!copy)
		return -ENOMEM;
	if (r < 0)
		return r;
	scoped_fd int fd = open_dir(AT_FDCWD, point);
	int there = fd < 0 ? fd : open_dir(fd, path);
	if (there >= 0)
		return there;
	for (char *name; fd >= 0 && (name = strsep(&rest, "/"));) {
		if (mkdirat(fd, name, 0755) == 0)
			hand_down_controllers(fd);
		else if (errno != EEXIST)
			return -errno;
		int below = open_dir(fd, name);
		close(fd);
		fd = below;
	}
	return take_fd(&fd);
}

int cgroup_make_below(int cgroup_fd, const char *name)
{
	if (mkdirat(cgroup_fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	return open_dir(cgroup_fd, name);
}

int cgroup_delegate(int cgroup_fd, uid_t uid)
{
	static const char *const files[] = { "cgroup.procs", "cgroup.threads",
					     "cgroup.subtree_control" };

	if (fchown(cgroup_fd, uid, uid) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (fchownat(cgroup_fd, files[i], uid, uid, 0) < 0)
			return -errno;
	}
	return 0;
}

int cgroup_kill(int cgroup_fd)
{
	return file_write(cgroup_fd, "cgroup.kill", "1");
}

int cgroup_thaw(int cgroup_fd)
{
	return file_write(cgroup_fd, "cgroup.freeze", "0");
}

bool cgroup_populated(int cgroup_fd)
{
	scoped_free char *events = NULL;

	return file_read(cgroup_fd, "cgroup.events", 4096, &events) > 0 &&
	       strstr(events, "populated 1");
}

int cgroup_wait_empty(int cgroup_fd, int milliseconds)
{
	scoped_fd int events =
		openat(cgroup_fd, "cgroup.events", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (events >= 0) {
		char text[256];
		ssize_t n = pread(events, text, sizeof text - 1, 0);
		if (n < 0)
			return errno == ENODEV ? 0 : -errno;
		text[n] = '\0';
		if (!strstr(text, "populated 1"))
			return 0;
		clock_gettime(CLOCK_MONOTONIC, &now);
		long left = milliseconds - (now.tv_sec - start.tv_sec) * 1000 -
			    (now.tv_nsec - start.tv_nsec) / 1000000;
		if (left <= 0)
			return -ETIMEDOUT;
		/* The kernel raises POLLPRI when a line of cgroup.events changes. */
		struct pollfd change = { .fd = events, .events = POLLPRI };
		poll(&change, 1, (int)left);
	}
	return 0;
}

/* A cgroup has no files of ours, so only folders are removed, the deepest first. */
static int remove_below(int at, const char *name)
{
	int fd = open_dir(at, name);
	int r = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	scoped_dir DIR *dir = fdopendir(fd);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0)
			r = remove_below(fd, e->d_name) < 0 ? -EBUSY : r;
	}
	if (unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return r;
}

int cgroup_remove(const char *path)
{
	char point[256];
	int r = cgroup_mount_point(point, sizeof point);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	scoped_fd int fd = open_dir(AT_FDCWD, point);
	return fd < 0 ? fd : remove_below(fd, path);
}

int cgroup_join(int cgroup_fd)
{
	return file_write(cgroup_fd, "cgroup.procs", "0");
}
