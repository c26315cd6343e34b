/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/fill.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "image/unpack/entry.h"
#include "stream/later.h"
#include "stream/pack.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { NAMES = 64 << 10 };

#define DEFAULT_ACL "system.posix_acl_default"

struct filling {
	struct extraction x; /* first member, for casts */
	struct unpack_report unpacked;
	struct archive *in;
	struct source *source;
	int later_fd;
	char *names;     /* owned; of extended attributes */
	bool ended;      /* the section is complete */
	struct err *err; /* borrowed: of the source, which knows better than the archive */
};

/* The name of a file in the tree, as pack.c writes it. */
static bool is_of_tree(const char *name)
{
	size_t n = strlen(name);

	return n > 2 && strncmp(name, "./", 2) == 0 && !strstr(name, "/../") &&
	       strcmp(name + n - 3, "/..") != 0;
}

/* Names of a chunk come from a stranger; this process can reach the volume only. */
static int remove_names(const char *names, size_t n, struct err *err)
{
	const char *end = names + n;

	if (n == 0 || end[-1])
		return err_set(err, EBADMSG, "it is damaged: a name has no end");
	for (const char *at = names; at < end; at += strlen(at) + 1) {
		if (!is_of_tree(at))
			return err_set(err, EBADMSG, "it is damaged: a name is not one of a tree");
		int r = remove_tree(AT_FDCWD, at);
		if (r < 0)
			return err_set(err, -r,
				       "remove what the base has and the volume has not: %s",
				       strerror(-r));
	}
	return 0;
}

static la_ssize_t next_bytes(struct archive *in, void *context, const void **bytes)
{
	struct filling *f = context;
	struct source *source = f->source;
	int r;

	while ((r = source_next(source, f->err)) > 0 && source->reader.chunk.type != STREAM_TREE) {
		r = source->reader.chunk.type == STREAM_REMOVED
			    ? remove_names((const char *)source->plain, source->reader.chunk.plain,
					   f->err)
			    : err_set(f->err, EBADMSG, "it is damaged: it has blocks for a tree");
		if (r < 0)
			break;
	}
	if (r > 0) {
		*bytes = source->plain;
		return source->reader.chunk.plain;
	}
	f->ended = r == 0;
	if (r == 0)
		return 0;
	archive_set_error(in, f->err->code, "%s", f->err->text);
	return ARCHIVE_FATAL;
}

static int copy(struct extraction *x)
{
	struct filling *f = (struct filling *)x;
	const void *block;
	size_t size;
	la_int64_t offset;

	for (;;) {
		int r = archive_read_data_block(f->in, &block, &size, &offset);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return entry_fail(x, f->in);
		if (entry_write(x, block, size, offset) < 0)
			return -x->report->err.code;
	}
}

static int ask(struct extraction *x, struct later *later, const char *path, const char *target)
{
	struct filling *f = (struct filling *)x;
	int r = later_ask(f->later_fd, later, path, target);

	if (r == -ENOSPC)
		return err_set(&x->report->err, E2BIG,
			       "it has more device nodes or immutable files than berth makes");
	return r < 0 ? err_set(&x->report->err, -r, "ask for '%s': %s", x->name, strerror(-r)) : 0;
}

static int take_node(struct extraction *x, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry), *hard = archive_entry_hardlink(entry);
	struct later later = {
		.kind = hard ? LATER_LINK : LATER_NODE,
		.mode = archive_entry_mode(entry),
		.uid = (uint32_t)archive_entry_uid(entry),
		.gid = (uint32_t)archive_entry_gid(entry),
		.major = (uint32_t)archive_entry_rdevmajor(entry),
		.minor = (uint32_t)archive_entry_rdevminor(entry),
		.seconds = { archive_entry_atime(entry), archive_entry_mtime(entry) },
		.nanoseconds = { (uint32_t)archive_entry_atime_nsec(entry),
				 (uint32_t)archive_entry_mtime_nsec(entry) },
	};

	if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_set(&x->report->err, errno, "entry '%s': %s", x->name, strerror(errno));
	return ask(x, &later, path, hard ? hard : "");
}

/* The flags of chattr(1) are set when everything else is in place. */
static int take_flags(struct extraction *x, struct archive_entry *entry)
{
	unsigned long set = 0, clear = 0;

	archive_entry_fflags(entry, &set, &clear);
	if (!set || archive_entry_hardlink(entry))
		return 0;
	struct later later = { .kind = LATER_FLAGS, .flags = (uint32_t)set };
	archive_entry_set_fflags(entry, 0, 0);
	return ask(x, &later, archive_entry_pathname(entry), "");
}

/* A socket is an empty file with a mark, since a tar has no type for it. */
static void take_socket(struct archive_entry *entry)
{
	const char *name;
	const void *value;
	size_t size;

	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
		return;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (strcmp(name, PACK_SOCKET) != 0)
			continue;
		archive_entry_set_filetype(entry, AE_IFSOCK);
		archive_entry_unset_size(entry);
		archive_entry_xattr_clear(entry);
		return;
	}
}

/* Whether an entry is a folder that is there already. */
static bool is_there(struct archive_entry *entry)
{
	struct stat st;

	return archive_entry_filetype(entry) == AE_IFDIR &&
	       lstat(archive_entry_pathname(entry), &st) == 0 && S_ISDIR(st.st_mode);
}

/* A folder of the base has attributes that the new one may have lost. */
static int clear_folder(struct filling *f, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry);
	ssize_t n = llistxattr(path, f->names, NAMES);

	for (const char *at = f->names; at < f->names + n; at += strlen(at) + 1) {
		if (lremovexattr(path, at) < 0 && errno != ENODATA && errno != EPERM &&
		    errno != EOPNOTSUPP)
			return err_set(&f->x.report->err, errno, "entry '%s': %s", f->x.name,
				       strerror(errno));
	}
	return 0;
}

/* libarchive sets no default ACL of a folder that is there already. value: owned by the caller; NULL: it has none. */
static int keep_default_acl(struct archive_entry *entry, void **value, size_t *size)
{
	const char *name;
	const void *at;

	*value = NULL;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &at, size) == ARCHIVE_OK) {
		if (strcmp(name, DEFAULT_ACL) != 0 || *size == 0)
			continue;
		*value = malloc(*size);
		if (!*value)
			return -ENOMEM;
		memcpy(*value, at, *size);
		return 0;
	}
	return 0;
}

static int take_folder(struct filling *f, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry);
	scoped_free void *acl = NULL;
	size_t size;

	if (keep_default_acl(entry, &acl, &size) < 0)
		return err_set(&f->x.report->err, ENOMEM, "out of memory");
	if (clear_folder(f, entry) < 0 || entry_take(&f->x, entry) < 0)
		return -f->x.report->err.code;
	return acl && lsetxattr(path, DEFAULT_ACL, acl, size, 0) < 0
		       ? err_set(&f->x.report->err, errno, "entry '%s': %s", f->x.name,
				 strerror(errno))
		       : 0;
}

static int make_socket(struct filling *f, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry);
	const struct timespec times[2] = {
		{ archive_entry_atime(entry), archive_entry_atime_nsec(entry) },
		{ archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) },
	};

	entry_name(&f->x, path);
	if (archive_entry_uid(entry) < 0 || archive_entry_uid(entry) > UINT16_MAX ||
	    archive_entry_gid(entry) < 0 || archive_entry_gid(entry) > UINT16_MAX)
		return err_set(&f->x.report->err, EINVAL,
			       "entry '%s' has an owner that no machine has: ids are 0 to 65535",
			       f->x.name);
	if (entry_check_names(&f->x, entry, path) < 0)
		return -f->x.report->err.code;
	if ((unlink(path) < 0 && errno != ENOENT) || mknod(path, S_IFSOCK | 0600, 0) < 0 ||
	    lchown(path, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry)) < 0 ||
	    chmod(path, archive_entry_perm(entry)) < 0 ||
	    utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(&f->x.report->err, errno, "entry '%s': %s", f->x.name,
			       strerror(errno));
	return 0;
}

static int take(struct filling *f, struct archive_entry *entry)
{
	if (!archive_entry_pathname(entry))
		return entry_take(&f->x, entry);
	take_socket(entry);
	if (take_flags(&f->x, entry) < 0)
		return -f->unpacked.err.code;
	if (is_there(entry))
		return take_folder(f, entry);
	if (fill_is_further(entry))
		return fill_further(&f->x, f->in, entry);
	return archive_entry_filetype(entry) == AE_IFSOCK ? make_socket(f, entry)
							  : entry_take(&f->x, entry);
}

static int read_all(struct filling *f)
{
	struct extraction *x = &f->x;

	for (;;) {
		int r = archive_read_next_header2(f->in, x->entry);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return entry_fail(x, f->in);
		if (take(f, x->entry) < 0)
			return -x->report->err.code;
		if (archive_read_data_skip(f->in) != ARCHIVE_OK)
			return entry_fail(x, f->in);
	}
}

/* The end of the archive is not the end of the section. */
static int read_rest(struct filling *f)
{
	while (!f->ended) {
		int r = source_next(f->source, f->err);
		if (r < 0)
			return r;
		f->ended = r == 0;
		for (uint32_t i = 0; r > 0 && i < f->source->reader.chunk.plain; i++) {
			if (f->source->plain[i])
				return err_set(f->err, EBADMSG,
					       "it is damaged: something stands behind the end of "
					       "its archive");
		}
	}
	return 0;
}

static int open_archive(struct filling *f)
{
	f->names = malloc(NAMES);
	f->in = archive_read_new();
	if (!f->in || !f->names)
		return err_set(&f->unpacked.err, ENOMEM, "out of memory");
	archive_read_support_format_tar(f->in);
	archive_read_support_format_empty(f->in);
	if (archive_read_open(f->in, f, NULL, next_bytes, NULL) != ARCHIVE_OK)
		return entry_fail(&f->x, f->in);
	return 0;
}

static int fill(struct filling *f)
{
	int r = extraction_begin(&f->x, &f->unpacked);

	if (r == 0)
		r = open_archive(f);
	if (r == 0)
		r = read_all(f);
	/* libarchive takes a section that cannot be read from its first byte on for an empty archive. */
	if (r == 0)
		r = -f->err->code;
	if (r == 0)
		r = read_rest(f);
	return r == 0 ? extraction_finish(&f->x) : r;
}

int fill_tree(struct source *source, int later_fd, struct stream_report *report)
{
	struct filling f = {
		.x = { .copy = copy, .node = take_node, .whole = true },
		.source = source,
		.later_fd = later_fd,
		.err = &report->err,
	};

	int r = fill(&f);
	extraction_end(&f.x);
	archive_read_free(f.in);
	free(f.names);
	report->entries = f.unpacked.entries;
	report->attributes = f.unpacked.attributes;
	report->bytes = source->reader.bytes;
	report->stored = source->taken;
	if (r < 0 && !report->err.code)
		report->err = f.unpacked.err;
	if (r == 0) {
		memcpy(report->sum, source->reader.so_far, sizeof report->sum);
		memcpy(report->point, source->reader.point, sizeof report->point);
	}
	return r;
}
