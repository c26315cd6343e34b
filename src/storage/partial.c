/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/partial.h"

#include "base/file.h"
#include "base/scoped.h"
#include "storage/driver.h"

#include <string.h>
#include <sys/stat.h>

static bool freeing_is_due;

bool pool_freeing_is_due(void)
{
	return freeing_is_due;
}

static char *folder_path(const struct pool *pool)
{
	return dirs_run_path(pool->dirs, "partial/%s", pool->name);
}

/* Takes the marker's lock, or returns -errno; creates the folder if it is missing. */
static int mark(const struct pool *pool, struct partial *partial)
{
	scoped_free char *folder = folder_path(pool);
	struct err ignored = { 0 };

	partial->marker = dirs_run_path(pool->dirs, "partial/%s/%s", pool->name, partial->name);
	if (!folder || !partial->marker)
		return -ENOMEM;
	int fd = file_lock(partial->marker, FILE_LOCK_TRY);
	if (fd == -ENOENT) {
		int r = file_make_dirs(folder, 0711, &ignored);
		if (r < 0)
			return r;
		fd = file_lock(partial->marker, FILE_LOCK_TRY);
	}
	return fd;
}

static int begin(struct pool *pool, const char *start, const char *volume, struct partial *partial,
		 struct err *err)
{
	static unsigned serial;

	for (;;) {
		*partial = (struct partial){ .fd = -1 };
		snprintf(partial->name, sizeof partial->name, "%s%.150s.%d-%u", start, volume,
			 (int)getpid(), serial++);
		partial->fd = mark(pool, partial);
		if (partial->fd >= 0)
			return 0;
		scoped_free_ptr(&partial->marker);
		partial->marker = NULL;
		/* The marker of a process with our pid in another pid namespace. */
		if (partial->fd == -EWOULDBLOCK)
			continue;
		/* Deletion must work on a full disk: without a marker the next boot removes the rest. */
		if (partial->fd == -ENOSPC || partial->fd == -EDQUOT || partial->fd == -EROFS)
			return 0;
		return storage_fail(err, partial->fd, "mark '%s' as in the making", partial->name);
	}
}

int partial_begin(struct pool *pool, const char *volume, struct partial *partial, struct err *err)
{
	return begin(pool, PARTIAL_PREFIX, volume, partial, err);
}

int partial_begin_removal(struct pool *pool, const char *volume, struct partial *partial,
			  struct err *err)
{
	return begin(pool, PARTIAL_REMOVED, volume, partial, err);
}

static void let_go(struct partial *partial)
{
	scoped_free_ptr(&partial->marker);
	scoped_close_fd(&partial->fd);
	*partial = (struct partial){ .fd = -1 };
}

/*
 * A byte in the marker tells a volume that is to be freed from one that a killed command left; without it the next
 * command only tries again.
 */
void partial_leave(struct partial *partial)
{
	int r = partial->fd < 0 ? 0 : ftruncate(partial->fd, 1);

	(void)r;
	freeing_is_due = true;
	let_go(partial);
}

void partial_end(struct partial *partial)
{
	if (partial->marker)
		unlink(partial->marker);
	let_go(partial);
}

void partial_abandon(struct pool *pool, struct partial *partial)
{
	struct err ignored = { 0 };

	int r = pool->ops->destroy(pool, partial->name, &ignored);
	if (r == 0)
		partial_end(partial);
	else if (r == -EINPROGRESS)
		partial_leave(partial);
	else
		let_go(partial);
}

int partial_claim(const struct pool *pool, const char *name, struct partial *partial)
{
	scoped_free char *marker = dirs_run_path(pool->dirs, "partial/%s/%s", pool->name, name);

	*partial = (struct partial){ .fd = -1 };
	if (!marker || strlen(name) >= sizeof partial->name)
		return -ENOMEM;
	if (!partial_is_removed(name) && access(marker, F_OK) < 0)
		return -errno;
	strcpy(partial->name, name);
	partial->fd = mark(pool, partial);
	if (partial->fd >= 0)
		return 0;
	int r = partial->fd;
	let_go(partial);
	/* If the disk is full, no other process can have marked it either. */
	if (partial_is_removed(name) && (r == -ENOSPC || r == -EDQUOT)) {
		strcpy(partial->name, name);
		return 0;
	}
	return r;
}

static bool is_left(const struct pool *pool, const char *name)
{
	scoped_free char *marker = dirs_run_path(pool->dirs, "partial/%s/%s", pool->name, name);
	struct stat st;

	return partial_is(name) && marker && stat(marker, &st) == 0 && st.st_size > 0;
}

/* The creator of a marker without a lock is dead. */
static void clear_one(struct pool *pool, const char *name)
{
	struct partial partial = { .fd = -1 };

	if (is_left(pool, name))
		freeing_is_due = true;
	else if (partial_is(name) && partial_claim(pool, name, &partial) == 0)
		partial_abandon(pool, &partial);
	else if (!partial_is(name) && pool->ops->clear_trace)
		pool->ops->clear_trace(pool, name);
}

static int add_name(void *context, const struct volume_info *info)
{
	struct text *names = context;

	return text_add_bytes(names, info->name, strlen(info->name) + 1);
}

/* Existing partial volumes get a marker, which tells commands that there is something to free. */
static void leave_rest(struct pool *pool, const struct text *names)
{
	struct err ignored = { 0 };
	struct volume_info info;

	for (size_t at = 0; at < names->length; at += strlen(names->data + at) + 1) {
		struct partial partial = { .fd = -1 };
		if (pool->ops->info(pool, names->data + at, &info, &ignored) < 0)
			continue;
		text_print(partial.name, sizeof partial.name, "%s", names->data + at);
		partial.fd = mark(pool, &partial);
		partial_leave(&partial);
	}
}

/* The first command since the boot, or since the folder was removed. */
static int clear_all(struct pool *pool, const char *folder, struct err *err)
{
	scoped_fd int lock = pool_lock(pool, err);
	scoped_text struct text names = { 0 };
	struct err ignored = { 0 };

	if (lock < 0)
		return lock;
	if (access(folder, F_OK) == 0)
		return 0;
	int r = pool->ops->list(pool, PARTIAL_PREFIX, add_name, &names, err);
	if (r < 0)
		return r;
	if (names.failed)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t at = 0; at < names.length; at += strlen(names.data + at) + 1)
		pool->ops->destroy(pool, names.data + at, &ignored);
	leave_rest(pool, &names);
	return file_make_dirs(folder, 0711, err);
}

int partial_clear(struct pool *pool, struct err *err)
{
	scoped_free char *folder = folder_path(pool);
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (!dir && errno == ENOENT)
		return clear_all(pool, folder, err);
	if (!dir)
		return err_set(err, errno, "open '%s': %s", folder, strerror(errno));
	for (struct dirent *e; (e = readdir(dir));)
		clear_one(pool, e->d_name);
	return 0;
}

static int count_one(void *context, const struct volume_info *info)
{
	(void)info;
	++*(size_t *)context;
	return 0;
}

size_t pool_freeing(struct pool *pool)
{
	struct err ignored = { 0 };
	size_t count = 0;

	if (pool->ops->free)
		pool->ops->list(pool, PARTIAL_REMOVED, count_one, &count, &ignored);
	return count;
}
