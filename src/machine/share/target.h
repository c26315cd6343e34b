/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine that mounts, devices and volumes are added to or removed from, and its guest, if one runs. */
#ifndef BERTH_MACHINE_SHARE_TARGET_H
#define BERTH_MACHINE_SHARE_TARGET_H

#include "machine/life/run_state.h"
#include "machine/state/machine.h"

/* A running guest; pidfd -1: there is none. */
struct share_target {
	struct machine *machine; /* borrowed */
	struct run_state state;
	int pidfd, root_fd; /* owned */
	bool own_ids;
	struct machine_config temporary; /* owned */
};

/* must_run: -ENOENT if no guest runs. share_target_close after both. */
int share_target_open(struct share_target *target, struct machine *machine, bool must_run,
		      struct err *err);
void share_target_close(struct share_target *target);
#define scoped_target __attribute__((cleanup(share_target_close)))

/* Reads the settings and the temporary ones, under the machine's lock, after changes of other commands. */
int share_target_read(struct share_target *target, struct err *err);

#endif
