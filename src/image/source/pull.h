/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates that were pulled: the words that name images of remotes, and the templates that were made of them. */
#ifndef BERTH_IMAGE_SOURCE_PULL_H
#define BERTH_IMAGE_SOURCE_PULL_H

#include "base/dirs.h"
#include "base/err.h"

#include <stdbool.h>

/* Whether a word names an image of a remote: "REMOTE:...". */
bool pull_is_remote(const char *word);

/* The name of a template made of image "alpine/3.22" if none is given: "alpine-3-22". */
void pull_name(const char *image, char name[64]);

/*
 * The template made last of an image of a word REMOTE:..., without asking the server; the caller frees it. NULL: there
 * is none.
 */
char *pull_find_local(const struct dirs *dirs, const char *word, struct err *err);

/* Whether a template was made of an image of that word, or is gone, so that this is not known any more. */
bool pull_may_be_of(const struct dirs *dirs, const char *template, const char *word);

/*
 * The word to pull a newer one of a template by, and its version; the caller frees both. -EINVAL: it came from no
 * server.
 */
int pull_origin(const struct dirs *dirs, const char *template, char **word, char **serial,
		struct err *err);

#endif
