/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A filter of the bytes that a display sends, by the protocol RFB: it takes the texts of the machine's clipboard out. It
 * follows all else, for which the viewer's filter lets the two agree only on what is known here. Pure.
 */
#ifndef BERTH_MACHINE_DESKTOP_RFB_SHOWN_H
#define BERTH_MACHINE_DESKTOP_RFB_SHOWN_H

#include "machine/desktop/rfb.h"

enum { RFB_SHOWN_HEAD = 24 };

struct rfb_shown {
	const struct rfb_filter *viewer; /* borrowed: what the two have agreed on */
	enum {
		SHOWN_GREETS,
		SHOWN_SECURES,
		SHOWN_JUDGES,
		SHOWN_REFUSES,
		SHOWN_BEGINS,
		SHOWN_SPEAKS,
		SHOWN_DRAWS
	} state;
	unsigned char head[RFB_SHOWN_HEAD]; /* the beginning of a message, kept until it is whole */
	size_t have;
	uint64_t left; /* bytes of its body that are still to come */
	bool dropped;
	unsigned pixel;    /* bytes of one, as the display has begun */
	unsigned pictures; /* rectangles of an update that are still to come */
	const char *fault; /* why the display was refused, of static life; NULL: it was not */
};

/* Filters n bytes into out, which has room for n + RFB_SHOWN_HEAD. As rfb_filter. */
long rfb_shown_filter(struct rfb_shown *shown, const unsigned char *bytes, size_t n,
		      unsigned char *out);

#endif
