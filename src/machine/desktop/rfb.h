/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A filter of the bytes that a viewer sends to a display, by the protocol RFB (RFC 6143, and the extensions of its
 * community): it takes all out by which a viewer acts, or the texts of its clipboard. Pure.
 */
#ifndef BERTH_MACHINE_DESKTOP_RFB_H
#define BERTH_MACHINE_DESKTOP_RFB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFB_ADDED: bytes that a filter may add to what it was given. */
enum { RFB_VERSION = 12, RFB_HEAD = 20, RFB_KEYS = 8, RFB_ADDED = (RFB_KEYS + 2) * RFB_HEAD };

struct rfb_filter {
	/* Whether what comes may act; press: a key or button goes down. NULL: nothing may. */
	bool (*may_act)(void *context, bool press);
	void *context;
	bool lenient;  /* what cannot be followed makes it opaque, and is no fault */
	bool no_paste; /* texts of the viewer's clipboard are taken out */
	bool no_copy; /* those of the machine are, by rfb_shown.h: only what that knows is agreed on */
	bool opaque; /* all bytes are passed on from here */
	bool older;  /* version 3.7 */
	bool asked;  /* a picture was asked for */
	unsigned char
		pixel; /* bytes of one, as the viewer wants them; 0: as the display has begun */
	enum { RFB_GREETS, RFB_SECURES, RFB_BEGINS, RFB_SPEAKS } state;
	unsigned char head[RFB_HEAD]; /* the beginning of a message, kept until it is whole */
	size_t have;
	uint64_t left;  /* bytes of its body that are still to come */
	bool dropped;   /* the body is that of a message that is not passed on */
	bool encodings; /* the body is a list of encodings */
	/* Messages of what is pressed, by which it is let go. A length of 0: none. */
	unsigned char pressed[RFB_KEYS + 1][RFB_HEAD], pressed_length[RFB_KEYS + 1];
	const char *fault; /* why the viewer was refused, of static life; NULL: it was not */
};

/*
 * Filters n bytes into out, which has room for n + RFB_ADDED. The number of bytes that are to be passed on; or -EPROTO,
 * with fault, and nothing more may be passed on.
 */
long rfb_filter(struct rfb_filter *filter, const unsigned char *bytes, size_t n,
		unsigned char *out);

/*
 * Writes into out, which has room for RFB_ADDED, what lets go all that is pressed, and forgets it. The number of bytes; 0
 * too when a message that is passed on has not ended.
 */
size_t rfb_let_go(struct rfb_filter *filter, unsigned char *out);

/* Whether these RFB_VERSION bytes are the greeting of a display server. */
bool rfb_is_version(const unsigned char *bytes);

#endif
