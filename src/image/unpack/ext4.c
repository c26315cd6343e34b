/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ext2, ext3 or ext4 into a folder, by libext2fs: each entry passes the checks that entries of a tar pass. A journal
 * that was not replayed may have what the files do not have yet, so such an image is refused.
 */
#include "image/unpack/disk.h"

#include "base/room.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/unpack/entry.h"

#include <errno.h>
#include <string.h>

#ifndef HAVE_EXT2FS

bool ext4_is_root(struct disk *disk, const struct partition *partition)
{
	(void)disk;
	(void)partition;
	return true;
}

int ext4_extract(struct disk *disk, const struct partition *partition, struct unpack_report *report)
{
	(void)disk;
	(void)partition;
	return err_set(
		&report->err, ENOTSUP,
		"it is an image of a disk, and this berth was built without libext2fs; import "
		"a tar of its root");
}

#else

#include "image/unpack/ext4_io.h"

#include <limits.h>
#include <sys/stat.h>

enum { CHUNK = 256 << 10, LINK_MAX_BYTES = 4095, INODES_MAX = 64 << 20 };

struct ext4 {
	struct extraction x; /* the first, for what is passed as one */
	ext2_filsys fs;
	ext2_ino_t number;             /* of the current inode */
	struct ext2_inode_large inode; /* the current one */
	char **first; /* owned: by inode, the first path of a file with several, or of a folder */
	char *chunk;  /* owned: CHUNK bytes */
	char path[PATH_MAX];
};

/* ---- Errors */

static int fail(struct ext4 *e, errcode_t code)
{
	struct err *err = &e->x.report->err;
	const char *entry = e->x.name, *of = *entry ? "entry '" : "", *where = *entry ? "': " : "";

	if (code == EXT2_ET_NO_MEMORY || code == ENOMEM)
		return err_set(err, ENOMEM, "it needs more memory than unpacking may have (1 GiB)");
	return err_set(err, EINVAL,
		       "%s%s%sits ext4 is damaged: repair a copy of it with e2fsck -f, and import "
		       "that",
		       of, entry, where);
}

static int out_of_memory(struct ext4 *e)
{
	return err_set(&e->x.report->err, ENOMEM, "out of memory");
}

/* ---- Data */

/* Pieces of a file that have blocks: a range of blocks that follow each other. */
struct range {
	struct ext4 *e;
	ext2_file_t file;
	uint64_t begin, end; /* blocks of the file */
	int result;
};

static int copy_range(struct ext4 *e, ext2_file_t file, uint64_t at, uint64_t end)
{
	__u64 now;
	errcode_t r = ext2fs_file_llseek(file, at, EXT2_SEEK_SET, &now);

	while (r == 0 && at < end) {
		unsigned wanted = end - at > CHUNK ? CHUNK : (unsigned)(end - at), got = 0;
		r = ext2fs_file_read(file, e->chunk, wanted, &got);
		if (r == 0 && got == 0)
			r = EXT2_ET_SHORT_READ;
		if (r == 0 && entry_write(&e->x, e->chunk, got, (int64_t)at) < 0)
			return -e->x.report->err.code;
		at += got;
	}
	return r ? fail(e, r) : 0;
}

static int flush_range(struct range *range)
{
	uint64_t block = range->e->fs->blocksize, size = EXT2_I_SIZE(&range->e->inode);
	uint64_t begin = range->begin * block, end = range->end * block;

	if (end > size)
		end = size;
	return begin < end ? copy_range(range->e, range->file, begin, end) : 0;
}

/* Called with each block of the file that is allocated, in order. */
static int note_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t number, blk64_t reference,
		      int offset, void *context)
{
	struct range *range = context;

	(void)fs;
	(void)block;
	(void)reference;
	(void)offset;
	if (number < 0)
		return 0;
	if ((uint64_t)number != range->end || range->begin == range->end) {
		range->result = flush_range(range);
		range->begin = (uint64_t)number;
	}
	range->end = (uint64_t)number + 1;
	return range->result < 0 ? BLOCK_ABORT : 0;
}

/* A hole stays a hole. What was allocated and never written is read as zeros by ext2fs_file_read. */
static int copy_data(struct extraction *x)
{
	struct ext4 *e = (struct ext4 *)x;
	struct range range = { .e = e };
	errcode_t r = ext2fs_file_open(e->fs, e->number, 0, &range.file);

	if (r)
		return fail(e, r);
	if (e->inode.i_flags & EXT4_INLINE_DATA_FL) {
		range.result = copy_range(e, range.file, 0, EXT2_I_SIZE(&e->inode));
	} else {
		r = ext2fs_block_iterate3(e->fs, e->number,
					  BLOCK_FLAG_DATA_ONLY | BLOCK_FLAG_READ_ONLY, NULL,
					  note_block, &range);
		if (r == 0 && range.result == 0)
			range.result = flush_range(&range);
	}
	ext2fs_file_close(range.file);
	return r ? fail(e, r) : range.result;
}

/* ---- Entries */

struct attributes {
	struct archive_entry *entry;
	struct ext2_xattr_handle *handle;
	errcode_t failed;
};

/* An access control list has a form of its own on the disk, which ext2fs_xattr_get converts, and the iteration not. */
static int add_attribute(char *name, char *value, size_t size, void *context)
{
	struct attributes *attributes = context;
	void *list = NULL;

	if (text_starts(name, "system.posix_acl_")) {
		attributes->failed = ext2fs_xattr_get(attributes->handle, name, &list, &size);
		if (attributes->failed)
			return XATTR_ABORT;
	}
	archive_entry_xattr_add_entry(attributes->entry, name, list ? list : value, size);
	ext2fs_free_mem(&list);
	return 0;
}

static errcode_t add_attributes(struct ext4 *e)
{
	struct attributes attributes = { .entry = e->x.entry };
	errcode_t r = ext2fs_xattrs_open(e->fs, e->number, &attributes.handle);

	if (r == 0)
		r = ext2fs_xattrs_read(attributes.handle);
	if (r == 0)
		r = ext2fs_xattrs_iterate(attributes.handle, add_attribute, &attributes);
	if (attributes.handle)
		ext2fs_xattrs_close(&attributes.handle);
	return r ? r : attributes.failed;
}

static errcode_t add_link(struct ext4 *e)
{
	struct ext2_inode *inode = (struct ext2_inode *)&e->inode;
	char target[LINK_MAX_BYTES + 1];
	uint64_t size = EXT2_I_SIZE(inode);
	unsigned got = 0;
	ext2_file_t file;

	if (size > LINK_MAX_BYTES || size == 0)
		return EXT2_ET_CORRUPT_SUPERBLOCK;
	if (ext2fs_is_fast_symlink(inode)) {
		if (size > sizeof inode->i_block)
			return EXT2_ET_CORRUPT_SUPERBLOCK;
		memcpy(target, inode->i_block, size);
		got = (unsigned)size;
	} else {
		errcode_t r = ext2fs_file_open(e->fs, e->number, 0, &file);
		if (r)
			return r;
		r = ext2fs_file_read(file, target, (unsigned)size, &got);
		ext2fs_file_close(file);
		if (r)
			return r;
	}
	target[got] = '\0';
	archive_entry_set_symlink(e->x.entry, target);
	return 0;
}

/* Makes the entry another name of a file that was written before. A folder has one name. */
static int set_names(struct ext4 *e)
{
	char **first = &e->first[e->number];
	bool folder = LINUX_S_ISDIR(e->inode.i_mode);

	if (!folder && (e->inode.i_links_count < 2 || LINUX_S_ISLNK(e->inode.i_mode)))
		return 0;
	if (*first && folder)
		return fail(e, EXT2_ET_CORRUPT_SUPERBLOCK);
	if (*first) {
		archive_entry_set_hardlink(e->x.entry, *first);
		archive_entry_set_size(e->x.entry, 0);
		return 0;
	}
	*first = strdup(e->path);
	return *first ? 0 : out_of_memory(e);
}

static void set_times(struct ext4 *e)
{
	bool extra = e->fs->super->s_inode_size > EXT2_GOOD_OLD_INODE_SIZE &&
		     e->inode.i_extra_isize >= offsetof(struct ext2_inode_large, i_mtime_extra) +
						       sizeof(__u32) - EXT2_GOOD_OLD_INODE_SIZE;
	int64_t seconds = (int32_t)e->inode.i_mtime;
	long nanoseconds = 0;

	if (extra) {
		seconds += (int64_t)(e->inode.i_mtime_extra & 3) << 32;
		nanoseconds = (long)(e->inode.i_mtime_extra >> 2);
	}
	archive_entry_set_mtime(e->x.entry, seconds, nanoseconds < 1000000000 ? nanoseconds : 0);
}

static int fill_entry(struct ext4 *e)
{
	struct archive_entry *entry = e->x.entry;
	mode_t type = e->inode.i_mode & S_IFMT;
	errcode_t r = 0;

	archive_entry_clear(entry);
	archive_entry_set_pathname(entry, e->path);
	archive_entry_set_mode(entry, e->inode.i_mode);
	archive_entry_set_uid(entry, inode_uid(e->inode));
	archive_entry_set_gid(entry, inode_gid(e->inode));
	set_times(e);
	if (EXT2_I_SIZE(&e->inode) > INT64_MAX)
		return fail(e, EXT2_ET_CORRUPT_SUPERBLOCK);
	archive_entry_set_size(entry, type == S_IFREG ? (la_int64_t)EXT2_I_SIZE(&e->inode) : 0);
	if (e->inode.i_flags & EXT4_ENCRYPT_FL)
		return err_set(&e->x.report->err, ENOTSUP, "entry '%s' is encrypted", e->x.name);
	if (type == S_IFLNK)
		r = add_link(e);
	if (r == 0)
		r = add_attributes(e);
	return r ? fail(e, r) : set_names(e);
}

static bool is_type(mode_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISFIFO(mode) || S_ISCHR(mode) ||
	       S_ISBLK(mode);
}

static int read_inode(struct ext4 *e, ext2_ino_t number)
{
	if (number == 0 || number > e->fs->super->s_inodes_count)
		return fail(e, EXT2_ET_CORRUPT_SUPERBLOCK);
	memset(&e->inode, 0, sizeof e->inode);
	e->number = number;
	errcode_t r = ext2fs_read_inode_full(e->fs, number, (struct ext2_inode *)&e->inode,
					     sizeof e->inode);
	return r ? fail(e, r) : 0;
}

/* Writes the entry at e->path. A socket is left out, because nobody listens on it. 1: it is a folder. */
static int take(struct ext4 *e, ext2_ino_t number)
{
	entry_name(&e->x, e->path);
	if (read_inode(e, number) < 0)
		return -e->x.report->err.code;
	if (S_ISSOCK(e->inode.i_mode))
		return 0;
	if (!is_type(e->inode.i_mode))
		return fail(e, EXT2_ET_CORRUPT_SUPERBLOCK);
	bool folder = LINUX_S_ISDIR(e->inode.i_mode);
	if (fill_entry(e) < 0 || entry_take(&e->x, e->x.entry) < 0)
		return -e->x.report->err.code;
	return folder;
}

/* ---- Folders */

struct children {
	struct ext4 *e;
	struct child {
		ext2_ino_t number;
		char *name; /* owned */
	} * list;           /* owned */
	size_t count, room;
	errcode_t failed;
};

static errcode_t add_child(struct children *children, ext2_ino_t number, const char *name,
			   size_t length)
{
	if (length == 0 || strnlen(name, length) != length || memchr(name, '/', length) ||
	    children->count == ENTRIES_MAX)
		return EXT2_ET_CORRUPT_SUPERBLOCK;
	if (room_for_one(&children->list, children->count, &children->room,
			 sizeof *children->list) < 0)
		return EXT2_ET_NO_MEMORY;
	struct child child = { number, strndup(name, length) };
	if (!child.name)
		return EXT2_ET_NO_MEMORY;
	children->list[children->count++] = child;
	return 0;
}

static int note_child(ext2_ino_t folder, int kind, struct ext2_dir_entry *entry, int offset,
		      int size, char *buffer, void *context)
{
	struct children *children = context;
	size_t length = (size_t)ext2fs_dirent_name_len(entry);

	(void)folder;
	(void)offset;
	(void)size;
	(void)buffer;
	(void)kind;
	/* The entry ".." is told by its name, since a folder with its entries in the inode gives it the kind of a file. */
	if (length <= 2 && memcmp(entry->name, "..", length) == 0)
		return 0;
	/* The folder for what e2fsck finds belongs to the file system. */
	if (!*children->e->path && length == strlen("lost+found") &&
	    memcmp(entry->name, "lost+found", length) == 0)
		return 0;
	children->failed = add_child(children, entry->inode, entry->name, length);
	return children->failed ? DIRENT_ABORT : 0;
}

static void children_free(struct children *children)
{
	for (size_t i = 0; i < children->count; i++)
		free(children->list[i].name);
	free(children->list);
}

/* Everything below the folder at e->path, which has this length. Paths and the number of entries are limited. */
static int walk(struct ext4 *e, ext2_ino_t folder, size_t length)
{
	struct children children = { .e = e };
	errcode_t code = ext2fs_dir_iterate2(e->fs, folder, 0, NULL, note_child, &children);
	int r = 0;

	if (code == 0)
		code = children.failed;
	if (code)
		r = fail(e, code);
	for (size_t i = 0; r == 0 && i < children.count; i++) {
		const struct child *child = &children.list[i];
		int n = snprintf(e->path + length, sizeof e->path - length, "%s%s",
				 length ? "/" : "", child->name);
		if ((size_t)n >= sizeof e->path - length)
			r = err_set(&e->x.report->err, ENAMETOOLONG,
				    "it has a path of more than %zu bytes", sizeof e->path - 1);
		if (r == 0)
			r = take(e, child->number);
		if (r > 0)
			r = walk(e, child->number, length + (size_t)n);
	}
	e->path[length] = '\0';
	children_free(&children);
	return r;
}

/* ---- The file system */

static void close_fs(struct ext4 *e)
{
	if (e->fs)
		ext2fs_free(e->fs);
	e->fs = NULL;
}

static bool has(struct ext4 *e, const char *name)
{
	ext2_ino_t found;

	return ext2fs_lookup(e->fs, EXT2_ROOT_INO, name, (int)strlen(name), NULL, &found) == 0;
}

bool ext4_is_root(struct disk *disk, const struct partition *partition)
{
	struct ext4 e = { 0 };
	/* A damaged one is reported when it is read. */
	bool root = partition->number == 0;

	if (ext4_open(disk, partition, &e.fs) == 0)
		root |= has(&e, "etc") && (has(&e, "usr") || has(&e, "bin"));
	close_fs(&e);
	return root;
}

/* A copy that was cut off has the tables at its beginning, and lacks data at its end. */
static bool is_whole(const struct ext4 *e, const struct partition *partition)
{
	return ext2fs_blocks_count(e->fs->super) <= partition->size / e->fs->blocksize;
}

static int check_fs(struct ext4 *e, const struct partition *partition)
{
	struct err *err = &e->x.report->err;

	if (!is_whole(e, partition))
		return err_set(err, EIO,
			       "its ext4 has %llu bytes, and there are only %llu: the file was cut "
			       "off; copy it again",
			       (unsigned long long)ext2fs_blocks_count(e->fs->super) *
				       e->fs->blocksize,
			       (unsigned long long)partition->size);
	if (ext2fs_has_feature_journal_needs_recovery(e->fs->super))
		return err_set(
			err, EBUSY,
			"its ext4 was not unmounted: repair a copy of it with e2fsck -f, and "
			"import that");
	if (e->fs->super->s_inodes_count > INODES_MAX)
		return err_set(err, E2BIG, "its ext4 has %u inodes: at most %d are read",
			       e->fs->super->s_inodes_count, INODES_MAX);
	e->first = calloc((size_t)e->fs->super->s_inodes_count + 1, sizeof *e->first);
	e->chunk = malloc(CHUNK);
	return e->first && e->chunk ? 0 : out_of_memory(e);
}

static void release(struct ext4 *e)
{
	for (size_t i = 0; e->first && i <= e->fs->super->s_inodes_count; i++)
		free(e->first[i]);
	free(e->first);
	free(e->chunk);
	close_fs(e);
	extraction_end(&e->x);
}

int ext4_extract(struct disk *disk, const struct partition *partition, struct unpack_report *report)
{
	struct ext4 e = { .x.copy = copy_data };
	int r = extraction_begin(&e.x, report);

	if (r == 0) {
		errcode_t code = ext4_open(disk, partition, &e.fs);
		if (code)
			r = fail(&e, code);
	}
	if (r == 0)
		r = check_fs(&e, partition);
	if (r == 0)
		r = walk(&e, EXT2_ROOT_INO, 0);
	if (r == 0)
		r = extraction_finish(&e.x);
	release(&e);
	return r;
}

#endif
