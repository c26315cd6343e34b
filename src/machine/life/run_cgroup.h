/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cgroups of a machine: its guest's, and the one that keepers share. */
#ifndef BERTH_MACHINE_LIFE_RUN_CGROUP_H
#define BERTH_MACHINE_LIFE_RUN_CGROUP_H

#include "kern/spawn.h"
#include "machine/state/machine.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The guest's cgroup, below the cgroup mount: in the machine's scope if it has one, else "berth/NAME". Keepers live
 * in a cgroup of their own beside it, so that freezing, limiting or killing a guest never meets its keeper.
 */
void run_cgroup(const struct machine *machine, char *out, size_t room);

/*
 * Reads or writes a file of the cgroup, such as "memory.current"; the caller owns the text that was read. 0, or -ENOENT
 * without the controller.
 */
int run_write_group(const struct machine *machine, const char *file, const char *text);
int run_read_group(const struct machine *machine, const char *file, char **text);
/* The number that one of them holds. */
int run_read_count(const struct machine *machine, const char *file, uint64_t *count);

/* The guest's cgroup as a descriptor to start a process in, made if it is missing, or -errno. */
int run_open_cgroup(const struct machine *machine);

/*
 * spawn_process in that cgroup, which spawn->cgroup_fd is, or in a child of it where the guest has divided it: then the
 * kernel refuses processes there.
 */
pid_t run_spawn(const struct machine *machine, struct spawn *spawn);

/* Whether a run has left anything to clean up: its folder, or its guest's cgroup. */
bool run_needs_cleanup(const struct machine *machine);

/* Kills all processes of the guest and removes its cgroup. */
int run_end_processes(struct machine *machine, struct err *err);

/* The cgroup of keepers without a scope, made if it is missing; the caller owns the descriptor. */
int run_keepers_group(const struct machine *machine, struct err *err);

#endif
