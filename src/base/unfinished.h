/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks of objects that are half made or half removed. Objects of one kind are folders KIND/NAME in the state, each
 * with a settings file. While an object is made, its settings are in KIND/.unfinished/NAME, written to disk before any
 * other part; when all parts exist, one rename makes them KIND/NAME/FILE. A removal begins with the same rename back.
 * Only this mark allows a clean-up to remove the rest. A missing part never does: it may be on a disk that is not
 * mounted yet, or come back from a backup.
 */
#ifndef BERTH_BASE_UNFINISHED_H
#define BERTH_BASE_UNFINISHED_H

#include "base/dirs.h"
#include "base/err.h"

#include <stdbool.h>

/* An object by its names: { dirs, "machines", "web", "machine.conf" }. All borrowed. */
struct unfinished {
	const struct dirs *dirs;
	const char *kind, *name, *file;
};

/* The path of the mark; the caller owns it; NULL: out of memory. */
char *unfinished_path(const struct unfinished *object);

/*
 * To be called before any part is made: writes the mark, with the settings, durably. A power cut meanwhile may leave an
 * empty mark, which stands for an object without parts. A mark of before is replaced.
 */
int unfinished_begin(const struct unfinished *object, const char *settings, size_t length,
		     struct err *err);

/* Whether the object is half made or half removed: its mark exists, and its settings file does not. */
bool unfinished_is(const struct unfinished *object);

/* To be called when all parts are made: the mark becomes KIND/NAME/FILE, durably. */
int unfinished_finish(const struct unfinished *object, struct err *err);

/*
 * To be called before anything is removed: KIND/NAME/FILE becomes the mark, durably; without such a file the mark is an
 * empty one. Fine if the mark exists.
 */
int unfinished_undo(const struct unfinished *object, struct err *err);

/* Removes the mark, after all parts were removed, or if the object is whole. */
int unfinished_drop(const struct unfinished *object, struct err *err);

/* Calls visit for each name of that kind with a mark, in any order. Quiet: unreadable marks are skipped. */
void unfinished_each(const struct dirs *dirs, const char *kind,
		     void (*visit)(void *, const char *name), void *context);

#endif
