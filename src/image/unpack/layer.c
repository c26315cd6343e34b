/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A layer over those below it, by the rules of the OCI image specification: a file named .wh.NAME removes NAME, one
 * named .wh..wh..opq all that its folder has, of the layers below only. A layer is therefore read twice: first for what
 * it removes, then for its files. An entry replaces what has its name, unless both are folders.
 *
 * Entries may lie behind symbolic links of a lower layer, as /bin is one to usr/bin. The kernel follows them, and they
 * cannot leave the root, which is that of this process.
 */
#include "image/unpack/layer.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/unpack/tar.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static const char mark[] = ".wh.";
static const char opaque[] = ".wh..wh..opq";

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *layer_whiteout(const char *path)
{
	const char *name = last_part(path);

	if (!text_starts(name, mark))
		return NULL;
	if (strcmp(name, opaque) == 0)
		return "/";
	name += sizeof mark - 1;
	/* .wh..wh.plnk, .wh..wh.aufs: notes of a file system that wrote layers once. */
	return text_starts(name, mark) ? "" : *name ? name : ".";
}

static int out_of_memory(struct extraction *x)
{
	return err_set(&x->report->err, ENOMEM, "out of memory");
}

static int cannot_remove(struct extraction *x, int code)
{
	return err_set(&x->report->err, code, "entry '%s': remove what is below it: %s", x->name,
		       strerror(code));
}

/* Whether it is in a folder that is a mark. */
static bool is_in_mark(const char *path)
{
	for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		if (text_starts(path, mark))
			return true;
	}
	return false;
}

/* ---- What it removes */

/* A folder that is not there, or is none, has nothing to remove. */
static int empty_folder(struct extraction *x, const char *path)
{
	scoped_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	scoped_fd int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	scoped_dir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	int r = 0;

	if (!dir)
		return 0;
	take_fd(&copy);
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = remove_tree(fd, e->d_name);
	}
	return r < 0 ? cannot_remove(x, -r) : 0;
}

static int remove_named(struct extraction *x, const char *folder, const char *name)
{
	scoped_free char *path = text_format("%s/%s", folder, name);

	if (!path)
		return out_of_memory(x);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(&x->report->err, EINVAL, "entry '%s' removes a name that is none",
			       x->name);
	int r = remove_tree(AT_FDCWD, path);
	/* Its folder is none, or a link that leads nowhere. */
	return r < 0 && r != -ENOTDIR && r != -ELOOP ? cannot_remove(x, -r) : 0;
}

/* The folder of an entry; the caller frees it. */
static char *folder_of(const char *path)
{
	size_t n = (size_t)(last_part(path) - path);

	return text_format("./%.*s", (int)n, path);
}

static int take_removal(struct extraction *x, struct archive_entry *entry, const char *path)
{
	const char *name = layer_whiteout(path);

	if (entry_check_names(x, entry, path) < 0)
		return -x->report->err.code;
	if (!name || !*name || is_in_mark(path))
		return 0;
	scoped_free char *folder = folder_of(path);
	if (!folder)
		return out_of_memory(x);
	return *name == '/' ? empty_folder(x, folder) : remove_named(x, folder, name);
}

/* ---- Its files */

/* Removes what has the entry's name, unless both are folders. */
static int make_way(struct extraction *x, struct archive_entry *entry, const char *path)
{
	struct stat st;

	if (strspn(path, "./") == strlen(path) ||
	    fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (S_ISDIR(st.st_mode) && archive_entry_filetype(entry) == AE_IFDIR))
		return 0;
	int r = remove_tree(AT_FDCWD, path);
	return r < 0 ? cannot_remove(x, -r) : 0;
}

static int take_file(struct extraction *x, struct archive_entry *entry, const char *path)
{
	if (entry_check_names(x, entry, path) < 0)
		return -x->report->err.code;
	if (layer_whiteout(path) || is_in_mark(path))
		return 0;
	if (make_way(x, entry, path) < 0)
		return -x->report->err.code;
	return entry_take(x, entry);
}

/* ---- Both */

typedef int taker(struct extraction *x, struct archive_entry *entry, const char *path);

/* Some writers of layers begin names with a slash, which is the root's. */
static void drop_slashes(struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry), *hard = archive_entry_hardlink(entry);

	if (hard && *hard == '/') {
		scoped_free char *plain = strdup(hard + strspn(hard, "/"));
		if (plain)
			archive_entry_set_hardlink(entry, plain);
	}
	if (path && *path == '/') {
		scoped_free char *plain = text_format("./%s", path + strspn(path, "/"));
		if (plain)
			archive_entry_set_pathname(entry, plain);
	}
}

static int read_entries(struct tar *tar, taker *take)
{
	struct extraction *x = &tar->x;

	for (uint64_t count = 0;; count++) {
		int r = archive_read_next_header2(tar->in, x->entry);
		if (r == ARCHIVE_EOF)
			return tar_rest(tar);
		if (count == ENTRIES_MAX)
			return err_set(&x->report->err, E2BIG, "it has more than %d entries",
				       ENTRIES_MAX);
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return entry_fail(x, tar->in);
		drop_slashes(x->entry);
		const char *path = archive_entry_pathname(x->entry);
		entry_name(x, path ? path : "?");
		if (!path || !*path)
			return err_set(&x->report->err, EINVAL, "an entry has no usable name");
		if (take(x, x->entry, path) < 0)
			return -x->report->err.code;
		if (archive_read_data_skip(tar->in) != ARCHIVE_OK)
			return entry_fail(x, tar->in);
	}
}

static int wrong_sum(struct unpack_report *report, const char *of, const char *is, const char *sum)
{
	return err_set(&report->err, EBADMSG,
		       "%s has SHA-256 %.16s..., and its image promises %.16s...: it is damaged",
		       of, is, sum);
}

static int check_sums(const struct layer *layer, struct sha256 *raw, struct sha256 *plain,
		      struct unpack_report *report)
{
	char sum[SHA256_HEX + 1];

	sha256_end(raw, sum);
	if (*layer->raw && strcmp(sum, layer->raw) != 0)
		return wrong_sum(report, "its file", sum, layer->raw);
	sha256_end(plain, sum);
	if (*layer->plain && strcmp(sum, layer->plain) != 0)
		return wrong_sum(report, "its tar", sum, layer->plain);
	return 0;
}

/* Reads the layer once, to its end, and compares its sums. */
static int read_once(const struct layer *layer, int fd, taker *take, struct unpack_report *report)
{
	struct sha256 raw, plain;
	struct tar tar = { .x = { .copy = tar_copy_data, .follows = true },
			   .raw = &raw,
			   .plain = &plain };
	int r = sha256_begin(&raw, &report->err);

	if (r == 0)
		r = sha256_begin(&plain, &report->err);
	if (r == 0)
		r = extraction_begin(&tar.x, report);
	if (r == 0)
		r = tar_open(&tar, fd);
	if (r == 0)
		r = read_entries(&tar, take);
	if (r == 0)
		r = check_sums(layer, &raw, &plain, report);
	if (r == 0)
		r = extraction_finish(&tar.x);
	extraction_end(&tar.x);
	tar_close(&tar);
	return r;
}

int layer_open_file(int folder_fd, const char *path, uint64_t *size, struct err *err)
{
	scoped_fd int fd = file_open_in_root(folder_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd == -ENOENT)
		return err_set(err, ENOENT, "'%s' is missing", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, fd < 0 ? -fd : errno, "open '%s': %s", path,
			       strerror(fd < 0 ? -fd : errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a file", path);
	*size = (uint64_t)st.st_size;
	return take_fd(&fd);
}

static int apply_layer(const struct layer *layer, struct unpack_report *report)
{
	struct err *err = &report->err;
	uint64_t size;
	scoped_fd int fd = layer_open_file(layer->folder_fd, layer->path, &size, err);

	if (fd < 0)
		return fd;
	if (layer->size != UINT64_MAX && size != layer->size)
		return err_set(
			err, EBADMSG,
			"its file has %llu bytes, and its image promises %llu: it is damaged",
			(unsigned long long)size, (unsigned long long)layer->size);
	if (layer->number > 0 && read_once(layer, fd, take_removal, report) < 0)
		return -err->code;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(err, errno, "read '%s': %s", layer->path, strerror(errno));
	return read_once(layer, fd, take_file, report);
}

int layer_apply(const struct layer *layer, struct unpack_report *report)
{
	return apply_layer(layer, report) < 0
		       ? err_wrap(&report->err, "layer %zu", layer->number + 1)
		       : 0;
}
