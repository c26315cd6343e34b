/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/tree_diff.h"

#include "base/scoped.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Each level has two open folders. */
enum { DEPTH_MAX = 400, PIECE = 64 << 10, ATTRIBUTES_MAX = 64 << 10 };

static int fail(const struct tree_diff *diff, const char *what, int code, struct err *err)
{
	return err_set(err, code, "%s '%s': %s", what,
		       diff->path.length ? text_str(&diff->path) : "/", strerror(code));
}

/* ---- The names of a folder */

struct names {
	char **list; /* owned, and each of its members */
	size_t count, room;
};

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct names){ 0 };
}
#define scoped_names __attribute__((cleanup(names_free)))

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct names *names, const char *name)
{
	if (names->count == names->room) {
		size_t room = names->room ? 2 * names->room : 32;
		char **list = realloc(names->list, room * sizeof *list);
		if (!list)
			return -ENOMEM;
		names->list = list;
		names->room = room;
	}
	names->list[names->count] = strdup(name);
	return names->list[names->count] ? (int)(names->count++, 0) : -ENOMEM;
}

/* An absent folder (-1) has no names. */
static int read_names(const struct tree_diff *diff, int fd, struct names *names, struct err *err)
{
	int copy = fd < 0 ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_dir DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (fd >= 0 && !dir) {
		int code = errno;
		if (copy >= 0)
			close(copy);
		return fail(diff, "read folder", code, err);
	}
	errno = 0;
	for (struct dirent *e; dir && (e = readdir(dir)); errno = 0) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    add_name(names, e->d_name) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (errno)
		return fail(diff, "read folder", errno, err);
	if (names->count > 0)
		qsort(names->list, names->count, sizeof *names->list, by_bytes);
	return 0;
}

/* ---- One entry of both trees */

struct pair {
	int before_fd, after_fd; /* borrowed: their folders; -1 */
	const char *name;
	struct stat before, after; /* zero: it is not there */
};

static int open_file(int dir_fd, const char *name, const struct stat *known)
{
	struct stat st;
	scoped_fd int fd =
		openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) && st.st_ino == known->st_ino ? take_fd(&fd) : -ESTALE;
}

static ssize_t read_piece(int fd, char *piece)
{
	size_t n = 0;

	while (n < PIECE) {
		ssize_t got = read(fd, piece + n, PIECE - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

/* 1: the bytes of both files are the same; 0: they are not; or -errno. */
static int same_bytes(const struct pair *pair)
{
	scoped_fd int a = open_file(pair->before_fd, pair->name, &pair->before);
	scoped_fd int b = a < 0 ? -1 : open_file(pair->after_fd, pair->name, &pair->after);
	scoped_free char *one = malloc(PIECE);
	scoped_free char *other = malloc(PIECE);

	if (a < 0 || b < 0)
		return a < 0 ? a : b;
	if (!one || !other)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read_piece(a, one), m = read_piece(b, other);
		if (n < 0 || m < 0)
			return (int)(n < 0 ? n : m);
		if (n != m || memcmp(one, other, (size_t)n) != 0)
			return 0;
		if (n == 0)
			return 1;
	}
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static int look_at_file(const struct tree_diff *diff, const struct pair *pair, unsigned *what)
{
	bool timed = same_time(&pair->before.st_mtim, &pair->after.st_mtim);

	if (pair->before.st_size != pair->after.st_size) {
		*what |= TREE_CONTENT;
		return 0;
	}
	if (timed && !diff->content && !diff->keeps_inodes)
		return 0;
	int r = same_bytes(pair);
	if (r < 0)
		return r;
	*what |= r == 0 ? TREE_CONTENT : timed ? 0 : TREE_TIME;
	return 0;
}

static int look_at_link(const struct pair *pair, unsigned *what)
{
	char a[PATH_MAX], b[PATH_MAX];
	ssize_t n = readlinkat(pair->before_fd, pair->name, a, sizeof a);
	ssize_t m = n < 0 ? -1 : readlinkat(pair->after_fd, pair->name, b, sizeof b);

	if (n < 0 || m < 0)
		return -errno;
	if (n != m || memcmp(a, b, (size_t)n) != 0)
		*what |= TREE_TARGET;
	return 0;
}

/* A path that leads to the entry itself, also to a link; the descriptor is owned by the caller. */
static int open_entry(int dir_fd, const char *name, char path[40])
{
	int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(path, 40, "/proc/self/fd/%d", fd);
	return fd;
}

/* The length of the list; a file system without attributes has none. */
static ssize_t list_attributes(const char *path, char *names)
{
	ssize_t n = listxattr(path, names, ATTRIBUTES_MAX);

	return n >= 0 ? n : errno == EOPNOTSUPP ? 0 : -errno;
}

/* 1 or 0; -errno. */
static int same_attribute(const char *one, const char *other, const char *name, char *a, char *b)
{
	ssize_t n = getxattr(one, name, a, ATTRIBUTES_MAX);
	ssize_t m = n < 0 ? -1 : getxattr(other, name, b, ATTRIBUTES_MAX);

	if (n < 0)
		return -errno;
	if (m < 0)
		return errno == ENODATA ? 0 : -errno;
	return n == m && memcmp(a, b, (size_t)n) == 0;
}

static size_t count_names(const char *names, ssize_t length)
{
	size_t count = 0;

	for (ssize_t i = 0; i < length; i++)
		count += names[i] == '\0';
	return count;
}

static int look_at_attributes(const struct pair *pair, unsigned *what)
{
	char one[40], other[40];
	scoped_fd int a_fd = open_entry(pair->before_fd, pair->name, one);
	scoped_fd int b_fd = a_fd < 0 ? -1 : open_entry(pair->after_fd, pair->name, other);
	scoped_free char *room = malloc(4 * ATTRIBUTES_MAX);
	int r = 1;

	if (a_fd < 0 || b_fd < 0)
		return a_fd < 0 ? a_fd : b_fd;
	if (!room)
		return -ENOMEM;
	char *names = room, *names_b = room + ATTRIBUTES_MAX;
	ssize_t n = list_attributes(one, names), m = list_attributes(other, names_b);
	if (n < 0 || m < 0)
		return (int)(n < 0 ? n : m);
	if (count_names(names, n) != count_names(names_b, m))
		r = 0;
	for (ssize_t at = 0; r == 1 && at < n; at += (ssize_t)strlen(names + at) + 1)
		r = same_attribute(one, other, names + at, room + 2 * ATTRIBUTES_MAX,
				   room + 3 * ATTRIBUTES_MAX);
	if (r == 0)
		*what |= TREE_ATTRIBUTES;
	return r < 0 ? r : 0;
}

/* The kernel steps the time of change with every change of an inode, and no program can set it. */
static bool is_untouched(const struct tree_diff *diff, const struct pair *pair)
{
	return diff->keeps_inodes && pair->before.st_ino == pair->after.st_ino &&
	       same_time(&pair->before.st_ctim, &pair->after.st_ctim) &&
	       pair->before.st_size == pair->after.st_size;
}

static int look_at_both(const struct tree_diff *diff, const struct pair *pair, unsigned *what)
{
	const struct stat *a = &pair->before, *b = &pair->after;
	int r = 0;

	*what = 0;
	if (is_untouched(diff, pair))
		return 0;
	if ((a->st_mode & S_IFMT) != (b->st_mode & S_IFMT)) {
		*what = TREE_TYPE;
		return 0;
	}
	if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		*what |= TREE_OWNER;
	if ((a->st_mode & 07777) != (b->st_mode & 07777))
		*what |= TREE_MODE;
	if (S_ISREG(a->st_mode))
		r = look_at_file(diff, pair, what);
	else if (S_ISLNK(a->st_mode))
		r = look_at_link(pair, what);
	else if ((S_ISCHR(a->st_mode) || S_ISBLK(a->st_mode)) && a->st_rdev != b->st_rdev)
		*what |= TREE_CONTENT;
	return r < 0 ? r : look_at_attributes(pair, what);
}

/* ---- The walk */

static int walk(struct tree_diff *diff, int before_fd, int after_fd, struct err *err);

static int open_folder(int dir_fd, const char *name, const struct stat *st)
{
	if (!S_ISDIR(st->st_mode))
		return -1;
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int descend(struct tree_diff *diff, const struct pair *pair, struct err *err)
{
	bool a = S_ISDIR(pair->before.st_mode), b = S_ISDIR(pair->after.st_mode);
	scoped_fd int before = open_folder(pair->before_fd, pair->name, &pair->before);
	scoped_fd int after = open_folder(pair->after_fd, pair->name, &pair->after);

	if (!a && !b)
		return 0;
	if ((a && before < 0) || (b && after < 0))
		return fail(diff, "open folder", a && before < 0 ? -before : -after, err);
	return walk(diff, before, after, err);
}

static int tell(struct tree_diff *diff, const struct pair *pair, enum tree_change_kind kind,
		unsigned what)
{
	const struct tree_change change = { .kind = kind,
					    .what = what,
					    .path = text_str(&diff->path),
					    .before = pair->before,
					    .after = pair->after };

	return diff->visit(diff->context, &change);
}

/* An entry that has changed its type counts as one that has gone and another that has come. */
static int compare_types(struct tree_diff *diff, struct pair *pair, struct err *err)
{
	struct pair gone = *pair, come = *pair;

	gone.after = come.before = (struct stat){ 0 };
	int r = tell(diff, pair, TREE_CHANGED, TREE_TYPE);
	if (r == 0)
		r = descend(diff, &gone, err);
	return r != 0 ? r : descend(diff, &come, err);
}

static int look(int dir_fd, const char *name, struct stat *st)
{
	*st = (struct stat){ 0 };
	return fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int visit_entry(struct tree_diff *diff, struct pair *pair, bool before, bool after,
		       struct err *err)
{
	size_t length = diff->path.length;
	unsigned what = 0;
	int r = 0;

	text_add(&diff->path, "/%s", pair->name);
	if (diff->path.failed)
		return err_set(err, ENOMEM, "out of memory");
	if (before)
		r = look(pair->before_fd, pair->name, &pair->before);
	if (r == 0 && after)
		r = look(pair->after_fd, pair->name, &pair->after);
	if (r == 0 && before && after)
		r = look_at_both(diff, pair, &what);
	if (r < 0)
		return fail(diff, "look at", -r, err);
	if (what & TREE_TYPE) {
		r = compare_types(diff, pair, err);
	} else {
		if (!before || !after)
			r = tell(diff, pair, before ? TREE_REMOVED : TREE_ADDED, 0);
		else if (what)
			r = tell(diff, pair, TREE_CHANGED, what);
		if (r == 0)
			r = descend(diff, pair, err);
	}
	diff->path.length = length;
	diff->path.data[length] = '\0';
	return r;
}

static int walk(struct tree_diff *diff, int before_fd, int after_fd, struct err *err)
{
	scoped_names struct names a = { 0 };
	scoped_names struct names b = { 0 };
	int r = 0;

	if (diff->depth == DEPTH_MAX)
		return err_set(err, ELOOP, "'%.200s...' has more than %d folders in each other",
			       text_str(&diff->path), DEPTH_MAX);
	if (read_names(diff, before_fd, &a, err) < 0 || read_names(diff, after_fd, &b, err) < 0)
		return -err->code;
	diff->depth++;
	for (size_t i = 0, j = 0; r == 0 && (i < a.count || j < b.count);) {
		int order = i == a.count ? 1 : j == b.count ? -1 : strcmp(a.list[i], b.list[j]);
		struct pair pair = { .before_fd = before_fd,
				     .after_fd = after_fd,
				     .name = order <= 0 ? a.list[i] : b.list[j] };
		r = visit_entry(diff, &pair, order <= 0, order >= 0, err);
		i += order <= 0;
		j += order >= 0;
	}
	diff->depth--;
	return r;
}

int tree_diff_walk(struct tree_diff *diff, int before_fd, int after_fd, struct err *err)
{
	diff->path = (struct text){ 0 };
	diff->depth = 0;
	int r = walk(diff, before_fd, after_fd, err);
	text_free(&diff->path);
	return r;
}
