/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order of layers and whiteouts. The bytes are steps that make layers of files, folders, links and whiteouts; the
 * layers are laid one over the other, and the tree must be the one that a simple model of the rules of OCI has.
 */
#include "fuzz.h"

#include "base/scoped.h"
#include "image/unpack/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Paths of three names, up to three deep: 3 + 9 + 27. A path's folder comes before it. */
enum { NAMES = 3, PATHS = 39, LAYERS_MAX = 8, STEPS_MAX = 64, TAR_MAX = 1 << 18 };

enum kind { KIND_NONE, KIND_FOLDER, KIND_FILE, KIND_LINK };

enum action { DO_FILE, DO_FOLDER, DO_LINK, DO_HARD_LINK, DO_WHITEOUT, DO_OPAQUE, ACTIONS };

struct step {
	enum action action;
	int path, other; /* -1: the root */
};

/* A file's number tells which file it is: two paths with one number are links to it. */
struct node {
	enum kind kind;
	unsigned number;
};

struct model {
	struct node nodes[PATHS];
	unsigned files; /* that were made so far */
};

static int folder_of(int path)
{
	return path < NAMES ? -1 : (path - NAMES) / NAMES;
}

/* Prints the name of a path with something before its last part. */
static void name_of(int path, const char *before, char *name, size_t size)
{
	char folder[32] = "";

	if (path < 0) {
		snprintf(name, size, "%s", before);
		return;
	}
	if (folder_of(path) >= 0)
		name_of(folder_of(path), "", folder, sizeof folder);
	snprintf(name, size, "%s%s%s%c", folder, *folder ? "/" : "", before, 'a' + path % NAMES);
}

/* ---- The model */

static void forget_below(struct model *model, int path)
{
	for (int i = path + 1; i < PATHS; i++) {
		if (folder_of(i) != path)
			continue;
		model->nodes[i] = (struct node){ 0 };
		forget_below(model, i);
	}
}

static void forget(struct model *model, int path)
{
	model->nodes[path] = (struct node){ 0 };
	forget_below(model, path);
}

static bool is_below(int path, int folder)
{
	for (; path >= 0; path = folder_of(path)) {
		if (path == folder)
			return true;
	}
	return false;
}

static void whiten(struct model *model, const struct step *step)
{
	if (step->action == DO_WHITEOUT)
		forget(model, step->path);
	else if (step->action == DO_OPAQUE)
		forget_below(model, step->path);
}

/* An entry has a place if all above it are folders, or are not there and will be. */
static bool has_place(const struct model *model, int path)
{
	for (int above = folder_of(path); above >= 0; above = folder_of(above)) {
		if (model->nodes[above].kind != KIND_NONE &&
		    model->nodes[above].kind != KIND_FOLDER)
			return false;
	}
	return true;
}

static void make_folders(struct model *model, int path)
{
	for (; path >= 0; path = folder_of(path))
		model->nodes[path].kind = KIND_FOLDER;
}

/* Takes an entry over. False: it is none that a layer has, and is left out. */
static bool put(struct model *model, const struct step *step)
{
	struct node made = { 0 };

	if (step->path < 0 || !has_place(model, step->path))
		return false;
	switch (step->action) {
	case DO_FOLDER:
		if (model->nodes[step->path].kind != KIND_FOLDER)
			forget(model, step->path);
		make_folders(model, step->path);
		return true;
	case DO_FILE:
		made = (struct node){ KIND_FILE, ++model->files };
		break;
	case DO_LINK:
		made = (struct node){ .kind = KIND_LINK };
		break;
	case DO_HARD_LINK:
		if (step->other < 0 || model->nodes[step->other].kind != KIND_FILE ||
		    is_below(step->other, step->path))
			return false;
		made = model->nodes[step->other];
		break;
	case DO_WHITEOUT:
	case DO_OPAQUE:
	case ACTIONS:
		return false;
	}
	forget(model, step->path);
	make_folders(model, folder_of(step->path));
	model->nodes[step->path] = made;
	return true;
}

/* ---- A layer as a tar */

static void add(struct archive *out, const struct step *step, unsigned number)
{
	struct archive_entry *entry = archive_entry_new();
	char name[64], other[64];

	name_of(step->path, step->action == DO_WHITEOUT ? ".wh." : "", name, sizeof name);
	if (step->action == DO_OPAQUE)
		snprintf(name + strlen(name), sizeof name - strlen(name), "%s.wh..wh..opq",
			 *name ? "/" : "");
	archive_entry_set_pathname(entry, name);
	archive_entry_set_perm(entry, 0755);
	archive_entry_set_filetype(entry, step->action == DO_FOLDER ? AE_IFDIR
					  : step->action == DO_LINK ? AE_IFLNK
								    : AE_IFREG);
	if (step->action == DO_LINK)
		archive_entry_set_symlink(entry, "nowhere");
	if (step->action == DO_HARD_LINK) {
		name_of(step->other, "", other, sizeof other);
		archive_entry_set_hardlink(entry, other);
	}
	archive_entry_set_size(entry, step->action == DO_FILE ? sizeof number : 0);
	if (archive_write_header(out, entry) != ARCHIVE_OK)
		abort();
	if (step->action == DO_FILE &&
	    archive_write_data(out, &number, sizeof number) != sizeof number)
		abort();
	archive_entry_free(entry);
}

/* Lays the steps as one layer; the model follows. */
static void lay(int above, struct model *model, const struct step *steps, size_t count,
		size_t number)
{
	static uint8_t bytes[TAR_MAX];
	struct unpack_report report = { 0 };
	struct archive *out = archive_write_new();
	size_t used = 0;

	archive_write_set_format_pax_restricted(out);
	archive_write_set_bytes_in_last_block(out, 1);
	if (archive_write_open_memory(out, bytes, sizeof bytes, &used) != ARCHIVE_OK)
		abort();
	for (size_t i = 0; number > 0 && i < count; i++)
		whiten(model, &steps[i]);
	for (size_t i = 0; i < count; i++) {
		bool removes = steps[i].action == DO_WHITEOUT || steps[i].action == DO_OPAQUE;
		if (removes || put(model, &steps[i]))
			add(out, &steps[i], model->files);
	}
	if (archive_write_close(out) != ARCHIVE_OK)
		abort();
	archive_write_free(out);
	fuzz_file(above, "layer", bytes, used);
	const struct layer layer = {
		.folder_fd = above, .path = "layer", .size = used, .raw = "", .number = number
	};
	fuzz_check(layer_apply(&layer, &report) == 0 && report.err.code == 0);
}

/* ---- The tree */

static unsigned number_in(const char *name)
{
	unsigned number = 0;
	scoped_fd int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	fuzz_check(fd >= 0 && read(fd, &number, sizeof number) == sizeof number);
	return number;
}

static void compare(const struct model *model)
{
	struct stat st[PATHS];
	char name[64];

	for (int i = 0; i < PATHS; i++) {
		const struct node *node = &model->nodes[i];
		name_of(i, "", name, sizeof name);
		if (lstat(name, &st[i]) < 0) {
			fuzz_check(node->kind == KIND_NONE);
			continue;
		}
		fuzz_check(node->kind == (S_ISDIR(st[i].st_mode)   ? KIND_FOLDER
					  : S_ISLNK(st[i].st_mode) ? KIND_LINK
								   : KIND_FILE));
		fuzz_check(node->kind != KIND_FILE || number_in(name) == node->number);
		for (int k = 0; k < i && node->kind == KIND_FILE; k++) {
			if (model->nodes[k].kind == KIND_FILE)
				fuzz_check((st[k].st_ino == st[i].st_ino) ==
					   (model->nodes[k].number == node->number));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model model = { 0 };
	struct step steps[STEPS_MAX];
	size_t count = 0, layers = 0;
	int above;

	fuzz_root_enter(&above);
	while (size >= 3 && layers < LAYERS_MAX && count < STEPS_MAX) {
		const unsigned what = data[0] % (ACTIONS + 1);
		/* Of 40: a path, or the root. */
		steps[count] = (struct step){ .action = (enum action)what,
					      .path = data[1] % (PATHS + 1) - 1,
					      .other = data[2] % (PATHS + 1) - 1 };
		data += 3, size -= 3;
		if (what == ACTIONS) {
			lay(above, &model, steps, count, layers++);
			count = 0;
		} else if (what != DO_WHITEOUT || steps[count].path >= 0) {
			count++;
		}
	}
	lay(above, &model, steps, count, layers);
	compare(&model);
	fuzz_root_leave();
	return 0;
}
