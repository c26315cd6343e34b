/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that keeps a device or a file system in use, to be named where that is in somebody's way. */
#ifndef BERTH_KERN_HOLDER_H
#define BERTH_KERN_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Looks for a process that has the file system of that device mounted, in whatever mount namespace, or has the
 * device or a file on it open. Fills out with half a sentence: "process 812 (sleep) has it mounted on '/x'". True: found
 * within a few seconds. It changes nothing, and takes no descriptor of anybody's.
 */
bool holder_find(dev_t device, char *out, size_t room);
/* The same for a mount that is busy: a process that has reached a file or folder through it and has that open. */
bool holder_find_through(const char *mountpoint, char *out, size_t room);

/*
 * A mount of our own namespace below that folder, whose path has no symbolic links, at a path from there that is
 * wanted. out gets its place.
 */
bool holder_mount_below(const char *folder, bool (*wanted)(const void *, const char *path),
			const void *context, char *out, size_t room);

/*
 * The device of the file system that is mounted there, as mountinfo has it: of btrfs that is another than
 * stat(2) tells. 0 or -errno; -ENOENT: nothing is mounted there.
 */
int holder_device(const char *mountpoint, dev_t *device);

#endif
