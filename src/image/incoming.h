/* A template on its way: nobody sees it before it is whole, and what a kill leaves is swept away. */
#ifndef BERTH_IMAGE_INCOMING_H
#define BERTH_IMAGE_INCOMING_H

#include "base/err.h"
#include "base/site.h"
#include "base/text.h"
#include "storage/storage.h"

/*
 * The volume is "incoming.template.NAME" until all is in it, then "template.NAME"; the template is
 * there once its template.conf is. The lock "template.NAME" is held all the time, so that whoever
 * gets it knows that such a volume, or a template's volume without template.conf, is a leftover.
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
