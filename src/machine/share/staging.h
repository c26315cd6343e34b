/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A mount namespace between host and guest. What a guest gets from the host, it gets through here:
 * the kernel locks the flags of a mount that crosses into the namespace of a user namespace with less
 * rights (mount_namespaces(7)), and of no other; a root handed over as a descriptor could be made
 * "dev" again by the guest.
 */
#ifndef BERTH_MACHINE_SHARE_STAGING_H
#define BERTH_MACHINE_SHARE_STAGING_H

#include "base/err.h"

#include <stdbool.h>

/* The folder that shows the root, and the place of guest-init in the folder that the root covers. */
#define STAGING_ROOT "/dev"
#define STAGING_INIT "null"

struct staging {
	int ns, root; /* owned: the caller's own mount namespace and root */
};

/* Enters a new staging namespace. A guest cloned in here gets a copy of it that sees what is shown later. */
int staging_enter(struct staging *stage, struct err *err);

/* Attaches detached mounts in the staging namespace and in the guest's copy. init_fd -1: there is no guest-init. */
int staging_show(int root_fd, int init_fd, struct err *err);

/*
 * The same for a detached mount that a machine gets beside its root, or later: *mount_fd becomes a copy whose flags are
 * locked for the user namespace of that process. The copy is of the entry `within`, unless that is NULL. pidfd -1:
 * there is no user namespace, and nothing is locked. It changes namespaces, so it is called in a child of its own.
 * folder: the mount's root is a folder. 0 or -errno.
 */
int staging_lock(int *mount_fd, bool folder, const char *within, int pidfd);

/* Returns to the caller's own namespace, also after a failure. The staging namespace ends with its last process. */
int staging_leave(struct staging *stage, struct err *err);

#endif
