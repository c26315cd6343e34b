/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the process that keeps a device or a file system busy, for error messages. */
#ifndef BERTH_KERN_HOLDER_H
#define BERTH_KERN_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Finds a process that has the file system of that device mounted, in any mount namespace, or has the device or a file
 * on it open. Fills out with the end of a sentence: "process 812 (sleep) has it mounted on '/x'". True if one was found
 * within a few seconds. Changes nothing, and takes over no descriptor.
 */
bool holder_find(dev_t device, char *out, size_t room);
/* The same for a busy mount: a process with an open file or folder that was reached through it. */
bool holder_find_through(const char *mountpoint, char *out, size_t room);

/*
 * The same for a mount of a machine: a process in that cgroup (its path below the cgroup mount), or below it. The path
 * is resolved below root_fd, which is borrowed, and never leads out of it.
 */
bool holder_find_inside(const char *cgroup, int root_fd, const char *path, char *out, size_t room);

/*
 * Finds a mount in a mount namespace of a process in that cgroup (its path below the cgroup mount), or below it: of the
 * device, or (device 0) of something at or below a folder with that name. out gets the end of a sentence, as above.
 */
bool holder_find_mount(const char *cgroup, dev_t device, const char *folder, char *out,
		       size_t room);

/*
 * Finds a mount of our own mount namespace on something below a folder, whose path has no symbolic links, also one that
 * was made by another path of the same folder; wanted decides by its path from there. out gets the mount point.
 */
bool holder_mount_below(const char *folder, bool (*wanted)(const void *, const char *path),
			const void *context, char *out, size_t room);

/*
 * The device number of the file system mounted at a mount point, from mountinfo: for btrfs, stat(2) gives another one.
 * 0 or -errno; -ENOENT: nothing is mounted there.
 */
int holder_device(const char *mountpoint, dev_t *device);

#endif
