/* The control groups that a run's processes live in: in a scope of systemd's, or in berth's own tree. */
#ifndef BERTH_MACHINE_START_CGROUPS_H
#define BERTH_MACHINE_START_CGROUPS_H

#include "machine/start/run.h"

/* The group that a starter is born into: the keepers', as a descriptor; -1 where it will get a scope. */
int place_starter(const struct machine *machine, int *cgroup, struct err *err);

/* Asks for the scope, where there is somebody to ask, and goes on meanwhile. */
int place_ask(struct run *run, struct err *err);

/* The scope is there, with the caller in it; then the guest's group, delegated, confined and limited. */
int place_make(struct run *run, struct err *err);

/* For a respawn, whose keeper is where it is: empties and removes the last guest's group. */
int place_renew(struct run *run, struct err *err);

/*
 * For a process begun by a keeper that is to outlive it: out of the machine's scope, if it has one, which
 * systemd would end with all that is in it.
 */
void place_leave(const struct machine *machine);

/* Tells the host of the guest; place_finish waits for that. What fails is a warning of the start. */
int place_register(struct run *run, struct err *err);
int place_finish(struct run *run, struct err *err);

#endif
