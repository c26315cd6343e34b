/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree belongs to the guest: it is entered only by file_open_in_root, and only regular files are written. */
#include "machine/life/rootfile.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int rootfile_open(int root_fd, const char *path)
{
	scoped_fd int fd =
		file_open_in_root(root_fd, path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0644);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	return take_fd(&fd);
}

char *rootfile_read(int fd, size_t max)
{
	scoped_free char *text = calloc(1, max + 2);
	size_t have = 0;

	while (text && have <= max) {
		ssize_t n = pread(fd, text + have, max + 1 - have, (off_t)have);
		if (n < 0)
			return NULL;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return !text || have > max || strlen(text) != have ? NULL : take_ptr(&text);
}

int rootfile_write(int fd, const char *text)
{
	size_t n = strlen(text);
	scoped_free char *now = rootfile_read(fd, n);

	if (now && strcmp(now, text) == 0)
		return 0;
	/* The new text is written before the old one is cut off, so that a full disk loses nothing. */
	ssize_t done = pwrite(fd, text, n, 0);
	if (done != (ssize_t)n)
		return done < 0 ? -errno : -ENOSPC;
	return ftruncate(fd, (off_t)n) < 0 ? -errno : 0;
}

int rootfile_replace(int root_fd, const char *path, const char *text, struct err *err)
{
	scoped_fd int fd = rootfile_open(root_fd, path);

	if (fd < 0)
		return 0;
	int r = rootfile_write(fd, text);
	return r < 0 ? err_set(err, -r, "write '/%s' of the root: %s", path, strerror(-r)) : 0;
}
