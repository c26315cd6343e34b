/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes for data in the stream of their machine, behind its own. */
#ifndef BERTH_MACHINE_MANAGE_EXPORT_VOLUMES_H
#define BERTH_MACHINE_MANAGE_EXPORT_VOLUMES_H

#include "machine/manage/export_chain.h"
#include "machine/manage/joint_take.h"

struct exported_volume {
	struct data_opened from; /* owned, if it was not taken now */
	struct subject subject;
	struct export_spec spec;
	struct export_chain chain; /* owned */
	const char *now; /* borrowed: the volume that has what it is now; NULL: a snapshot */
	char snapshot[64], since[64];
};

struct export_volumes {
	struct exported_volume *list; /* owned */
	size_t count;
	struct text head; /* owned: as in struct stream_head */
};

/*
 * Those that the snapshot which is written was taken with. -ENOENT: it was taken without, or one is gone.
 * export_volumes_close in any case.
 */
int export_volumes_open(struct export_volumes *volumes, const struct export_chain *machine,
			struct err *err);
/* Those that were taken now; taking outlives them. */
int export_volumes_taken(struct export_volumes *volumes, struct joint_taking *taking,
			 const struct export_chain *machine, struct err *err);
int export_volumes_hold(struct export_volumes *volumes, struct err *err);
int export_volumes_write(struct export_volumes *volumes, struct err *err);
void export_volumes_close(struct export_volumes *volumes);

#endif
