/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/transfer/tree.h"
#include "machine/transfer/tree_attributes.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <poll.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

/* A sent file with several names: its next name becomes a link. */
struct sent {
	uint64_t device, inode;
	char *path; /* owned */
};

struct sender {
	const struct tree_source *source;
	int socket;
	struct tree_entry entry; /* the present entry; its path grows and shrinks with the walk */
	void *links;             /* owned; tree of tsearch(3) */
	const char *top;         /* the present source, for messages */
	uint64_t tops;           /* number of folders among the sources so far */
};

enum { OPEN_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, REPLACED_TRIES = 5 };

static int compare(const void *one, const void *other)
{
	const struct sent *a = one, *b = other;

	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	return a->device < b->device ? -1 : a->device > b->device;
}

static void free_sent(void *p)
{
	struct sent *sent = p;

	free(sent->path);
	free(sent);
}

/* The path of the present entry as the source shows it. */
static const char *path_of(const struct sender *sender, char out[PATH_MAX])
{
	const char *rest = strchr(sender->entry.path, '/');

	text_print(out, PATH_MAX, "%s%s", sender->top, rest ? rest : "");
	return out;
}

static int refuse(struct sender *sender, int code, const char *why, struct err *err)
{
	char path[PATH_MAX], words[TREE_WORDS];

	return err_set(err, code, "%s %s",
		       tree_words(&sender->source->place, path_of(sender, path), words), why);
}

static int fail(struct sender *sender, int code, struct err *err)
{
	char path[PATH_MAX], words[TREE_WORDS];

	if (code == -EMFILE)
		return refuse(sender, EMFILE,
			      "is nested too deep to be copied; use tar through berth exec", err);
	return err_set(err, -code, "copy %s: %s",
		       tree_words(&sender->source->place, path_of(sender, path), words),
		       file_why(code));
}

static void leave_out(struct sender *sender, const char *why)
{
	char path[PATH_MAX];

	tree_leave_out(sender->source->report, &sender->source->place, path_of(sender, path), why);
}

static int post(struct sender *sender, enum tree_type type, int fd, struct err *err)
{
	sender->entry.type = type;
	int r = tree_entry_send(sender->socket, &sender->entry, fd);
	/* The receiver reports the failure. */
	if (r < 0)
		return r == -EPIPE ? err_set(err, EPIPE, "the receiver has gone")
				   : fail(sender, r, err);
	return 0;
}

/* Extended attributes of the next entry. */
static int post_attributes(struct sender *sender, int fd, struct err *err)
{
	int r = sender->source->archive ? tree_attributes_send(sender->socket, fd) : 0;

	if (r < 0)
		return r == -EPIPE ? err_set(err, EPIPE, "the receiver has gone")
				   : fail(sender, r, err);
	return 0;
}

static void take_attributes(struct tree_entry *entry, const struct statx *st)
{
	entry->mode = st->stx_mode & 07777;
	entry->uid = st->stx_uid;
	entry->gid = st->stx_gid;
	entry->seconds = st->stx_mtime.tv_sec;
	entry->nanoseconds = st->stx_mtime.tv_nsec;
	entry->size = st->stx_size;
	*entry->target = '\0';
}

/* 1: the file was sent before, under the path in target; 0: it is noted; or -ENOMEM. */
static int find_link(struct sender *sender, const struct statx *st)
{
	struct sent key = { .device = makedev(st->stx_dev_major, st->stx_dev_minor),
			    .inode = st->stx_ino };
	struct sent **found = tfind(&key, &sender->links, compare);

	if (found) {
		text_print(sender->entry.target, sizeof sender->entry.target, "%s", (*found)->path);
		return 1;
	}
	struct sent *sent = malloc(sizeof *sent);
	if (!sent)
		return -ENOMEM;
	*sent = key;
	sent->path = strdup(sender->entry.path);
	if (!sent->path || !tsearch(sent, &sender->links, compare)) {
		free_sent(sent);
		return -ENOMEM;
	}
	return 0;
}

static int send_opened_file(struct sender *sender, int fd, const struct statx *st, struct err *err)
{
	take_attributes(&sender->entry, st);
	int linked = st->stx_nlink > 1 ? find_link(sender, st) : 0;

	if (linked < 0)
		return fail(sender, linked, err);
	if (linked)
		return post(sender, TREE_LINK, -1, err);
	return post_attributes(sender, fd, err) < 0 ? -err->code : post(sender, TREE_FILE, fd, err);
}

/* One entry that cannot be read, or has gone, does not end a copy of many. Lack of memory or descriptors does. */
static int leave_unreadable(struct sender *sender, int code, struct err *err)
{
	char why[160];

	if (code == -EMFILE || code == -ENFILE || code == -ENOMEM)
		return fail(sender, code, err);
	text_print(why, sizeof why, "cannot be read: %s",
		   code == -EACCES || code == -EPERM ? "permission denied" : file_why(code));
	leave_out(sender, why);
	return 0;
}

/* -EAGAIN: the file was replaced or removed meanwhile. */
static int send_file(struct sender *sender, int folder, const char *name, const struct statx *seen,
		     struct err *err)
{
	scoped_fd int fd = openat(folder, name, OPEN_FLAGS | O_NOFOLLOW);
	struct statx st;

	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return -EAGAIN;
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
		return leave_unreadable(sender, -errno, err);
	if (!S_ISREG(st.stx_mode) || st.stx_ino != seen->stx_ino)
		return -EAGAIN;
	return send_opened_file(sender, fd, &st, err);
}

static int send_symlink(struct sender *sender, int folder, const char *name, const struct statx *st,
			struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(folder, name, target, sizeof target);

	if (n < 0)
		return errno == EINVAL || errno == ENOENT ? -EAGAIN
							  : leave_unreadable(sender, -errno, err);
	if (n >= (ssize_t)sizeof target)
		return fail(sender, -ENAMETOOLONG, err);
	take_attributes(&sender->entry, st);
	memcpy(sender->entry.target, target, (size_t)n);
	sender->entry.target[n] = '\0';
	return post(sender, TREE_SYMLINK, -1, err);
}

static int send_opened_folder(struct sender *sender, int fd, const struct statx *st,
			      struct err *err);

/* Waits until the receiver has the folder that a source goes to, so that the walk recognizes it. */
static void await_receiver(struct sender *sender)
{
	struct pollfd end = { .fd = sender->socket };

	for (sender->tops++; sender->source->receiver->tops < sender->tops;) {
		if (poll(&end, 1, 1) > 0 && end.revents)
			return;
	}
}

/* A tree that is copied into itself would have no end. */
static bool is_received(const struct sender *sender, const struct statx *st)
{
	const struct tree_report *receiver = sender->source->receiver;

	return receiver->inode == st->stx_ino &&
	       receiver->device == makedev(st->stx_dev_major, st->stx_dev_minor);
}

static int send_folder(struct sender *sender, int folder, const char *name, const struct statx *st,
		       struct err *err)
{
	scoped_fd int fd = file_open_below(folder, name);

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return -EAGAIN;
	if (fd < 0 && fd != -EXDEV)
		return leave_unreadable(sender, fd, err);
	if (is_received(sender, st)) {
		leave_out(sender, "is the folder that it is copied to");
		return 0;
	}
	/* A mount point is sent as the folder that a user sees, without its entries. */
	return send_opened_folder(sender, fd, st, err);
}

static int send_type(struct sender *sender, int folder, const char *name, const struct statx *st,
		     struct err *err)
{
	switch (st->stx_mode & S_IFMT) {
	case S_IFREG:
		return send_file(sender, folder, name, st, err);
	case S_IFDIR:
		return send_folder(sender, folder, name, st, err);
	case S_IFLNK:
		return send_symlink(sender, folder, name, st, err);
	case S_IFIFO:
		take_attributes(&sender->entry, st);
		return post(sender, TREE_FIFO, -1, err);
	default:
		leave_out(sender, S_ISSOCK(st->stx_mode) ? "is a socket" : "is a device");
		return 0;
	}
}

/*
 * Sends an entry of a folder. An entry that vanishes or is replaced meanwhile is normal in a live tree, and no failure.
 */
static int send_entry(struct sender *sender, int folder, const char *name, struct err *err)
{
	struct statx st;

	for (int i = 0; i < REPLACED_TRIES; i++) {
		if (statx(folder, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
			  &st) < 0) {
			if (errno != ENOENT)
				return leave_unreadable(sender, -errno, err);
			leave_out(sender, "has gone meanwhile");
			return 0;
		}
		int r = send_type(sender, folder, name, &st, err);
		if (r != -EAGAIN || err->code)
			return r;
	}
	leave_out(sender, "changes too fast");
	return 0;
}

static int send_named(struct sender *sender, int folder, const char *name, struct err *err)
{
	size_t before = strlen(sender->entry.path);

	if (before + strlen(name) + 2 > sizeof sender->entry.path)
		return refuse(
			sender, ENAMETOOLONG,
			"holds paths that are too long to be copied; use tar through berth exec",
			err);
	sprintf(sender->entry.path + before, "/%s", name);
	int r = send_entry(sender, folder, name, err);
	sender->entry.path[before] = '\0';
	return r;
}

static int send_entries(struct sender *sender, int fd, struct err *err)
{
	scoped_fd int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	scoped_dir DIR *dir = own < 0 ? NULL : fdopendir(own);

	if (!dir)
		return fail(sender, -errno, err);
	own = -1;
	for (;;) {
		errno = 0;
		const struct dirent *at = readdir(dir);
		if (!at)
			return errno ? leave_unreadable(sender, -errno, err) : 0;
		if (strcmp(at->d_name, ".") == 0 || strcmp(at->d_name, "..") == 0)
			continue;
		if (send_named(sender, fd, at->d_name, err) < 0)
			return -err->code;
	}
}

static int send_opened_folder(struct sender *sender, int fd, const struct statx *st,
			      struct err *err)
{
	take_attributes(&sender->entry, st);
	if (post(sender, TREE_FOLDER, -1, err) < 0)
		return -err->code;
	if (!strchr(sender->entry.path, '/'))
		await_receiver(sender);
	if (fd >= 0 && send_entries(sender, fd, err) < 0)
		return -err->code;
	if (fd >= 0 && post_attributes(sender, fd, err) < 0)
		return -err->code;
	take_attributes(&sender->entry, st);
	return post(sender, TREE_LEAVE, -1, err);
}

/* The last component; "." if it is no name: then the folder's entries are copied instead of the folder. */
static void name_source(const char *path, char out[PATH_MAX])
{
	size_t end = strlen(path);

	while (end > 0 && path[end - 1] == '/')
		end--;
	size_t start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	text_print(out, PATH_MAX, "%.*s", (int)(end - start), path + start);
	if (!*out || strcmp(out, "..") == 0)
		text_print(out, PATH_MAX, ".");
}

static int send_path(struct sender *sender, const char *path, struct err *err)
{
	const struct tree_place *place = &sender->source->place;
	struct statx st;
	scoped_fd int look = tree_open(place, path, O_PATH, 0);

	if (look < 0 || statx(look, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
		return fail(sender, look < 0 ? look : -errno, err);
	bool folder = S_ISDIR(st.stx_mode);
	if (!folder && !S_ISREG(st.stx_mode))
		return refuse(sender, EMEDIUMTYPE,
			      "is no file and no folder: a device, a FIFO or a socket", err);
	scoped_fd int fd = tree_open(place, path, OPEN_FLAGS | (folder ? O_DIRECTORY : 0), 0);
	uint64_t inode = st.stx_ino;
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
		return fail(sender, fd < 0 ? fd : -errno, err);
	if (st.stx_ino != inode)
		return refuse(sender, ESTALE, "was replaced meanwhile; try again", err);
	return folder ? send_opened_folder(sender, fd, &st, err)
		      : send_opened_file(sender, fd, &st, err);
}

static int send_stream(struct sender *sender, struct err *err)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	sender->entry = (struct tree_entry){ .mode = 0644, .seconds = now.tv_sec, .path = "stdin" };
	return post(sender, TREE_STREAM, sender->source->stream, err);
}

int tree_send(const struct tree_source *source, int socket, struct err *err)
{
	struct sender sender = { .source = source, .socket = socket };

	for (size_t i = 0; i < source->count && !err->code; i++) {
		sender.top = source->paths[i];
		name_source(sender.top, sender.entry.path);
		if (source->stream >= 0 && strcmp(sender.top, "-") == 0)
			send_stream(&sender, err);
		else
			send_path(&sender, sender.top, err);
	}
	if (!err->code)
		post(&sender, TREE_END, -1, err);
	tdestroy(sender.links, free_sent);
	return -err->code;
}
