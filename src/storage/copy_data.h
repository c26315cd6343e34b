/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The data of one file: shared where the file system can, else copied with its holes. */
#ifndef BERTH_STORAGE_COPY_DATA_H
#define BERTH_STORAGE_COPY_DATA_H

#include "storage/copy_entry.h"

enum { COPY_BUFFER = 256 << 10 };

/* The first stx_size bytes of from into the empty file to; less if it shrinks meanwhile. */
int copy_data(struct copy *copy, int from, int to, const struct statx *st);

#endif
