/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/desktop/rfb.h"

#include "machine/desktop/rfb_words.h"

#include <errno.h>
#include <string.h>

enum {
	SECURITY_NONE = 1,
	SHARED = 1,
	QEMU_KEY = 0,
	QEMU_KEY_LENGTH = 12,
	EXTENDED_TEXT = 12,
	POINTER_PLACE = RFB_KEYS
};

/* Messages of a viewer; RFC 6143, section 7.5, and the registry of its section 8. */
enum {
	SET_PIXEL_FORMAT = 0,
	SET_ENCODINGS = 2,
	UPDATE_REQUEST = 3,
	KEY_EVENT = 4,
	POINTER_EVENT = 5,
	CUT_TEXT = 6,
	CONTINUOUS_UPDATES = 150,
	FENCE = 248,
	XVP = 250,
	SET_DESKTOP_SIZE = 251,
	QEMU = 255,
};

/* A message: the length of its head, and whether it is passed on. The body's length is in the head. */
struct message {
	unsigned char type;
	unsigned char head;
	bool passed;
};

static const struct message messages[] = {
	{ SET_PIXEL_FORMAT, 20, true },   { SET_ENCODINGS, 4, true },  { UPDATE_REQUEST, 10, true },
	{ KEY_EVENT, 8, false },          { POINTER_EVENT, 6, false }, { CUT_TEXT, 8, false },
	{ CONTINUOUS_UPDATES, 10, true }, { FENCE, 9, true },          { XVP, 4, false },
	{ SET_DESKTOP_SIZE, 8, false },   { QEMU, 4, false },
};

bool rfb_is_version(const unsigned char *bytes)
{
	static const char form[] = "RFB 000.000\n";

	for (int i = 0; i < RFB_VERSION; i++) {
		bool digit = bytes[i] >= '0' && bytes[i] <= '9';
		if (form[i] == '0' ? !digit : bytes[i] != form[i])
			return false;
	}
	return true;
}

static long refuse(struct rfb_filter *filter, const char *fault)
{
	filter->fault = fault;
	return -EPROTO;
}

static const struct message *find(unsigned char type)
{
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
		if (messages[i].type == type)
			return &messages[i];
	}
	return NULL;
}

/* The rest of a message of QEMU's other than a key: what is wished of sound. */
static uint64_t qemu(const unsigned char *head)
{
	enum { SOUND = 1, SOUND_FORMAT = 2 };

	return head[1] == SOUND && rfb_number16(head + 2) == SOUND_FORMAT ? 6 : 0;
}

static uint64_t body_of(const unsigned char *head, size_t have)
{
	switch (head[0]) {
	case SET_ENCODINGS:
		return 4 * (uint64_t)rfb_number16(head + 2);
	case CUT_TEXT:
		return rfb_text_body(head, have);
	case FENCE:
		return head[8];
	case SET_DESKTOP_SIZE:
		return 16 * (uint64_t)head[6];
	case QEMU:
		return qemu(head);
	default:
		return 0;
	}
}

/* The number of bytes of what comes next that have to be there together. 0: nothing begins with that byte. */
static size_t wanted(const struct rfb_filter *filter, unsigned char first)
{
	const struct message *message;

	switch (filter->state) {
	case RFB_GREETS:
		return RFB_VERSION;
	case RFB_SECURES:
	case RFB_BEGINS:
		return 1;
	case RFB_SPEAKS:
	default:
		message = find(first);
		/* The second byte of QEMU's tells what it is. */
		if (first == QEMU && filter->have > 1 && filter->head[1] == QEMU_KEY)
			return QEMU_KEY_LENGTH;
		if (first == CUT_TEXT && rfb_text_is_extended(filter->head, filter->have))
			return EXTENDED_TEXT;
		return message ? message->head : 0;
	}
}

/* Whether rfb_shown.c can follow a display that uses it. Wishes of quality and compression have no answers. */
static bool is_followed(const struct rfb_filter *filter, int32_t encoding)
{
	enum { COMPRESS = -256, COMPRESS_END = -247, QUALITY = -32, QUALITY_END = -23 };
	enum { FINE = -512, FINE_END = -412 };
	static const int32_t known[] = { RFB_RAW,  RFB_COPY,    RFB_ZLIB,   RFB_ZRLE,
					 RFB_SIZE, RFB_LAST,    RFB_CURSOR, RFB_LIGHTS,
					 RFB_NAME, RFB_SCREENS, RFB_FENCE,  RFB_QEMU_KEYS,
					 RFB_XVP,  RFB_UPDATES };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (known[i] == encoding)
			return true;
	}
	return (encoding >= COMPRESS && encoding <= COMPRESS_END) ||
	       (encoding >= QUALITY && encoding <= QUALITY_END) ||
	       (encoding >= FINE && encoding <= FINE_END) ||
	       (encoding == RFB_TEXTS && !filter->no_paste);
}

/*
 * Extended pointer events make a message that may be a byte longer, which only the display's answers would tell. A
 * display uses no encoding that the viewer has not announced.
 */
static void disguise(const struct rfb_filter *filter, unsigned char *encoding)
{
	static const unsigned char unused[] = { RFB_UNUSED >> 24, RFB_UNUSED >> 16 & 0xff,
						RFB_UNUSED >> 8 & 0xff, RFB_UNUSED & 0xff };
	int32_t number = (int32_t)rfb_number32(encoding);

	if (number == RFB_POINTER || (filter->no_copy && !is_followed(filter, number)))
		memcpy(encoding, unused, 4);
}

static bool is_key(const unsigned char *head)
{
	return head[0] == KEY_EVENT || (head[0] == QEMU && head[1] == QEMU_KEY);
}

static bool goes_down(const unsigned char *head)
{
	return head[0] == QEMU ? head[1] == QEMU_KEY && (head[2] | head[3]) != 0
			       : (head[0] == KEY_EVENT || head[0] == POINTER_EVENT) && head[1] != 0;
}

/* Turns the message that presses something into the one that lets it go. */
static void turn_up(unsigned char *head)
{
	head[head[0] == QEMU ? 3 : 1] = 0;
	if (head[0] == QEMU)
		head[2] = 0;
}

/* A key or a pointer is passed on: keeps what lets it go, or forgets it. Keys beyond RFB_KEYS are not kept. */
static void note_pressed(struct rfb_filter *filter)
{
	unsigned char up[RFB_HEAD];
	size_t length = filter->have, first = 0, most = RFB_KEYS;
	bool down = goes_down(filter->head);

	if (!is_key(filter->head) && filter->head[0] != POINTER_EVENT)
		return;
	memcpy(up, filter->head, length);
	turn_up(up);
	if (filter->head[0] == POINTER_EVENT)
		first = POINTER_PLACE, most = POINTER_PLACE + 1;
	for (size_t i = first; i < most; i++) {
		bool same = filter->pressed_length[i] == length &&
			    (first == POINTER_PLACE || memcmp(filter->pressed[i], up, length) == 0);
		if (same)
			filter->pressed_length[i] = 0;
	}
	for (size_t i = first; down && i < most; i++) {
		if (filter->pressed_length[i] == 0) {
			memcpy(filter->pressed[i], up, length);
			filter->pressed_length[i] = (unsigned char)length;
			return;
		}
	}
}

size_t rfb_let_go(struct rfb_filter *filter, unsigned char *out)
{
	size_t made = 0;

	if (filter->left && !filter->dropped)
		return 0;
	for (size_t i = 0; i <= RFB_KEYS; i++) {
		memcpy(out + made, filter->pressed[i], filter->pressed_length[i]);
		made += filter->pressed_length[i];
		filter->pressed_length[i] = 0;
	}
	return made;
}

/* A text, unless it is only asked for, or it is told what the viewer can do. */
static bool is_text(const struct rfb_filter *filter)
{
	return filter->head[0] == CUT_TEXT &&
	       (filter->have < EXTENDED_TEXT || rfb_text_is_told(filter->head));
}

/* The bytes of pictures that are on their way would have another length. */
static bool changes_pixels(struct rfb_filter *filter)
{
	unsigned char pixel = filter->head[4] / 8, before = filter->pixel;

	if (filter->head[0] == UPDATE_REQUEST)
		filter->asked = true;
	if (filter->head[0] != SET_PIXEL_FORMAT)
		return false;
	filter->pixel = pixel;
	return filter->no_copy && filter->asked && pixel != before;
}

static long take_message(struct rfb_filter *filter)
{
	unsigned char *head = filter->head;
	bool passed =
		find(*head)->passed || (filter->may_act && !(filter->no_paste && is_text(filter)) &&
					filter->may_act(filter->context, goes_down(head)));

	if (changes_pixels(filter))
		return refuse(filter, "it wants other pixels after the first picture, which cannot "
				      "be followed while desktop.clipboard is in or off");
	filter->left = *head == QEMU && head[1] == QEMU_KEY ? 0 : body_of(head, filter->have);
	filter->dropped = !passed;
	filter->encodings = *head == SET_ENCODINGS;
	if (passed)
		note_pressed(filter);
	return filter->dropped ? 0 : (long)filter->have;
}

/* A head is whole: the number of its bytes that are passed on, in filter->head. */
static long take_head(struct rfb_filter *filter)
{
	unsigned char *head = filter->head;

	switch (filter->state) {
	case RFB_GREETS:
		if (!rfb_is_version(head))
			return refuse(filter, "it does not speak RFB");
		/* Older versions let the display choose how a viewer proves itself, in a message that would have to be read. */
		if (memcmp(head, "RFB 003.007\n", RFB_VERSION) != 0 &&
		    memcmp(head, "RFB 003.008\n", RFB_VERSION) != 0)
			return refuse(filter, "only versions 3.7 and 3.8 of RFB can be filtered");
		filter->older = head[10] == '7';
		filter->state = RFB_SECURES;
		return RFB_VERSION;
	case RFB_SECURES:
		if (*head != SECURITY_NONE)
			return refuse(filter, "only displays without a password can be filtered");
		filter->state = RFB_BEGINS;
		return 1;
	case RFB_BEGINS:
		/* A viewer that does not share would throw the others out. */
		*head = SHARED;
		filter->state = RFB_SPEAKS;
		return 1;
	case RFB_SPEAKS:
	default:
		return take_message(filter);
	}
}

/* Encodings are looked at one by one, each as if it were a head. */
static size_t take_encoding(struct rfb_filter *filter, unsigned char byte, unsigned char *out)
{
	filter->head[filter->have++] = byte;
	filter->left--;
	if (filter->have < 4)
		return 0;
	disguise(filter, filter->head);
	memcpy(out, filter->head, 4);
	filter->have = 0;
	return 4;
}

/* A message that cannot be followed, as far as it has come, and all behind it are passed on as they are. */
static size_t become_opaque(struct rfb_filter *filter, unsigned char *out)
{
	size_t have = filter->have;

	memcpy(out, filter->head, have);
	filter->opaque = true;
	filter->have = 0;
	return have;
}

long rfb_filter(struct rfb_filter *filter, const unsigned char *bytes, size_t n, unsigned char *out)
{
	size_t at = 0, made = 0;

	while (at < n) {
		if (filter->opaque) {
			memcpy(out + made, bytes + at, n - at);
			return (long)(made + n - at);
		}
		if (filter->left && filter->encodings) {
			made += take_encoding(filter, bytes[at++], out + made);
			continue;
		}
		if (filter->left) {
			size_t taken = rfb_take_body(&filter->left, filter->dropped, bytes + at,
						     n - at, out + made);
			made += filter->dropped ? 0 : taken;
			at += taken;
			continue;
		}
		filter->head[filter->have++] = bytes[at++];
		size_t whole = wanted(filter, filter->head[0]);
		if (whole > 0 && filter->have < whole)
			continue;
		long passed = whole == 0 ? refuse(filter, "it sent a message that is not known")
					 : take_head(filter);
		if (passed < 0 && !filter->lenient)
			return passed;
		if (passed < 0) {
			made += become_opaque(filter, out + made);
			continue;
		}
		memcpy(out + made, filter->head, (size_t)passed);
		made += (size_t)passed;
		filter->have = 0;
	}
	return (long)made;
}
