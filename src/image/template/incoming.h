/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A template in the making: invisible until it is complete, and removed by the next command after a kill. */
#ifndef BERTH_IMAGE_TEMPLATE_INCOMING_H
#define BERTH_IMAGE_TEMPLATE_INCOMING_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/text.h"
#include "storage/storage.h"

#include <stdbool.h>

/*
 * The volume is named "incoming.template.NAME" while it is filled; a volume of that name is a leftover if the lock
 * "template.NAME" is free, since the maker holds it all the time. Then the volume is renamed to "template.NAME", and
 * templates/.unfinished/NAME (base/unfinished.h) marks it, until that becomes template.conf.
 */
/* The image of a server that a template was made of; all borrowed. The keys image.* of template.conf(5). */
struct pulled_image {
	const char *aliases, *product, *remote, *serial, *sha256, *url;
};

struct incoming {
	const struct dirs *dirs; /* borrowed */
	struct pool *pool;       /* borrowed */
	const char *name;        /* borrowed */
	const char *origin;      /* borrowed: what template.conf tells of it; NULL: nothing */
	uint64_t used;           /* bytes that its root takes, once it is complete; 0: unknown */
	bool copied;             /* it shares what it has with another volume */
	bool cached;             /* it becomes a step of a build */
	bool replaces;           /* a template of its name is there, and is replaced */
	const struct template_config
		*model; /* borrowed; its presets are taken over; NULL: it has none */
	int lock_fd;    /* owned */
	const struct pulled_image
		*pulled; /* borrowed; NULL: it comes from no server; set after incoming_begin */
	const struct template_config *
		app; /* borrowed: of an image, taken over if machines run its program; NULL: it has none */
	char volume[VOLUME_NAME_MAX + 1]; /* "" after it was renamed, or if it was never made */
};

/*
 * Takes the lock, removes leftovers, and refuses a name in use; the volume has its name and is to be made. replace: a
 * template of that name in that pool is replaced at the commit.
 */
int incoming_claim(struct incoming *incoming, const struct dirs *dirs, struct pool *pool,
		   const char *name, bool replace, struct err *err);
/* Makes the volume of one that was claimed: a copy of a volume of that pool. */
int incoming_copy(struct incoming *incoming, struct pool *from, const char *volume,
		  struct err *err);

/* Claims the name and makes an empty volume. */
int incoming_begin(struct incoming *incoming, const struct dirs *dirs, struct pool *pool,
		   const char *name, struct err *err);

/*
 * Inspects the volume, refuses one that no machine can run from, and makes it the template. Remarks for the user go to
 * notes (may be NULL), a line each.
 */
int incoming_commit(struct incoming *incoming, const char *description, struct text *notes,
		    struct err *err);

/* Releases the lock, and destroys a volume that was not committed. Also after a failed incoming_begin. */
void incoming_end(struct incoming *incoming);
#define scoped_incoming __attribute__((cleanup(incoming_end)))

#endif
