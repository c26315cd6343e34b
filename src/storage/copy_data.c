/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/copy_data.h"

#include "base/file.h"
#include "base/scoped.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

/* Bytes of one copy call: signals and the progress check wait for it. */
enum { RANGE_MAX = 16 << 20 };

/* 0: the kernel shares the data now; 1: it cannot; else -errno. */
static int clone_data(struct copy *copy, int from, int to)
{
	if (copy->no_clone)
		return 1;
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	switch (errno) {
	case ENOSPC:
	case EDQUOT:
	case EIO:
		return -errno;
	case EOPNOTSUPP:
	case ENOTTY:
	case EXDEV:
		copy->no_clone = true;
		return 1;
	default: /* one file only, such as EINVAL between files with and without checksums */
		return 1;
	}
}

/* Bytes moved, 0 at the file's end, or -errno. */
static ssize_t move_some(struct copy *copy, int from, int to, off_t at, size_t n)
{
	if (!copy->no_range) {
		off_t in = at, out = at;
		ssize_t done =
			copy_file_range(from, &in, to, &out, n < RANGE_MAX ? n : RANGE_MAX, 0);
		if (done > 0)
			return done;
		/* Some file systems return 0 if they cannot copy. */
		if (done < 0 && errno != EXDEV && errno != EOPNOTSUPP && errno != ENOSYS &&
		    errno != EINVAL && errno != ETXTBSY)
			return -errno;
		copy->no_range = true;
	}
	ssize_t got = pread(from, copy->value, n < COPY_BUFFER ? n : COPY_BUFFER, at);
	if (got < 0)
		return -errno;
	int r = file_write_all(to, copy->value, (size_t)got, at);
	return r < 0 ? r : got;
}

static int copy_range(struct copy *copy, int from, int to, off_t at, off_t end)
{
	while (at < end) {
		ssize_t n = move_some(copy, from, to, at, (size_t)(end - at));
		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		if (n == 0)
			return -ESTALE; /* the file has become shorter */
		at += n;
		if (copy->moved)
			*copy->moved += (uint64_t)n;
	}
	return 0;
}

static int copy_between_holes(struct copy *copy, int from, int to, off_t size)
{
	for (off_t at = 0; at < size;) {
		off_t start = lseek(from, at, SEEK_DATA);
		if (start < 0 && errno == ENXIO)
			break;
		off_t end = start < 0 ? -1 : lseek(from, start, SEEK_HOLE);
		if (start < 0 || end < 0)
			return -errno;
		if (end > size)
			end = size;
		int r = copy_range(copy, from, to, start, end);
		if (r < 0)
			return r;
		at = end;
	}
	return ftruncate(to, size) < 0 ? -errno : 0;
}

int copy_data(struct copy *copy, int from, int to, const struct statx *st)
{
	off_t size = (off_t)st->stx_size;

	if (size == 0)
		return 0;
	int r = clone_data(copy, from, to);
	if (r == 0 && copy->moved)
		*copy->moved += st->stx_size;
	if (r <= 0)
		return r;
	if (st->stx_blocks * 512 >= st->stx_size)
		return copy_range(copy, from, to, 0, size);
	return copy_between_holes(copy, from, to, size);
}
