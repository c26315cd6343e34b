/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/share/share.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/mount.h"
#include "kern/spawn.h"
#include "kern/timed_child.h"
#include "machine/share/staging.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Deadline: a guest can make its own folders answer as slowly as it likes. */
enum { INSIDE_MILLISECONDS = 10000 };

struct share *shares_add(struct shares *shares, struct err *err)
{
	if (shares->count == SHARES_MAX) {
		err_set(err, E2BIG,
			"the machine has more than %d mounts and devices; take some out",
			SHARES_MAX);
		return NULL;
	}
	if (!shares->list)
		shares->list = calloc(SHARES_MAX, sizeof *shares->list);
	if (!shares->list) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	struct share *share = &shares->list[shares->count++];
	*share = (struct share){ .fd = -1 };
	return share;
}

void shares_free(struct shares *shares)
{
	for (size_t i = 0; i < shares->count; i++)
		scoped_close_fd(&shares->list[i].fd);
	free(shares->list);
	*shares = (struct shares){ 0 };
}

size_t shares_devices(const struct shares *shares, struct device *rows, size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < shares->count && count < room; i++) {
		if (shares->list[i].is_device)
			rows[count++] = shares->list[i].device;
	}
	return count;
}

static int open_at(int dir_fd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | flags,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve,
	};
	long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof how);

	return fd < 0 ? -errno : (int)fd;
}

int share_open_parent(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char parent[4096];

	*name = slash + 1;
	if (text_print(parent, sizeof parent, "%.*s", (int)(slash - path) + (slash == path), path) <
	    0)
		return -ENAMETOOLONG;
	return open_at(AT_FDCWD, parent, O_DIRECTORY, 0);
}

static int refuse_target(const struct share *share, const char *path, int code, struct err *err)
{
	return err_set(err, -code, "%s '%s' cannot be shown as '%s': '%s' of the machine %s%s",
		       share->what, share->name, share->target, path,
		       code == -ELOOP     ? "is a link; name the place that it leads to"
		       : code == -ENOTDIR ? "is no folder"
					  : "cannot be opened: ",
		       code == -ELOOP || code == -ENOTDIR ? "" : strerror(-code));
}

/* Opens one component, and creates it if it is missing and may be made. No link is followed. */
static int step(int dir_fd, const char *name, bool folder, bool make)
{
	int fd = open_at(dir_fd, name, folder ? O_DIRECTORY : O_NOFOLLOW, RESOLVE_BENEATH);

	if (fd != -ENOENT || !make)
		return fd;
	if (folder ? mkdirat(dir_fd, name, 0755) : mknodat(dir_fd, name, S_IFREG | 0644, 0))
		return -errno;
	return open_at(dir_fd, name, folder ? O_DIRECTORY : O_NOFOLLOW, RESOLVE_BENEATH);
}

/*
 * The target below root_fd, which is the folder of its first skip bytes. make false: quiet -ENOENT if a part is
 * missing.
 */
static int open_target(int root_fd, const struct share *share, size_t skip, bool make,
		       struct err *err)
{
	scoped_fd int at = open_at(root_fd, ".", O_DIRECTORY, RESOLVE_IN_ROOT);
	char path[sizeof share->target];

	if (at < 0)
		return refuse_target(share, "/", at, err);
	memcpy(path, share->target, sizeof path);
	for (char *name = path + skip + 1, *end; name; name = end) {
		end = strchr(name, '/');
		if (end)
			*end = '\0';
		int next = step(at, name, end || (share->folder && !share->within), make);
		if (next == -ENOENT && !make)
			return next;
		if (next < 0)
			return refuse_target(share, path, next, err);
		close(at);
		at = next;
		if (end)
			*end++ = '/';
	}
	return take_fd(&at);
}

int share_probe(int root_fd, const struct share *share, size_t skip, struct err *err)
{
	scoped_fd int target = open_target(root_fd, share, skip, false, err);

	return target < 0 ? target : 0;
}

int share_covers(int root_fd, const struct share *share, size_t skip, struct err *err)
{
	scoped_fd int target = open_target(root_fd, share, skip, false, &(struct err){ 0 });
	int fd = target < 0 ? -1 : openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	bool empty = true;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	for (const struct dirent *entry; empty && (entry = readdir(folder));)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(folder);
	return empty ? 0
		     : err_set(err, ENOTEMPTY,
			       "%s '%s' hides the files that the machine has at '%s', until it is "
			       "taken away",
			       share->what, share->name, share->target);
}

int share_attach(int root_fd, const struct share *share, struct err *err)
{
	scoped_fd int target = open_target(root_fd, share, 0, true, err);
	struct stat st;

	if (target < 0)
		return target;
	if (fstat(target, &st) < 0)
		return refuse_target(share, share->target, -errno, err);
	if (S_ISDIR(st.st_mode) != (share->folder && !share->within))
		return err_set(err, ENOTDIR, "%s '%s' cannot be shown as '%s', which is %s there",
			       share->what, share->name, share->target,
			       S_ISDIR(st.st_mode) ? "a folder" : "no folder");
	int r = mount_attach(share->fd, target, "");
	return r < 0 ? err_set(err, -r, "%s '%s' cannot be shown as '%s': %s", share->what,
			       share->name, share->target, mount_why(r))
		     : 0;
}

/* The work of a child process: to lock a mount's flags, to change a place in the guest, or both. */
struct inside {
	struct share *share; /* NULL: an unmount */
	const char *target;
	const struct stat *what;
	int pidfd;
	bool own_ids, enter;
	bool look;   /* share_covers, and nothing is changed */
	bool unused; /* unmounts only what nobody uses */
};

static int lock_flags(struct inside *inside, struct err *err)
{
	struct share *share = inside->share;
	int r = staging_lock(&share->fd, share->folder, share->within,
			     inside->own_ids ? inside->pidfd : -1);

	return r < 0 ? err_set(err, -r, "%s '%s' cannot be made ready: %s", share->what,
			       share->name, mount_why(r))
		     : 0;
}

/* The guest cannot trace this process, which is in no pid namespace of the guest. */
static int enter(struct inside *inside, struct err *err)
{
	int r = spawn_enter(inside->pidfd, CLONE_NEWNS);

	if (r == 0 && inside->own_ids)
		r = idmap_become_root();
	umask(0);
	return r < 0 ? err_set(err, -r, "enter the machine's namespaces: %s", strerror(-r)) : 0;
}

static bool is_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
}

static bool is_what(const struct stat *st, const struct stat *what)
{
	if (!what)
		return true;
	if (is_device(what))
		return is_device(st) && st->st_rdev == what->st_rdev;
	return file_is_same(st, what);
}

/*
 * Detaches by name from the folder, because umount2(2) takes no descriptor. A guest that exchanges the name loses its
 * own mount.
 */
static int hide_inside(const struct inside *inside, struct err *err)
{
	const char *name;
	struct stat st;
	scoped_fd int parent = share_open_parent(inside->target, &name);

	int r = -ENOENT;

	if (parent >= 0 && fchdir(parent) == 0 &&
	    fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_what(&st, inside->what))
		r = umount2(name, UMOUNT_NOFOLLOW | (inside->unused ? 0 : MNT_DETACH)) < 0 ? -errno
											   : 0;
	if (r == -EBUSY && inside->unused)
		return err_set(err, EBUSY, "a process in it uses files at '%s'", inside->target);
	if (r < 0)
		return err_set(err, ENOENT, "the machine no longer has it at '%s'", inside->target);
	if (inside->what && is_device(inside->what))
		unlink(name);
	return 0;
}

/* Runs in the child. */
static int work(void *context, int *fds, struct err *err)
{
	struct inside *inside = context;

	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (inside->share && !inside->look && lock_flags(inside, err) < 0)
		return -err->code;
	if (!inside->enter) {
		fds[0] = inside->share->fd;
		return 0;
	}
	if (!inside->share && inside->own_ids) {
		int r = spawn_enter(inside->pidfd, CLONE_NEWUSER);
		if (r < 0)
			return err_set(err, -r, "enter the machine: %s", strerror(-r));
	}
	if (enter(inside, err) < 0)
		return -err->code;
	scoped_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_set(err, errno, "open the machine's root: %s", strerror(errno));
	if (inside->look)
		return share_covers(root, inside->share, 0, err);
	return inside->share ? share_attach(root, inside->share, err) : hide_inside(inside, err);
}

static int run_inside(struct inside *inside, struct err *err)
{
	const char *target = inside->share ? inside->share->target : inside->target;
	scoped_free char *late = text_format("the machine does not let '%s' be reached", target);
	const struct timed_child child = { .work = work,
					   .context = inside,
					   .count = inside->enter ? 0 : 1,
					   .timeout_ms = INSIDE_MILLISECONDS,
					   .late = late };
	int fd = -1;

	if (!late)
		return err_set(err, ENOMEM, "out of memory");
	if (timed_child_run(&child, &fd, err) < 0)
		return -err->code;
	if (!inside->enter) {
		close(inside->share->fd);
		inside->share->fd = fd;
	}
	return 0;
}

int share_lock(struct share *share, int pidfd, bool own_ids, struct err *err)
{
	struct inside inside = { .share = share, .pidfd = pidfd, .own_ids = own_ids };

	return run_inside(&inside, err);
}

int share_show(struct share *share, int pidfd, bool own_ids, struct err *err)
{
	struct inside inside = {
		.share = share, .pidfd = pidfd, .own_ids = own_ids, .enter = true
	};

	return run_inside(&inside, err);
}

int share_covers_inside(struct share *share, int pidfd, bool own_ids, struct err *err)
{
	struct inside inside = {
		.share = share, .pidfd = pidfd, .own_ids = own_ids, .enter = true, .look = true
	};

	return run_inside(&inside, err);
}

int share_withdraw(const char *target, const struct stat *what, int pidfd, bool own_ids,
		   struct err *err)
{
	struct inside inside = { .target = target,
				 .what = what,
				 .pidfd = pidfd,
				 .own_ids = own_ids,
				 .enter = true,
				 .unused = true };

	return run_inside(&inside, err);
}

int share_hide(const char *target, const struct stat *what, int pidfd, bool own_ids,
	       struct err *err)
{
	struct inside inside = {
		.target = target, .what = what, .pidfd = pidfd, .own_ids = own_ids, .enter = true
	};

	return run_inside(&inside, err);
}
