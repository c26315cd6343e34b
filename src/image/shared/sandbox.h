/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A confined process (confined.h) that works on one volume: its root, and the rights that it keeps. */
#ifndef BERTH_IMAGE_SHARED_SANDBOX_H
#define BERTH_IMAGE_SHARED_SANDBOX_H

#include "base/err.h"

#include <sys/capability.h>
#include <sys/types.h>

/* In the host's process: maps the ids of a detached mount by the user namespace of pid. 0 or -code. */
int sandbox_map(pid_t pid, int mount_fd, struct err *err);

/*
 * In the confined process, which then ends with its parent: the volume becomes its root, and the rest of the host's
 * tree is out of reach.
 */
int sandbox_enter(int parent, int mount_fd, struct err *err);

/* Keeps these capabilities and the system calls of kern/seccomp_allow.c only; limits memory and open files. */
int sandbox_give_up(const cap_value_t *kept, int count, struct err *err);

/* The capabilities of a process that writes a whole tree. */
enum { SANDBOX_WRITER = 5 };
extern const cap_value_t sandbox_writer[SANDBOX_WRITER];

#endif
