/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes for data of a machine that is cloned: copied, shared or left. */
#ifndef BERTH_MACHINE_MANAGE_CLONE_VOLUMES_H
#define BERTH_MACHINE_MANAGE_CLONE_VOLUMES_H

#include "machine/manage/data.h"
#include "machine/manage/manage.h"

/*
 * The name of a copy: "data" of web becomes "web2-data" of web2, and so does "web-data". -ENAMETOOLONG: that is no name.
 */
int volume_copy_name(const char *was, const char *from, const char *to, char name[64]);

struct cloned_volume {
	struct data_opened from; /* owned */
	char was[64], name[64];  /* of the original and of the copy */
	char snapshot[64];       /* of the original, which is copied; "": as it is now */
	const struct machine *to;
	int lock; /* owned; of the copy's name; -1: it is not made yet */
};

struct cloned_volumes {
	struct cloned_volume
		*list; /* owned; those that are copied, sorted by the names of their originals */
	size_t count;
};

/*
 * Makes the sections of the clone, whose settings are those of the source, and locks the volumes that are copied.
 * notes: a line for each volume. -EEXIST: a copy has no name. Changes nothing. clone_volumes_close in any case.
 */
int clone_volumes_plan(struct cloned_volumes *volumes, const struct machine *from,
		       struct machine *to, const struct clone_spec *spec, struct text *notes,
		       struct err *err);
/* Copies them, under the mark of the clone in the making; nothing writes to them meanwhile. */
int clone_volumes_make(struct cloned_volumes *volumes, struct err *err);
/* Makes the copies whole, once the clone is there, or removes them (made false: it is not). */
int clone_volumes_end(struct cloned_volumes *volumes, bool made, struct err *err);
void clone_volumes_close(struct cloned_volumes *volumes);
#define scoped_cloned_volumes __attribute__((cleanup(clone_volumes_close)))

#endif
