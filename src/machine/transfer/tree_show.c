/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/transfer/tree_show.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct showing {
	const struct tree_place *place;
	const char *path;
	int socket;
	struct tree_entry entry;
};

static int fail(const struct showing *showing, int code, struct err *err)
{
	char words[TREE_WORDS];

	return err_set(err, -code, "look at %s: %s",
		       tree_words(showing->place, showing->path, words), file_why(code));
}

static void take_attributes(struct tree_entry *entry, const struct statx *st)
{
	entry->mode = st->stx_mode;
	entry->uid = st->stx_uid;
	entry->gid = st->stx_gid;
	entry->seconds = st->stx_mtime.tv_sec;
	entry->nanoseconds = st->stx_mtime.tv_nsec;
	entry->size = st->stx_size;
	*entry->target = '\0';
}

static int post(struct showing *showing, enum tree_type type, int fd, struct err *err)
{
	showing->entry.type = type;
	int r = tree_entry_send(showing->socket, &showing->entry, fd);
	if (r == -EPIPE)
		return err_set(err, EPIPE, "nobody receives the entries");
	return r < 0 ? fail(showing, r, err) : 0;
}

/* An entry that vanishes meanwhile is left out. */
static int post_entry(struct showing *showing, int folder, const char *name, struct err *err)
{
	struct tree_entry *entry = &showing->entry;
	struct statx st;

	if (statx(folder, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) < 0)
		return errno == ENOENT ? 0 : fail(showing, -errno, err);
	take_attributes(entry, &st);
	text_print(entry->path, sizeof entry->path, "%s", name);
	if (S_ISLNK(st.stx_mode)) {
		ssize_t n = readlinkat(folder, name, entry->target, sizeof entry->target - 1);
		entry->target[n > 0 ? n : 0] = '\0';
	}
	return post(showing, TREE_SHOWN, -1, err);
}

static int post_entries(struct showing *showing, int fd, unsigned most, struct err *err)
{
	scoped_fd int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	scoped_dir DIR *dir = own < 0 ? NULL : fdopendir(own);
	unsigned count = 0;

	if (!dir)
		return fail(showing, -errno, err);
	own = -1;
	for (;;) {
		errno = 0;
		const struct dirent *at = readdir(dir);
		if (!at)
			return errno ? fail(showing, -errno, err) : 0;
		if (strcmp(at->d_name, ".") == 0 || strcmp(at->d_name, "..") == 0)
			continue;
		if (count++ == most)
			return 1;
		if (post_entry(showing, fd, at->d_name, err) < 0)
			return -err->code;
	}
}

/* Opens a file or a folder; anything else, such as a device, is looked at alone. */
static int open_it(const struct showing *showing, struct statx *st)
{
	scoped_fd int look = tree_open(showing->place, showing->path, O_PATH, 0);

	if (look < 0)
		return look;
	if (statx(look, "", AT_EMPTY_PATH, STATX_BASIC_STATS, st) < 0)
		return -errno;
	if (!S_ISREG(st->stx_mode) && !S_ISDIR(st->stx_mode))
		return take_fd(&look);
	uint64_t inode = st->stx_ino;
	scoped_fd int fd = tree_open(showing->place, showing->path,
				     O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, st) < 0)
		return -errno;
	return st->stx_ino == inode ? take_fd(&fd) : -ESTALE;
}

int tree_show(const struct tree_place *place, const char *path, unsigned entries, int socket,
	      struct err *err)
{
	static struct showing showing;
	struct statx st;
	int more = 0;

	showing = (struct showing){ .place = place, .path = path, .socket = socket };
	scoped_fd int fd = open_it(&showing, &st);
	if (fd < 0)
		return fail(&showing, fd, err);
	take_attributes(&showing.entry, &st);
	text_print(showing.entry.path, sizeof showing.entry.path, ".");
	bool file = S_ISREG(st.stx_mode);
	if (post(&showing, file ? TREE_FILE : TREE_SHOWN, file ? fd : -1, err) < 0)
		return -err->code;
	if (S_ISDIR(st.stx_mode) && entries)
		more = post_entries(&showing, fd, entries, err);
	if (more < 0)
		return more;
	showing.entry = (struct tree_entry){ .size = (uint64_t)more };
	return post(&showing, TREE_END, -1, err);
}
