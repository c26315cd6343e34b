/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The place of the root in an archive: it may be below a folder, such as rootfs/ beside metadata.yaml in images of LXC
 * and Incus, or one folder that has everything. After unpacking, that folder becomes the root.
 */
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/unpack/entry.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static const char aside[] = ".berth-root";

static bool is_folder(const char *path)
{
	struct stat st;

	return fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool is_there(const char *path)
{
	struct stat st;

	return fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Every name in a folder but "." and "..", each with its NUL. 0 or -errno. */
static int read_names(const char *path, struct text *names, unsigned *count)
{
	scoped_dir DIR *dir = opendir(path);

	if (!dir)
		return -errno;
	*count = 0;
	for (struct dirent *e; (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		text_add_bytes(names, e->d_name, strlen(e->d_name) + 1);
		(*count)++;
	}
	return names->failed ? -ENOMEM : 0;
}

/* Whether the folder has the entries of a root. */
static bool is_root(const char *folder)
{
	static const char *const parts[] = { "etc", "usr", "bin", "sbin" };
	unsigned found = 0;
	char path[300];

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (text_print(path, sizeof path, "%s/%s", folder, parts[i]) == 0)
			found += is_there(path);
	}
	return found >= 2;
}

/* The folder that is the root, into folder; "" if all is in its place. */
static int find_root(char *folder, size_t room)
{
	scoped_text struct text names = { 0 };
	unsigned count = 0;
	int r = read_names(".", &names, &count);

	folder[0] = '\0';
	if (r < 0)
		return r;
	if (is_folder("rootfs") && is_there("metadata.yaml"))
		return text_print(folder, room, "rootfs");
	if (count == 1 && strcmp(text_str(&names), "usr") != 0 && is_folder(text_str(&names)) &&
	    is_root(text_str(&names)))
		return text_print(folder, room, "%s", text_str(&names));
	return 0;
}

static int remove_others(void)
{
	scoped_text struct text names = { 0 };
	unsigned count = 0;
	int r = read_names(".", &names, &count);
	const char *name = text_str(&names);

	for (; r == 0 && count > 0; count--, name += strlen(name) + 1) {
		if (strcmp(name, aside) != 0)
			r = remove_tree(AT_FDCWD, name);
	}
	return r;
}

static int move_up(void)
{
	scoped_text struct text names = { 0 };
	unsigned count = 0;
	int r = read_names(aside, &names, &count);
	const char *name = text_str(&names);
	scoped_fd int from = open(aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (; r == 0 && count > 0; count--, name += strlen(name) + 1) {
		if (renameat(from, name, AT_FDCWD, name) < 0)
			r = -errno;
	}
	if (r == 0 && rmdir(aside) < 0)
		r = -errno;
	return r;
}

int layout_settle(struct unpack_report *report)
{
	struct err *err = &report->err;
	int r = find_root(report->folder, sizeof report->folder);

	if (r == 0 && strcmp(report->folder, "rootfs") == 0)
		metadata_look(report);
	if (r == 0 && report->folder[0]) {
		if (rename(report->folder, aside) < 0)
			r = -errno;
		if (r == 0)
			r = remove_others();
		if (r == 0)
			r = move_up();
	}
	if (r < 0)
		return err_set(err, -r, "make '%s' the root: %s", report->folder, strerror(-r));
	/* A mode of mktemp(1)'s folders is not meant for a root: only root could enter it. */
	if (chown(".", 0, 0) < 0 || chmod(".", 0755) < 0)
		return err_set(err, errno, "set up the root folder: %s", strerror(errno));
	return 0;
}
