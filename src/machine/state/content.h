/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The identity of the contents of a snapshot on any host: a uuid, drawn when the snapshot is first exported, and taken
 * over when it is imported. The same files may lie in other blocks on each host, so a snapshot that came as a tree gets a
 * uuid of its own for its blocks. The file content.SNAPSHOT in the machine's folder has both, with the time of the
 * snapshot: another snapshot that has got the same name has other contents. All functions are called under the machine's
 * lock.
 */
#ifndef BERTH_MACHINE_STATE_CONTENT_H
#define BERTH_MACHINE_STATE_CONTENT_H

#include "base/uuid.h"
#include "machine/state/machine.h"

#include <stdint.h>

struct content {
	char files[UUID_TEXT];
	char blocks[UUID_TEXT]; /* the same if no snapshot has these files in other blocks */
};

/* The one that streams of that form name. */
const char *content_in(const struct content *content, bool blocks);

/* created: of the snapshot. 0; -ENOENT without a sentence: it has none; or -code. */
int content_find(const struct machine *machine, const char *snapshot, uint64_t created,
		 struct content *content, struct err *err);
/* The same, but draws and keeps one if there is none. */
int content_draw(const struct machine *machine, const char *snapshot, uint64_t created,
		 struct content *content, struct err *err);
/* Keeps one that is known. */
int content_keep(const struct machine *machine, const char *snapshot, uint64_t created,
		 const struct content *content, struct err *err);
/* Keeps the one that came with the snapshot in a stream; blocks: of that form. */
int content_arrived(const struct machine *machine, const char *snapshot, uint64_t created,
		    const char *uuid, bool blocks, struct err *err);
/* Called after a snapshot was deleted. */
void content_forget(const struct machine *machine, const char *snapshot);

#endif
