/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A walk depth first. Only the present folder is open; the walk returns to its parent by "..", and checks that it is
 * the same folder. A folder of the base goes along, as long as there is one.
 */
#include "stream/pack.h"

#include "base/file.h"
#include "base/room.h"
#include "base/scoped.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

struct frame {
	struct statx from;   /* of the folder */
	uint64_t base_inode; /* 0: the base has no such folder */
	bool said;           /* its own entry is in the archive */
	unsigned said_in;    /* the part that has it */
	bool changed;        /* it differs from the base's, or something in it does */
	bool same_names;     /* it has the names that the base's has */
	struct text folders; /* names of those in it, each with its NUL */
	size_t next;         /* offset of the next to descend into */
	size_t path_length;  /* of walk.path up to here */
};

struct walk {
	struct packing p;
	struct frame *frames; /* owned */
	size_t depth, room;
	struct text path; /* "./", with a slash at its end */
};

static struct frame *top(struct walk *walk)
{
	return &walk->frames[walk->depth - 1];
}

/* Names in a tree come from its owner: no control characters reach a terminal. */
static int fail(struct walk *walk, const char *name, int code)
{
	struct err *err = &walk->p.sink->report->err;
	const char *path = text_str(&walk->path);
	size_t length = strlen(path), tail = length > 120 ? length - 120 : 0;
	char shown[256];

	if (err->code)
		return -err->code;
	snprintf(shown, sizeof shown, "%s%s%.120s", tail ? "..." : "", path + tail, name);
	for (char *c = shown; *c; c++)
		*c = *c < ' ' || *c > '~' ? '?' : *c;
	return err_set(err, -code, "read '%s': %s%s%s", shown, walk->p.said,
		       *walk->p.said ? ": " : "",
		       code == -ESTALE ? "it was changed while it was read" : strerror(-code));
}

static int put(struct walk *walk, const char *name, const struct statx *st)
{
	scoped_free char *path = text_format("%s%s", text_str(&walk->path), name);

	if (!path)
		return -ENOMEM;
	int r = pack_part_take(&walk->p, path, st);
	if (r <= 0)
		return r < 0 ? r : pack_pass(&walk->p, path, st);
	r = pack_entry(&walk->p, name, path, st);
	return r < 0 ? r : pack_part_check(&walk->p);
}

static int push(struct walk *walk)
{
	int r = room_for_one(&walk->frames, walk->depth, &walk->room, sizeof *walk->frames);
	if (r < 0)
		return r;
	walk->frames[walk->depth++] = (struct frame){ .path_length = walk->path.length };
	return 0;
}

static void pop(struct walk *walk)
{
	text_free(&top(walk)->folders);
	walk->depth--;
}

/* The entry of the present folder: its path ends with a slash. */
static int say_folder(struct walk *walk)
{
	struct packing *p = &walk->p;
	struct frame *frame = top(walk);
	int r = frame->said ? !pack_part_passes(p)
			    : pack_part_take(p, text_str(&walk->path), &frame->from);

	frame->said = true;
	frame->said_in = r > 0 ? p->part : 0;
	if (r > 0)
		r = pack_entry(p, ".", text_str(&walk->path), &frame->from);
	return r < 0 ? r : pack_part_check(p);
}

/*
 * An entry that a later part puts into a folder changes the times that the folder has got. After a cut the reader may
 * have the folder already, and then its times do not wait for its files.
 */
static bool is_outdated(const struct walk *walk, const struct frame *frame)
{
	return frame->said ? frame->said_in != walk->p.part || pack_part_follows_cut(&walk->p)
			   : frame->changed;
}

/* A change in a folder changes the times of the folder, so that all folders above it are written again. */
static void mark_changed(struct walk *walk)
{
	for (size_t i = walk->depth; i > 0 && !walk->frames[i - 1].changed; i--)
		walk->frames[i - 1].changed = true;
}

/* Makes folder the present one; takes both descriptors. base -1: everything in it is new. */
static int enter(struct walk *walk, int from, int base)
{
	struct packing *p = &walk->p;
	struct statx st;

	scoped_close_fd(&p->from);
	scoped_close_fd(&p->base);
	p->from = from;
	p->base = base;
	int r = push(walk);
	if (r < 0)
		return r;
	struct frame *frame = top(walk);
	if (fchdir(from) < 0 || statx(from, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &frame->from) < 0)
		return -errno;
	if (base < 0) {
		mark_changed(walk);
		/* The top folder exists already when it is read, and would get new times from what is put into it. */
		return walk->depth > 1 ? say_folder(walk) : 0;
	}
	if (statx(base, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
		return -errno;
	frame->base_inode = st.stx_ino;
	r = pack_same(p, ".", &frame->from, &st);
	/* In a snapshot, a folder's time of change tells whether it has got or lost a name. */
	frame->same_names = r > 0 && st.stx_ino == frame->from.stx_ino;
	if (r == 0)
		mark_changed(walk);
	return r < 0 ? r : 0;
}

static int look(int folder, const char *name, struct statx *st)
{
	return statx(folder, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, st) < 0
		       ? -errno
		       : 0;
}

static int take_one(struct walk *walk, const char *name)
{
	struct packing *p = &walk->p;
	struct statx st, base;

	int r = look(p->from, name, &st);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	if (S_ISDIR(st.stx_mode))
		return text_add_bytes(&top(walk)->folders, name, strlen(name) + 1);
	if (p->base >= 0) {
		r = look(p->base, name, &base);
		if (r == 0)
			r = pack_same(p, name, &st, &base);
		if (r != 0 && r != -ENOENT)
			return r < 0 ? r : 0;
		mark_changed(walk);
	}
	return put(walk, name, &st);
}

static int each_entry(struct walk *walk, int folder, int (*visit)(struct walk *, const char *))
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		int code = errno;
		scoped_close_fd(&fd);
		return fail(walk, "", -code);
	}
	for (;;) {
		errno = 0;
		struct dirent *e = readdir(dir);
		if (!e)
			return errno ? fail(walk, "", -errno) : 0;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		int r = visit(walk, e->d_name);
		if (r < 0)
			return fail(walk, e->d_name, r);
	}
}

/* A name of the base that is gone, or that was a folder and is none any more, or the other way round. */
static int note_removed(struct walk *walk, const char *name)
{
	struct packing *p = &walk->p;
	struct statx st, base;
	int r = look(p->base, name, &base);

	if (r == 0)
		r = look(p->from, name, &st);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && S_ISDIR(st.stx_mode) == S_ISDIR(base.stx_mode))
		return 0;
	mark_changed(walk);
	scoped_free char *path = text_format("%s%s", text_str(&walk->path), name);
	if (!path)
		return -ENOMEM;
	r = pack_part_take(p, path, &base);
	if (r <= 0)
		return r;
	return sink_remove(p->sink, path, strlen(path) + 1) < 0 ? -EIO : 0;
}

/* Writes all entries of the present folder except its folders, which are noted. */
static int take_entries(struct walk *walk)
{
	const bool looks = walk->p.base >= 0 && !top(walk)->same_names;
	int r = looks ? each_entry(walk, walk->p.base, note_removed) : 0;

	return r < 0 ? r : each_entry(walk, walk->p.from, take_one);
}

/* A folder at which another file system is mounted is an empty one. 1: entered. */
static int descend(struct walk *walk, const char *name)
{
	struct packing *p = &walk->p;
	scoped_fd int from = file_open_below(p->from, name);
	scoped_fd int base = p->base < 0 ? -1 : file_open_below(p->base, name);

	if (from == -ENOENT || from == -ENOTDIR || from == -ELOOP)
		return -ESTALE;
	if (from < 0)
		return from == -EXDEV ? 0 : from;
	if (base < 0 && p->base >= 0 && base != -ENOENT && base != -ENOTDIR && base != -ELOOP)
		return base;
	int r = text_add(&walk->path, "%s/", name);
	if (r == 0)
		r = enter(walk, take_fd(&from), base < 0 ? -1 : take_fd(&base));
	return r < 0 ? r : 1;
}

/*
 * The base of a new folder's parent: it was closed when the new folder was entered, and is opened again from the top.
 */
static int reopen_base(struct walk *walk, int base_top)
{
	struct packing *p = &walk->p;

	if (top(walk)->base_inode == 0 || p->base >= 0)
		return 0;
	p->base = file_open_within(base_top, text_str(&walk->path));
	return p->base < 0 ? p->base : 0;
}

/* The present folder is complete: its entry is written if something in it has changed. */
static int leave(struct walk *walk, int base_top)
{
	struct packing *p = &walk->p;
	struct frame *frame = top(walk);
	int r = is_outdated(walk, frame) ? say_folder(walk) : 0;

	if (r < 0 || walk->depth == 1)
		return r;
	bool had_base = p->base >= 0;
	pop(walk);
	frame = top(walk);
	r = file_climb(&p->from, frame->from.stx_ino);
	if (r == 0 && had_base)
		r = file_climb(&p->base, frame->base_inode);
	walk->path.length = frame->path_length;
	walk->path.data[walk->path.length] = '\0';
	if (r == 0)
		r = reopen_base(walk, base_top);
	return r == 0 && fchdir(p->from) < 0 ? -errno : r;
}

static int pack_below(struct walk *walk, int base_top)
{
	int r = take_entries(walk);

	while (r == 0) {
		struct frame *frame = top(walk);
		if (frame->next < frame->folders.length) {
			scoped_free char *name = strdup(frame->folders.data + frame->next);
			if (!name)
				return fail(walk, "", -ENOMEM);
			frame->next += strlen(name) + 1;
			r = descend(walk, name);
			if (r < 0)
				return fail(walk, name, r);
			if (r > 0)
				r = take_entries(walk);
			continue;
		}
		bool last = walk->depth == 1;
		r = leave(walk, base_top);
		if (r < 0)
			return fail(walk, "", r);
		if (last)
			break;
	}
	return r;
}

static int prepare(struct packing *p)
{
	p->entry = archive_entry_new();
	p->names = malloc(2 * PACK_NAMES);
	p->values = malloc(2 * PACK_VALUE);
	p->data = malloc(2 * PACK_DATA);
	return p->entry && p->names && p->values && p->data
		       ? 0
		       : err_set(&p->sink->report->err, ENOMEM, "out of memory");
}

static int pack(struct walk *walk, int from_fd, int base_fd)
{
	struct packing *p = &walk->p;

	int from = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int base = base_fd < 0 ? -1 : openat(base_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (text_add(&walk->path, "./") < 0 || from < 0 || (base_fd >= 0 && base < 0))
		return fail(walk, "", -errno);
	int r = enter(walk, from, base);
	if (r < 0)
		return fail(walk, "", r);
	r = pack_below(walk, base_fd);
	if (r == 0 && archive_write_close(p->out) != ARCHIVE_OK)
		r = fail(walk, "", -EINVAL);
	return r;
}

int pack_tree(struct sink *sink, int from_fd, int base_fd, const struct pack_parts *parts)
{
	struct walk walk = { .p = { .sink = sink, .from = -1, .base = -1 } };
	struct packing *p = &walk.p;

	int r = prepare(p);
	if (r == 0)
		r = pack_part_begin(p, parts);
	if (r == 0)
		r = pack_open_archive(p);
	if (r == 0)
		r = pack(&walk, from_fd, base_fd);
	/* A tree with fewer entries than the earlier parts have is another one. */
	if (r == 0 && pack_part_passes(p))
		r = err_set(&sink->report->err, ESTALE,
			    "it has changed since its first part was read");
	if (r == 0)
		r = sink_finish(sink);
	while (walk.depth > 0)
		pop(&walk);
	free(walk.frames);
	text_free(&walk.path);
	pack_links_free(p);
	archive_entry_free(p->entry);
	/* After a failure nothing of the rest is written. */
	if (r < 0 && p->out)
		archive_write_fail(p->out);
	archive_write_free(p->out);
	scoped_close_fd(&p->from);
	scoped_close_fd(&p->base);
	free(p->names);
	free(p->values);
	free(p->data);
	return r;
}
