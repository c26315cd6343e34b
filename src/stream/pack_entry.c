/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One entry of a tree as one entry of a pax archive. */
#include "base/protection.h"
#include "base/scoped.h"
#include "stream/pack.h"

#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A file with several names, under the first that was met. */
struct link {
	uint64_t inode;
	uint32_t major, minor;
	char path[];
};

static int compare_links(const void *a, const void *b)
{
	const struct link *one = a, *other = b;

	if (one->inode != other->inode)
		return one->inode < other->inode ? -1 : 1;
	if (one->major != other->major)
		return one->major < other->major ? -1 : 1;
	return one->minor < other->minor ? -1 : one->minor > other->minor;
}

void pack_links_free(struct packing *p)
{
	tdestroy(p->links, free);
	p->links = NULL;
}

/* The first path of a file with several names, or NULL, with this path remembered. -ENOMEM. */
static int find_link(struct packing *p, const struct statx *st, const char *path,
		     const char **first)
{
	size_t n = strlen(path) + 1;
	struct link *one = malloc(sizeof *one + n);

	if (!one)
		return -ENOMEM;
	*one = (struct link){ st->stx_ino, st->stx_dev_major, st->stx_dev_minor };
	memcpy(one->path, path, n);
	struct link **found = tsearch(one, &p->links, compare_links);
	if (!found || *found != one)
		free(one);
	if (!found)
		return -ENOMEM;
	*first = *found != one ? (*found)->path : NULL;
	return 0;
}

static int add_attribute(struct packing *p, const char *file, int fd, const char *name)
{
	ssize_t n = fd >= 0 ? fgetxattr(fd, name, p->values, PACK_VALUE)
			    : lgetxattr(file, name, p->values, PACK_VALUE);

	if (n < 0 && errno == ENODATA)
		return 0;
	if (n < 0) {
		int code = errno;
		snprintf(p->said, sizeof p->said, "attribute %.255s", name);
		return -code;
	}
	archive_entry_xattr_add_entry(p->entry, name, p->values, (size_t)n);
	return 0;
}

/* fd: of a regular file or a folder; -1: the call goes by name, in the current folder, and follows no link. */
static int add_attributes(struct packing *p, const char *file, int fd)
{
	ssize_t n = fd >= 0 ? flistxattr(fd, p->names, PACK_NAMES)
			    : llistxattr(file, p->names, PACK_NAMES);

	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (const char *at = p->names; at < p->names + n; at += strlen(at) + 1) {
		int r = add_attribute(p, file, fd, at);
		if (r < 0)
			return r;
	}
	return 0;
}

static void describe(struct packing *p, const char *path, const struct statx *st)
{
	struct archive_entry *entry = p->entry;

	archive_entry_clear(entry);
	archive_entry_copy_pathname(entry, path);
	archive_entry_set_mode(entry, st->stx_mode);
	archive_entry_set_uid(entry, st->stx_uid);
	archive_entry_set_gid(entry, st->stx_gid);
	archive_entry_set_size(entry, S_ISREG(st->stx_mode) ? (la_int64_t)st->stx_size : 0);
	archive_entry_set_mtime(entry, st->stx_mtime.tv_sec, (long)st->stx_mtime.tv_nsec);
	archive_entry_set_atime(entry, st->stx_atime.tv_sec, (long)st->stx_atime.tv_nsec);
	archive_entry_set_rdevmajor(entry, st->stx_rdev_major);
	archive_entry_set_rdevminor(entry, st->stx_rdev_minor);
	archive_entry_set_fflags(entry, (unsigned long)protection_of(st), 0);
}

static int fail(struct packing *p)
{
	/* The sink has said it, if it was the sink. */
	if (p->sink->report->err.code)
		return -EIO;
	int code = archive_errno(p->out);
	return code > 0 ? -code : -EINVAL;
}

static int put_head(struct packing *p)
{
	int r = archive_write_header(p->out, p->entry);

	p->sink->report->entries++;
	return r == ARCHIVE_OK || r == ARCHIVE_WARN ? 0 : fail(p);
}

static int put_data(struct packing *p, const void *bytes, size_t n)
{
	return archive_write_data(p->out, bytes, n) == (la_ssize_t)n ? 0 : fail(p);
}

/* libarchive leaves holes out by itself, but wants their zeros. */
static int put_hole(struct packing *p, uint64_t length)
{
	static const char zeros[PACK_DATA];

	while (length > 0) {
		size_t n = length < sizeof zeros ? (size_t)length : sizeof zeros;
		int r = put_data(p, zeros, n);
		if (r < 0)
			return r;
		length -= n;
	}
	return 0;
}

/* A file that gets shorter while it is read is a failure: the archive would not be of one moment. */
static int put_extent(struct packing *p, int fd, uint64_t at, uint64_t end)
{
	while (at < end) {
		size_t n = end - at < PACK_DATA ? (size_t)(end - at) : PACK_DATA;
		ssize_t got = pread(fd, p->data, n, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ESTALE;
		int r = put_data(p, p->data, (size_t)got);
		if (r < 0)
			return r;
		at += (uint64_t)got;
	}
	return 0;
}

/* The next piece of data at or after `at`: 1; 0: there are only holes. */
static int next_extent(int fd, uint64_t at, uint64_t size, uint64_t *start, uint64_t *end)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);
	off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);

	if (data < 0 && errno == ENXIO)
		return 0;
	if (data < 0 || hole < 0)
		return -errno;
	*start = (uint64_t)data;
	*end = (uint64_t)hole < size ? (uint64_t)hole : size;
	return *start < size;
}

/* A piece of a file: all of it, unless it goes beyond the end of a part. */
struct piece {
	uint64_t start, end;
	bool sparse; /* there are holes in it, or other pieces beside it */
};

/* The second pass over the holes finds what the first has found, as nobody changes the file. */
static int put_sparse(struct packing *p, int fd, const struct piece *piece, uint64_t size)
{
	uint64_t at = piece->start, start, end;
	int r = put_hole(p, at);

	while (r == 0 && (r = next_extent(fd, at, piece->end, &start, &end)) > 0) {
		r = put_hole(p, start - at);
		if (r == 0)
			r = put_extent(p, fd, start, end);
		if (r < 0)
			return r;
		at = end;
	}
	return r < 0 ? r : put_hole(p, size - at);
}

static int list_extents(struct packing *p, int fd, const struct piece *piece)
{
	uint64_t at = piece->start, start, end;
	int r;

	while ((r = next_extent(fd, at, piece->end, &start, &end)) > 0) {
		archive_entry_sparse_add_entry(p->entry, (la_int64_t)start,
					       (la_int64_t)(end - start));
		at = end;
	}
	/* Without an entry it would count as dense. */
	if (r == 0 && at == piece->start)
		archive_entry_sparse_add_entry(p->entry, 0, 0);
	return r;
}

static int open_file(const struct packing *p, const char *name, const struct statx *seen)
{
	scoped_fd int fd =
		openat(p->from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct statx st;

	if (fd < 0)
		return errno == ELOOP || errno == ENOENT || errno == ENXIO ? -ESTALE : -errno;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
		return -errno;
	if (!S_ISREG(st.stx_mode) || st.stx_ino != seen->stx_ino || st.stx_size != seen->stx_size)
		return -ESTALE;
	return take_fd(&fd);
}

/* The end of the next piece: that of the file, or where the part is full. */
static int find_end(const struct packing *p, int fd, uint64_t from, uint64_t size, uint64_t *end)
{
	uint64_t room = pack_part_room(p), at = from, start, stop;
	int r = 0;

	*end = size;
	if (!p->limit || size - from <= room)
		return 0;
	while ((r = next_extent(fd, at, size, &start, &stop)) > 0 && stop - start <= room) {
		room -= stop - start;
		at = stop;
	}
	if (r > 0)
		*end = start + room;
	return r < 0 ? r : 0;
}

static int put_piece(struct packing *p, const char *name, int fd, const struct piece *piece,
		     uint64_t size)
{
	int r = add_attributes(p, name, fd);

	if (piece->start > 0)
		archive_entry_xattr_add_entry(p->entry, PACK_FURTHER, "", 0);
	if (r == 0 && piece->sparse)
		r = list_extents(p, fd, piece);
	if (r == 0)
		r = put_head(p);
	if (r < 0)
		return r;
	return piece->sparse ? put_sparse(p, fd, piece, size) : put_extent(p, fd, 0, size);
}

static int pack_file(struct packing *p, const char *name, const char *path, const struct statx *st)
{
	scoped_fd int fd = open_file(p, name, st);
	struct piece piece = { .start = p->offset };

	if (fd < 0)
		return fd;
	for (;;) {
		int r = find_end(p, fd, piece.start, st->stx_size, &piece.end);
		bool whole = piece.start == 0 && piece.end == st->stx_size;
		piece.sparse = !whole || st->stx_blocks * 512 < st->stx_size;
		if (r == 0)
			r = put_piece(p, name, fd, &piece, st->stx_size);
		if (r < 0 || piece.end == st->stx_size)
			return r;
		r = pack_part_end(p, piece.end);
		if (r < 0)
			return r;
		piece.start = piece.end;
		describe(p, path, st);
	}
}

static int add_target(struct packing *p, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(p->from, name, target, sizeof target - 1);

	if (n < 0)
		return errno == EINVAL || errno == ENOENT ? -ESTALE : -errno;
	target[n] = '\0';
	archive_entry_copy_symlink(p->entry, target);
	return 0;
}

static int pack_other(struct packing *p, const char *name, const struct statx *st)
{
	int r = S_ISLNK(st->stx_mode) ? add_target(p, name) : 0;

	if (r == 0)
		r = add_attributes(p, name, -1);
	if (r == 0 && S_ISSOCK(st->stx_mode)) {
		archive_entry_set_filetype(p->entry, AE_IFREG);
		archive_entry_xattr_add_entry(p->entry, PACK_SOCKET, "", 0);
	}
	return r < 0 ? r : put_head(p);
}

int pack_pass(struct packing *p, const char *path, const struct statx *st)
{
	const char *first;

	return st->stx_nlink > 1 && !S_ISDIR(st->stx_mode) ? find_link(p, st, path, &first) : 0;
}

int pack_entry(struct packing *p, const char *name, const char *path, const struct statx *st)
{
	const char *first = NULL;

	p->said[0] = '\0';
	describe(p, path, st);
	int r = st->stx_nlink > 1 && !S_ISDIR(st->stx_mode) ? find_link(p, st, path, &first) : 0;
	if (r < 0)
		return r;
	if (first) {
		archive_entry_set_size(p->entry, 0);
		archive_entry_copy_hardlink(p->entry, first);
		return put_head(p);
	}
	return S_ISREG(st->stx_mode) ? pack_file(p, name, path, st) : pack_other(p, name, st);
}
