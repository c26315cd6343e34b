/* The guest's file systems, built from inside its namespaces by its own root. */
#ifndef BERTH_MACHINE_ROOTFS_H
#define BERTH_MACHINE_ROOTFS_H

#include "base/err.h"
#include "kern/pty.h"

struct rootfs {
	int root_fd; /* borrowed: detached mount of the volume */
	int init_fd; /* borrowed: detached mount of guest-init, or -1 */
	const char *uuid, *name;
};

/*
 * Mounts the tables' rows into the root, opens the console on the root's own devpts (console is the
 * caller's), and makes the root ours by pivot_root(2): afterwards nothing of the host is in sight.
 */
int rootfs_enter(const struct rootfs *rootfs, struct pty *console, struct err *err);

/* The socket that the guest knows as NOTIFY_SOCKET, bound at /run/host/notify. A descriptor. */
int rootfs_notify_socket(struct err *err);

#endif
