/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/holder.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/mount.h"
#include "kern/timed_child.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 5000,
	SPACES_MAX =
		4096, /* mount namespaces that are remembered: a further one may be read twice */
};

struct search {
	dev_t device;
	uint64_t
		mount; /* looked for instead of the device, by files that were reached through it; 0: not */
	const char *cgroup; /* NULL: of any; borrowed */
	const char *folder; /* of holder_find_mount; borrowed */
	const char *path;   /* of holder_find_inside, below root_fd; borrowed */
	int root_fd;
	pid_t self; /* the command that asks: what it has open itself is no news */
	ino_t spaces[SPACES_MAX];
	size_t count;
	struct err *err; /* gets what is found, with EBUSY */
};

/* ---- Mounts */

/* A mount, from a line of proc_pid_mountinfo(5). */
struct mounted {
	dev_t device;
	char root[PATH_MAX]; /* within its file system */
	char point[PATH_MAX];
};

static bool parse(const char *line, struct mounted *mounted)
{
	unsigned upper, lower;

	if (sscanf(line, "%*u %*u %u:%u %4095s %4095s", &upper, &lower, mounted->root,
		   mounted->point) != 4)
		return false;
	mount_unescape(mounted->root);
	mount_unescape(mounted->point);
	mounted->device = makedev(upper, lower);
	return true;
}

/* Line by line: a namespace may have a hundred thousand mounts. 0 or -errno; 1: a wanted one was found. */
static int each_mount(const char *process, bool (*wanted)(const void *, const struct mounted *),
		      const void *context, struct mounted *mounted)
{
	scoped_free char *path = text_format("/proc/%s/mountinfo", process);
	scoped_file FILE *file = path ? fopen(path, "re") : NULL;
	scoped_free char *line = NULL;
	char buffer[16384];
	size_t room = 0;

	if (!file)
		return path ? -errno : -ENOMEM;
	/* The kernel returns a page at a time; stdio would ask for a quarter of that. */
	setvbuf(file, buffer, _IOFBF, sizeof buffer);
	while (getline(&line, &room, file) > 0) {
		if (parse(line, mounted) && wanted(context, mounted))
			return 1;
	}
	return 0;
}

static bool is_device(const void *context, const struct mounted *mounted)
{
	const dev_t *device = context;

	return mounted->device == *device;
}

static bool is_point(const void *context, const struct mounted *mounted)
{
	return strcmp(mounted->point, context) == 0;
}

int holder_device(const char *mountpoint, dev_t *device)
{
	struct mounted mounted;

	int r = each_mount("self", is_point, mountpoint, &mounted);
	if (r > 0)
		*device = mounted.device;
	return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

static int mount_id_of(int dir_fd, const char *path, int flags, uint64_t *id)
{
	struct statx st;

	if (statx(dir_fd, path, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) <
	    0)
		return -errno;
	*id = st.stx_mnt_id;
	return st.stx_mask & STATX_MNT_ID ? 0 : -EOPNOTSUPP;
}

/* ---- Processes */

static void name_of(const char *process, char *name, size_t room)
{
	scoped_free char *path = text_format("/proc/%s/comm", process);
	scoped_free char *text = NULL;

	if (!path || file_read(AT_FDCWD, path, 64, &text) < 0)
		text_print(name, room, "?");
	else
		text_print(name, room, "%s", text_trim(text));
	for (char *c = name; *c; c++) {
		if (!isprint((unsigned char)*c))
			*c = '?';
	}
}

static int found(const struct search *search, const char *process, const char *how)
{
	char name[32];

	name_of(process, name, sizeof name);
	return err_set(search->err, EBUSY, "process %s (%s) has it %s", process, name, how);
}

/* Whether its namespace was not read yet. */
static bool is_new_space(struct search *search, const char *process)
{
	scoped_free char *path = text_format("/proc/%s/ns/mnt", process);
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return false;
	for (size_t i = 0; i < search->count; i++) {
		if (search->spaces[i] == st.st_ino)
			return false;
	}
	if (search->count < SPACES_MAX)
		search->spaces[search->count++] = st.st_ino;
	return true;
}

static int look_at_mounts(struct search *search, const char *process)
{
	struct mounted mounted;
	char how[300];

	if (!is_new_space(search, process) ||
	    each_mount(process, is_device, &search->device, &mounted) <= 0)
		return 0;
	snprintf(how, sizeof how, "mounted on '%.255s'", mounted.point);
	return found(search, process, how);
}

static bool is_wanted(const void *context, const struct mounted *mounted)
{
	const struct search *search = context;
	size_t length = strlen(search->folder);

	if (search->device)
		return mounted->device == search->device;
	for (const char *at = mounted->root; (at = strchr(at, '/'));) {
		if (strncmp(++at, search->folder, length) == 0 &&
		    (at[length] == '\0' || at[length] == '/'))
			return true;
	}
	return false;
}

static bool is_in_cgroup(const struct search *search, const char *process)
{
	scoped_free char *path = text_format("/proc/%s/cgroup", process);
	scoped_free char *text = NULL;

	if (!path || file_read(AT_FDCWD, path, 65536, &text) < 0)
		return false;
	char *line = text_starts(text, "0::/") ? text : strstr(text, "\n0::/");
	if (!line)
		return false;
	char *at = strstr(line, "::/") + 3;
	at[strcspn(at, "\n")] = '\0';
	size_t length = strlen(search->cgroup);
	const char *found = strstr(at, search->cgroup);
	return found && (found == at || found[-1] == '/') &&
	       (found[length] == '\0' || found[length] == '/');
}

static int look_in_cgroup(struct search *search, const char *process)
{
	struct mounted mounted;
	char how[300];

	if (!is_in_cgroup(search, process) || !is_new_space(search, process) ||
	    each_mount(process, is_wanted, search, &mounted) <= 0)
		return 0;
	snprintf(how, sizeof how, "mounted on '%.255s'", mounted.point);
	return found(search, process, how);
}

/* Whether a link of proc(5) leads to the device. The server of a network file system is not asked. */
static bool leads_there(const struct search *search, int dir_fd, const char *name)
{
	struct statx st;

	if (statx(dir_fd, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MNT_ID,
		  &st) < 0)
		return false;
	if (search->mount)
		return (st.stx_mask & STATX_MNT_ID) && st.stx_mnt_id == search->mount;
	return makedev(st.stx_dev_major, st.stx_dev_minor) == search->device ||
	       (S_ISBLK(st.stx_mode) &&
		makedev(st.stx_rdev_major, st.stx_rdev_minor) == search->device);
}

static int look_at_files(struct search *search, const char *process)
{
	static const char *const folders[] = { "../cwd", "../root" };

	if (search->cgroup && !is_in_cgroup(search, process))
		return 0;
	scoped_free char *path = text_format("/proc/%s/fd", process);
	scoped_dir DIR *dir = path ? opendir(path) : NULL;

	if (!dir)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		if (leads_there(search, dirfd(dir), folders[i]))
			return found(search, process, "as a folder that it works in");
	}
	if (search->cgroup && leads_there(search, dirfd(dir), "../exe"))
		return found(search, process, "as its program");
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] != '.' && leads_there(search, dirfd(dir), e->d_name))
			return found(search, process, "open");
	}
	return 0;
}

static int each_process(struct search *search, int (*look)(struct search *, const char *))
{
	scoped_dir DIR *dir = opendir("/proc");
	int r = 0;

	for (struct dirent *e; r == 0 && dir && (e = readdir(dir));) {
		long pid = isdigit((unsigned char)e->d_name[0]) ? atol(e->d_name) : 0;
		if (pid > 0 && pid != search->self && pid != getpid())
			r = look(search, e->d_name);
	}
	return r;
}

/* The guest's file systems are asked, so this is the child's work. Quiet. */
static int find_inside(struct search *search)
{
	const struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	scoped_fd int fd =
		(int)syscall(SYS_openat2, search->root_fd, search->path, &how, sizeof how);

	return fd < 0 ? -errno : mount_id_of(fd, "", AT_EMPTY_PATH, &search->mount);
}

/* Our own mounts first: they concern all processes, so no process is named. */
static int look(void *context, int *fds, struct err *err)
{
	struct search *search = context;
	struct mounted mounted;

	(void)fds;
	search->err = err;
	if (search->folder)
		return each_process(search, look_in_cgroup);
	if (search->path && find_inside(search) < 0)
		return 0;
	if (search->mount)
		return each_process(search, look_at_files);
	if (each_mount("self", is_device, &search->device, &mounted) > 0)
		return err_set(err, EBUSY, "it is mounted on '%s'", mounted.point);
	is_new_space(search, "self");
	int r = each_process(search, look_at_mounts);
	return r < 0 ? r : each_process(search, look_at_files);
}

/* A child process looks, so that nothing below /proc can block this one. */
static bool find(const struct search *wanted, char *out, size_t room)
{
	scoped_free struct search *search = calloc(1, sizeof *search);
	const struct timed_child child = {
		.work = look,
		.context = search,
		.timeout_ms = PATIENCE_MS,
		.late = "the search took too long",
	};
	struct err err = { 0 };

	if (!search)
		return false;
	*search = *wanted;
	search->self = getpid();
	timed_child_run(&child, NULL, &err);
	if (err.code != EBUSY)
		return false;
	text_print(out, room, "%s", err.text);
	return true;
}

bool holder_find(dev_t device, char *out, size_t room)
{
	return find(&(struct search){ .device = device }, out, room);
}

bool holder_find_mount(const char *cgroup, dev_t device, const char *folder, char *out, size_t room)
{
	const struct search wanted = { .device = device, .cgroup = cgroup, .folder = folder };

	return find(&wanted, out, room);
}

bool holder_find_through(const char *mountpoint, char *out, size_t room)
{
	struct search wanted = { .mount = 0 };

	return mount_id_of(AT_FDCWD, mountpoint, 0, &wanted.mount) == 0 && find(&wanted, out, room);
}

bool holder_find_inside(const char *cgroup, int root_fd, const char *path, char *out, size_t room)
{
	const struct search wanted = { .cgroup = cgroup, .root_fd = root_fd, .path = path };

	return find(&wanted, out, room);
}
