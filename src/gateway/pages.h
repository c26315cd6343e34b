/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of the page: those that were there when the program started, and no others. */
#ifndef BERTH_GATEWAY_PAGES_H
#define BERTH_GATEWAY_PAGES_H

#include "base/err.h"

#include <microhttpd.h>
#include <stdbool.h>

enum { PAGES = 512 };

struct page {
	char *path;       /* owned: as a browser asks for it, "/app.mjs" */
	const char *type; /* of static life */
};

/* Zeroed: none. */
struct pages {
	int folder; /* owned */
	struct page all[PAGES];
	size_t count;
};

/* Reads the list. 0, also if there is no such folder; or -code. */
int pages_open(struct pages *pages, const char *folder, struct err *err);
void pages_close(struct pages *pages);

/* The page of a path, "/" being /index.html. NULL: there is none. */
const struct page *pages_find(const struct pages *pages, const char *path);
/* A response with it, and its status. known: the client's If-None-Match, or NULL. NULL: it is gone. */
struct MHD_Response *pages_read(const struct pages *pages, const struct page *page,
				const char *known, unsigned *status);

#endif
