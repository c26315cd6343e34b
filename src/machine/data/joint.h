/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots of a machine with its volumes for data, all of one moment. The file joint.SNAPSHOT in the machine's folder
 * has the snapshots of volumes that were taken with one of the machine. It is on the disk before these have their
 * names, and the snapshot of the machine gets its name last: a file without that snapshot is what a killed command has
 * left.
 */
#ifndef BERTH_MACHINE_DATA_JOINT_H
#define BERTH_MACHINE_DATA_JOINT_H

#include "base/uuid.h"
#include "machine/state/machine.h"
#include "storage/storage.h"

struct joint_part {
	char volume[64];      /* its name at that time */
	char uuid[UUID_TEXT]; /* of the volume, which may have another name now */
	char snapshot[64];
	uint64_t created; /* of the snapshot's volume in its pool */
};

struct joint {
	struct joint_part *parts; /* owned; sorted by the name of the volume */
	size_t count;
};

void joint_free(struct joint *joint);
#define scoped_joint __attribute__((cleanup(joint_free)))

/* The volumes that a snapshot of the machine was taken with; none: count is 0. 0 or -code. Looks only. */
int joint_read(const struct machine *machine, const char *snapshot, struct joint *joint,
	       struct err *err);

int joint_write(const struct machine *machine, const char *snapshot, const struct joint *joint,
		struct err *err);
/* Called under the machine's lock before its snapshot gets another name, and after that. */
int joint_copy(const struct machine *machine, const char *snapshot, const char *to,
	       struct err *err);
void joint_forget(const struct machine *machine, const char *snapshot);

/* The snapshot whose record a file of the machine's folder is, as a part of that name; NULL: it is none. */
const char *joint_snapshot_of(const char *file);

#endif
