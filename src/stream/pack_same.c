/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a file has changed since a base. In a snapshot of the same file system it has the same inode number, and a
 * time of change that no program can set; then these decide. A copied tree has neither: there everything is compared,
 * also the data, since a program may set the time of modification as it likes.
 */
#include "base/protection.h"
#include "base/scoped.h"
#include "stream/pack.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static bool same_time(const struct statx_timestamp *one, const struct statx_timestamp *other)
{
	return one->tv_sec == other->tv_sec && one->tv_nsec == other->tv_nsec;
}

static ssize_t read_full(int fd, char *out, uint64_t at)
{
	size_t have = 0;

	while (have < PACK_DATA) {
		ssize_t n = pread(fd, out + have, PACK_DATA - have, (off_t)(at + have));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* The next byte at or behind `at` that is in no hole; size: there is none. A file system may know no holes. */
static uint64_t next_data(int fd, uint64_t at, uint64_t size)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);

	return data >= 0 ? (uint64_t)data : errno == ENXIO ? size : at;
}

/* Compares two files of the same size. A part that is a hole in both is not read. */
static int same_data(struct packing *p, const char *name, uint64_t size)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	scoped_fd int one = openat(p->from, name, flags);
	scoped_fd int other = openat(p->base, name, flags);
	char *second = p->data + PACK_DATA;

	if (one < 0 || other < 0)
		return -errno;
	for (uint64_t at = 0;; at += PACK_DATA) {
		const uint64_t data = next_data(one, at, size), others = next_data(other, at, size);
		at = data < others ? data : others;
		if (at >= size)
			return 1;
		ssize_t n = read_full(one, p->data, at), m = read_full(other, second, at);
		if (n < 0 || m < 0)
			return n < 0 ? (int)n : (int)m;
		if (n != m || memcmp(p->data, second, (size_t)n) != 0)
			return 0;
		if (n < PACK_DATA)
			return 1;
	}
}

static int same_target(const struct packing *p, const char *name)
{
	char one[PATH_MAX], other[PATH_MAX];
	ssize_t n = readlinkat(p->from, name, one, sizeof one);
	ssize_t m = readlinkat(p->base, name, other, sizeof other);

	if (n < 0 || m < 0)
		return -errno;
	return n == m && memcmp(one, other, (size_t)n) == 0;
}

/* The attributes of a file in a folder, which becomes the current one. */
static ssize_t list_in(int folder, const char *name, char *names)
{
	if (fchdir(folder) < 0)
		return -errno;
	ssize_t n = llistxattr(name, names, PACK_NAMES);
	return n < 0 ? errno == EOPNOTSUPP ? 0 : -errno : n;
}

static int same_attribute(struct packing *p, const char *name, const char *attribute)
{
	char *second = p->values + PACK_VALUE;

	if (fchdir(p->base) < 0)
		return -errno;
	ssize_t m = lgetxattr(name, attribute, second, PACK_VALUE);
	if (fchdir(p->from) < 0)
		return -errno;
	ssize_t n = lgetxattr(name, attribute, p->values, PACK_VALUE);
	return n >= 0 && n == m && memcmp(p->values, second, (size_t)n) == 0;
}

static int same_attributes(struct packing *p, const char *name)
{
	ssize_t m = list_in(p->base, name, p->names + PACK_NAMES);
	ssize_t n = list_in(p->from, name, p->names);

	if (n < 0 || m < 0)
		return n < 0 ? (int)n : (int)m;
	/* Another order counts as a change, which costs no more than a file. */
	if (n != m || memcmp(p->names, p->names + PACK_NAMES, (size_t)n) != 0)
		return 0;
	for (const char *at = p->names; at < p->names + n; at += strlen(at) + 1) {
		int r = same_attribute(p, name, at);
		if (r <= 0)
			return r;
	}
	return 1;
}

int pack_same(struct packing *p, const char *name, const struct statx *st, const struct statx *base)
{
	bool snapshot = st->stx_ino == base->stx_ino;

	if (st->stx_mode != base->stx_mode || st->stx_uid != base->stx_uid ||
	    st->stx_gid != base->stx_gid || st->stx_rdev_major != base->stx_rdev_major ||
	    st->stx_rdev_minor != base->stx_rdev_minor ||
	    (S_ISREG(st->stx_mode) && st->stx_size != base->stx_size) ||
	    !same_time(&st->stx_mtime, &base->stx_mtime))
		return 0;
	if (snapshot)
		return same_time(&st->stx_ctime, &base->stx_ctime);
	if (protection_of(st) != protection_of(base) ||
	    (st->stx_nlink > 1 && !S_ISDIR(st->stx_mode)))
		return 0;
	int r = S_ISLNK(st->stx_mode) ? same_target(p, name) : same_attributes(p, name);
	return r == 1 && S_ISREG(st->stx_mode) ? same_data(p, name, st->stx_size) : r;
}
