/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of desktops: the display server of a machine, which listens on a unix socket inside it, is reached from the
 * host without a port and without a mount. What it sends is not believed, and only carried.
 */
#ifndef BERTH_MACHINE_DESKTOP_DESKTOP_H
#define BERTH_MACHINE_DESKTOP_DESKTOP_H

#include "machine/state/machine.h"

/*
 * Connects to the display of a running machine, at desktop.socket, as the user that owns the folder of that socket: a
 * process of the host enters the machine's namespaces as that user, and hands the connection out. Waits so many seconds
 * for a display that is not there yet; 0: until five seconds after the boot, half a minute at most. A descriptor, or
 * -code: -ENOENT: there is none; -ETIMEDOUT: it does not answer.
 */
int desktop_connect(struct machine *machine, unsigned seconds, struct err *err);

enum desktop_end {
	DESKTOP_LEFT,   /* the viewer closed its side */
	DESKTOP_CLOSED, /* the display closed its side */
};

/*
 * Carries bytes between a display and a viewer until one of them closes. in, out: borrowed, of the viewer, and may be
 * the same. With view_only, all by which a viewer acts is taken out of what it sends (RFC 6143): keys, pointer, clipboard
 * and size. -EPROTO: a viewer sent what is not of the protocol, with view_only. Another error: what the display shows
 * could not be written.
 */
int desktop_carry(int display, int in, int out, bool view_only, enum desktop_end *end,
		  struct err *err);

#endif
