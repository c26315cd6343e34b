/* The disks of a thin pool by their labels, when they are no longer where pool.conf says. */
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/driver.h"
#include "storage/thin/thin_disks.h"

#include <fcntl.h>
#include <string.h>

/* Such as a disk that multipath has put together: what holds it is to be used. */
static bool is_held(const char *name)
{
	scoped_free char *path = text_format("/sys/class/block/%s/holders", name);
	scoped_dir DIR *dir = path ? opendir(path) : NULL;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_name[0] != '.')
			return true;
	}
	return false;
}

/* Calls visit for every device that nothing holds; stops at nonzero and returns it. */
static int each_device(int (*visit)(void *context, const char *path), void *context)
{
	scoped_dir DIR *dir = opendir("/sys/class/block");
	int r = 0;

	for (struct dirent *e; r == 0 && dir && (e = readdir(dir));) {
		scoped_free char *path = text_format("/dev/%s", e->d_name);
		if (!path || e->d_name[0] == '.' || is_held(e->d_name))
			continue;
		/* sysfs writes the '/' of a node's name so. */
		for (char *c = path; (c = strchr(c, '!'));)
			*c = '/';
		r = visit(context, path);
	}
	return r;
}

/* uuid: of a further disk; NULL: the first one. */
static bool has_label(int fd, const struct pool *pool, const char *uuid)
{
	struct thin_disk_label label;
	struct thin_layout layout;
	char got[37];

	if (!uuid)
		return thin_label_read(fd, got, &layout) == 0 &&
		       strcmp(got, pool->config.uuid) == 0;
	return thin_label_read_disk(fd, &label) == 0 &&
	       strcmp(label.pool, pool->config.uuid) == 0 && strcmp(label.uuid, uuid) == 0;
}

struct search {
	const struct pool *pool;
	const char *uuid;
	char *first; /* owned */
	struct err *err;
};

static int compare(void *context, const char *path)
{
	struct search *search = context;
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !has_label(fd, search->pool, search->uuid))
		return 0;
	if (search->first)
		return err_set(search->err, ENOTUNIQ,
			       "both '%s' and '%s' hold it; take the copy away, or take its "
			       "label from it: dd if=/dev/zero of=%s bs=8K count=1",
			       search->first, path, path);
	search->first = strdup(path);
	return search->first ? 0 : err_set(search->err, ENOMEM, "out of memory");
}

int thin_find_disk(const struct pool *pool, const char *uuid, char **found, struct err *err)
{
	struct search search = { .pool = pool, .uuid = uuid, .err = err };

	int r = each_device(compare, &search);
	if (r < 0)
		free(search.first);
	else
		*found = search.first;
	return r;
}

static int wipe(void *context, const char *path)
{
	static const char zeros[2 * THIN_LABEL_SIZE];
	const struct search *search = context;
	struct thin_disk_label label;
	scoped_fd int look = open(path, O_RDONLY | O_CLOEXEC);

	if (look < 0 || thin_label_read_disk(look, &label) < 0 ||
	    strcmp(label.pool, search->pool->config.uuid) != 0)
		return 0;
	scoped_fd int fd = open(path, O_WRONLY | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return err_set(search->err, errno, "open '%s' to wipe it: %s", path,
			       strerror(errno));
	if (pwrite(fd, zeros, sizeof zeros, 0) != (ssize_t)sizeof zeros || fsync(fd) < 0)
		return err_set(search->err, errno, "wipe '%s': %s", path, strerror(errno));
	return 0;
}

int thin_wipe_further(const struct pool *pool, struct err *err)
{
	struct search search = { .pool = pool, .err = err };

	return each_device(wipe, &search);
}
