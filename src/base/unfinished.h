/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is half made or half removed. Objects of one kind are folders of the state, KIND/NAME, with a file of
 * settings each. An object in the making has its settings in KIND/.unfinished/NAME, on the disk before
 * anything else of it is made; one rename makes them KIND/NAME/FILE when all is there, and the same
 * rename back comes before anything is removed. That file alone lets a clean-up take the rest. A part that
 * is missing never does: it may be on a disk that is not mounted yet, or on its way back from a backup.
 */
#ifndef BERTH_BASE_UNFINISHED_H
#define BERTH_BASE_UNFINISHED_H

#include "base/err.h"
#include "base/site.h"

#include <stdbool.h>

/* An object by its names: { site, "machines", "web", "machine.conf" }. All borrowed. */
struct unfinished {
	const struct site *site;
	const char *kind, *name, *file;
};

/* Where the settings of one in the making are; the caller owns it; NULL: out of memory. */
char *unfinished_path(const struct unfinished *object);

/* The folder for it and those above, before the settings are written there. Cheap where they are. */
int unfinished_prepare(const struct unfinished *object, struct err *err);

/* Whether it is half made or half removed: the mark is there, and its settings file is not. */
bool unfinished_is(const struct unfinished *object);

/* All is made: the mark becomes KIND/NAME/FILE, durably. */
int unfinished_finish(const struct unfinished *object, struct err *err);

/*
 * Before anything is removed: KIND/NAME/FILE, whatever stands there, becomes the mark, durably. Without
 * such a file the mark is made empty. Fine if there is a mark already.
 */
int unfinished_undo(const struct unfinished *object, struct err *err);

/* All is removed, or the object is whole and the mark is of no meaning: the mark goes. */
int unfinished_drop(const struct unfinished *object, struct err *err);

/* Calls visit for each name of the kind that has a mark, in no order. Quiet: what cannot be read has none. */
void unfinished_each(const struct site *site, const char *kind,
		     void (*visit)(void *, const char *name), void *context);

#endif
