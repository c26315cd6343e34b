/* The disk of a thin pool by its label, when it is no longer where pool.conf says. */
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/driver.h"
#include "storage/thin/thin.h"

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

static bool has_label(const struct pool *pool, const char *path)
{
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct thin_layout layout;
	char uuid[37];

	return fd >= 0 && thin_label_read(fd, uuid, &layout) == 0 &&
	       strcmp(uuid, pool->config.uuid) == 0;
}

int thin_find_disk(const struct pool *pool, char **found, struct err *err)
{
	scoped_dir DIR *dir = opendir("/sys/class/block");
	scoped_free char *first = NULL;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		scoped_free char *path = text_format("/dev/%s", e->d_name);
		if (!path || e->d_name[0] == '.' || is_held(e->d_name))
			continue;
		/* sysfs writes the '/' of a node's name so. */
		for (char *c = path; (c = strchr(c, '!'));)
			*c = '/';
		if (!has_label(pool, path))
			continue;
		if (first)
			return err_set(
				err, ENOTUNIQ,
				"both '%s' and '%s' hold it; take the copy away, or wipe it: "
				"wipefs --all",
				first, path);
		first = take_ptr(&path);
	}
	*found = take_ptr(&first);
	return 0;
}
