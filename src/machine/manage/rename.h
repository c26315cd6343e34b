/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other names for machines, templates and volumes for data. base/renaming.h says how a change that was killed is found;
 * it is completed by renames_finish.
 */
#ifndef BERTH_MACHINE_MANAGE_RENAME_H
#define BERTH_MACHINE_MANAGE_RENAME_H

#include "base/dirs.h"
#include "base/text.h"
#include "machine/state/machine.h"

/*
 * Gives a stopped machine another name: folder, root, snapshots and lease get it, boot.after of other machines and the
 * origins of templates follow, and so does the host name in its root if that is the old name. A failure before the
 * machine has its new name changes nothing. -EEXIST, -EBUSY. notes: remarks for the user, a line each.
 */
int machine_rename(struct machine *machine, const char *to, struct text *notes, struct err *err);

/* The same for a template; the settings of machines that were made of it follow. */
int template_rename(const struct dirs *dirs, const char *from, const char *to, struct err *err);

/*
 * The same for a volume for data that no machine runs with; the sections of machines that have it follow. -EBUSY,
 * -EEXIST.
 */
int data_rename(const struct dirs *dirs, const char *from, const char *to, struct err *err);

/*
 * Completes changes of names that killed commands have begun, unless others are at it. For commands that change
 * something, before they begin, if renaming_any. notes: what cannot be completed, a line each.
 */
void renames_finish(const struct dirs *dirs, struct text *notes);

/* Completes one that was committed, of a template or of a volume for data, under the lock of its new name. */
struct renaming;
int template_rename_finish(const struct dirs *dirs, const struct renaming *renaming,
			   struct err *err);
int volume_rename_finish(const struct dirs *dirs, const struct renaming *renaming, struct err *err);

#endif
