/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flags of chattr(1) that keep even root from changing or removing a file: immutable and append-only. */
#ifndef BERTH_BASE_PROTECTION_H
#define BERTH_BASE_PROTECTION_H

#include <sys/stat.h>

/*
 * Opens the regular file or folder `name` in dir_fd, for the calls below. Neither a link nor a mount is followed, and
 * no device is opened. A descriptor or -errno; -EMEDIUMTYPE for anything else, which cannot have these flags.
 */
int protection_open(int dir_fd, const char *name);

/* Clears the flags of an open file. The flags that it had, 0 for none, or -errno. */
int protection_clear(int fd);

/* Sets flags that protection_clear or protection_of has returned. 0 or -errno. */
int protection_set(int fd, int flags);

/* The flags of a file by its statx(2), without a further call. */
int protection_of(const struct statx *st);

#endif
