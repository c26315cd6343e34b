/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes for data in the stream of their machine, behind its own. */
#ifndef BERTH_MACHINE_MANAGE_EXPORT_VOLUMES_H
#define BERTH_MACHINE_MANAGE_EXPORT_VOLUMES_H

#include "machine/data/joint.h"
#include "machine/manage/export_chain.h"
#include "machine/manage/joint_take.h"
#include "machine/manage/moment.h"

struct exported_volume {
	struct data_opened from; /* owned, if it was not taken now */
	struct subject subject;
	struct export_spec spec;
	struct export_chain chain; /* owned */
	const char *now;      /* borrowed: the volume that has what it is now; NULL: a snapshot */
	struct moment moment; /* owned, if it is of one */
	bool is_still;
	char snapshot[64], since[64];
	const struct export_volumes *all; /* borrowed */
};

/* A snapshot of a volume, and the one of the machine that it was taken with. */
struct export_record {
	char with[64];
	struct joint_part part;
};

struct export_volumes {
	struct exported_volume *list; /* owned */
	size_t count;
	struct text head;              /* owned: as in struct stream_head */
	struct export_record *records; /* owned; if they are written with their snapshots */
	size_t record_count;
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
/*
 * Those that are attached, read as they are: the caller keeps the machine from running, and so all others from writing
 * to them.
 */
int export_volumes_still(struct export_volumes *volumes, const struct export_chain *machine,
			 struct err *err);
/* As export_chain_pass. */
uint64_t export_volumes_pass(struct export_volumes *volumes, uint64_t count);
int export_volumes_hold(struct export_volumes *volumes, struct err *err);
int export_volumes_write(struct export_volumes *volumes, struct err *err);
/* Adds all that identifies what is written, a line each. */
int export_volumes_plan(struct export_volumes *volumes, struct text *plan, struct err *err);
void export_volumes_close(struct export_volumes *volumes);

#endif
