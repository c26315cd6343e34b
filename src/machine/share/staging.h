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

/* Where the root shows, and where guest-init does, looked up in the folder that the root covers. */
#define STAGING_ROOT "/dev"
#define STAGING_INIT "null"

struct staging {
	int ns, root; /* owned: where we come from */
};

/* A guest cloned from in here has a copy of it that sees what is shown later. */
int staging_enter(struct staging *stage, struct err *err);

/* Attaches detached mounts, in the stage and in the guest's copy. init_fd -1: none. */
int staging_show(int root_fd, int init_fd, struct err *err);

/*
 * The same for a detached mount that its machine gets beside its root, or later: *mount_fd becomes a
 * copy whose flags are locked for the user namespace of that process; of the entry within it, unless
 * that is NULL. pidfd -1: there is none, and nothing is locked. In a child that is there for it, since
 * it changes namespaces. folder: the mount's root is one. 0 or -errno.
 */
int staging_lock(int *mount_fd, bool folder, const char *within, int pidfd);

/* Back, in any case: the stage ends with its last process. */
int staging_leave(struct staging *stage, struct err *err);

#endif
