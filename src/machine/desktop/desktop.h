/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of desktops: the display server of a machine, which listens on a unix socket inside it, is reached from the
 * host without a port and without a mount. What it sends is not believed, and only carried.
 */
#ifndef BERTH_MACHINE_DESKTOP_DESKTOP_H
#define BERTH_MACHINE_DESKTOP_DESKTOP_H

#include "machine/desktop/viewers.h"
#include "machine/state/machine.h"

#include <limits.h>

enum desktop_place {
	DESKTOP_DISPLAY, /* at desktop.socket; it speaks RFB */
	DESKTOP_SOUND,   /* at desktop.sound; samples come from there */
};

/* A deadline of desktop_connect: a display that is not there yet is not waited for. */
#define DESKTOP_NOW UINT_MAX

/*
 * Connects to a display of a running machine, or to what it plays, as the user that owns the folder of that socket: a
 * process of the host enters the machine's namespaces as that user, and hands the connection out. Waits so many seconds
 * for a display that is not there yet; 0: until five seconds after the boot, half a minute at most. *rdp: it speaks RDP,
 * and no RFB, as the name of its socket tells. A descriptor, or -code: -ENOENT: there is none; -ETIMEDOUT: it does not
 * answer.
 */
int desktop_connect(struct machine *machine, enum desktop_place place, unsigned seconds, bool *rdp,
		    struct err *err);

/*
 * Takes a small picture of the display of a running machine, of the format PNG, or gives the one of a moment ago. It is no
 * use of the machine, and wakes none. A descriptor, or -code.
 */
int desktop_picture(struct machine *machine, struct err *err);

enum desktop_end {
	DESKTOP_LEFT,   /* the viewer closed its side */
	DESKTOP_CLOSED, /* the display closed its side */
};

struct desktop_carriage {
	int display, in, out;    /* borrowed; in, out: of the viewer, and may be the same */
	bool view_only;          /* all by which a viewer acts is taken out (RFC 6143) */
	bool no_paste;           /* texts of the viewer's clipboard do not reach the machine */
	bool no_copy;            /* those of the machine do not reach the viewer */
	struct viewers *viewers; /* borrowed: those with us; NULL: nobody else is heeded */
	/* Borrowed, of signalfd(2); -1: none. SIGUSR1 takes the control and SIGUSR2 gives it up; others end all. */
	int signals, wishes;
	/* Is told who has the control, at the beginning and at each change; NULL: nobody is. */
	void (*tell)(const struct viewers *viewers);
};

/*
 * Carries bytes between a display and a viewer until one of them closes. A viewer that does not have the control acts as
 * little as with view_only: keys, pointer, clipboard and size. -EPROTO: a side sent what is not of the protocol, with
 * view_only, no_paste or no_copy. -EBUSY: what it sends cannot be followed, and another one has the control. Another error: what the display
 * shows could not be written.
 */
int desktop_carry(const struct desktop_carriage *carriage, enum desktop_end *end, struct err *err);

/* Bytes of a moment of sound: 16 bits, little-endian, of two channels, 48000 a second. */
enum { SOUND_FRAME = 4, SOUND_RATE = 48000 };

/*
 * Carries what a desktop plays to a listener until that one goes. What it does not take in time is left out, in whole
 * frames: left_out counts the bytes.
 */
int desktop_play(int sound, int out, uint64_t *left_out, struct err *err);

#endif
