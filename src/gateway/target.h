/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a request asks for, out of its first line and its headers. Pure. */
#ifndef BERTH_GATEWAY_TARGET_H
#define BERTH_GATEWAY_TARGET_H

#include <stdbool.h>

/*
 * Cuts a request target "/PATH?QUERY" in two and decodes the path in place. *query: "" if there is none. -EINVAL: it is
 * no path, or has an escape that is none, or a control character.
 */
int target_split(char *target, const char **query);

/* Whether a client lets the answer wait, and for how many seconds at most: by Prefer: wait=S, or timeout=S. */
unsigned target_patience(const char *prefer, const char *query);

#endif
