/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The folder is the root of this process, so that no path leads out of it, whatever its links are, and also if others
 * change it meanwhile.
 */
#include "image/pack/walk.h"

#include "base/scoped.h"
#include "image/shared/attributes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { CHUNK = 256 << 10, ATTRIBUTE_MAX = 64 << 10 };

struct walk {
	struct writer *writer;
	const struct shift *shift;
	struct pack_report *report;
	struct archive_entry_linkresolver *links;
	const char *prefix;
	struct text path; /* of the object, below the root; "" is the root */
	char *chunk;      /* owned: CHUNK bytes */
	char *attributes; /* owned: names, then a value, ATTRIBUTE_MAX bytes each */
};

/* The path as a system call takes it. */
static const char *here(const struct walk *walk)
{
	return walk->path.length ? text_str(&walk->path) : ".";
}

/* The path as it may be shown: no byte of it controls a terminal. */
static void show(const struct walk *walk, char name[200])
{
	snprintf(name, 200, "%.190s", here(walk));
	for (; *name; name++)
		*name = *name < ' ' || *name > '~' ? '?' : *name;
}

static int fail(struct walk *walk, int code, const char *what)
{
	char name[200];

	show(walk, name);
	return err_set(&walk->report->err, code, "%s '%s': %s", what, name, strerror(code));
}

static int refuse(struct walk *walk, int code, const char *why)
{
	char name[200];

	show(walk, name);
	return err_set(&walk->report->err, code, "entry '%s' %s", name, why);
}

static int out_of_memory(struct walk *walk)
{
	return err_set(&walk->report->err, ENOMEM, "out of memory");
}

/* ---- What an entry is */

static int name_entry(struct walk *walk, struct archive_entry *entry, bool folder)
{
	const char *slash = *walk->prefix && walk->path.length ? "/" : "";
	scoped_free char *name = walk->path.length || *walk->prefix
					 ? text_format("%s%s%s%s", walk->prefix, slash,
						       text_str(&walk->path), folder ? "/" : "")
					 : strdup("./");

	if (!name)
		return out_of_memory(walk);
	archive_entry_set_pathname(entry, name);
	return 0;
}

static int set_owner(struct walk *walk, struct archive_entry *entry, const struct stat *st)
{
	int64_t user, group;

	if (!shift_id(walk->shift, 'u', st->st_uid, &user) ||
	    !shift_id(walk->shift, 'g', st->st_gid, &group))
		return refuse(walk, EINVAL,
			      "belongs to an id of the host that its id map does not have");
	archive_entry_set_uid(entry, user);
	archive_entry_set_gid(entry, group);
	return 0;
}

/* An attribute that vanishes meanwhile is none. */
static int add_attribute(struct walk *walk, struct archive_entry *entry, const char *name)
{
	char *value = walk->attributes + ATTRIBUTE_MAX;
	ssize_t n = lgetxattr(here(walk), name, value, ATTRIBUTE_MAX);
	size_t size = n < 0 ? 0 : (size_t)n;

	if (n < 0)
		return errno == ENODATA ? 0 : fail(walk, errno, "read an attribute of");
	if (!shift_attribute(walk->shift, name, value, &size)) {
		walk->report->attributes++;
		return 0;
	}
	archive_entry_xattr_add_entry(entry, name, value, size);
	return 0;
}

/* Labels are the host's: every file has one where the host uses them. */
static bool is_label(const char *name)
{
	return strcmp(name, "security.selinux") == 0;
}

static int add_attributes(struct walk *walk, struct archive_entry *entry)
{
	ssize_t size = llistxattr(here(walk), walk->attributes, ATTRIBUTE_MAX);

	if (size < 0)
		return errno == ENOTSUP ? 0 : fail(walk, errno, "list the attributes of");
	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(walk->attributes + at) + 1) {
		const char *name = walk->attributes + at;
		if (!is_label(name) && add_attribute(walk, entry, name) < 0)
			return -walk->report->err.code;
	}
	int64_t lost = attributes_settle(entry);
	if (lost < 0)
		return out_of_memory(walk);
	walk->report->attributes += (uint64_t)lost;
	return 0;
}

static int add_link(struct walk *walk, struct archive_entry *entry)
{
	char target[4097];
	ssize_t n = readlink(here(walk), target, sizeof target - 1);

	if (n < 0)
		return fail(walk, errno, "read link");
	target[n] = '\0';
	archive_entry_set_symlink(entry, target);
	return 0;
}

/* ---- Data */

/* Tells libarchive the pieces of a file that are data, unless all of it is. */
static void add_pieces(struct archive_entry *entry, int fd, off_t size)
{
	off_t data = lseek(fd, 0, SEEK_DATA);
	off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);

	if ((data < 0 && errno != ENXIO) || (data == 0 && hole >= size))
		return;
	if (data < 0)
		archive_entry_sparse_add_entry(entry, 0, 0);
	while (data >= 0 && data < size) {
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || hole > size)
			hole = size;
		archive_entry_sparse_add_entry(entry, data, hole - data);
		data = lseek(fd, hole, SEEK_DATA);
	}
}

static int write_zeros(struct walk *walk, off_t n)
{
	static const char zeros[64 << 10];

	while (n > 0) {
		size_t piece = n > (off_t)sizeof zeros ? sizeof zeros : (size_t)n;
		if (writer_data(walk->writer, zeros, piece, &walk->report->err) < 0)
			return -walk->report->err.code;
		n -= (off_t)piece;
	}
	return 0;
}

static int write_piece(struct walk *walk, int fd, off_t at, off_t end)
{
	while (at < end) {
		size_t wanted = end - at > CHUNK ? CHUNK : (size_t)(end - at);
		ssize_t n = pread(fd, walk->chunk, wanted, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(walk, errno, "read");
		if (n == 0)
			return refuse(walk, EBUSY,
				      "became shorter while it was read; stop what writes to it");
		if (writer_data(walk->writer, walk->chunk, (size_t)n, &walk->report->err) < 0)
			return -walk->report->err.code;
		at += n;
	}
	return 0;
}

/* The tar gets every byte of a file; libarchive leaves out what is in no piece. */
static int write_file(struct walk *walk, int fd, off_t size)
{
	off_t at = 0;

	while (at < size) {
		off_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			data = at;
		if (data < 0 || data > size)
			data = size;
		off_t hole = data < size ? lseek(fd, data, SEEK_HOLE) : size;
		if (hole < 0 || hole > size)
			hole = size;
		if (write_zeros(walk, data - at) < 0 || write_piece(walk, fd, data, hole) < 0)
			return -walk->report->err.code;
		at = hole;
	}
	return 0;
}

/* ---- Objects */

static int write_entry(struct walk *walk, struct archive_entry *entry, int fd)
{
	struct archive_entry *spare = NULL;
	struct err *err = &walk->report->err;

	walk->report->entries++;
	archive_entry_linkify(walk->links, &entry, &spare);
	archive_entry_free(spare);
	/* These belong to this host; the format of pax, which has fractions of seconds, would have them too. */
	archive_entry_set_dev(entry, 0);
	archive_entry_set_ino(entry, 0);
	archive_entry_set_nlink(entry, 1);
	/* A full disk or a reader that has ended is no fault of the entry. */
	if (writer_header(walk->writer, entry, err) < 0)
		return walk->writer->code ? -err->code
					  : refuse(walk, err->code, "cannot be written");
	if (fd < 0 || archive_entry_hardlink(entry))
		return 0;
	return write_file(walk, fd, archive_entry_size(entry));
}

/* fd: of a regular file, else -1. */
static int describe(struct walk *walk, struct archive_entry *entry, const struct stat *st, int fd)
{
	archive_entry_copy_stat(entry, st);
	archive_entry_unset_atime(entry);
	archive_entry_unset_ctime(entry);
	archive_entry_unset_birthtime(entry);
	if (!S_ISREG(st->st_mode))
		archive_entry_set_size(entry, 0);
	if (name_entry(walk, entry, S_ISDIR(st->st_mode)) < 0 || set_owner(walk, entry, st) < 0 ||
	    add_attributes(walk, entry) < 0 || (S_ISLNK(st->st_mode) && add_link(walk, entry) < 0))
		return -walk->report->err.code;
	if (fd >= 0)
		add_pieces(entry, fd, st->st_size);
	return 0;
}

static int write_object(struct walk *walk, const struct stat *seen)
{
	bool regular = S_ISREG(seen->st_mode);
	struct stat st = *seen;
	scoped_fd int fd = regular ? open(here(walk),
					  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
				   : -1;

	if (regular && (fd < 0 || fstat(fd, &st) < 0))
		return fail(walk, errno, "open");
	if (regular && !S_ISREG(st.st_mode))
		return refuse(walk, EBUSY, "was replaced while it was read");
	struct archive_entry *entry = archive_entry_new();
	if (!entry)
		return out_of_memory(walk);
	int r = describe(walk, entry, &st, fd);
	if (r == 0)
		r = write_entry(walk, entry, fd);
	archive_entry_free(entry);
	return r;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int write_tree(struct walk *walk);

/* The object of that name in the current folder, and what is below it. */
static int write_child(struct walk *walk, const char *name)
{
	size_t length = walk->path.length;

	if (text_add(&walk->path, "%s%s", length ? "/" : "", name) < 0)
		return out_of_memory(walk);
	int r = write_tree(walk);
	walk->path.data[length] = '\0';
	walk->path.length = length;
	return r;
}

static int write_children(struct walk *walk)
{
	struct dirent **names = NULL;
	int count = scandir(here(walk), &names, NULL, by_name), r = 0;

	if (count < 0)
		return fail(walk, errno, "read folder");
	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;
		if (r == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			r = write_child(walk, name);
		free(names[i]);
	}
	free(names);
	return r;
}

static int write_tree(struct walk *walk)
{
	struct stat st;

	if (lstat(here(walk), &st) < 0)
		return fail(walk, errno, "look at");
	if (S_ISSOCK(st.st_mode)) {
		walk->report->sockets++;
		return 0;
	}
	if (write_object(walk, &st) < 0)
		return -walk->report->err.code;
	return S_ISDIR(st.st_mode) ? write_children(walk) : 0;
}

int walk_root(struct writer *writer, const char *prefix, const struct shift *shift,
	      struct pack_report *report)
{
	struct walk walk = {
		.writer = writer,
		.shift = shift,
		.report = report,
		.links = archive_entry_linkresolver_new(),
		.prefix = prefix,
		.chunk = malloc(CHUNK),
		.attributes = malloc((size_t)2 * ATTRIBUTE_MAX),
	};
	int r = walk.links && walk.chunk && walk.attributes ? 0 : out_of_memory(&walk);

	if (r == 0) {
		archive_entry_linkresolver_set_strategy(walk.links,
							ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
		r = write_tree(&walk);
	}
	archive_entry_linkresolver_free(walk.links);
	text_free(&walk.path);
	free(walk.chunk);
	free(walk.attributes);
	return r;
}
