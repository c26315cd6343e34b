/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A snapshot of a subvolume has an empty folder where another was nested in it: each of those is
 * replaced by a snapshot of its own. Nobody changes the origin meanwhile.
 */
#include "base/scoped.h"
#include "storage/subvol.h"
#include "storage/subvol_search.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* A level has four descriptors open. */
enum { DEPTH_MAX = 64, NAME_LENGTH_MAX = 255 };

struct child {
	uint64_t folder; /* inode of the folder that it is in */
	char name[NAME_LENGTH_MAX + 1];
};

struct children {
	struct child *list; /* owned */
	size_t count;
};

static int copy_nested(int from, int to, unsigned depth);

static int add_child(void *context, const struct btrfs_ioctl_search_header *header,
		     const char *item)
{
	struct children *children = context;
	struct btrfs_root_ref ref;

	if (header->len < sizeof ref)
		return -EUCLEAN;
	memcpy(&ref, item, sizeof ref);
	size_t length = le16toh(ref.name_len);
	if (length == 0 || length > NAME_LENGTH_MAX || sizeof ref + length > header->len)
		return -EUCLEAN;
	struct child *list =
		realloc(children->list, (children->count + 1) * sizeof *children->list);
	if (!list)
		return -ENOMEM;
	children->list = list;
	struct child *child = &list[children->count++];
	child->folder = le64toh(ref.dirid);
	memcpy(child->name, item + sizeof ref, length);
	child->name[length] = '\0';
	return 0;
}

static int find_children(int fd, struct children *children)
{
	uint64_t id = 0;
	int r = subvol_id(fd, &id);

	return r < 0 ? r : subvol_each_nested(fd, id, add_child, children);
}

/* Opens the folder of that inode, below the subvolume that fd is. */
static int open_folder(int fd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	long r = syscall(SYS_openat2, fd, *path ? path : ".", &how, sizeof how);

	return r < 0 ? -errno : (int)r;
}

static int find_folder(int fd, uint64_t inode, char path[BTRFS_INO_LOOKUP_PATH_MAX])
{
	struct btrfs_ioctl_ino_lookup_args args = { .objectid = inode };

	if (ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) < 0)
		return -errno;
	memcpy(path, args.name, sizeof args.name);
	path[BTRFS_INO_LOOKUP_PATH_MAX - 1] = '\0';
	return 0;
}

static int keep_read_only(int from, int to)
{
	uint64_t flags = 0;

	if (ioctl(from, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0)
		return -errno;
	if (!(flags & BTRFS_SUBVOL_RDONLY))
		return 0;
	return ioctl(to, BTRFS_IOC_SUBVOL_SETFLAGS, &flags) < 0 ? -errno : 0;
}

/* The folder's own times are not touched by that, as far as anybody can see. */
static int replace_child(int from_folder, int to_folder, const char *name, unsigned depth)
{
	scoped_fd int from = subvol_open(from_folder, name);
	struct stat st;

	if (from < 0)
		return from;
	if (fstat(to_folder, &st) < 0 ||
	    (unlinkat(to_folder, name, AT_REMOVEDIR) < 0 && errno != ENOENT))
		return -errno;
	int r = subvol_snapshot(to_folder, from, name);
	if (r < 0)
		return r;
	scoped_fd int to = subvol_open(to_folder, name);
	r = to < 0 ? to : copy_nested(from, to, depth + 1);
	if (r == 0)
		r = keep_read_only(from, to);
	if (r == 0)
		futimens(to_folder, (struct timespec[2]){ st.st_atim, st.st_mtim });
	return r;
}

static int copy_child(int from, int to, const struct child *child, unsigned depth)
{
	char path[BTRFS_INO_LOOKUP_PATH_MAX];
	int r = find_folder(from, child->folder, path);

	if (r < 0)
		return r;
	scoped_fd int from_folder = open_folder(from, path);
	scoped_fd int to_folder = open_folder(to, path);
	if (from_folder < 0 || to_folder < 0)
		return from_folder < 0 ? from_folder : to_folder;
	return replace_child(from_folder, to_folder, child->name, depth);
}

static int copy_nested(int from, int to, unsigned depth)
{
	struct children children = { 0 };
	int r = find_children(from, &children);

	if (r == 0 && children.count > 0 && depth >= DEPTH_MAX)
		r = -ELOOP;
	for (size_t i = 0; r == 0 && i < children.count; i++)
		r = copy_child(from, to, &children.list[i], depth);
	free(children.list);
	return r;
}

static int make_writable(int fd)
{
	uint64_t flags = 0;

	if (ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0)
		return -errno;
	if (!(flags & BTRFS_SUBVOL_RDONLY))
		return 0;
	flags &= ~(uint64_t)BTRFS_SUBVOL_RDONLY;
	return ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags) < 0 ? -errno : 0;
}

static int make_child_writable(int fd, const struct child *child, unsigned depth)
{
	char path[BTRFS_INO_LOOKUP_PATH_MAX];
	int r = find_folder(fd, child->folder, path);

	if (r < 0)
		return r;
	scoped_fd int folder = open_folder(fd, path);
	scoped_fd int nested = folder < 0 ? folder : subvol_open(folder, child->name);
	if (nested < 0)
		return nested;
	r = make_writable(nested);
	return r < 0 ? r : subvol_make_writable(nested, depth + 1);
}

int subvol_make_writable(int fd, unsigned depth)
{
	struct children children = { 0 };
	int r = find_children(fd, &children);

	if (r == 0 && children.count > 0 && depth >= DEPTH_MAX)
		r = -ELOOP;
	for (size_t i = 0; r == 0 && i < children.count; i++)
		r = make_child_writable(fd, &children.list[i], depth);
	free(children.list);
	return r;
}

int subvol_snapshot_all(int folder_fd, int origin_fd, const char *name)
{
	int r = subvol_snapshot(folder_fd, origin_fd, name);

	if (r < 0)
		return r;
	scoped_fd int fd = subvol_open(folder_fd, name);
	return fd < 0 ? fd : copy_nested(origin_fd, fd, 0);
}
