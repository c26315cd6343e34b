/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/aside.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0666 };

int aside_unnamed(const char *folder)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);

	return fd < 0 ? -(errno == EISDIR || errno == ENOENT ? EOPNOTSUPP : errno) : fd;
}

static int check_place(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT
			       ? 0
			       : err_set(err, errno, "look at '%s': %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, EISDIR, "'%s' is a folder; name a file in it", path);
	return S_ISREG(st.st_mode)
		       ? 0
		       : err_set(err, EINVAL,
				 "'%s' is not a file; to write to a pipe or a device: - >%s", path,
				 path);
}

/* A name beside the last one, which nobody else has. */
static int draw_name(struct aside *aside)
{
	uint64_t random;

	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return -errno;
	return text_take(&aside->name,
			 text_format("%s/.berth-export.%016" PRIx64, aside->folder, random));
}

static int open_named(struct aside *aside)
{
	int r = draw_name(aside);

	if (r < 0)
		return r;
	int fd = open(aside->name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, MODE);
	return fd < 0 ? -errno : fd;
}

int aside_begin(struct aside *aside, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');

	*aside = (struct aside){ .path = path, .fd = -1 };
	if (check_place(path, err) < 0)
		return -err->code;
	aside->folder = !slash ? strdup(".") : text_format("%.*s", (int)(slash - path) + 1, path);
	if (!aside->folder)
		return err_set(err, ENOMEM, "out of memory");
	if (access(aside->folder, F_OK) < 0)
		return err_set(err, errno, "make '%s': %s", path, strerror(errno));
	aside->fd = aside_unnamed(aside->folder);
	if (aside->fd == -EOPNOTSUPP)
		aside->fd = open_named(aside);
	return aside->fd < 0 ? err_set(err, -aside->fd, "make '%s': %s", path, strerror(-aside->fd))
			     : 0;
}

/* Gives an unnamed file the name that it has until it is renamed. */
static int link_unnamed(struct aside *aside)
{
	char open_file[64];
	int r = draw_name(aside);

	snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", aside->fd);
	if (r == 0 && linkat(AT_FDCWD, open_file, AT_FDCWD, aside->name, AT_SYMLINK_FOLLOW) < 0) {
		r = -errno;
		free(take_ptr(&aside->name));
	}
	return r;
}

int aside_commit(struct aside *aside, struct err *err)
{
	int r = fsync(aside->fd) < 0 ? -errno : 0;

	if (r == 0 && !aside->name)
		r = link_unnamed(aside);
	if (r == 0 && rename(aside->name, aside->path) < 0)
		r = -errno;
	if (r < 0)
		return err_set(err, -r, "write '%s': %s", aside->path,
			       r == -ENOSPC ? "the disk is full" : strerror(-r));
	free(take_ptr(&aside->name));
	r = file_sync_dir(aside->folder);
	return r < 0 ? err_set(err, -r, "write '%s': %s", aside->path, strerror(-r)) : 0;
}

void aside_end(struct aside *aside)
{
	if (aside->name)
		unlink(aside->name);
	free(take_ptr(&aside->name));
	free(take_ptr(&aside->folder));
	scoped_close_fd(&aside->fd);
}
