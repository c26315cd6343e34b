/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block device below a file system. */
#ifndef BERTH_KERN_BLOCKDEV_H
#define BERTH_KERN_BLOCKDEV_H

#include <stddef.h>
#include <sys/types.h>

/*
 * The disk that the file system of fd is on, whole, since the kernel limits I/O by disks and not by
 * their partitions. -ENODEV: it is on none, as tmpfs and network file systems; -ENOTUNIQ: on several.
 */
int blockdev_of(int fd, dev_t *disk);

/*
 * What makes a block device of what is below it: "md", "multipath", "lvm", "crypt", "dm" (another of
 * device-mapper's), "loop", "partition", or "disk". Quiet, and never fails: "" when sysfs does not tell.
 */
enum { BLOCKDEV_KIND_MAX = 15 };
void blockdev_kind(dev_t device, char *out, size_t room);

#endif
