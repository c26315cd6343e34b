/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image that a server offers, as berth-fetch passes it to berth: a line of text. Both sides check it, since a
 * server's index is not trusted, nor is who has read it. Pure.
 */
#ifndef BERTH_IMAGE_SHARED_OFFER_H
#define BERTH_IMAGE_SHARED_OFFER_H

#include "base/text.h"
#include "image/shared/sha256.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	OFFER_LINE_MAX = 4096,        /* bytes of a line */
	OFFERS_MAX = 8192,            /* lines */
	OFFERS_SIZE_MAX = 8 << 20,    /* bytes of all lines */
	OFFER_METADATA_MAX = 16 << 20 /* bytes of a metadata file */
};
#define OFFER_ROOT_MAX (UINT64_C(64) << 30) /* bytes of a root */

struct offer_file {
	char path[512]; /* below the server's URL; "": there is no such file */
	uint64_t size;
	char sha256[SHA256_HEX + 1];
};

struct offer {
	char product[128], os[64], release[64], variant[64], serial[64];
	char aliases[1024]; /* names, separated by commas */
	char combined[SHA256_HEX +
		      1]; /* sum of metadata and root, one behind the other; "" not known */
	struct offer_file metadata; /* path "": the image is one file, root */
	struct offer_file root;
};

/* NULL, or what is wrong with it, as the end of a sentence: "has ...". */
const char *offer_fault(const struct offer *offer);

/* Adds its line. */
void offer_print(const struct offer *offer, struct text *out);
/* Parses a line without its end, in place; false if it is not as offer_print writes it, or has a fault. */
bool offer_parse(char *line, struct offer *offer);

/* Whether names, separated by commas, has that name; letters of either case are the same. */
bool offer_has_alias(const char *names, const char *name);
/* Whether it is OS/RELEASE or OS/RELEASE/VARIANT ("default" if not given), by an alias or by its parts. */
bool offer_is(const struct offer *offer, const char *wanted);

#endif
