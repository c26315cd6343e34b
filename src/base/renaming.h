/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks of objects that are being renamed. The parts of an object are in several places, and cannot get the new name at
 * one moment; its folder KIND/NAME can, and is what every command sees. STATE/.renaming/KIND.FROM is on the disk before
 * the folder is renamed, and is removed when all other parts have followed, so that the next command completes a change
 * that was killed in between. The mark has the inode number of the folder, so that it counts for this object only.
 */
#ifndef BERTH_BASE_RENAMING_H
#define BERTH_BASE_RENAMING_H

#include "base/dirs.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct renaming {
	const char *kind; /* static: "machines" */
	char from[64], to[64];
	uint64_t folder; /* inode number of the folder */
};

/* Writes the mark, durably. The caller holds the locks of both names. */
int renaming_begin(struct renaming *renaming, const struct dirs *dirs, const char *kind,
		   const char *from, const char *to, struct err *err);

/*
 * Writes a mark of another kind of change, whose parts follow one after the other as well: so one look finds both.
 * renaming_end removes it.
 */
int renaming_note(const struct renaming *renaming, const struct dirs *dirs, struct err *err);

/* Renames the folder, durably; from here on only the new name exists. A failure removes the mark. */
int renaming_commit(const struct renaming *renaming, const struct dirs *dirs, struct err *err);

/* Removes the mark: all parts have the new name, or (before the commit) the old one. */
int renaming_end(const struct renaming *renaming, const struct dirs *dirs, struct err *err);

/* Whether the folder has the new name. */
bool renaming_is_committed(const struct renaming *renaming, const struct dirs *dirs);

/* Whether there may be marks, by one system call. */
bool renaming_any(const struct dirs *dirs);

/* Whether the mark still exists as it was read. */
bool renaming_is_open(const struct renaming *renaming, const struct dirs *dirs);

/* Finds the committed change from a name, or to a name. Quiet, and cheap if there is none. */
bool renaming_find_from(struct renaming *renaming, const struct dirs *dirs, const char *kind,
			const char *from);
bool renaming_find_to(struct renaming *renaming, const struct dirs *dirs, const char *kind,
		      const char *to);

/* Calls visit for each mark of that kind. Quiet. */
void renaming_each(const struct dirs *dirs, const char *kind,
		   void (*visit)(void *, const struct renaming *), void *context);

#endif
