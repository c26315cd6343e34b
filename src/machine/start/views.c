/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/start/views.h"
#include "machine/share/share.h"

#include "base/scoped.h"
#include "kern/mount.h"
#include "kern/timed_child.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#define LXCFS "/var/lib/lxcfs"

enum { VIEWS = 6, ANSWER_MILLISECONDS = 3000 };

/*
 * Paths that exist below LXCFS and in the machine; the last one is a folder. /proc/uptime is missing because the time
 * namespace provides it; /proc/stat because its boot time in lxcfs is the host's, and ps(1) in the machine computes
 * start times from it.
 */
static const char *const view_rows[VIEWS] = {
	"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg",
	"/proc/meminfo", "/proc/swaps",     "/sys/devices/system/cpu",
};

static bool is_folder(int row)
{
	return row == VIEWS - 1;
}

/* The mount is looked up in mountinfo, because statfs(2) asks the file system; a hanging one would never answer. */
static bool is_mounted(void)
{
	scoped_file FILE *mounts = fopen("/proc/self/mountinfo", "re");
	scoped_free char *line = NULL;
	size_t size = 0;
	bool mounted = false;

	while (mounts && !mounted && getline(&line, &size, mounts) > 0) {
		char point[sizeof LXCFS + 1];
		mounted = strstr(line, " - fuse.lxcfs ") &&
			  sscanf(line, "%*s %*s %*s %*s %15s", point) == 1 &&
			  strcmp(point, LXCFS) == 0;
	}
	return mounted;
}

/* Only the error of an open tells a dead daemon from a hanging one. */
static int open_view(int row, struct err *err)
{
	char path[128], byte;

	snprintf(path, sizeof path, LXCFS "%s", view_rows[row]);
	scoped_fd int file = open(path, O_RDONLY | O_CLOEXEC | (is_folder(row) ? O_DIRECTORY : 0));
	if (file < 0 || (!is_folder(row) && read(file, &byte, 1) < 0))
		return err_set(err, errno, "'%s': %s", path, strerror(errno));
	int fd = mount_clone(AT_FDCWD, path, 0);
	int r = fd < 0 ? fd
		       : mount_attributes(fd,
					  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
						  MOUNT_ATTR_NOEXEC,
					  0, 0);
	if (r >= 0)
		r = mount_private(fd);
	return r < 0 ? err_set(err, -r, "'%s': %s", path, mount_why(r)) : fd;
}

static int open_all(void *context, int *fds, struct err *err)
{
	(void)context;
	for (int row = 0; row < VIEWS && !err->code; row++)
		fds[row] = open_view(row, err);
	return -err->code;
}

static int ask_mounted(int fds[VIEWS], struct err *err)
{
	if (!is_mounted())
		return err_set(err, ENOENT, "lxcfs is not mounted on '" LXCFS "'");
	const struct timed_child child = { .work = open_all,
					   .count = VIEWS,
					   .timeout_ms = ANSWER_MILLISECONDS,
					   .late = "it does not answer" };
	/* A missing file is another failure than a missing lxcfs. */
	if (timed_child_run(&child, fds, err) < 0) {
		err->code = EIO;
		return err_wrap(err, "lxcfs does not work; restart it, and then the machine");
	}
	return 0;
}

int views_look(struct err *err)
{
	int fds[VIEWS];

	if (ask_mounted(fds, err) < 0)
		return -err->code;
	for (int row = 0; row < VIEWS; row++)
		close(fds[row]);
	return 0;
}

/* The shares own fd afterwards; after a failure it is closed. */
static int add_view(struct shares *shares, int row, int fd, struct err *err)
{
	scoped_fd int view = fd;

	/* A kernel may lack the file, and nothing can be created there. */
	if (err->code || access(view_rows[row], F_OK) < 0)
		return -err->code;
	struct share *share = shares_add(shares, err);
	if (!share)
		return -err->code;
	share->what = "view";
	share->name = "lxcfs";
	share->folder = is_folder(row);
	share->fd = take_fd(&view);
	return text_print(share->target, sizeof share->target, "%s", view_rows[row]);
}

static int ask_for(const struct shares *shares, int fds[VIEWS], struct err *err)
{
	int r = ask_mounted(fds, err);

	if (r < 0 || shares->count + VIEWS <= SHARES_MAX)
		return r;
	for (int row = 0; row < VIEWS; row++)
		close(fds[row]);
	return err_set(err, E2BIG, "there are too many mounts and devices for lxcfs as well");
}

int views_add(struct shares *shares, const struct machine_config *config, struct text *told,
	      struct err *err)
{
	struct err why = { 0 };
	int fds[VIEWS];

	if (strcmp(config->lxcfs, "no") == 0)
		return 0;
	int r = ask_for(shares, fds, &why);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		text_add(told, "%s%s; free in the machine shows the host's figures",
			 told->length ? "; " : "", why.text);
		return 0;
	}
	for (int row = 0; row < VIEWS; row++)
		add_view(shares, row, fds[row], err);
	shares->covers_sys = true;
	return -err->code;
}
