/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree is the guest's. A folder is listed once, and only what is in the list of its parent is opened, so that a
 * root that has little of what could be there costs little.
 */
#include "image/template/strip.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/template/strip_list.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

enum {
	ENTRIES_MAX = 1 << 18, /* documented in berth-identity.d(5) */
	CLEAR_DEPTH = 16,
};

/* The names in a folder, each with its NUL. */
struct listing {
	struct listing *next; /* owned */
	char *folder;         /* owned: below the root, "" the root itself */
	struct text names;
};

struct strip {
	int root_fd;                           /* borrowed */
	const struct strip_identity *identity; /* borrowed */
	struct listing *all;                   /* owned */
	unsigned left;                         /* entries that may still be read or removed */
};

static int too_many(const char *path, struct err *err)
{
	return err_set(
		err, E2BIG,
		"'/%s' of the root, or what berth-identity.d(5) names before it, has more than %d "
		"entries",
		path, ENTRIES_MAX);
}

static int fail(int code, const char *verb, const char *path, struct err *err)
{
	return err_set(err, -code, "%s '/%s' of the root: %s", verb, path, strerror(-code));
}

/* Opens a folder to be read; NULL: it is not there, or is none. */
static DIR *open_folder(int root_fd, const char *path)
{
	int fd = file_open_in_root(root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NONBLOCK,
				   0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int fill_names(struct strip *strip, struct listing *listing, struct err *err)
{
	scoped_dir DIR *dir = open_folder(strip->root_fd, listing->folder);

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (strip->left == 0)
			return too_many(listing->folder, err);
		strip->left--;
		if (!is_dot(e->d_name))
			text_add_bytes(&listing->names, e->d_name, strlen(e->d_name) + 1);
	}
	return listing->names.failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

static struct listing *list_folder(struct strip *strip, const char *folder, struct err *err)
{
	struct listing *one = strip->all;

	while (one && strcmp(one->folder, folder) != 0)
		one = one->next;
	if (one)
		return one;
	one = calloc(1, sizeof *one);
	char *copy = strdup(folder);
	if (!one || !copy) {
		free(one);
		free(copy);
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	*one = (struct listing){ .next = strip->all, .folder = copy };
	strip->all = one;
	return fill_names(strip, one, err) < 0 ? NULL : one;
}

static void free_listings(struct listing *all)
{
	while (all) {
		struct listing *one = all;
		all = one->next;
		free(one->folder);
		text_free(&one->names);
		free(one);
	}
}

/* A regular file, open to be written; -errno. Links lead to where they lead in the machine. */
static int open_file(int root_fd, const char *path, int flags)
{
	struct stat st;
	scoped_fd int fd =
		file_open_in_root(root_fd, path, O_WRONLY | O_NONBLOCK | O_NOCTTY | flags, 0);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	return take_fd(&fd);
}

/* Empties a file. Only regular files have contents. The times of an empty one stay. */
static int empty_file(int root_fd, const char *path, int flags)
{
	scoped_fd int fd = open_file(root_fd, path, flags);
	struct stat st;

	if (fd < 0 || (fstat(fd, &st) == 0 && st.st_size == 0))
		return 0;
	return ftruncate(fd, 0) < 0 ? -errno : 0;
}

/* "syslog.1", "syslog.2.gz", "dpkg.log.old": what was put aside. */
static bool is_rotated(const char *name)
{
	static const char *const ends[] = { ".gz", ".xz", ".bz2", ".zst", ".old" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++) {
		if (strcmp(dot, ends[i]) == 0)
			return true;
	}
	return dot && dot[1] && dot[1 + strspn(dot + 1, "0123456789")] == '\0';
}

static int clear_folder(struct strip *strip, int folder_fd, const char *name, unsigned depth);

static int clear_entry(struct strip *strip, int folder_fd, const char *name, unsigned depth)
{
	struct stat st;

	if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return clear_folder(strip, folder_fd, name, depth);
	if (!S_ISREG(st.st_mode))
		return 0;
	if (is_rotated(name))
		return unlinkat(folder_fd, name, 0) < 0 ? -errno : 0;
	return st.st_size > 0 ? empty_file(folder_fd, name, O_NOFOLLOW) : 0;
}

static int clear_folder(struct strip *strip, int folder_fd, const char *name, unsigned depth)
{
	int fd = file_open_below(folder_fd, name);

	if (fd < 0)
		return 0;
	scoped_dir DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	if (depth >= CLEAR_DEPTH)
		return -E2BIG;
	int r = 0;
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (is_dot(e->d_name))
			continue;
		if (strip->left == 0)
			return -E2BIG;
		strip->left--;
		r = clear_entry(strip, fd, e->d_name, depth + 1);
	}
	return r;
}

/* The text of a line with name and uuid in their places. */
static void expand(const struct strip_identity *identity, const char *text, struct text *out)
{
	for (const char *p = text; *p; p++) {
		if (*p == '%' && (p[1] == 'n' || p[1] == 'u'))
			text_add(out, "%s", *++p == 'n' ? identity->name : identity->uuid);
		else
			text_add_bytes(out, p, 1);
	}
	text_add(out, "\n");
}

static int write_file(const struct strip *strip, const char *path, const char *text)
{
	scoped_fd int fd = open_file(strip->root_fd, path, 0);
	scoped_text struct text full = { 0 };

	if (fd < 0)
		return 0;
	expand(strip->identity, text, &full);
	if (full.failed)
		return -ENOMEM;
	/* The order matters: the old contents are lost only when the new ones are written. */
	int r = file_write_all(fd, full.data, full.length, 0);
	if (r == 0 && ftruncate(fd, (off_t)full.length) < 0)
		r = -errno;
	return r;
}

static int remove_entry(struct strip *strip, int folder_fd, const char *name)
{
	int r = remove_some(folder_fd, name, &strip->left);

	return r == -EINPROGRESS ? -E2BIG : r;
}

static int act(struct strip *strip, const struct strip_line *line, const char *folder,
	       const char *name, struct err *err)
{
	static const char *const verbs[] = { "remove", "empty", "clear", "write" };
	scoped_fd int fd =
		file_open_in_root(strip->root_fd, *folder ? folder : ".", O_PATH | O_DIRECTORY, 0);
	char path[PATH_MAX];
	int r = 0;

	if (fd < 0 || text_print(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name) < 0)
		return 0;
	switch (line->what) {
	case STRIP_REMOVE:
		r = remove_entry(strip, fd, name);
		break;
	case STRIP_EMPTY:
		r = empty_file(strip->root_fd, path, 0);
		break;
	case STRIP_CLEAR:
		r = clear_folder(strip, fd, name, 0);
		break;
	case STRIP_WRITE:
		r = write_file(strip, path, line->text);
		break;
	}
	if (r == -E2BIG)
		return too_many(path, err);
	return r < 0 ? fail(r, verbs[line->what], path, err) : 0;
}

/* Does what the line says to all that matches the pattern below a folder. */
static int walk(struct strip *strip, const struct strip_line *line, const char *folder,
		const char *pattern, struct err *err)
{
	size_t n = strcspn(pattern, "/");
	const char *rest = pattern + n + strspn(pattern + n, "/");
	scoped_free char *part = strndup(pattern, n);
	const struct listing *listing = list_folder(strip, folder, err);
	char path[PATH_MAX];

	if (!listing)
		return -err->code;
	if (!part)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t at = 0; at < listing->names.length;) {
		const char *name = listing->names.data + at;
		at += strlen(name) + 1;
		if (fnmatch(part, name, FNM_PERIOD) != 0 ||
		    text_print(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name) < 0)
			continue;
		int r = *rest ? walk(strip, line, path, rest, err)
			      : act(strip, line, folder, name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int strip_root(const struct dirs *dirs, int root_fd, bool publish,
	       const struct strip_identity *identity, struct err *err)
{
	scoped_strip_list struct strip_line *lines = NULL;
	struct strip strip = { .root_fd = root_fd, .identity = identity, .left = ENTRIES_MAX };
	int r = strip_list_read(dirs, &lines, err);

	for (const struct strip_line *line = lines; r == 0 && line; line = line->next) {
		if (publish || !line->publish)
			r = walk(&strip, line, "", line->path, err);
	}
	free_listings(strip.all);
	return r;
}
