/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An archive into a folder, by libarchive. Runs only inside berth-unpack, with nothing but the new
 * volume in reach, and still refuses what an honest root file system does not hold.
 */
#include "base/text.h"
#include "image/attributes.h"
#include "image/decode.h"
#include "image/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	TAR_BLOCK = 512,
	ENTRIES_MAX = 4 << 20,      /* documented in berth-template(7) */
	FOLDERS_MEMORY = 512 << 20, /* libarchive keeps every folder's name and times to its end */
	FOLDER_MEMORY = 256,
	CHECK_BYTES = 64 << 20, /* look at the free space this often */
	CHECK_ENTRIES = 4096,
	RESERVE_SHARE = 50, /* a fiftieth of the pool stays free for the others */
};

struct extraction {
	struct decoder *decoder;
	const char *last; /* the decoder's last bytes, which the tar's end may not have reached */
	size_t last_size;
	uint64_t given; /* bytes from the decoder so far */
	struct archive *in, *disk;
	struct unpack_report *report;
	uint64_t unchecked; /* bytes written since the free space was looked at */
	uint64_t folders;   /* bytes of memory that the folders so far take */
	char name[160];     /* of the current entry, fit to be shown */
};

/* What is shown must not steer a terminal, in any encoding. */
static void printable(const char *s, char *out, size_t room)
{
	size_t n = 0;

	for (; *s && n + 1 < room; s++)
		out[n++] = *s < ' ' || *s > '~' ? '?' : *s;
	out[n] = '\0';
}

static int refuse(struct extraction *x, int code, const char *why)
{
	return err_set(&x->report->err, code, "entry '%s' %s", x->name, why);
}

/* What libarchive said, in our words where its own are no use. */
static int fail(struct extraction *x, struct archive *a)
{
	struct err *err = &x->report->err;
	const char *text = archive_error_string(a);
	int code = archive_errno(a);
	char said[200];

	printable(text ? text : "unknown failure", said, sizeof said);
	if (code <= 0)
		code = EINVAL;
	if (code == ENOSPC || code == EDQUOT)
		return err_set(err, code, "the pool is full");
	if (code == ENOMEM)
		return err_set(err, code, "it needs more memory than unpacking may have (1 GiB)");
	if (strstr(said, "Unrecognized archive format"))
		return err_set(err, EINVAL, "it is not a tar archive");
	const char *hint = strstr(said, "runcated") && !strstr(said, "not complete")
				   ? "; the archive is not complete"
				   : "";
	if (!x->name[0])
		return err_set(err, code, "%s%s", said, hint);
	return err_set(err, code, "entry '%s': %s%s", x->name, said, hint);
}

/* Does a path climb out of the folder it starts in at any step? */
static bool climbs(const char *path, int depth)
{
	while (*path) {
		size_t n = strcspn(path, "/");
		if (n == 2 && path[0] == '.' && path[1] == '.')
			depth--;
		else if (n > 0 && !(n == 1 && path[0] == '.'))
			depth++;
		if (depth < 0)
			return true;
		path += n;
		path += strspn(path, "/");
	}
	return false;
}

static bool has_dotdot(const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");
		if (n == 2 && path[0] == '.' && path[1] == '.')
			return true;
		path += n;
		path += strspn(path, "/");
	}
	return false;
}

/* The number of folders above a path's last part. */
static int depth_of(const char *path)
{
	int depth = 0;

	while (*path) {
		size_t n = strcspn(path, "/");
		if (n > 0 && !(n == 1 && path[0] == '.'))
			depth++;
		path += n;
		path += strspn(path, "/");
	}
	return depth > 0 ? depth - 1 : 0;
}

static int check_names(struct extraction *x, struct archive_entry *entry, const char *path)
{
	const char *hard = archive_entry_hardlink(entry);
	const char *soft = archive_entry_symlink(entry);

	if (path[0] == '/')
		return refuse(x, EINVAL, "has an absolute path");
	if (has_dotdot(path))
		return refuse(x, EINVAL, "has '..' in its path");
	if (hard && (hard[0] == '/' || has_dotdot(hard)))
		return refuse(x, EINVAL, "is a link that leads out of the tree");
	/* An absolute link is meant to be read inside the machine; one that climbs is not. */
	if (soft && archive_entry_filetype(entry) == AE_IFLNK && soft[0] != '/' &&
	    climbs(soft, depth_of(path)))
		return refuse(x, EINVAL, "is a link that leads out of the tree");
	return 0;
}

static int check_ids(struct extraction *x, struct archive_entry *entry)
{
	if (archive_entry_uid(entry) < 0 || archive_entry_uid(entry) > ATTRIBUTES_ID_MAX ||
	    archive_entry_gid(entry) < 0 || archive_entry_gid(entry) > ATTRIBUTES_ID_MAX)
		return refuse(x, EINVAL, "has an owner that no machine has: ids are 0 to 65535");
	return 0;
}

static int settle_attributes(struct extraction *x, struct archive_entry *entry)
{
	int64_t lost = attributes_settle(entry);

	if (lost < 0)
		return err_set(&x->report->err, ENOMEM, "out of memory");
	x->report->attributes += (uint64_t)lost;
	return 0;
}

/* An archive may claim any size: it must not take the last block from the other machines. */
static int check_space(struct extraction *x)
{
	struct statvfs fs;

	x->unchecked = 0;
	if (statvfs(".", &fs) < 0 || fs.f_blocks == 0)
		return 0;
	if (fs.f_bavail < fs.f_blocks / RESERVE_SHARE)
		return err_set(&x->report->err, ENOSPC,
			       "the pool is full: unpacking may use at most 98 percent of it");
	return 0;
}

static int copy_data(struct extraction *x)
{
	const void *block;
	size_t size;
	la_int64_t offset;

	for (;;) {
		int r = archive_read_data_block(x->in, &block, &size, &offset);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return fail(x, x->in);
		if (archive_write_data_block(x->disk, block, size, offset) != ARCHIVE_OK)
			return fail(x, x->disk);
		x->unchecked += size;
		if (x->unchecked >= CHECK_BYTES && check_space(x) < 0)
			return -x->report->err.code;
	}
}

static int write_entry(struct extraction *x, struct archive_entry *entry)
{
	int r = archive_write_header(x->disk, entry);

	if (r != ARCHIVE_OK && archive_entry_hardlink(entry) && x->report->nodes > 0 &&
	    archive_errno(x->disk) == ENOENT) {
		x->report->nodes++; /* another name of a device node */
		return 0;
	}
	if (r != ARCHIVE_OK)
		return fail(x, x->disk);
	if ((!archive_entry_size_is_set(entry) || archive_entry_size(entry) > 0) &&
	    copy_data(x) < 0)
		return -x->report->err.code;
	if (archive_write_finish_entry(x->disk) != ARCHIVE_OK)
		return fail(x, x->disk);
	return 0;
}

static int take_entry(struct extraction *x, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry);
	mode_t type = archive_entry_filetype(entry);

	printable(path ? path : "?", x->name, sizeof x->name);
	if (++x->report->entries > ENTRIES_MAX)
		return refuse(x, E2BIG, "is one too many: at most 4194304 are unpacked");
	if (!path || !*path)
		return refuse(x, EINVAL, "has no usable name");
	if (type == AE_IFCHR || type == AE_IFBLK) {
		x->report->nodes++;
		return 0;
	}
	if (check_names(x, entry, path) < 0 || check_ids(x, entry) < 0 ||
	    settle_attributes(x, entry) < 0)
		return -x->report->err.code;
	/* "./", the root itself: its mode is settled at the end. */
	if (strspn(path, "./") == strlen(path))
		return type == AE_IFDIR ? 0 : refuse(x, EINVAL, "is the root, and not a folder");
	if (type == AE_IFDIR && (x->folders += strlen(path) + FOLDER_MEMORY) > FOLDERS_MEMORY)
		return refuse(x, ENOMEM, "is one folder too many to keep in memory (512 MiB)");
	if (x->report->entries % CHECK_ENTRIES == 0 && check_space(x) < 0)
		return -x->report->err.code;
	return write_entry(x, entry);
}

/*
 * A tar ends with a block of zeros. Without it, an archive that was cut between two files would
 * pass for a whole one.
 */
static int read_all(struct extraction *x, struct archive_entry *entry)
{
	for (;;) {
		la_int64_t before = archive_filter_bytes(x->in, 0);
		int r = archive_read_next_header2(x->in, entry);
		if (r == ARCHIVE_EOF && x->report->entries == 0)
			return err_set(&x->report->err, EINVAL, "it is empty");
		if (r == ARCHIVE_EOF && archive_filter_bytes(x->in, 0) < before + TAR_BLOCK)
			return err_set(&x->report->err, EINVAL,
				       "it ends without an end mark: the archive is not complete");
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return fail(x, x->in); /* names the entry before the bad place */
		if (take_entry(x, entry) < 0)
			return -x->report->err.code;
		if (archive_read_data_skip(x->in) != ARCHIVE_OK)
			return fail(x, x->in);
	}
}

static la_ssize_t next_bytes(struct archive *in, void *context, const void **bytes)
{
	struct extraction *x = context;
	struct err err = { 0 };
	ssize_t n = decode_read(x->decoder, bytes, &err);

	if (n >= 0) {
		x->last = *bytes;
		x->last_size = (size_t)n;
		x->given += (uint64_t)n;
		return n;
	}
	archive_set_error(in, err.code, "%s", err.text);
	return ARCHIVE_FATAL;
}

static int open_input(struct extraction *x)
{
	archive_read_support_format_tar(x->in);
	archive_read_support_format_empty(x->in);
	if (archive_read_open(x->in, x, NULL, next_bytes, NULL) != ARCHIVE_OK)
		return fail(x, x->in);
	return 0;
}

static int only_zeros(struct extraction *x, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i])
			return err_set(&x->report->err, EINVAL,
				       "there are bytes after its end mark: it is damaged, or more "
				       "than one archive");
	}
	return 0;
}

/* A tar may be padded with zeros. The checksums of most compressions stand at the very end. */
static int read_rest(struct extraction *x)
{
	uint64_t left = x->given - (uint64_t)archive_filter_bytes(x->in, 0);
	struct err why = { 0 };
	const void *bytes;
	ssize_t n;

	if (left > 0 && left <= x->last_size &&
	    only_zeros(x, x->last + x->last_size - (size_t)left, (size_t)left) < 0)
		return -x->report->err.code;
	while ((n = decode_read(x->decoder, &bytes, &why)) > 0) {
		if (only_zeros(x, bytes, (size_t)n) < 0)
			return -x->report->err.code;
	}
	return n < 0 ? err_set(&x->report->err, why.code, "%s", why.text) : 0;
}

int extract_archive(int fd, struct unpack_report *report)
{
	struct extraction x = {
		.decoder = decode_open(fd),
		.in = archive_read_new(),
		.disk = archive_write_disk_new(),
		.report = report,
	};
	struct archive_entry *entry = archive_entry_new();
	int r;

	if (!x.decoder || !x.in || !x.disk || !entry) {
		r = err_set(&report->err, ENOMEM, "out of memory");
		goto out;
	}
	/* No look-up of names: owners are the archive's numbers. */
	archive_write_disk_set_options(x.disk, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM |
						       ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL |
						       ARCHIVE_EXTRACT_XATTR |
						       ARCHIVE_EXTRACT_SPARSE |
						       ARCHIVE_EXTRACT_SECURE_SYMLINKS |
						       ARCHIVE_EXTRACT_SECURE_NODOTDOT |
						       ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
	r = open_input(&x);
	if (r == 0)
		r = read_all(&x, entry);
	if (r == 0)
		r = read_rest(&x);
	/* Closing sets what folders could not have while they were filled. */
	x.name[0] = '\0';
	if (r == 0 && archive_write_close(x.disk) != ARCHIVE_OK)
		r = fail(&x, x.disk);
out:
	archive_entry_free(entry);
	archive_read_free(x.in);
	archive_write_free(x.disk);
	decode_close(x.decoder);
	return r;
}
