/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One entry of an image, written into the new volume by libarchive, for every image format. Refuses what no honest root
 * file system has. Runs only inside berth-unpack, with access to nothing but the volume.
 */
#include "image/unpack/entry.h"

#include "base/text.h"
#include "image/shared/attributes.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	FOLDERS_MEMORY = 512 << 20, /* libarchive keeps every folder's name and times to its end */
	FOLDER_MEMORY = 256,
	CHECK_BYTES = 64 << 20, /* bytes between two checks of the free space */
	CHECK_ENTRIES = 4096,
	RESERVE_SHARE = 50, /* a fiftieth of the pool stays free for others */
};

/* Text for a message: no byte may control a terminal, in any encoding. */
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

int entry_fail(struct extraction *x, struct archive *a)
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
		return err_set(err, EINVAL,
			       "it is not a tar archive; an image of a disk cannot be compressed "
			       "or come from a pipe: write it to a file first, decompressed");
	const char *hint = strstr(said, "runcated") && !strstr(said, "not complete")
				   ? "; the archive is not complete"
				   : "";
	if (!x->name[0])
		return err_set(err, code, "%s%s", said, hint);
	return err_set(err, code, "entry '%s': %s%s", x->name, said, hint);
}

/* Whether a path leaves the folder that it starts in at any step. */
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

int entry_check_names(struct extraction *x, struct archive_entry *entry, const char *path)
{
	const char *hard = archive_entry_hardlink(entry);
	const char *soft = archive_entry_symlink(entry);

	if (path[0] == '/')
		return refuse(x, EINVAL, "has an absolute path");
	if (has_dotdot(path))
		return refuse(x, EINVAL, "has '..' in its path");
	if (hard && (hard[0] == '/' || has_dotdot(hard)))
		return refuse(x, EINVAL, "is a link that leads out of the tree");
	/* An absolute link is resolved inside the machine; a relative one that leaves the root is refused. */
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

/* An archive may claim any size: it must not take the last block from other machines. */
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

static int write_entry(struct extraction *x, struct archive_entry *entry)
{
	int r = archive_write_header(x->disk, entry);

	if (r != ARCHIVE_OK && archive_entry_hardlink(entry) && x->report->nodes > 0 &&
	    archive_errno(x->disk) == ENOENT) {
		x->report->nodes++; /* another name of a device node */
		return x->node ? x->node(x, entry) : 0;
	}
	if (r != ARCHIVE_OK)
		return entry_fail(x, x->disk);
	if ((!archive_entry_size_is_set(entry) || archive_entry_size(entry) > 0) && x->copy(x) < 0)
		return -x->report->err.code;
	if (archive_write_finish_entry(x->disk) != ARCHIVE_OK)
		return entry_fail(x, x->disk);
	return 0;
}

void entry_name(struct extraction *x, const char *path)
{
	printable(path, x->name, sizeof x->name);
}

int entry_take(struct extraction *x, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry);
	mode_t type = archive_entry_filetype(entry);

	entry_name(x, path ? path : "?");
	if (++x->report->entries > ENTRIES_MAX)
		return refuse(x, E2BIG, "is one too many: at most 4194304 are unpacked");
	if (!path || !*path)
		return refuse(x, EINVAL, "has no usable name");
	if ((type == AE_IFCHR || type == AE_IFBLK) && !x->node) {
		x->report->nodes++;
		return 0;
	}
	if (entry_check_names(x, entry, path) < 0 || check_ids(x, entry) < 0 ||
	    settle_attributes(x, entry) < 0)
		return -x->report->err.code;
	if (type == AE_IFCHR || type == AE_IFBLK) {
		x->report->nodes++;
		return x->node(x, entry);
	}
	/* "./" is the root itself, whose mode is set at the end. */
	if (strspn(path, "./") == strlen(path) && (type != AE_IFDIR || !x->whole))
		return type == AE_IFDIR ? 0 : refuse(x, EINVAL, "is the root, and not a folder");
	if (type == AE_IFDIR && (x->folders += strlen(path) + FOLDER_MEMORY) > FOLDERS_MEMORY)
		return refuse(x, ENOMEM, "is one folder too many to keep in memory (512 MiB)");
	if (x->report->entries % CHECK_ENTRIES == 0 && check_space(x) < 0)
		return -x->report->err.code;
	return write_entry(x, entry);
}

int entry_write(struct extraction *x, const void *block, size_t size, int64_t offset)
{
	if (archive_write_data_block(x->disk, block, size, offset) != ARCHIVE_OK)
		return entry_fail(x, x->disk);
	return entry_wrote(x, size);
}

int entry_wrote(struct extraction *x, size_t size)
{
	x->unchecked += size;
	return x->unchecked >= CHECK_BYTES ? check_space(x) : 0;
}

int extraction_begin(struct extraction *x, struct unpack_report *report)
{
	x->report = report;
	x->disk = archive_write_disk_new();
	x->entry = archive_entry_new();
	if (!x->disk || !x->entry)
		return err_set(&report->err, ENOMEM, "out of memory");
	int flags = ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
		    ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SPARSE |
		    ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;
	if (!x->follows)
		flags |= ARCHIVE_EXTRACT_SECURE_SYMLINKS;
	/* The call does not look up names: owners are the image's numbers. */
	archive_write_disk_set_options(x->disk, flags);
	return 0;
}

int extraction_finish(struct extraction *x)
{
	x->name[0] = '\0';
	return archive_write_close(x->disk) != ARCHIVE_OK ? entry_fail(x, x->disk) : 0;
}

void extraction_end(struct extraction *x)
{
	archive_entry_free(x->entry);
	archive_write_free(x->disk);
}
