/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control groups, version 2 only: folders to be born into, killed as a whole, and removed. */
#ifndef BERTH_KERN_CGROUP_H
#define BERTH_KERN_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Where the v2 tree is mounted: /sys/fs/cgroup, on a hybrid host often /sys/fs/cgroup/unified.
 * 0 or -ENOENT.
 */
int cgroup_mount_point(char *out, size_t room);

/* Whether the v2 tree has a controller ("memory") for its groups; on a hybrid host it may be bound to v1. */
bool cgroup_has_controller(const char *name);

/*
 * Makes a group with its parents below the mount point and opens it; fine if it is there. The
 * controllers that the host has are handed down on the way, as far as it goes. Descriptor or -errno.
 */
int cgroup_make(const char *path);

/*
 * Makes one group below another that holds processes, and opens it: no controllers are handed down,
 * some of which the kernel would, making the other the root of threads. Descriptor or -errno.
 */
int cgroup_make_below(int cgroup_fd, const char *name);

/* Gives a group to a user: the files that the kernel names in /sys/kernel/cgroup/delegate. */
int cgroup_delegate(int cgroup_fd, uid_t uid);

/* SIGKILL to every process in and below the group, also to those being forked. 0 or -errno. */
int cgroup_kill(int cgroup_fd);

/* Lets the processes of a frozen group go on; fine if it is not frozen. 0 or -errno. */
int cgroup_thaw(int cgroup_fd);

/* Whether any process lives in or below the group; a missing group has none. */
bool cgroup_populated(int cgroup_fd);

/* Waits until the group is empty: 0, or -ETIMEDOUT after `milliseconds`. */
int cgroup_wait_empty(int cgroup_fd, int milliseconds);

/* Removes the group and all below it. 0 also if it is absent; -EBUSY while processes live in it. */
int cgroup_remove(const char *path);

/* Moves the calling process into the group. */
int cgroup_join(int cgroup_fd);

#endif
