/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filters a guest's output for the terminal of an administrator. Text, lines and colours pass; all other control
 * sequences are removed, because a guest could use them to overwrite the screen, set the clipboard, or make the
 * terminal send answers.
 */
#ifndef BERTH_CMD_MACHINE_LOGFILTER_H
#define BERTH_CMD_MACHINE_LOGFILTER_H

#include "base/text.h"

/* A filter. It is zeroed at first, and keeps its state from one piece of the text to the next. */
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
	char held[32]; /* an incomplete sequence; it passes if it turns out to be a colour */
	size_t length;
};

void logfilter_add(struct logfilter *filter, const char *bytes, size_t n, struct text *out);

#endif
