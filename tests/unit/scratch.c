/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/child.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "kern/loop.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

char scratch_dir[64];

bool scratch_begin(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	umask(022);
	const char *tmp = getenv("TMPDIR");
	snprintf(scratch_dir, sizeof scratch_dir, "%.40s/berth-XXXXXX", tmp ? tmp : "/tmp");
	/* The mount has no access times, so that a look at the copy does not change it. */
	return mkdtemp(scratch_dir) && mount(scratch_dir, scratch_dir, NULL, MS_BIND, NULL) == 0 &&
	       mount(NULL, scratch_dir, NULL, MS_REMOUNT | MS_BIND | MS_NOATIME, NULL) == 0;
}

static void pause_a_little(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	nanosleep(&pause, NULL);
}

/* A loop device that somebody else looks at keeps its file, and so the mount below, for a while. */
static void unmount(const char *path)
{
	for (int i = 0; i < 12000 && umount2(path, 0) < 0 && errno == EBUSY; i++)
		pause_a_little();
}

int scratch_end(void)
{
	unmount(scratch_dir);
	return scratch_remove(scratch_dir);
}

int scratch_remove(const char *path)
{
	scoped_free char *parent = strdup(path);
	char *name = strrchr(parent, '/');

	*name++ = '\0';
	scoped_fd int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : remove_tree(fd, name);
}

const char *scratch_path(const char *fmt, ...)
{
	static char paths[8][512];
	static unsigned turn;
	char *path = paths[turn++ % 8];
	int n = snprintf(path, sizeof paths[0], "%s/", scratch_dir);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path + n, sizeof paths[0] - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

static bool make_disk(const char *type, const char *file, unsigned mebibytes)
{
	scoped_free char *mkfs = text_format("mkfs.%s", type);
	const char *const argv[] = { mkfs, "-q", file, NULL };
	scoped_text struct text out = { 0 };
	scoped_text struct text errors = { 0 };
	const struct child_io io = { .out = &out, .errors = &errors };
	scoped_fd int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct err err = { 0 };

	if (fd < 0 || ftruncate(fd, (off_t)mebibytes << 20) < 0)
		return false;
	if (child_run(argv, &io, &err) < 0) {
		fprintf(stderr, "no %s: %s\n", type, err.text);
		return false;
	}
	return true;
}

static bool mount_disk(const char *type, const char *file, const char *path)
{
	scoped_loop struct loop loop = { .fd = -1 };
	scoped_fd int fd = open(file, O_RDWR | O_CLOEXEC);

	if (loop_attach(fd, LOOP_WITH_AUTOCLEAR, 512, &loop) < 0)
		return false;
	return mount(loop.path, path, type, MS_NOATIME, NULL) == 0;
}

bool scratch_can_make(const char *type)
{
	scoped_free char *mkfs = text_format("mkfs.%s", type);
	const char *const argv[] = { mkfs, "-V", NULL };
	scoped_text struct text out = { 0 };
	const struct child_io io = { .out = &out, .errors = &out };
	scoped_fd int fd = fsopen(type, FSOPEN_CLOEXEC);
	struct err err = { 0 };

	return fd >= 0 && child_run(argv, &io, &err) != -ENOENT;
}

bool scratch_mount(const char *type, const char *name, unsigned mebibytes)
{
	const char *path = scratch_path("%s", name);
	const char *file = scratch_path("%s.img", name);
	scoped_free char *size = text_format("size=%um,mode=755", mebibytes);

	if (mkdir(path, 0755) < 0)
		return false;
	if (strcmp(type, "tmpfs") == 0)
		return mount("scratch", path, "tmpfs", 0, size) == 0;
	if (!make_disk(type, file, mebibytes) || !mount_disk(type, file, path)) {
		fprintf(stderr, "no %s file system can be made here\n", type);
		rmdir(path);
		unlink(file);
		return false;
	}
	return true;
}

void scratch_unmount(const char *name)
{
	unmount(scratch_path("%s", name));
	rmdir(scratch_path("%s", name));
	unlink(scratch_path("%s.img", name));
}

int scratch_count_fds(void)
{
	scoped_dir DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	return n;
}

static int count_lines(const char *text, const char *needle)
{
	int n = 0;

	for (const char *at = text; (at = strstr(at, needle)); at++)
		n++;
	return n;
}

int scratch_count_mounts(void)
{
	scoped_free char *mounts = NULL;

	if (file_read(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &mounts) < 0)
		return -1;
	return count_lines(mounts, "\n");
}

int scratch_count_loops(void)
{
	scoped_dir DIR *dir = opendir("/sys/block");
	int n = 0;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		scoped_free char *path = text_format("/sys/block/%s/loop/backing_file", e->d_name);
		scoped_free char *file = NULL;
		if (text_starts(e->d_name, "loop") && file_read(AT_FDCWD, path, 4096, &file) > 0)
			n += text_starts(file, scratch_dir);
	}
	return n;
}

bool scratch_await_loops(int number)
{
	for (int i = 0; i < 12000; i++) {
		if (scratch_count_loops() == number)
			return true;
		pause_a_little();
	}
	return false;
}
