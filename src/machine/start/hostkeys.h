/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host keys of SSH servers, made anew where a copy of a root has lost those of its origin. */
#ifndef BERTH_MACHINE_START_HOSTKEYS_H
#define BERTH_MACHINE_START_HOSTKEYS_H

/*
 * For process 1 of a guest that is confined already, just before it executes init: runs the root's own programs for
 * keys, with the guest's rights and no descriptor but the console, and waits until they have ended, for half a minute
 * at most. None of them can trace the caller, and none is left afterwards. A failure is told on the console alone.
 */
void hostkeys_make(int console_fd);

#endif
