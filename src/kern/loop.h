/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loop devices: a file as a block device, loop(4). No policy. */
#ifndef BERTH_KERN_LOOP_H
#define BERTH_KERN_LOOP_H

#include <stdbool.h>

enum loop_flags {
	LOOP_WITH_AUTOCLEAR = 1 << 0, /* detaches itself at its last close: a crash leaks nothing */
	LOOP_WITH_DIRECT = 1 << 1,    /* direct I/O, if the file system under it allows it */
	LOOP_WITH_READ_ONLY = 1 << 2,
};

/* An attached device, held open: an auto-clearing one exists until loop_close or its last user. */
struct loop {
	int fd;        /* owned */
	char path[24]; /* "/dev/loop7" */
	bool direct;   /* the kernel granted LOOP_WITH_DIRECT; it drops the wish silently */
};

/*
 * All quiet: 0 or -errno, for loop_why(). The file is given by a descriptor that the caller keeps
 * and may close afterwards.
 */

/*
 * Attaches the whole file to a free device, atomically (LOOP_CONFIGURE, Linux 5.8); block_size in bytes, 512 to 4096.
 * Does not check whether another device serves the file already.
 */
int loop_attach(int file_fd, unsigned flags, unsigned block_size, struct loop *loop);

/* The device that serves this very file, by device and inode number; -ENOENT if none does. */
int loop_find(int file_fd, struct loop *loop);

/* Tells the device that its file has grown. */
int loop_set_capacity(const struct loop *loop);

void loop_close(struct loop *loop);
#define scoped_loop __attribute__((cleanup(loop_close)))

/* The meaning of a failure, for the end of a sentence. Never NULL. */
const char *loop_why(int code);

#endif
