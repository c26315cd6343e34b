/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/logfilter.h"

#include <ctype.h>
#include <string.h>

/* A control sequence of ECMA-48, 5.4: parameters, intermediates, then a final byte. Only a plain SGR is shown. */
static void take_csi(struct logfilter *filter, unsigned char c, struct text *out)
{
	if (filter->length < sizeof filter->held)
		filter->held[filter->length++] = (char)c;
	if (c < 0x40)
		return;
	bool colour = c == 'm' && filter->length < sizeof filter->held;
	for (size_t i = 2; i + 1 < filter->length; i++)
		colour = colour &&
			 (isdigit((unsigned char)filter->held[i]) || strchr(";:", filter->held[i]));
	if (colour)
		text_add_bytes(out, filter->held, filter->length);
	filter->state = LOG_TEXT;
}

static void take_escape(struct logfilter *filter, unsigned char c)
{
	if (c == '[') {
		memcpy(filter->held, "\033[", 2);
		filter->length = 2;
		filter->state = LOG_CSI;
	} else if (strchr("]PX^_", c) && c) {
		filter->state = LOG_STRING;
	} else if (c >= 0x20 && c < 0x30) {
		filter->state = LOG_SHORT;
	} else {
		filter->state = c == 033 ? LOG_ESCAPE : LOG_TEXT;
	}
}

static void take_text(struct logfilter *filter, unsigned char c, struct text *out)
{
	if (c == 033)
		filter->state = LOG_ESCAPE;
	else if (c == 0xc2)
		filter->state = LOG_C2;
	else if ((c >= 0x20 && c != 0x7f) || strchr("\n\t\r", c))
		text_add_bytes(out, &c, c != 0);
}

/* A control character or a new escape ends a sequence early, and is then handled itself. */
static void take(struct logfilter *filter, unsigned char c, struct text *out)
{
	switch (filter->state) {
	case LOG_TEXT:
		take_text(filter, c, out);
		break;
	case LOG_C2: /* C2 and that byte encode U+0080 to U+009F, which some terminals take for escapes */
		filter->state = LOG_TEXT;
		if (c >= 0xa0 && c < 0xc0)
			text_add_bytes(out, (char[]){ (char)0xc2, (char)c }, 2);
		else if (c < 0x80 || c >= 0xc0)
			take_text(filter, c, out);
		break;
	case LOG_ESCAPE:
		take_escape(filter, c);
		break;
	case LOG_CSI:
		if (c < 0x20) {
			filter->state = LOG_TEXT;
			take_text(filter, c, out);
		} else {
			take_csi(filter, c, out);
		}
		break;
	case LOG_STRING:
		if (c == 033)
			filter->state = LOG_STRING_ESCAPE;
		else if (c == 007 || c == '\n')
			filter->state = LOG_TEXT;
		break;
	case LOG_STRING_ESCAPE:
		filter->state = LOG_TEXT;
		if (c != '\\')
			take_escape(filter, c);
		break;
	case LOG_SHORT:
		if (c >= 0x30 || c < 0x20)
			filter->state = LOG_TEXT;
		break;
	}
}

void logfilter_add(struct logfilter *filter, const char *bytes, size_t n, struct text *out)
{
	for (size_t i = 0; i < n; i++)
		take(filter, (unsigned char)bytes[i], out);
}
