/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cgroups, version 2 only: made, joined, killed as a whole, and removed. */
#ifndef BERTH_KERN_CGROUP_H
#define BERTH_KERN_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The mount point of the v2 tree: /sys/fs/cgroup, or on a hybrid host often /sys/fs/cgroup/unified. 0 or -ENOENT. */
int cgroup_mount_point(char *out, size_t room);

/* Whether the v2 tree has a controller ("memory"); on a hybrid host the controller may be bound to v1. */
bool cgroup_has_controller(const char *name);

/*
 * Makes a cgroup with its parents below the mount point, enables the host's controllers on the way as far as possible,
 * and opens it; fine if it exists. Descriptor or -errno.
 */
int cgroup_make(const char *path);

/*
 * Makes a cgroup below one that has processes, and opens it. Enables no controllers: some would turn the parent into a
 * threaded domain. Descriptor or -errno.
 */
int cgroup_make_below(int cgroup_fd, const char *name);

/* Delegates a cgroup to a user: changes the owner of its folder and of the files in /sys/kernel/cgroup/delegate. */
int cgroup_delegate(int cgroup_fd, uid_t uid);

/* Kills (SIGKILL) every process in the cgroup and below, also those being forked. 0 or -errno. */
int cgroup_kill(int cgroup_fd);

/* Thaws the cgroup; fine if it is not frozen. 0 or -errno. */
int cgroup_thaw(int cgroup_fd);

/* Whether there is a process in the cgroup or below; false if the cgroup does not exist. */
bool cgroup_populated(int cgroup_fd);

/* Waits until the cgroup is empty: 0, or -ETIMEDOUT after `milliseconds`. */
int cgroup_wait_empty(int cgroup_fd, int milliseconds);

/* Removes the cgroup and all below it. 0 also if it does not exist; -EBUSY while it has processes. */
int cgroup_remove(const char *path);

/* Moves the calling process into the cgroup. 0 or -errno. */
int cgroup_join(int cgroup_fd);

#endif
