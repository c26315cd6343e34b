/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/desktop/rfb_shown.h"

#include "machine/desktop/rfb_words.h"

#include <errno.h>
#include <string.h>

/* Messages of a display; RFC 6143, section 7.6, and the registry of its section 8. */
enum {
	UPDATE = 0,
	COLOURS = 1,
	BELL = 2,
	CUT_TEXT = 3,
	END_OF_UPDATES = 150,
	FENCE = 248,
	XVP = 250,
};

/* PICTURE: the bytes before that of a rectangle. UNTIL_LAST: a rectangle of its own ends them. */
enum { PICTURE = 12, PICTURE_LONG = 16, EXTENDED_TEXT = 12, UNTIL_LAST = 0xffff };

static long refuse(struct rfb_shown *shown, const char *fault)
{
	shown->fault = fault;
	return -EPROTO;
}

static bool has_length(int32_t encoding)
{
	return encoding == RFB_ZLIB || encoding == RFB_ZRLE || encoding == RFB_SCREENS ||
	       encoding == RFB_NAME;
}

static size_t wanted_of_picture(const struct rfb_shown *shown)
{
	bool more = shown->have >= PICTURE && has_length((int32_t)rfb_number32(shown->head + 8));

	return more ? PICTURE_LONG : PICTURE;
}

static size_t wanted_of_message(const struct rfb_shown *shown)
{
	switch (shown->head[0]) {
	case UPDATE:
	case XVP:
		return 4;
	case COLOURS:
		return 6;
	case BELL:
	case END_OF_UPDATES:
		return 1;
	case CUT_TEXT:
		return rfb_text_is_extended(shown->head, shown->have) ? EXTENDED_TEXT : 8;
	case FENCE:
		return 9;
	default:
		return 0;
	}
}

/* The number of bytes of what comes next that have to be there together. 0: it is not known. */
static size_t wanted(const struct rfb_shown *shown)
{
	switch (shown->state) {
	case SHOWN_GREETS:
		return RFB_VERSION;
	case SHOWN_SECURES:
		return 1;
	case SHOWN_JUDGES:
	case SHOWN_REFUSES:
		return 4;
	case SHOWN_BEGINS:
		return RFB_SHOWN_HEAD;
	case SHOWN_DRAWS:
		return wanted_of_picture(shown);
	case SHOWN_SPEAKS:
	default:
		return wanted_of_message(shown);
	}
}

/* The body of a rectangle whose head is whole; -1: of no encoding that the two can have agreed on. */
static int64_t picture_body(const struct rfb_shown *shown)
{
	const unsigned char *head = shown->head;
	uint64_t width = rfb_number16(head + 4), height = rfb_number16(head + 6);
	uint64_t pixel = shown->viewer->pixel ? shown->viewer->pixel : shown->pixel;

	switch ((int32_t)rfb_number32(head + 8)) {
	case RFB_RAW:
		return (int64_t)(width * height * pixel);
	case RFB_COPY:
		return 4;
	case RFB_ZLIB:
	case RFB_ZRLE:
	case RFB_NAME:
		return rfb_number32(head + PICTURE);
	case RFB_CURSOR:
		return (int64_t)(width * height * pixel + (width + 7) / 8 * height);
	case RFB_SCREENS:
		return 16 * (int64_t)head[PICTURE];
	case RFB_LIGHTS:
		return 1;
	case RFB_SIZE:
	case RFB_QEMU_KEYS:
	case RFB_LAST:
		return 0;
	default:
		return -1;
	}
}

static int take_picture(struct rfb_shown *shown)
{
	int64_t body = picture_body(shown);

	if (body < 0)
		return (int)refuse(shown, "it draws by an encoding that was not agreed on");
	shown->left = (uint64_t)body;
	if ((int32_t)rfb_number32(shown->head + 8) == RFB_LAST)
		shown->pictures = 0;
	else if (shown->pictures != UNTIL_LAST)
		shown->pictures--;
	if (shown->pictures == 0)
		shown->state = SHOWN_SPEAKS;
	return 0;
}

static void take_message(struct rfb_shown *shown)
{
	const unsigned char *head = shown->head;

	switch (head[0]) {
	case UPDATE:
		shown->pictures = rfb_number16(head + 2);
		shown->state = shown->pictures ? SHOWN_DRAWS : SHOWN_SPEAKS;
		break;
	case COLOURS:
		shown->left = 6 * (uint64_t)rfb_number16(head + 4);
		break;
	case CUT_TEXT:
		shown->left = rfb_text_body(head, shown->have);
		/* A question for the viewer's text has none. */
		shown->dropped =
			shown->have == 8 || rfb_text_is_told(head) || shown->viewer->no_paste;
		break;
	case FENCE:
		shown->left = head[8];
		break;
	default:
		break;
	}
}

/* A head is whole. 0 or -EPROTO. */
static int take_head(struct rfb_shown *shown)
{
	const unsigned char *head = shown->head;

	shown->dropped = false;
	switch (shown->state) {
	case SHOWN_GREETS:
		shown->state = SHOWN_SECURES;
		return rfb_is_version(head) ? 0 : (int)refuse(shown, "it does not speak RFB");
	case SHOWN_SECURES:
		shown->left = head[0];
		shown->state = head[0] == 0           ? SHOWN_REFUSES
			       : shown->viewer->older ? SHOWN_BEGINS
						      : SHOWN_JUDGES;
		return 0;
	case SHOWN_JUDGES:
		shown->state = rfb_number32(head) == 0 ? SHOWN_BEGINS : SHOWN_REFUSES;
		return 0;
	case SHOWN_REFUSES:
		shown->left = rfb_number32(head);
		return 0;
	case SHOWN_BEGINS:
		shown->pixel = head[4] / 8;
		shown->left = rfb_number32(head + 20);
		shown->state = SHOWN_SPEAKS;
		return 0;
	case SHOWN_DRAWS:
		return take_picture(shown);
	case SHOWN_SPEAKS:
	default:
		take_message(shown);
		return 0;
	}
}

long rfb_shown_filter(struct rfb_shown *shown, const unsigned char *bytes, size_t n,
		      unsigned char *out)
{
	size_t at = 0, made = 0;

	while (at < n) {
		if (shown->left) {
			size_t taken = rfb_take_body(&shown->left, shown->dropped, bytes + at,
						     n - at, out + made);
			made += shown->dropped ? 0 : taken;
			at += taken;
			continue;
		}
		shown->head[shown->have++] = bytes[at++];
		size_t whole = wanted(shown);
		if (whole > shown->have)
			continue;
		if (whole == 0)
			return refuse(shown, "it sent a message that is not known");
		if (take_head(shown) < 0)
			return -EPROTO;
		if (!shown->dropped) {
			memcpy(out + made, shown->head, shown->have);
			made += shown->have;
		}
		shown->have = 0;
	}
	return (long)made;
}
