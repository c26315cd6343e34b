/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/remove.h"

#include "base/file.h"
#include "base/protection.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 100 };

/* The nearest folder above to which a deep one can be moved, on the same file system. */
struct upper {
	int fd; /* borrowed */
	dev_t device;
	unsigned moved;
};

/* left: number of entries that may still be removed, NULL: any. */
static int remove_entries(DIR *dir, struct upper *upper, unsigned depth, unsigned *left);

static bool is_enough(const unsigned *left)
{
	return left && *left == 0;
}

static int removed(unsigned *left)
{
	if (left && *left > 0)
		--*left;
	return 0;
}

static int move_up(int dir_fd, const char *name, struct upper *upper)
{
	char moved[32];
	int r;

	do {
		snprintf(moved, sizeof moved, ".moved.%u", upper->moved++);
		r = renameat2(dir_fd, name, upper->fd, moved, RENAME_NOREPLACE) < 0 ? -errno : 0;
	} while (r == -EEXIST);
	if (r == -EPERM)
		return r;
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? -ENAMETOOLONG : 0;
}

/* Removes a folder that is not empty. A mount in it belongs to somebody else and is not removed. */
static int remove_full(int dir_fd, const char *name, struct upper *upper, unsigned depth,
		       unsigned *left)
{
	if (depth >= DEPTH_MAX)
		return move_up(dir_fd, name, upper);
	int fd = file_open_below(dir_fd, name);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd == -EXDEV ? -EBUSY : fd;
	scoped_dir DIR *dir = fdopendir(fd);
	struct stat st;
	if (!dir || fstat(fd, &st) < 0) {
		int code = errno;
		if (!dir)
			close(fd);
		return -code;
	}
	struct upper here = { .fd = fd, .device = st.st_dev };
	int r = remove_entries(dir, upper && upper->device == st.st_dev ? upper : &here, depth + 1,
			       left);
	if (r == -EINPROGRESS)
		return r;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT && r == 0)
		r = -errno;
	return r;
}

static int remove_unprotected(int dir_fd, const char *name, struct upper *upper, unsigned depth,
			      unsigned *left)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return removed(left);
	if (errno != EISDIR)
		return -errno;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return removed(left);
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	return remove_full(dir_fd, name, upper, depth, left);
}

/*
 * Clears the flags of chattr(1) that prevent a removal, also on the folder of the entry, which is to be removed too.
 * The topmost folder stays, and keeps its flags. So does a file that has another name elsewhere.
 */
static int remove_protected(int dir_fd, const char *name, struct upper *upper, unsigned depth,
			    unsigned *left)
{
	scoped_fd int fd = protection_open(dir_fd, name);
	struct stat st;
	int own = fd < 0 ? 0 : protection_clear(fd);
	int above = depth > 0 ? protection_clear(dir_fd) : 0;
	int top = upper ? protection_clear(upper->fd) : 0;

	if (own <= 0 && above <= 0 && top <= 0)
		return -EPERM;
	bool file = own > 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (!file)
		scoped_close_fd(&fd);
	int r = remove_unprotected(dir_fd, name, upper, depth, left);
	if (file && fstat(fd, &st) == 0 && st.st_nlink > 0)
		protection_set(fd, own);
	return r;
}

static int remove_one(int dir_fd, const char *name, struct upper *upper, unsigned depth,
		      unsigned *left)
{
	int r = remove_unprotected(dir_fd, name, upper, depth, left);

	return r == -EPERM ? remove_protected(dir_fd, name, upper, depth, left) : r;
}

static int remove_entries(DIR *dir, struct upper *upper, unsigned depth, unsigned *left)
{
	bool again = false;
	unsigned moved;
	int r;

	/* Entries that were moved here meanwhile need another round. */
	do {
		r = 0;
		moved = upper->moved;
		if (again)
			rewinddir(dir);
		again = true;
		for (struct dirent *e; (e = readdir(dir));) {
			if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
				continue;
			if (is_enough(left))
				return -EINPROGRESS;
			int one = remove_one(dirfd(dir), e->d_name, upper, depth, left);
			if (one == -EINPROGRESS)
				return one;
			if (one < 0 && r == 0)
				r = one;
		}
	} while (upper->fd == dirfd(dir) && upper->moved != moved);
	return r;
}

int remove_some(int dir_fd, const char *path, unsigned *left)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return remove_one(dir_fd, path, NULL, 0, left);
	scoped_free char *folder = strndup(path, (size_t)(slash - path) + 1);
	if (!folder)
		return -ENOMEM;
	scoped_fd int fd = openat(dir_fd, folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return remove_one(fd, slash + 1, NULL, 0, left);
}

int remove_tree(int dir_fd, const char *path)
{
	return remove_some(dir_fd, path, NULL);
}
