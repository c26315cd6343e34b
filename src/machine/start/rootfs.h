/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's file systems, built from inside its namespaces by its own root. */
#ifndef BERTH_MACHINE_START_ROOTFS_H
#define BERTH_MACHINE_START_ROOTFS_H

#include "base/err.h"
#include "kern/pty.h"
#include "machine/share/share.h"

#include <stdbool.h>

enum { ROOTFS_DEVICES = 6 };

#define CREDENTIALS_FOLDER "run/host/credentials"

struct rootfs {
	const char *uuid; /* borrowed */
	bool guest_init, screen;
	bool shield; /* the guest's root is the host's: files of /proc that are the host's are made read-only */
	const struct lease *lease;                               /* borrowed; NULL: no network */
	const struct label *credentials;                         /* borrowed; NULL: none */
	const struct shares *shares;                             /* borrowed */
	int devices[ROOTFS_DEVICES], stage_fd, root_fd, init_fd; /* its own; closed by the exec */
};

/* Opens the device nodes that come from the host's /dev, before the root covers it (machine/share/staging.h). */
int rootfs_prepare(struct rootfs *rootfs, struct err *err);

/*
 * Mounts the tables' rows into the root, opens the console on the root's own devpts (console is the
 * caller's), and makes the root ours by pivot_root(2): afterwards nothing of the host is visible.
 */
int rootfs_enter(struct rootfs *rootfs, struct pty *console, struct err *err);

/* The socket that the guest knows as NOTIFY_SOCKET, bound at /run/host/notify. A descriptor. */
int rootfs_notify_socket(struct err *err);

#endif
