/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The child of a socket as the router describes it, and the controls of a client. Both are JSON. */
#ifndef BERTH_GATEWAY_ATTACH_H
#define BERTH_GATEWAY_ATTACH_H

#include "gateway/websocket.h"

#include <stdbool.h>
#include <stddef.h>

enum { ATTACH_WORDS = 256 };

struct attach {
	char *words[ATTACH_WORDS + 1]; /* owned; the first one is the router's own program */
	char *as;                      /* owned: REMOTE_USER, or NULL */
	bool terminal;                 /* on a pseudo-terminal, whose bytes are binary messages */
	bool raw; /* binary messages are the bytes of standard input and output */
};

/* Reads {"argv": [...], "terminal": BOOL, "raw": BOOL, "as": USER}. 0 or -EINVAL. Freed by attach_free. */
int attach_read(struct attach *attach, const char *json);
void attach_free(struct attach *attach);

/* A message of text by a client: one of the two. */
struct attach_wish {
	unsigned short columns, rows; /* {"resize": {"columns": C, "rows": R}}; 0: it is none */
	int signal; /* {"signal": "INT"}, {"control": "take"} or "give"; 0: it is none */
};

/* 0 or -EINVAL, for which attach_no_wish is the answer. */
extern const char attach_no_wish[];
int attach_wish(struct attach_wish *wish, const char *json, size_t length);

#endif
