/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control groups that a run's processes live in: in a scope of systemd's, or in berth's own tree. */
#ifndef BERTH_MACHINE_START_CGROUPS_H
#define BERTH_MACHINE_START_CGROUPS_H

#include "machine/start/run.h"
#include "machine/state/machine.h"

/* The group that a starter is born into: the keepers', as a descriptor; -1 where it will get a scope. */
int cgroups_starter(const struct machine *machine, int *cgroup, struct err *err);

/* Asks for the scope, where there is somebody to ask, and goes on meanwhile. */
int cgroups_ask(struct run *run, struct err *err);

/* The scope is there, with the caller in it; then the guest's group, delegated, confined and limited. */
int cgroups_make(struct run *run, struct err *err);

/* For a respawn, whose keeper is where it is: empties and removes the last guest's group. */
int cgroups_renew(struct run *run, struct err *err);

/* Tells the host of the guest; cgroups_finish waits for that. What fails is a warning of the start. */
int cgroups_register(struct run *run, struct err *err);
int cgroups_finish(struct run *run, struct err *err);

#endif
