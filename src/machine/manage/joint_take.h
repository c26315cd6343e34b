/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots of a machine with its volumes for data: taken, and restored. joint.h has their record. */
#ifndef BERTH_MACHINE_MANAGE_JOINT_TAKE_H
#define BERTH_MACHINE_MANAGE_JOINT_TAKE_H

#include "machine/manage/data.h"
#include "machine/state/machine.h"
#include "storage/partial.h"

/* A volume whose copy is made under a name that counts for nothing, and vanishes with this command. */
struct joint_taken {
	struct pool *pool;                /* borrowed */
	char origin[VOLUME_NAME_MAX + 1]; /* what is copied */
	char wanted[VOLUME_NAME_MAX + 1]; /* the name of the copy */
	struct partial partial;           /* owned */
	bool begun, named;
};

struct joint_taken_volume {
	struct data_opened from; /* owned */
	char name[64];
	struct joint_taken taken;
};

struct joint_taking {
	struct machine *machine; /* borrowed */
	const char *
		name; /* borrowed: of the snapshot; NULL: the copies get no names, and go at its end */
	bool read;    /* also volumes that the machine only reads */
	struct pool pool; /* owned; of the root */
	struct joint_taken root;
	struct joint_taken_volume *volumes; /* owned; sorted by name */
	size_t count;
};

/* Copies of the root and the volumes, of one moment. machine, name and the pool's use_fd are set. joint_take_end. */
int joint_take_moment(struct joint_taking *taking, bool quiet, struct err *err);
void joint_take_end(struct joint_taking *taking);

/*
 * A snapshot of the machine, and one of the same name of each volume that it may write to, of one moment, for which a
 * running machine is frozen. how: of enum snapshot_how. All of them, or none. -EEXIST.
 */
int joint_take(struct machine *machine, const char *name, unsigned how, struct err *err);

/*
 * Puts a stopped machine and those of its volumes that were kept with that snapshot back to it. -ENOENT: it has none;
 * -EBUSY: a machine runs with one. A failure changes nothing; a kill leaves a mark, with which the machine does not
 * start.
 */
int joint_restore(struct machine *machine, const char *name, struct err *err);

#endif
