/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/later.h"

#include "base/file.h"
#include "base/protection.h"
#include "base/scoped.h"
#include "stream/program.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

/* A request whose path has more bytes is refused. */
enum { PATH_LONGEST = 1 << 20 };

int later_open(void)
{
	scoped_fd int fd = memfd_create("requests", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, LATER_SIZE) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -errno;
	return take_fd(&fd);
}

int later_ask(int fd, struct later *later, const char *path, const char *target)
{
	later->path = (uint32_t)strlen(path) + 1;
	later->target = (uint32_t)strlen(target) + 1;
	off_t at = lseek(fd, 0, SEEK_CUR);
	uint64_t size = sizeof *later + (uint64_t)later->path + later->target;

	/* One more head is left, which is zero and ends the list. */
	if (at < 0 || (uint64_t)at + size + sizeof *later > LATER_SIZE)
		return -ENOSPC;
	int r = file_write_all(fd, (const char *)later, sizeof *later, -1);
	if (r == 0)
		r = file_write_all(fd, path, later->path, -1);
	return r == 0 ? file_write_all(fd, target, later->target, -1) : r;
}

/* Opens the folder that has the file; no link is followed and no mount entered. *name: its name in there. */
static int open_parent(int root, char *path, const char **name)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	if (slash)
		*slash = '\0';
	if (!**name || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
		return -EINVAL;
	int fd = (int)syscall(SYS_openat2, root, slash ? path : ".", &how, sizeof how);
	int code = errno;
	if (slash)
		*slash = '/';
	return fd < 0 ? -code : fd;
}

static int make_node(int folder, const char *name, const struct later *later)
{
	const struct timespec times[2] = {
		{ later->seconds[0], later->nanoseconds[0] },
		{ later->seconds[1], later->nanoseconds[1] },
	};

	if ((!S_ISCHR(later->mode) && !S_ISBLK(later->mode)) || later->uid > UINT16_MAX ||
	    later->gid > UINT16_MAX)
		return -EINVAL;
	if (mknodat(folder, name, (later->mode & S_IFMT) | 0600,
		    makedev(later->major, later->minor)) < 0 ||
	    fchownat(folder, name, later->uid, later->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(folder, name, later->mode & 07777, 0) < 0 ||
	    utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int make_link(int root, int folder, const char *name, char *target)
{
	const char *old;
	struct stat st;
	scoped_fd int from = open_parent(root, target, &old);

	if (from < 0)
		return from;
	if (fstatat(from, old, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EINVAL;
	return linkat(from, old, folder, name, 0) < 0 ? -errno : 0;
}

/* The folder keeps the times that it has got. */
static int make(int root, const struct later *later, char *path, char *target)
{
	const char *name;
	struct stat st;
	scoped_fd int folder = open_parent(root, path, &name);

	if (folder < 0)
		return folder;
	if (fstat(folder, &st) < 0)
		return -errno;
	int r = later->kind == LATER_NODE ? make_node(folder, name, later)
					  : make_link(root, folder, name, target);
	const struct timespec times[2] = { st.st_atim, st.st_mtim };
	return r == 0 && futimens(folder, times) < 0 ? -errno : r;
}

static int protect(int root, const struct later *later, char *path)
{
	const char *name;

	if (strspn(path, "./") == strlen(path)) {
		scoped_fd int top = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return top < 0 ? -errno : protection_set(top, (int)later->flags);
	}
	scoped_fd int folder = open_parent(root, path, &name);
	scoped_fd int fd = folder < 0 ? folder : protection_open(folder, name);
	return fd < 0 ? fd : protection_set(fd, (int)later->flags);
}

static int fulfil(int root, const struct later *later, char *path, char *target, bool flags)
{
	if ((later->kind == LATER_FLAGS) != flags)
		return 0;
	return flags ? protect(root, later, path) : make(root, later, path, target);
}

/* The file of a request that failed; no byte of its path controls a terminal. */
static int fail(const char *path, int code, struct err *err)
{
	char shown[200];

	snprintf(shown, sizeof shown, "%s", path);
	for (char *c = shown; *c; c++)
		*c = *c < ' ' || *c > '~' ? '?' : *c;
	return err_set(err, -code, "file '%s' cannot be made as it was: %s", shown,
		       strerror(-code));
}

/* Flags come last, because a folder that has them takes no node. */
static int fulfil_all(const char *list, size_t room, int root, bool flags, struct err *err)
{
	scoped_free char *words = malloc(PATH_LONGEST);
	struct later later;

	if (!words)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t at = 0; at + sizeof later <= room;) {
		memcpy(&later, list + at, sizeof later);
		at += sizeof later;
		if (later.kind == LATER_END)
			return 0;
		uint64_t size = (uint64_t)later.path + later.target;
		if (later.kind > LATER_FLAGS || later.path == 0 || later.target == 0 ||
		    size > PATH_LONGEST || size > room - at)
			break;
		memcpy(words, list + at, size);
		at += size;
		char *target = words + later.path;
		if (target[-1] || words[size - 1])
			break;
		int r = fulfil(root, &later, words, target, flags);
		if (r < 0)
			return fail(words, r, err);
	}
	return err_set(err, EBADMSG,
		       "the process that filled the volume asked for what is not allowed");
}

/* The request at `at` with its words: their bytes; 0: the end of the list, or a fault that fulfil_all tells. */
static size_t next_request(const char *list, size_t at, struct later *later)
{
	if (at + sizeof *later > LATER_SIZE)
		return 0;
	memcpy(later, list + at, sizeof *later);
	size_t size = sizeof *later + later->path + (size_t)later->target;
	return later->kind == LATER_END || size > LATER_SIZE - at ? 0 : size;
}

/* Puts the flags off until the last part: a file or folder that has them takes nothing more. */
static int keep_flags(const char *list, int flags_fd, struct err *err)
{
	struct later later;
	size_t size;

	for (size_t at = 0; (size = next_request(list, at, &later)) > 0; at += size) {
		if (later.kind != LATER_FLAGS)
			continue;
		off_t kept = lseek(flags_fd, 0, SEEK_CUR);
		if (kept < 0 || (uint64_t)kept + size > LATER_SIZE)
			return err_set(err, E2BIG, "it has more immutable files than berth makes");
		int r = file_write_all(flags_fd, list + at, size, -1);
		if (r < 0)
			return err_set(err, -r, "note flags of files: %s", strerror(-r));
	}
	return 0;
}

/* The flags that earlier parts have put off. */
static int set_kept(int flags_fd, int root, struct err *err)
{
	off_t size = lseek(flags_fd, 0, SEEK_CUR);
	size_t room = size < 0 ? 0 : (size_t)size + sizeof(struct later);
	scoped_free char *list = calloc(1, room + 1);

	if (size < 0 || size > LATER_SIZE || !list ||
	    pread(flags_fd, list, (size_t)size, 0) != (ssize_t)size)
		return err_set(err, EIO, "read the noted flags of files");
	return fulfil_all(list, room, root, true, err);
}

int later_fulfil(int fd, int flags_fd, bool last, int mount_fd, struct err *err)
{
	scoped_fd int root = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	void *list = mmap(NULL, LATER_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	int r;

	if (root < 0 || list == MAP_FAILED)
		return err_set(err, errno, "open the volume: %s", strerror(errno));
	r = fulfil_all(list, LATER_SIZE, root, false, err);
	if (r == 0 && !last && flags_fd >= 0)
		r = keep_flags(list, flags_fd, err);
	else if (r == 0 && flags_fd >= 0)
		r = set_kept(flags_fd, root, err);
	if (r == 0 && (last || flags_fd < 0))
		r = fulfil_all(list, LATER_SIZE, root, true, err);
	munmap(list, LATER_SIZE);
	return r;
}
