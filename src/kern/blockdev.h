/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block device under a file system. */
#ifndef BERTH_KERN_BLOCKDEV_H
#define BERTH_KERN_BLOCKDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The disk under the file system of fd. Always the whole disk, since the kernel limits I/O per disk and not per
 * partition. -ENODEV: there is none, as for tmpfs and network file systems; -ENOTUNIQ: there are several.
 */
int blockdev_of(int fd, dev_t *disk);

/*
 * The kind of a block device: "md" (an array, or a partition of one), "multipath", "lvm", "crypt", "dm" (another
 * device-mapper device), "loop", "partition", or "disk". Quiet; "" if sysfs does not tell.
 */
enum { BLOCKDEV_KIND_MAX = 15 };
void blockdev_kind(dev_t device, char *out, size_t room);

/* Whether an md array has parts and does not run, and its name: it is being assembled, or lacks too many parts. */
bool blockdev_idle_array(char *name, size_t room);

#endif
