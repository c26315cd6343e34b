#include "storage/partial.h"

#include "base/file.h"
#include "base/scoped.h"
#include "storage/driver.h"

#include <string.h>
#include <sys/stat.h>

static char *folder_path(const struct pool *pool)
{
	return site_run_path(pool->site, "partial/%s", pool->name);
}

/* The marker's lock, or -errno; makes the folder if it is not there. */
static int mark(const struct pool *pool, struct partial *partial)
{
	scoped_free char *folder = folder_path(pool);
	struct err ignored = { 0 };

	partial->marker = site_run_path(pool->site, "partial/%s/%s", pool->name, partial->name);
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

int partial_begin(struct pool *pool, const char *volume, struct partial *partial, struct err *err)
{
	static unsigned serial;

	for (;;) {
		*partial = (struct partial){ .fd = -1 };
		snprintf(partial->name, sizeof partial->name, "%s%.150s.%d-%u", PARTIAL_PREFIX,
			 volume, (int)getpid(), serial++);
		partial->fd = mark(pool, partial);
		if (partial->fd >= 0)
			return 0;
		scoped_free_ptr(&partial->marker);
		partial->marker = NULL;
		/* Of a process with our number in another pid namespace. */
		if (partial->fd == -EWOULDBLOCK)
			continue;
		/* Deleting must work on a full disk: without the marker the next boot will clear up. */
		if (partial->fd == -ENOSPC || partial->fd == -EDQUOT || partial->fd == -EROFS)
			return 0;
		return storage_fail(err, partial->fd, "note that '%s' is in the making",
				    partial->name);
	}
}

void partial_end(struct partial *partial)
{
	if (partial->marker)
		unlink(partial->marker);
	scoped_free_ptr(&partial->marker);
	scoped_close_fd(&partial->fd);
	*partial = (struct partial){ .fd = -1 };
}

void partial_abandon(struct pool *pool, struct partial *partial)
{
	struct err ignored = { 0 };

	if (pool->ops->destroy(pool, partial->name, &ignored) == 0) {
		partial_end(partial);
		return;
	}
	scoped_free_ptr(&partial->marker);
	scoped_close_fd(&partial->fd);
	*partial = (struct partial){ .fd = -1 };
}

/* A marker whose lock is free has a dead maker. */
static void clear_one(struct pool *pool, const char *name)
{
	struct partial partial = { .fd = -1 };

	if (!partial_is(name) || strlen(name) >= sizeof partial.name)
		return;
	strcpy(partial.name, name);
	partial.fd = mark(pool, &partial);
	if (partial.fd >= 0)
		partial_abandon(pool, &partial);
	else
		scoped_free_ptr(&partial.marker);
}

static int add_name(void *context, const struct volume_info *info)
{
	struct text *names = context;

	return text_add_bytes(names, info->name, strlen(info->name) + 1);
}

/* The first command since the boot, or since somebody removed the folder. */
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
