/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"

#include "base/lock.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

enum { REPLACE_SECONDS = 60 };

/* The file may have been replaced by another object: the open waits for no writer of a FIFO, and no device is read. */
static int open_regular(int dir_fd, const char *path, int flags, struct stat *st)
{
	scoped_fd int fd =
		openat(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);

	if (fd < 0 || fstat(fd, st) < 0)
		return -errno;
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	return S_ISREG(st->st_mode) ? take_fd(&fd) : -EMEDIUMTYPE;
}

int file_open_regular(int dir_fd, const char *path, int flags)
{
	struct stat st;

	return open_regular(dir_fd, path, flags, &st);
}

const char *file_why(int code)
{
	return code == -EMEDIUMTYPE ? "it is no regular file" : strerror(-code);
}

/* sized: a short read is the end of the file; not so in /proc, where files have no size. */
static ssize_t read_to_end(int fd, bool sized, size_t max, char **out)
{
	scoped_text struct text text = { 0 };
	char chunk[4096];
	ssize_t n;

	do {
		n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (text.length + (size_t)n > max)
			return -EFBIG;
		if (text_add_bytes(&text, chunk, (size_t)n) < 0)
			return -ENOMEM;
	} while (n < 0 || n == sizeof chunk || (n > 0 && !sized));
	*out = take_ptr(&text.data);
	return (ssize_t)text.length;
}

ssize_t file_read(int dir_fd, const char *path, size_t max, char **out)
{
	struct stat st;
	scoped_fd int fd = open_regular(dir_fd, path, 0, &st);

	return fd < 0 ? fd : read_to_end(fd, st.st_size > 0, max, out);
}

ssize_t file_read_opened(int fd, size_t max, char **out)
{
	return read_to_end(fd, false, max, out);
}

int file_write(int dir_fd, const char *path, const char *text)
{
	scoped_fd int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	size_t n = strlen(text);
	ssize_t done = write(fd, text, n);
	if (done < 0)
		return -errno;
	return (size_t)done == n ? 0 : -EIO;
}

bool file_is_descriptor(const char *path)
{
	const char *slash = strrchr(path, '/');
	scoped_free char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
	struct statfs fs;
	char to[64];
	ssize_t n = readlink(path, to, sizeof to - 1);

	if (n < 0)
		return false;
	to[n] = '\0';
	return strncmp(to, "/proc/", 6) == 0 ||
	       (folder && statfs(folder, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC);
}

int file_open_special(const char *path)
{
	scoped_fd int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_SETFL, 0) < 0)
		return -errno;
	return take_fd(&fd);
}

int file_memory(const char *name, const char *text)
{
	scoped_fd int fd = memfd_create(name, MFD_CLOEXEC);
	int r = fd < 0 ? -errno : file_write_all(fd, text, strlen(text), 0);

	return r < 0 ? r : take_fd(&fd);
}

int file_write_all(int fd, const char *data, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t done = at < 0 ? write(fd, data, n) : pwrite(fd, data, n, at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		n -= (size_t)done;
		at += at < 0 ? 0 : done;
	}
	return 0;
}

int file_sync_dir(const char *path)
{
	scoped_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int sync_parent(const char *path)
{
	scoped_free char *parent = strdup(path);

	if (!parent)
		return -ENOMEM;
	char *slash = strrchr(parent, '/');
	if (!slash)
		return file_sync_dir(".");
	slash[slash == parent] = '\0';
	return file_sync_dir(parent);
}

/*
 * Called under the lock of the temporary file. The rename takes its name away, so the next writer creates another one.
 */
static int replace(const char *aside, const char *path, const char *text, size_t length,
		   mode_t mode)
{
	scoped_fd int fd = file_lock_within(aside, REPLACE_SECONDS);

	/* Another process was stopped while it wrote the file. */
	if (fd < 0)
		return fd == -EWOULDBLOCK ? -EBUSY : fd;
	int r = ftruncate(fd, 0) < 0 ? -errno : file_write_all(fd, text, length, -1);
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(aside, path) < 0))
		r = -errno;
	if (r < 0)
		unlink(aside);
	return r;
}

int file_replace(const char *path, const char *text, size_t length, mode_t mode, struct err *err)
{
	/* One name for all writers, so that killed ones leave one file, which the next writer reuses. */
	scoped_free char *aside = text_format("%s.new", path);

	if (!aside)
		return err_set(err, ENOMEM, "write '%s': out of memory", path);
	int r = replace(aside, path, text, length, mode);
	if (r < 0)
		return err_set(err, -r, "write '%s': %s", path, strerror(-r));
	r = sync_parent(path);
	if (r < 0)
		return err_set(err, -r, "make '%s' durable: %s", path, strerror(-r));
	return 0;
}

int file_create(const char *path, const char *text, size_t length, mode_t mode)
{
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return -errno;
	int r = file_write_all(fd, text, length, -1);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = sync_parent(path);
	if (r < 0)
		unlink(path);
	return r;
}

int file_make_dirs(const char *path, mode_t mode, struct err *err)
{
	scoped_free char *copy = strdup(path);

	if (!copy)
		return err_set(err, ENOMEM, "make folder '%s': out of memory", path);
	for (char *p = copy + 1;; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char end = *p;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return err_set(err, errno, "make folder '%s': %s", copy, strerror(errno));
		*p = end;
		if (end == '\0')
			break;
	}
	struct stat st;
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "make folder '%s': something else has that name",
			       path);
	return 0;
}

bool file_is_same(const struct stat *one, const struct stat *other)
{
	return one->st_ino == other->st_ino && one->st_dev == other->st_dev;
}

bool file_has_name(const struct stat *open, int dir_fd, const char *path)
{
	struct stat named;

	return fstatat(dir_fd, path, &named, 0) == 0 && file_is_same(open, &named);
}

static int lock_fd(int fd, enum file_lock_mode mode, unsigned seconds)
{
	if (mode == FILE_LOCK_TRY)
		return lock_wait(fd, LOCK_EX, seconds);
	if (mode == FILE_LOCK_SHARE)
		return lock_wait(fd, LOCK_SH, seconds);
	return flock(fd, LOCK_SH | LOCK_NB) < 0 ? -errno : 0;
}

static int open_locked(const char *path, enum file_lock_mode mode, unsigned seconds)
{
	int make = mode == FILE_LOCK_LOOK ? 0 : O_CREAT;

	for (;;) {
		scoped_fd int fd = open(path, O_RDWR | make | O_CLOEXEC | O_NOFOLLOW, 0600);
		struct stat held;

		if (fd < 0)
			return -errno;
		int r = lock_fd(fd, mode, seconds);
		if (r < 0)
			return r;
		/* The last holder may have removed the file: a lock on a file without a name has no effect. */
		if (fstat(fd, &held) < 0)
			return -errno;
		if (file_has_name(&held, AT_FDCWD, path))
			return take_fd(&fd);
	}
}

int file_lock(const char *path, enum file_lock_mode mode)
{
	return open_locked(path, mode, 0);
}

int file_lock_within(const char *path, unsigned seconds)
{
	return open_locked(path, FILE_LOCK_TRY, seconds);
}

int file_lock_shared_within(const char *path, unsigned seconds)
{
	return open_locked(path, FILE_LOCK_SHARE, seconds);
}

/* EAGAIN: a rename elsewhere crossed the walk, and openat2(2) asks to try again. */
static int open_by(int fd, const char *path, struct open_how how)
{
	long r;

	do
		r = syscall(SYS_openat2, fd, path, &how, sizeof how);
	while (r < 0 && (errno == EAGAIN || errno == EINTR));
	return r < 0 ? -errno : (int)r;
}

int file_open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	return open_by(root_fd, path,
		       (struct open_how){
			       .flags = (unsigned)flags | O_CLOEXEC,
			       .mode = flags & O_CREAT ? mode : 0,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
		       });
}

static int open_beneath(int fd, const char *path, uint64_t resolve)
{
	return open_by(fd, path,
		       (struct open_how){
			       .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | resolve,
		       });
}

int file_open_below(int fd, const char *name)
{
	return open_beneath(fd, name, RESOLVE_NO_XDEV);
}

int file_open_within(int fd, const char *path)
{
	return open_beneath(fd, path, 0);
}

int file_climb(int *fd, uint64_t inode)
{
	scoped_fd int up = openat(*fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (up < 0 || fstat(up, &st) < 0)
		return -errno;
	if (st.st_ino != inode)
		return -ESTALE;
	scoped_close_fd(fd);
	*fd = take_fd(&up);
	return 0;
}
