/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image that is open, made into a template: what templates from files and from servers share. */
#ifndef BERTH_IMAGE_SOURCE_IMPORT_H
#define BERTH_IMAGE_SOURCE_IMPORT_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/text.h"
#include "image/template/incoming.h"
#include "image/unpack/unpack.h"

struct import {
	struct unpack_input input;
	const char *noun, *what;     /* borrowed: kind and name of the image, for sentences */
	const char *description;     /* borrowed; for an image whose metadata have none */
	const char *origin;          /* borrowed: what template.conf tells of it */
	const struct text *settings; /* borrowed: presets of the template, or nothing */
	/* Called when the image was read, with the result, which it may replace; or NULL. */
	int (*settle)(void *context, int result, struct err *err);
	void *context;
	const struct pulled_image *pulled; /* borrowed; NULL: it comes from no server */
};

/* The ids of who reads an image: none of the host's own. */
int import_ids(const struct dirs *dirs, struct idmap *map, struct err *err);

/* A detached, read-only mount of a folder, for an unpack_input. The descriptor is the caller's, or -code. */
int import_open_folder(const char *path, struct err *err);

/* Unpacks the image into a new template. notes: as of template_import. */
int import_opened(const struct dirs *dirs, const char *name, struct pool *pool,
		  const struct import *import, struct text *notes, struct err *err);

#endif
