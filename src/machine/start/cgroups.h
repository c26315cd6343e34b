/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cgroups of a run's processes, made in a scope of systemd's or in berth's own tree. */
#ifndef BERTH_MACHINE_START_CGROUPS_H
#define BERTH_MACHINE_START_CGROUPS_H

#include "machine/start/run.h"
#include "machine/state/machine.h"

/* The cgroup that a starter is cloned into: the keepers', as a descriptor; -1 where it will get a scope. */
int cgroups_starter(const struct machine *machine, int *cgroup, struct err *err);

/* Asks systemd for the scope, if there is a systemd, without waiting. */
int cgroups_ask(struct run *run, struct err *err);

/* Enters the scope, then makes the guest's cgroup: delegated, with its device filter and limits. */
int cgroups_make(struct run *run, struct err *err);

/* Empties and removes the last guest's cgroup, for a respawn, whose keeper stays in its cgroup. */
int cgroups_renew(struct run *run, struct err *err);

/* Registers the guest with the host; cgroups_finish waits for that. A failure is a warning of the start. */
int cgroups_register(struct run *run, struct err *err);
int cgroups_finish(struct run *run, struct err *err);

#endif
