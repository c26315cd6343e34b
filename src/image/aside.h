/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that is written without a name, and gets its name when it is whole. */
#ifndef BERTH_IMAGE_ASIDE_H
#define BERTH_IMAGE_ASIDE_H

#include "base/err.h"

struct aside {
	const char *path; /* borrowed: the name that it will have */
	char *folder;     /* owned: of that name */
	char *name;       /* owned: that it has meanwhile; NULL: it has none */
	int fd;           /* owned */
};

/* Refuses a path that is there and no regular file. 0 or -code; aside_end after both. */
int aside_begin(struct aside *aside, const char *path, struct err *err);
/* Gives it its name, durably, in place of a file that has it. 0 or -code. */
int aside_commit(struct aside *aside, struct err *err);
/* Removes a file that was not committed. */
void aside_end(struct aside *aside);

/* A file without a name in that folder; a descriptor or -errno. -EOPNOTSUPP: the file system has none. */
int aside_unnamed(const char *folder);

#endif
