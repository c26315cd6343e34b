/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A template on its way: nobody sees it before it is whole, and what a kill leaves is swept away. */
#ifndef BERTH_IMAGE_INCOMING_H
#define BERTH_IMAGE_INCOMING_H

#include "base/err.h"
#include "base/site.h"
#include "base/text.h"
#include "storage/storage.h"

/*
 * The volume is "incoming.template.NAME" until all is in it, which marks it as a leftover for whoever has
 * the lock "template.NAME", held all the time; then it is "template.NAME", and templates/.unfinished/NAME
 * (base/unfinished.h) is what marks it, until that becomes template.conf.
 */
struct incoming {
	const struct site *site;          /* borrowed */
	struct pool *pool;                /* borrowed */
	const char *name;                 /* borrowed */
	int lock_fd;                      /* owned */
	char volume[VOLUME_NAME_MAX + 1]; /* "" once it has got its own name, or was never made */
};

/* Takes the lock, sweeps, refuses a name that is taken, makes the volume. */
int incoming_begin(struct incoming *incoming, const struct site *site, struct pool *pool,
		   const char *name, struct err *err);

/*
 * Looks at what is there now, refuses what no machine can run from, and makes it the template.
 * Remarks for the user go to notes (may be NULL), a line each.
 */
int incoming_commit(struct incoming *incoming, const char *description, struct text *notes,
		    struct err *err);

/* Lets go; a volume that was not committed is destroyed. Accepts what begin left half-made. */
void incoming_end(struct incoming *incoming);
#define scoped_incoming __attribute__((cleanup(incoming_end)))

#endif
