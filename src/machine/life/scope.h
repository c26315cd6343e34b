/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine's place on a host with systemd: a scope of its own, "berth-NAME.scope" in machine.slice,
 * which systemd leaves to us (Delegate=yes). Below it stand the keeper's group and the guest's, side by
 * side. libsystemd is berth-scope's alone: a program that asks, and is gone when the machine runs.
 */
#ifndef BERTH_MACHINE_LIFE_SCOPE_H
#define BERTH_MACHINE_LIFE_SCOPE_H

#include "machine/state/machine.h"

#include <stddef.h>
#include <sys/types.h>

/* A conversation with berth-scope; zeroed: none. */
struct scope {
	pid_t pid; /* of berth-scope, which is our child */
	int fd;    /* owned, while pid */
};

/* Whether systemd can be asked for a scope: it runs, uses cgroup version 2 alone, and its bus is there. */
bool scope_offered(void);

/* The name of the unit and of the machine in systemd-machined: NAME, or NAME.TAG below another --root. */
void scope_unit(const struct machine *machine, char *out, size_t room);

/* The cgroup `leaf` ("keeper", "guest"; NULL: their parent) of the scope, below the cgroup mount. */
void scope_group(const struct machine *machine, const char *leaf, char *out, size_t room);
/* Whether that cgroup exists. */
bool scope_group_exists(const struct machine *machine, const char *leaf);

/* Asks for the scope, without waiting for it. */
int scope_ask(struct scope *scope, const struct machine *machine, struct err *err);
/* Waits for the scope, and moves the caller into the keeper's cgroup in it. */
int scope_enter(struct scope *scope, const struct machine *machine, struct err *err);

/*
 * Registers the guest with systemd-machined, if that runs, without waiting: for a scope that was entered, or, with a
 * zeroed struct, for the next guest of a machine that has its scope already.
 */
int scope_register(struct scope *scope, const struct machine *machine, pid_t init, struct err *err);

/* Waits until all requests are done; err says why one was not. Safe on a zeroed struct. */
int scope_close(struct scope *scope, struct err *err);

#endif
