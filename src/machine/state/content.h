/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The identity of the contents of a snapshot on any host: a uuid, drawn when the snapshot is first exported, and taken
 * over when it is imported. The same files may lie in other blocks on each host, so a snapshot that came as a tree gets
 * a uuid of its own for its blocks. The file content.SNAPSHOT has both, with the time of the volume: another snapshot
 * that has got the same name has other contents. A snapshot that came from another host was taken before its volume was
 * made, and the file has that time too. While a machine changes its pool, the file has a line for the volume in each of
 * the two pools. All functions take the folder of a machine or of a volume for data, and are called under its lock, or
 * while nobody else has its pool open.
 */
#ifndef BERTH_MACHINE_STATE_CONTENT_H
#define BERTH_MACHINE_STATE_CONTENT_H

#include "base/uuid.h"
#include "machine/state/machine.h"

#include <stdint.h>

struct content {
	char files[UUID_TEXT];
	char blocks[UUID_TEXT]; /* the same if no snapshot has these files in other blocks */
	uint64_t
		taken; /* seconds since the epoch, where a stream has brought it; 0: when its volume was made */
};

/* The one that streams of that form name. */
const char *content_in(const struct content *content, bool blocks);

/* created: of its volume. 0; -ENOENT without a sentence: it has none; or -code. */
int content_find(const char *folder, const char *snapshot, uint64_t created,
		 struct content *content, struct err *err);
/* The same, but draws and keeps one if there is none. */
int content_draw(const char *folder, const char *snapshot, uint64_t created,
		 struct content *content, struct err *err);
/* Keeps one that is known. */
int content_keep(const char *folder, const char *snapshot, uint64_t created,
		 const struct content *content, struct err *err);
/* A snapshot of a stream, as the stream describes it. */
struct arrived_content {
	const char *uuid; /* borrowed */
	bool blocks;      /* it came as blocks */
	uint64_t taken;   /* seconds since the epoch; 0: not told */
	uint64_t
		was; /* when the volume that it is a copy of was made, if that is here too, in another pool; else 0 */
};
/* Keeps the content that came with the snapshot in a stream. A time in the future becomes that of now. */
int content_arrived(const char *folder, const char *snapshot, uint64_t created,
		    const struct arrived_content *arrived, struct err *err);
/* The blocks of a snapshot have changed, and its files have not. 0, also if its contents have no identity; or -code. */
int content_move(const char *folder, const char *snapshot, uint64_t created, struct err *err);
/* Called after a snapshot was deleted. */
void content_forget(const char *folder, const char *snapshot);

#endif
