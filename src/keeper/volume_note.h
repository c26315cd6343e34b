/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The note of a volume for data that a run has mounted, RUN/machines/MACHINE/volumes/NAME: commands write it
 * (machine/life/volume_use.c), and the machine's keeper learns from it which pools the guest writes to.
 */
#ifndef BERTH_KEEPER_VOLUME_NOTE_H
#define BERTH_KEEPER_VOLUME_NOTE_H

#include <limits.h>
#include <stdbool.h>

struct volume_note {
	char pool[64];
	bool readonly;
	char device[128];    /* device of the thin pool; "": another kind of pool */
	char file[PATH_MAX]; /* the file that is the pool, sparse or not; "": no file */
};

/* The text of a note; the caller owns it; NULL: out of memory. */
char *volume_note_text(const struct volume_note *note);
/* Reads a note; path is relative to the folder. 0 or -errno; -EINVAL: it is not one. */
int volume_note_read(int folder, const char *path, struct volume_note *note);

#endif
