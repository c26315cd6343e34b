/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A squashfs into a folder. libsquashfs reads it in this process, so that each entry passes the checks that entries of
 * a tar pass, and no other program runs in the sandbox. The format has no checksums.
 */
#include "image/unpack/entry.h"

#include "base/room.h"
#include "base/scoped.h"

#include <string.h>

#ifndef HAVE_SQUASHFS

int extract_squashfs(int fd, struct unpack_report *report)
{
	(void)fd;
	return err_set(
		&report->err, ENOTSUP,
		"it is a squashfs, and this berth was built without libsquashfs; convert it: "
		"sqfs2tar IMAGE >IMAGE.tar");
}

#else

#include <limits.h>
#include <sqfs/block.h>
#include <sqfs/compressor.h>
#include <sqfs/data_reader.h>
#include <sqfs/dir.h>
#include <sqfs/dir_reader.h>
#include <sqfs/error.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/io.h>
#include <sqfs/super.h>
#include <sqfs/xattr.h>
#include <sqfs/xattr_reader.h>
#include <sys/stat.h>

enum { ATTRIBUTES_MAX = 256 }; /* of one entry */

/* The image as libsquashfs reads files. */
struct image_file {
	sqfs_file_t base; /* the first, for what is passed as one */
	int fd;           /* borrowed */
	uint64_t size;
};

struct squash {
	struct extraction x; /* the first, for what is passed as one */
	struct image_file file;
	sqfs_super_t super;
	sqfs_compressor_t *compressor;
	sqfs_id_table_t *ids;
	sqfs_dir_reader_t *folders;
	sqfs_data_reader_t *data;
	sqfs_xattr_reader_t *attributes;   /* NULL: the image has none */
	const sqfs_inode_generic_t *inode; /* the current one */
	unsigned char *block;              /* owned: super.block_size bytes */
	char **first; /* owned: by inode number, the first path of a file that has several */
	bool *walked; /* owned: by inode number, folders whose entries were read */
	char path[PATH_MAX];
};

/* An entry of a folder that is being read. */
struct child {
	sqfs_inode_generic_t *inode; /* owned */
	char *name;                  /* owned */
};

struct children {
	struct child *list; /* owned */
	size_t count, room;
};

static int read_at(sqfs_file_t *file, sqfs_u64 offset, void *buffer, size_t size)
{
	const struct image_file *image = (const struct image_file *)file;
	char *at = buffer;

	if (offset > image->size || size > image->size - offset)
		return SQFS_ERROR_OUT_OF_BOUNDS;
	while (size > 0) {
		ssize_t n = pread(image->fd, at, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? SQFS_ERROR_IO : SQFS_ERROR_OUT_OF_BOUNDS;
		at += n;
		offset += (sqfs_u64)n;
		size -= (size_t)n;
	}
	return 0;
}

static sqfs_u64 get_size(const sqfs_file_t *file)
{
	return ((const struct image_file *)file)->size;
}

static int no_write(sqfs_file_t *file, sqfs_u64 offset, const void *buffer, size_t size)
{
	(void)file;
	(void)offset;
	(void)buffer;
	(void)size;
	return SQFS_ERROR_UNSUPPORTED;
}

static int no_truncate(sqfs_file_t *file, sqfs_u64 size)
{
	(void)file;
	(void)size;
	return SQFS_ERROR_UNSUPPORTED;
}

/* The file is no object of its own. */
static void no_destroy(sqfs_object_t *object)
{
	(void)object;
}

/* The meaning of an error code of libsquashfs. */
static int fail(struct squash *s, int code)
{
	struct err *err = &s->x.report->err;
	const char *entry = s->x.name, *where = *entry ? "': " : "", *of = *entry ? "entry '" : "";

	if (code == SQFS_ERROR_ALLOC)
		return err_set(err, ENOMEM, "it needs more memory than unpacking may have (1 GiB)");
	if (code == SQFS_ERROR_OUT_OF_BOUNDS)
		return err_set(err, EINVAL, "%s%s%sthe squashfs is truncated or damaged", of, entry,
			       where);
	if (code == SQFS_ERROR_IO)
		return err_set(err, EIO, "%s%s%sthe squashfs cannot be read", of, entry, where);
	if (code == SQFS_ERROR_UNSUPPORTED)
		return err_set(err, ENOTSUP,
			       "%s%s%sthe squashfs has a version or compression that libsquashfs "
			       "does not know",
			       of, entry, where);
	return err_set(err, EINVAL, "%s%s%sthe squashfs is damaged", of, entry, where);
}

/* ---- Entries */

static int copy_data(struct extraction *x)
{
	struct squash *s = (struct squash *)x;
	size_t blocks = sqfs_inode_get_file_block_count(s->inode);
	uint64_t size = (uint64_t)archive_entry_size(x->entry);

	for (uint64_t at = 0; at < size; at += s->super.block_size) {
		uint64_t index = at / s->super.block_size;
		uint64_t left = size - at;
		sqfs_u32 n = left < s->super.block_size ? (sqfs_u32)left : s->super.block_size;
		/* A hole stays a hole. */
		if (index < blocks && SQFS_IS_SPARSE_BLOCK(s->inode->extra[index]))
			continue;
		sqfs_s32 got = sqfs_data_reader_read(s->data, s->inode, at, s->block, n);
		if (got < 0 || (sqfs_u32)got != n)
			return fail(s, got < 0 ? got : SQFS_ERROR_OUT_OF_BOUNDS);
		if (entry_write(x, s->block, n, (int64_t)at) < 0)
			return -x->report->err.code;
	}
	return 0;
}

static int add_attribute(struct squash *s)
{
	sqfs_xattr_entry_t *key = NULL;
	sqfs_xattr_value_t *value = NULL;
	int r = sqfs_xattr_reader_read_key(s->attributes, &key);

	if (r == 0)
		r = sqfs_xattr_reader_read_value(s->attributes, key, &value);
	if (r == 0)
		archive_entry_xattr_add_entry(s->x.entry, (const char *)key->key, value->value,
					      value->size);
	sqfs_free(key);
	sqfs_free(value);
	return r;
}

static int add_attributes(struct squash *s)
{
	sqfs_xattr_id_t desc;
	sqfs_u32 index;
	int r = sqfs_inode_get_xattr_index(s->inode, &index);

	if (r != 0 || index == 0xFFFFFFFF || !s->attributes)
		return r;
	r = sqfs_xattr_reader_get_desc(s->attributes, index, &desc);
	if (r == 0 && desc.count > ATTRIBUTES_MAX)
		r = SQFS_ERROR_CORRUPTED;
	if (r == 0 && desc.count > 0)
		r = sqfs_xattr_reader_seek_kv(s->attributes, &desc);
	for (sqfs_u32 i = 0; r == 0 && i < desc.count; i++)
		r = add_attribute(s);
	return r;
}

static mode_t type_of(const sqfs_inode_generic_t *inode)
{
	static const mode_t types[] = { 0,       S_IFDIR, S_IFREG, S_IFLNK,
					S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK };
	unsigned type = inode->base.type;

	if (type >= SQFS_INODE_EXT_DIR)
		type -= SQFS_INODE_EXT_DIR - SQFS_INODE_DIR;
	return type < sizeof types / sizeof *types ? types[type] : 0;
}

/* Makes the entry another name of a file that was written before, if it is one. */
static int set_hardlink(struct squash *s)
{
	sqfs_u32 number = s->inode->base.inode_number;

	if (s->inode->base.type != SQFS_INODE_EXT_FILE || s->inode->data.file_ext.nlink < 2)
		return 0;
	if (number > s->super.inode_count)
		return SQFS_ERROR_CORRUPTED;
	if (s->first[number]) {
		archive_entry_set_hardlink(s->x.entry, s->first[number]);
		archive_entry_set_size(s->x.entry, 0);
		return 0;
	}
	s->first[number] = strdup(s->path);
	return s->first[number] ? 0 : SQFS_ERROR_ALLOC;
}

static int set_owner(struct squash *s)
{
	sqfs_u32 uid, gid;
	int r = sqfs_id_table_index_to_id(s->ids, s->inode->base.uid_idx, &uid);

	if (r == 0)
		r = sqfs_id_table_index_to_id(s->ids, s->inode->base.gid_idx, &gid);
	if (r != 0)
		return r;
	archive_entry_set_uid(s->x.entry, uid);
	archive_entry_set_gid(s->x.entry, gid);
	return 0;
}

static int fill_entry(struct squash *s, mode_t type)
{
	struct archive_entry *entry = s->x.entry;
	sqfs_u64 size = 0;
	int r = set_owner(s);

	archive_entry_set_pathname(entry, s->path);
	archive_entry_set_mode(entry, type | (s->inode->base.mode & 07777));
	archive_entry_set_mtime(entry, s->inode->base.mod_time, 0);
	if (r == 0 && type == S_IFREG)
		r = sqfs_inode_get_file_size(s->inode, &size);
	if (r == 0 && size > INT64_MAX)
		r = SQFS_ERROR_CORRUPTED;
	archive_entry_set_size(entry, (la_int64_t)size);
	/* libsquashfs ends it with a NUL. */
	if (type == S_IFLNK)
		archive_entry_set_symlink(entry, (const char *)s->inode->extra);
	if (r == 0)
		r = add_attributes(s);
	if (r == 0 && type == S_IFREG)
		r = set_hardlink(s);
	return r;
}

/* Writes the entry at s->path. A socket is left out, because nobody listens on it. */
static int take(struct squash *s, const sqfs_inode_generic_t *inode)
{
	mode_t type = type_of(inode);

	if (type == S_IFSOCK)
		return 0;
	archive_entry_clear(s->x.entry);
	s->inode = inode;
	int r = type ? fill_entry(s, type) : SQFS_ERROR_CORRUPTED;
	if (r != 0) {
		snprintf(s->x.name, sizeof s->x.name, "%s", "");
		return fail(s, r);
	}
	return entry_take(&s->x, s->x.entry);
}

/* ---- Folders */

static void children_free(struct children *children)
{
	for (size_t i = 0; i < children->count; i++) {
		sqfs_free(children->list[i].inode);
		free(children->list[i].name);
	}
	free(children->list);
}

static int add_child(struct squash *s, struct children *children, const sqfs_dir_entry_t *entry)
{
	/* The stored size is one less. */
	size_t length = (size_t)entry->size + 1;
	const char *name = (const char *)entry->name;

	if (strnlen(name, length) != length || memchr(name, '/', length) || strcmp(name, ".") == 0)
		return SQFS_ERROR_CORRUPTED;
	if (room_for_one(&children->list, children->count, &children->room,
			 sizeof *children->list) < 0)
		return SQFS_ERROR_ALLOC;
	struct child child = { .name = strdup(name) };
	if (!child.name)
		return SQFS_ERROR_ALLOC;
	int r = sqfs_dir_reader_get_inode(s->folders, &child.inode);
	if (r != 0) {
		free(child.name);
		return r;
	}
	children->list[children->count++] = child;
	return 0;
}

static int read_folder(struct squash *s, const sqfs_inode_generic_t *inode,
		       struct children *children)
{
	int r = sqfs_dir_reader_open_dir(s->folders, inode, 0);

	while (r == 0) {
		sqfs_dir_entry_t *entry = NULL;
		r = sqfs_dir_reader_read(s->folders, &entry);
		if (r == 0)
			r = add_child(s, children, entry);
		sqfs_free(entry);
		if (r == 0 && children->count > ENTRIES_MAX)
			r = SQFS_ERROR_CORRUPTED;
	}
	return r > 0 ? 0 : r;
}

/* A folder has one parent. One that contains itself twice would be walked as often as there are paths into it. */
static int enter_folder(struct squash *s, const sqfs_inode_generic_t *inode)
{
	sqfs_u32 number = inode->base.inode_number;

	if (number > s->super.inode_count || s->walked[number])
		return SQFS_ERROR_CORRUPTED;
	s->walked[number] = true;
	return 0;
}

/* Everything below the folder at s->path, which has this length. */
static int walk(struct squash *s, const sqfs_inode_generic_t *inode, size_t length)
{
	struct children children = { 0 };
	int r = enter_folder(s, inode);

	if (r == 0)
		r = read_folder(s, inode, &children);
	if (r != 0)
		r = fail(s, r);
	for (size_t i = 0; r == 0 && i < children.count; i++) {
		const struct child *child = &children.list[i];
		int n = snprintf(s->path + length, sizeof s->path - length, "%s%s",
				 length ? "/" : "", child->name);
		if ((size_t)n >= sizeof s->path - length)
			r = err_set(&s->x.report->err, ENAMETOOLONG,
				    "it has a path of more than %zu bytes", sizeof s->path - 1);
		if (r == 0)
			r = take(s, child->inode);
		if (r == 0 && S_ISDIR(type_of(child->inode)))
			r = walk(s, child->inode, length + (size_t)n);
	}
	s->path[length] = '\0';
	children_free(&children);
	return r;
}

/* ---- The image */

static int open_readers(struct squash *s)
{
	sqfs_file_t *file = &s->file.base;

	s->ids = sqfs_id_table_create(0);
	s->folders = sqfs_dir_reader_create(&s->super, s->compressor, file, 0);
	s->data = sqfs_data_reader_create(file, s->super.block_size, s->compressor, 0);
	s->block = malloc(s->super.block_size);
	s->first = calloc((size_t)s->super.inode_count + 1, sizeof *s->first);
	s->walked = calloc((size_t)s->super.inode_count + 1, sizeof *s->walked);
	if (!s->ids || !s->folders || !s->data || !s->block || !s->first || !s->walked)
		return SQFS_ERROR_ALLOC;
	int r = sqfs_id_table_read(s->ids, file, &s->super, s->compressor);
	if (r == 0)
		r = sqfs_data_reader_load_fragment_table(s->data, &s->super);
	if (r != 0 || (s->super.flags & SQFS_FLAG_NO_XATTRS))
		return r;
	s->attributes = sqfs_xattr_reader_create(0);
	return s->attributes ? sqfs_xattr_reader_load(s->attributes, &s->super, file, s->compressor)
			     : SQFS_ERROR_ALLOC;
}

static int open_image(struct squash *s)
{
	sqfs_compressor_config_t config;
	int r = sqfs_super_read(&s->super, &s->file.base);

	if (r != 0)
		return fail(s, r);
	if (s->super.bytes_used > s->file.size)
		return err_set(&s->x.report->err, EINVAL,
			       "truncated; the squashfs has %llu of %llu bytes",
			       (unsigned long long)s->file.size,
			       (unsigned long long)s->super.bytes_used);
	/* A fragment holds the end of a file at least. */
	if (s->super.fragment_entry_count > s->super.inode_count)
		return fail(s, SQFS_ERROR_CORRUPTED);
	if (s->super.inode_count > ENTRIES_MAX)
		return err_set(&s->x.report->err, E2BIG,
			       "it has %u inodes: at most %d are unpacked", s->super.inode_count,
			       ENTRIES_MAX);
	r = sqfs_compressor_config_init(&config, s->super.compression_id, s->super.block_size,
					SQFS_COMP_FLAG_UNCOMPRESS);
	if (r == 0)
		r = sqfs_compressor_create(&config, &s->compressor);
	if (r == 0)
		r = open_readers(s);
	return r != 0 ? fail(s, r) : 0;
}

static int walk_all(struct squash *s)
{
	sqfs_inode_generic_t *root = NULL;
	int r = sqfs_dir_reader_get_root_inode(s->folders, &root);

	r = r != 0 ? fail(s, r) : walk(s, root, 0);
	sqfs_free(root);
	if (r == 0 && s->x.report->entries == 0)
		r = err_set(&s->x.report->err, EINVAL, "it is empty");
	return r;
}

static void destroy_object(void *object)
{
	if (object)
		sqfs_destroy(object);
}

static void squash_close(struct squash *s)
{
	destroy_object(s->attributes);
	destroy_object(s->data);
	destroy_object(s->folders);
	destroy_object(s->ids);
	destroy_object(s->compressor);
	free(s->block);
	for (size_t i = 0; s->first && i <= s->super.inode_count; i++)
		free(s->first[i]);
	free(s->first);
	free(s->walked);
	extraction_end(&s->x);
}

int extract_squashfs(int fd, struct unpack_report *report)
{
	struct squash s = {
		.x.copy = copy_data,
		.file = { .base = { .base.destroy = no_destroy,
				    .read_at = read_at,
				    .write_at = no_write,
				    .get_size = get_size,
				    .truncate = no_truncate },
			  .fd = fd },
	};
	struct stat st;
	int r = extraction_begin(&s.x, report);

	if (r == 0 && fstat(fd, &st) < 0)
		r = err_set(&report->err, errno, "%s", strerror(errno));
	if (r == 0) {
		s.file.size = (uint64_t)st.st_size;
		r = open_image(&s);
	}
	if (r == 0)
		r = walk_all(&s);
	if (r == 0)
		r = extraction_finish(&s.x);
	squash_close(&s);
	return r;
}

#endif
