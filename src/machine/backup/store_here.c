/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backups in a folder of this host. */
#include "machine/backup/store_ops.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "image/shared/sha256.h"
#include "machine/backup/seal.h"
#include "stream/stream.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static char *path_of(const struct store *store, const char *path)
{
	return *path ? text_format("%s/%s", store->folder, path) : strdup(store->folder);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void note(struct store_file *file, const struct stat *st)
{
	file->folder = S_ISDIR(st->st_mode);
	file->size = (uint64_t)st->st_size;
	file->changed = (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec;
}

static int here_each(struct store *store, const char *path, store_visit *visit, void *context,
		     struct err *err)
{
	scoped_free char *folder = path_of(store, path);
	scoped_fd int dir = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct dirent **list = NULL;
	struct stat st;
	int r = 0;

	if (!folder)
		return no_memory(err);
	int count = dir < 0 ? -1 : scandirat(dir, ".", &list, is_visible, alphasort);
	if (count < 0)
		return err_set(err, errno, "read '%s': %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		struct store_file file = { .size = 0 };
		if (r == 0 && text_print(file.name, sizeof file.name, "%s", list[i]->d_name) >= 0 &&
		    fstatat(dir, file.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
			note(&file, &st);
			r = visit(context, &file);
		}
		free(list[i]);
	}
	free(list);
	return r;
}

static int here_fetch(struct store *store, const char *path, struct pump *pump, struct err *err)
{
	scoped_free char *full = path_of(store, path);
	int fd = full ? file_open_regular(AT_FDCWD, full, O_NOFOLLOW) : -ENOMEM;

	*pump = (struct pump){ .fd = fd };
	return fd < 0 ? err_set(err, -fd, "read '%s': %s", full ? full : "", file_why(fd)) : 0;
}

static int here_replace(struct store *store, const char *path, const char *text, size_t n,
			struct err *err)
{
	scoped_free char *full = path_of(store, path);

	return full ? file_replace(full, text, n, 0600, err) : no_memory(err);
}

static int here_remove(struct store *store, const char *path, struct err *err)
{
	scoped_free char *full = path_of(store, path);
	scoped_free char *folder = full ? strndup(full, (size_t)(strrchr(full, '/') - full)) : NULL;

	if (!folder)
		return no_memory(err);
	if (unlink(full) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove '%s': %s", full, strerror(errno));
	/* The removal of an increment is on the disk before its base is removed. */
	int r = file_sync_dir(folder);
	return r < 0 ? err_set(err, -r, "write '%s': %s", folder, strerror(-r)) : 0;
}

/* ---- The lock */

/*
 * Names of base/outfile.c, on a file system that has no files without names; and records of files that were never kept.
 */
static bool is_unfinished(int dir, const char *name)
{
	char file[STORE_NAME];

	if (name[0] == '.')
		return strstr(name, ".berth.") && text_ends(name, ".new");
	return text_ends(name, SEAL_RECORD) &&
	       text_print(file, sizeof file, "%.*s", (int)(strlen(name) - strlen(SEAL_RECORD)),
			  name) >= 0 &&
	       text_ends(file, SEAL_SUFFIX) &&
	       faccessat(dir, file, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static void clear_unfinished(const char *folder)
{
	scoped_fd int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = dir < 0 ? NULL : fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 3));

	for (struct dirent *entry; stream && (entry = readdir(stream));) {
		if (is_unfinished(dir, entry->d_name))
			unlinkat(dir, entry->d_name, 0);
	}
	if (stream)
		closedir(stream);
}

static int here_lock(struct store *store, const char *path, unsigned seconds, struct err *err)
{
	scoped_free char *folder = path_of(store, path);
	scoped_free char *file = folder ? text_format("%s/.lock", folder) : NULL;

	if (!file)
		return no_memory(err);
	scoped_close_fd(&store->lock);
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return err_set(err, errno, "make the folder '%s': %s", folder, strerror(errno));
	/* A child of a killed command holds the lock for a moment longer. */
	store->lock = seconds ? file_lock_within(file, seconds) : file_lock(file, FILE_LOCK_TRY);
	if (store->lock < 0)
		return err_set(err, store->lock == -EWOULDBLOCK ? EBUSY : -store->lock,
			       "lock '%s': %s", file, strerror(-store->lock));
	clear_unfinished(folder);
	return 0;
}

static void here_unlock(struct store *store)
{
	scoped_close_fd(&store->lock);
}

/* ---- Whole files */

static int here_content(struct store *store, const char *path, char content[UUID_TEXT],
			struct err *err)
{
	struct pump pump;
	struct stream_in in = { 0 };
	scoped_text struct text settings = { 0 };
	struct stream_volume volume;
	struct stream_head head;

	if (here_fetch(store, path, &pump, err) < 0)
		return -err->code;
	scoped_fd int fd = pump.fd;
	in.fd = fd;
	if (stream_open(&in, &head, &settings, err) < 0)
		return -err->code;
	stream_head_free(&head);
	if (stream_next(&in, &volume, err) <= 0)
		return err->code ? -err->code : err_set(err, EBADMSG, "it has no volume");
	text_print(content, UUID_TEXT, "%s", volume.content);
	stream_volume_free(&volume);
	return 0;
}

struct checking {
	int fd;
	const char *sum;
};

static int check_bytes(void *context, struct err *err)
{
	const struct checking *checking = context;
	char found[SHA256_HEX + 1];

	/* As the disk has it, where it can be: a page in memory may be better than its sector. */
	posix_fadvise(checking->fd, 0, 0, POSIX_FADV_DONTNEED);
	if (lseek(checking->fd, 0, SEEK_SET) < 0)
		return err_set(err, errno, "read it: %s", strerror(errno));
	if (!checking->sum)
		return stream_verify(checking->fd, err);
	if (sha256_file(checking->fd, found, NULL, err) < 0)
		return -err->code;
	return strcmp(found, checking->sum) == 0
		       ? 0
		       : err_set(err, EBADMSG, "it is damaged: its sum is not that of its record");
}

static int check_opened(struct store *store, int fd, const char *sum, struct err *err)
{
	struct checking checking = { .fd = fd, .sum = sum };

	return store->work ? store->work(check_bytes, &checking, err) : check_bytes(&checking, err);
}

static int here_check(struct store *store, const char *path, const char *sum,
		      struct store_file *file, struct err *err)
{
	struct pump pump;
	struct stat st;

	if (here_fetch(store, path, &pump, err) < 0)
		return -err->code;
	scoped_fd int fd = pump.fd;
	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "read '%s': %s", path, strerror(errno));
	note(file, &st);
	return check_opened(store, fd, sum, err);
}

static int here_begin(struct store *store, const char *path, struct store_writing *writing,
		      struct err *err)
{
	const struct outfile_spec spec = { .what = "a backup", .mode = 0600 };
	struct outfile_spec file = spec;

	free(writing->path);
	file.path = writing->path = path_of(store, path);
	if (!file.path)
		return no_memory(err);
	int r = outfile_open(&writing->out, &file, err);
	writing->fd = writing->out.fd;
	return r;
}

static int here_end(struct store *store, struct store_writing *writing, struct err *err)
{
	(void)store;
	return fsync(writing->fd) < 0
		       ? err_set(err, errno, "write '%s': %s", writing->path, strerror(errno))
		       : 0;
}

/* ctime counts from the time when the file has its name. */
static int here_keep(struct store *store, struct store_writing *writing, const char *sum,
		     struct store_file *file, struct err *err)
{
	struct stat st;

	if (check_opened(store, writing->fd, sum, err) < 0)
		return err_wrap(err, "'%s', as it was written", writing->path);
	fault_point("backup-written");
	if (outfile_keep(&writing->out, err) < 0)
		return -err->code;
	fault_point("backup-kept");
	if (stat(writing->path, &st) == 0)
		note(file, &st);
	return 0;
}

static void here_drop(struct store *store, struct store_writing *writing, struct err *failed)
{
	(void)store;
	(void)failed;
	outfile_close(&writing->out);
	writing->fd = -1;
}

const struct store_ops store_here = {
	.each = here_each,
	.fetch = here_fetch,
	.replace = here_replace,
	.remove = here_remove,
	.lock = here_lock,
	.unlock = here_unlock,
	.content = here_content,
	.check = here_check,
	.begin = here_begin,
	.end = here_end,
	.keep = here_keep,
	.drop = here_drop,
};
