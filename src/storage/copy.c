/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/copy.h"

#include "base/file.h"
#include "base/room.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/copy_entry.h"
#include "storage/links.h"

#include <fcntl.h>
#include <string.h>

/*
 * A walk depth first. Only the present folder is open on each side; the walk returns to its parent by "..", and checks
 * that it is the same folder. So depth of the tree, length of paths and number of open files are not limited.
 */
struct frame {
	struct statx from;   /* attributes of the folder, set when it is left */
	uint64_t to_inode;   /* inode of its copy */
	struct text folders; /* names of those in it, each with its NUL */
	size_t next;         /* offset of the next to descend into */
	size_t path_length;  /* of walk.path up to here */
};

struct walk {
	struct copy copy;
	struct links links;
	struct frame *frames; /* owned */
	size_t depth, room;
	struct text path; /* below the top, "" or with a slash at its end: for messages */
};

/* Names in a tree come from its owner: no control characters reach a terminal. */
static int fail(const struct walk *walk, const char *name, int code, struct err *err)
{
	char shown[256];
	const char *path = text_str(&walk->path);
	size_t length = strlen(path), tail = length > 120 ? length - 120 : 0;

	snprintf(shown, sizeof shown, "%s%s%.120s", tail ? "..." : "", path + tail, name);
	for (char *c = shown; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return err_set(err, -code, "copy '%s': %s%s%s", *shown ? shown : ".",
		       *walk->copy.attribute ? walk->copy.attribute : "",
		       *walk->copy.attribute ? ": " : "", copy_why(code));
}

static int push(struct walk *walk)
{
	int r = room_for_one(&walk->frames, walk->depth, &walk->room, sizeof *walk->frames);
	if (r < 0)
		return r;
	walk->frames[walk->depth++] = (struct frame){ .path_length = walk->path.length };
	return 0;
}

static struct frame *top(struct walk *walk)
{
	return &walk->frames[walk->depth - 1];
}

static void pop(struct walk *walk)
{
	text_free(&top(walk)->folders);
	walk->depth--;
}

/* Makes folder from/to the present one; takes both descriptors. */
static int enter(struct walk *walk, int from, int to)
{
	struct stat st;

	scoped_close_fd(&walk->copy.from);
	scoped_close_fd(&walk->copy.to);
	walk->copy.from = from;
	walk->copy.to = to;
	int r = push(walk);
	if (r < 0)
		return r;
	struct frame *frame = top(walk);
	if (statx(from, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &frame->from) < 0 ||
	    fstat(to, &st) < 0)
		return -errno;
	frame->to_inode = st.st_ino;
	return 0;
}

static int copy_one(struct walk *walk, const char *name)
{
	struct copy *copy = &walk->copy;
	struct statx st;

	if (statx(copy->from, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) <
	    0)
		return errno == ENOENT ? -ESTALE : -errno;
	if (S_ISDIR(st.stx_mode)) {
		int r = text_add_bytes(&top(walk)->folders, name, strlen(name) + 1);
		return r;
	}
	if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return 0;
	if (st.stx_nlink > 1) {
		int r = links_repeat(&walk->links, &st, copy->to, name);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	int r = copy_entry(copy, name, &st);
	if (r == 0 && st.stx_nlink > 1)
		r = links_remember(&walk->links, &st, copy->to, name);
	return r;
}

/* Copies all entries of the present folder except its folders, which are noted. */
static int copy_entries(struct walk *walk, struct err *err)
{
	int fd = openat(walk->copy.from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		int code = errno;
		scoped_close_fd(&fd);
		return fail(walk, "", -code, err);
	}
	for (;;) {
		errno = 0;
		struct dirent *e = readdir(dir);
		if (!e)
			return errno ? fail(walk, "", -errno, err) : 0;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		int r = e->d_type == DT_DIR ? text_add_bytes(&top(walk)->folders, e->d_name,
							     strlen(e->d_name) + 1)
					    : copy_one(walk, e->d_name);
		if (r < 0)
			return fail(walk, e->d_name, r, err);
	}
}

/* 1: entered; 0: not entered (a mount point, which becomes an empty folder). */
static int descend(struct walk *walk, const char *name)
{
	struct copy *copy = &walk->copy;
	scoped_fd int from = file_open_below(copy->from, name);

	if (from == -ENOENT || from == -ENOTDIR || from == -ELOOP)
		return -ESTALE;
	if (from < 0 && from != -EXDEV)
		return from;
	if (mkdirat(copy->to, name, from == -EXDEV ? 0755 : 0700) < 0)
		return -errno;
	if (from == -EXDEV)
		return 0;
	scoped_fd int to = openat(copy->to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return -errno;
	int r = text_add(&walk->path, "%s/", name);
	if (r == 0)
		r = enter(walk, take_fd(&from), take_fd(&to));
	return r < 0 ? r : 1;
}

/* The present folder is complete: sets its attributes, and returns to its parent. */
static int leave(struct walk *walk)
{
	int r = copy_folder_attributes(&walk->copy, &top(walk)->from);
	if (r < 0)
		return r;
	pop(walk);
	struct frame *above = top(walk);
	r = file_climb(&walk->copy.from, above->from.stx_ino);
	if (r == 0)
		r = file_climb(&walk->copy.to, above->to_inode);
	walk->path.length = above->path_length;
	walk->path.data[walk->path.length] = '\0';
	return r;
}

static int copy_below(struct walk *walk, struct err *err)
{
	int r = copy_entries(walk, err);

	while (r == 0) {
		struct frame *frame = top(walk);
		if (frame->next < frame->folders.length) {
			const char *name = frame->folders.data + frame->next;
			frame->next += strlen(name) + 1;
			r = descend(walk, name);
			if (r < 0)
				return fail(walk, name, r, err);
			if (r > 0)
				r = copy_entries(walk, err);
		} else if (walk->depth > 1) {
			r = leave(walk);
			if (r < 0)
				return fail(walk, "", r, err);
		} else {
			break;
		}
	}
	return r;
}

static int copy_top(struct walk *walk, int from_fd, int to_fd, struct err *err)
{
	scoped_fd int from = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int to = openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (from < 0 || to < 0)
		return fail(walk, "", -errno, err);
	if ((r = copy_start(&walk->copy, to)) < 0 ||
	    (r = enter(walk, take_fd(&from), take_fd(&to))) < 0)
		return fail(walk, "", r, err);
	links_open(&walk->links, to_fd);
	r = copy_below(walk, err);
	if (r < 0)
		return r;
	if ((r = links_protect(&walk->links)) < 0 || (r = links_close(&walk->links)) < 0 ||
	    (r = copy_folder_attributes(&walk->copy, &top(walk)->from)) < 0)
		return fail(walk, "", r, err);
	return 0;
}

int copy_tree(int from_fd, int to_fd, struct err *err)
{
	struct walk walk = { .copy = { .from = -1, .to = -1 }, .links = { .fd = -1 } };

	int r = copy_top(&walk, from_fd, to_fd, err);
	links_close(&walk.links);
	while (walk.depth > 0)
		pop(&walk);
	free(walk.frames);
	text_free(&walk.path);
	copy_end(&walk.copy);
	return r;
}
