/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest wrote, made fit for the terminal of an administrator: text, lines and colours stay;
 * every other control sequence goes, since with them a guest could draw over what is there, set
 * the clipboard, or have the terminal type answers.
 */
#ifndef BERTH_CMD_LOGFILTER_H
#define BERTH_CMD_LOGFILTER_H

#include "base/text.h"

/* Zeroed to begin with; kept from one piece of the text to the next. */
struct logfilter {
	enum {
		LOG_TEXT,
		LOG_ESCAPE,
		LOG_CSI,
		LOG_STRING,
		LOG_STRING_ESCAPE,
		LOG_SHORT,
		LOG_C2
	} state;
	char held[32]; /* a sequence so far, shown if it turns out to be a colour */
	size_t length;
};

void logfilter_add(struct logfilter *filter, const char *bytes, size_t n, struct text *out);

#endif
