/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for a flock(2): first come, first served, with a deadline, without a signal and without polling. */
#ifndef BERTH_BASE_LOCK_H
#define BERTH_BASE_LOCK_H

#include <stdbool.h>

/*
 * Takes a lock, LOCK_SH or LOCK_EX, on an open file that has none yet, waiting up to `seconds` (0: not at all) for its
 * turn. 0, -EWOULDBLOCK after that time, or -errno.
 */
int lock_wait(int fd, int how, unsigned seconds);

/* Whether a process has a lock, of any kind, on the file dir_fd/path. A file that is not there has none. One look. */
bool lock_is_held(int dir_fd, const char *path);

#endif
