/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small text files of a root, written on the host before there is a guest, or inside of it. */
#ifndef BERTH_MACHINE_LIFE_ROOTFILE_H
#define BERTH_MACHINE_LIFE_ROOTFILE_H

#include "base/err.h"

#include <stddef.h>

/* Opens a regular file, made with mode 0644 if it is missing; its folder must exist. Never blocks. -errno. */
int rootfile_open(int root_fd, const char *path);

/* The whole text, NUL-terminated; the caller frees it. NULL: longer than max, not text, or unreadable. */
char *rootfile_read(int fd, size_t max);

/* Replaces the text of the file. A file that has this text already is not written. 0 or -errno. */
int rootfile_write(int fd, const char *text);

/* Opens and writes, with an error text. A root that lacks the folder, or has another type of file, is left alone. */
int rootfile_replace(int root_fd, const char *path, const char *text, struct err *err);

#endif
