/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user of a command of guest-init. */
#ifndef BERTH_GUEST_INIT_USER_H
#define BERTH_GUEST_INIT_USER_H

/*
 * Becomes USER[:GROUP], names or numbers, and sets HOME and USER if they are not set. 0 or -errno; -ENOENT: there is no
 * such user or group.
 */
int user_become(const char *wanted);

#endif
