/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tree out of a stream: an archive, and the names of files that a base has and the tree has not. Inside berth-stream
 * only.
 */
#ifndef BERTH_STREAM_FILL_H
#define BERTH_STREAM_FILL_H

#include "image/unpack/entry.h"
#include "stream/source.h"

/*
 * Fills the current folder, which is a volume and the only thing that this process can reach. later_fd: as of
 * later_open. One part is read, which may not be the last. 0, or -code with the report's err set.
 */
int fill_tree(struct source *source, int later_fd, struct stream_report *report);

/* ---- fill_further.c: whether an entry is a further piece of a file; adds it. 0 or -code. */
bool fill_is_further(struct archive_entry *entry);
int fill_further(struct extraction *x, struct archive *in, struct archive_entry *entry);

#endif
