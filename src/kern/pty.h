/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pseudo-terminals: a pair from a given devpts instance, sizes, and our own terminal in raw mode. */
#ifndef BERTH_KERN_PTY_H
#define BERTH_KERN_PTY_H

#include <stddef.h>
#include <sys/ioctl.h>
#include <termios.h>

struct pty {
	int master;      /* owned */
	int slave;       /* owned */
	unsigned number; /* the slave is pts/NUMBER of its instance */
};

/*
 * A pair from the devpts instance whose root folder is pts_fd. Refuses with -ENOTTY when its ptmx is
 * anything else, since a guest may have put something there. 0 or -errno.
 */
int pty_open(int pts_fd, struct pty *pty);

/* What a code of pty_open's means, and what can be done. */
const char *pty_why(int code);

/* Makes the slave the controlling terminal of a new session and standard input, output, error. */
int pty_become_terminal(int slave);

/* A window's size: zeros of what has none, and those are not set. */
void pty_read_size(int fd, struct winsize *size);
void pty_set_size(int fd, const struct winsize *size);
void pty_copy_size(int from, int to);

/* Raw mode for a terminal of the user's, and back. 0 or -errno. */
int pty_raw(int fd, struct termios *saved);
void pty_restore(int fd, const struct termios *saved);

#endif
