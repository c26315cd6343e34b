/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lists of berth-identity.d(5): files that make a root one computer and no other, or tell of its past. */
#ifndef BERTH_IMAGE_TEMPLATE_STRIP_LIST_H
#define BERTH_IMAGE_TEMPLATE_STRIP_LIST_H

#include "base/dirs.h"
#include "base/err.h"

#include <stdbool.h>

enum strip_what {
	STRIP_REMOVE, /* the file, or the folder with all that is in it */
	STRIP_EMPTY,  /* a file stays, with no bytes in it */
	STRIP_CLEAR,  /* files below a folder: emptied; removed if they are rotated logs */
	STRIP_WRITE,  /* a file that is there gets a text */
};

struct strip_line {
	struct strip_line *next; /* owned */
	enum strip_what what;
	bool publish; /* only when a template is made of a machine */
	char *path;   /* owned: without the first '/'; wildcards of fnmatch(3) in its parts */
	char *text;   /* owned: of STRIP_WRITE, where %u stands for the uuid */
};

/*
 * Reads the files *.conf of the folder that berth came with and of ETC/identity.d, in the order of their names; one of
 * the latter replaces one of the same name of the former. The caller frees *lines by strip_list_free.
 */
int strip_list_read(const struct dirs *dirs, struct strip_line **lines, struct err *err);
void strip_list_free(struct strip_line **lines);
#define scoped_strip_list __attribute__((cleanup(strip_list_free)))

/* Adds the lines of one file's text, which it changes. An error names path and line. */
int strip_list_parse(const char *path, char *text, struct strip_line **lines, struct err *err);

#endif
