/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small text files of a root, written on the host before there is a guest. */
#ifndef BERTH_MACHINE_START_ROOTFILE_H
#define BERTH_MACHINE_START_ROOTFILE_H

#include "base/err.h"

#include <stddef.h>

/* A descriptor of a regular file, 0644 if it is made; its folder must be there. Never blocks. -errno. */
int rootfile_open(int root_fd, const char *path);

/* All of it, with a NUL behind; to be freed. NULL: longer than max, not text, or not to be read. */
char *rootfile_read(int fd, size_t max);

/* The file has this text. Nothing is written that is there already. 0 or -errno. */
int rootfile_write(int fd, const char *text);

/* Both, told. Missing folders and odd file types are the root's own affair: such a root keeps none. */
int rootfile_replace(int root_fd, const char *path, const char *text, struct err *err);

#endif
