/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tree out of a stream: an archive, and the names of files that a base has and the tree has not. Inside berth-stream only. */
#ifndef BERTH_STREAM_FILL_H
#define BERTH_STREAM_FILL_H

#include "stream/source.h"

/*
 * Fills the current folder, which is a volume and the only thing that this process can reach. later_fd: as of
 * later_open. 0, or -code with the report's err set.
 */
int fill_tree(struct source *source, int later_fd, struct stream_report *report);

#endif
