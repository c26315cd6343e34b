/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A place of their own for tests that mount: a mount namespace, a folder, small file systems. */
#ifndef BERTH_TESTS_SCRATCH_H
#define BERTH_TESTS_SCRATCH_H

#include <stdbool.h>

/* The folder; removed by scratch_end. */
extern char scratch_dir[64];

bool scratch_begin(void);
int scratch_end(void);

/* Removes a tree by its absolute path. 0 or -errno. */
int scratch_remove(const char *path);

/* scratch_dir/NAME, in one of a few buffers that take turns. */
const char *scratch_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * A new file system at scratch_dir/NAME: "tmpfs", or "btrfs", "xfs" or "ext4" on a loop file. False
 * if it cannot be made here, after saying why.
 */
bool scratch_mount(const char *type, const char *name, unsigned mebibytes);
bool scratch_can_make(const char *type); /* mkfs.TYPE is installed, and the kernel has it */
void scratch_unmount(const char *name);

/* How many descriptors this process has open, mounts it sees, loop devices serve its files. */
int scratch_count_fds(void);
int scratch_count_mounts(void);
int scratch_count_loops(void);

/* Waits for that number; others may be looking at a device that is on its way out. */
bool scratch_await_loops(int number);

#endif
