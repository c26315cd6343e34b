/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pseudo-terminals: making a pair in a given devpts instance, window sizes, and raw mode. */
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
 * Makes a pair in the devpts instance whose root folder is pts_fd. -ENOTTY if its ptmx is something else: a guest may
 * have put it there. 0 or -errno.
 */
int pty_open(int pts_fd, struct pty *pty);

/* The cause that a code of pty_open means, and the remedy. */
const char *pty_why(int code);

/* Makes the slave the controlling terminal of a new session and standard input, output, error. */
int pty_become_terminal(int slave);

/* The window size of a terminal. Read gives zeros if there is none; set ignores zeros. */
void pty_read_size(int fd, struct winsize *size);
void pty_set_size(int fd, const struct winsize *size);
void pty_copy_size(int from, int to);

/* Puts the user's terminal into raw mode; restores it. 0 or -errno. */
int pty_raw(int fd, struct termios *saved);
void pty_restore(int fd, const struct termios *saved);

#endif
