/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "volumes.h"

#include "base/file.h"
#include "base/scoped.h"
#include "storage/driver.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct dirs dirs;
const char *place = "-";

void show(const struct err *err)
{
	if (err->code)
		fprintf(stderr, "\n  [%s] %s\n", place, err->text);
}

int open_volume(struct pool *pool, const char *volume, uint64_t attributes)
{
	struct err err = { 0 };
	scoped_fd int mount = -1;

	if (volume_mount(pool, volume, attributes, &mount, &err) < 0) {
		show(&err);
		return -1;
	}
	return openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool put(struct pool *pool, const char *volume, const char *name, const char *data)
{
	scoped_fd int root = open_volume(pool, volume, 0);
	scoped_fd int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return fd >= 0 && write(fd, data, strlen(data)) == (ssize_t)strlen(data);
}

bool holds(struct pool *pool, const char *volume, const char *name, const char *data)
{
	scoped_fd int root = open_volume(pool, volume, 0);
	scoped_free char *got = NULL;

	return file_read(root, name, 1 << 20, &got) >= 0 && strcmp(got, data) == 0;
}

bool has(struct pool *pool, const char *volume)
{
	struct volume_info info;
	struct err err = { 0 };

	return volume_info(pool, volume, &info, &err) == 0;
}

bool create(struct pool *pool, const char *volume)
{
	struct err err = { 0 };

	volume_create(pool, volume, 0, &err);
	show(&err);
	return err.code == 0;
}

bool snapshot(struct pool *pool, const char *origin, const char *volume)
{
	struct err err = { 0 };

	volume_snapshot(pool, origin, volume, &err);
	show(&err);
	return err.code == 0;
}

bool destroy(struct pool *pool, const char *volume)
{
	struct err err = { 0 };

	volume_destroy(pool, volume, &err);
	show(&err);
	return err.code == 0;
}

bool open_named(struct pool *pool, const char *name)
{
	struct err err = { 0 };

	pool_open(pool, &dirs, name, &err);
	show(&err);
	return err.code == 0;
}

static int add_name(void *context, const struct volume_info *info)
{
	return text_add(context, "%s\n", info->name);
}

/* How many volumes have that prefix, those in the making included if it says so. */
int count(struct pool *pool, const char *prefix)
{
	scoped_text struct text names = { 0 };
	struct err err = { 0 };
	int n = 0;

	int r = partial_is(prefix) ? pool->ops->list(pool, prefix, add_name, &names, &err)
				   : volume_list(pool, prefix, add_name, &names, &err);
	if (r < 0)
		return -1;
	for (const char *at = text_str(&names); (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

bool fill_volume(struct pool *pool, const char *volume)
{
	scoped_fd int root = open_volume(pool, volume, 0);
	char name[16];

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "d%d", i % 10);
		mkdirat(root, name, 0755);
		scoped_fd int dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		snprintf(name, sizeof name, "%d", i);
		scoped_fd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (write(fd, name, sizeof name) != sizeof name)
			return false;
	}
	return root >= 0;
}

int count_files(struct pool *pool, const char *volume)
{
	scoped_fd int root = open_volume(pool, volume, 0);
	char path[32];
	int n = 0;

	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof path, "d%d/%d", i % 10, i);
		n += faccessat(root, path, F_OK, 0) == 0;
	}
	return n;
}

void fill_up(struct pool *pool, const char *volume)
{
	static char block[1 << 20];
	scoped_fd int root = open_volume(pool, volume, 0);
	scoped_fd int fd = openat(root, "ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	memset(block, 'x', sizeof block);
	for (size_t n = sizeof block; n >= 4096; n /= 4) {
		/* Bounded, since a disk that fails may go on taking what it never writes. */
		for (int i = 0; i < 512 && write(fd, block, n) > 0; i++)
			;
		if (fsync(fd) < 0 && errno != ENOSPC)
			break;
	}
}
