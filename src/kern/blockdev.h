/* The block device below a file system. */
#ifndef BERTH_KERN_BLOCKDEV_H
#define BERTH_KERN_BLOCKDEV_H

#include <sys/types.h>

/*
 * The disk that the file system of fd is on, whole, since the kernel limits I/O by disks and not by
 * their partitions. -ENODEV: it is on none, as tmpfs and network file systems; -ENOTUNIQ: on several.
 */
int blockdev_of(int fd, dev_t *disk);

#endif
