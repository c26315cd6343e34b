/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Image servers and registries: [remote NAME] of berth.conf, and the images that a server has. */
#ifndef BERTH_IMAGE_SOURCE_REMOTE_H
#define BERTH_IMAGE_SOURCE_REMOTE_H

#include "base/dirs.h"
#include "base/err.h"
#include "image/shared/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The server and the registry that are there without berth.conf. */
#define REMOTE_DEFAULT   "images"
#define REGISTRY_DEFAULT "docker"

/*
 * Calls visit with each server, that of berth.conf and then the default one unless berth.conf has one of its name. 0 or
 * what visit returned.
 */
int remote_list(const struct dirs *dirs,
		int (*visit)(void *, const char *name, const char *url, bool built_in),
		void *context, struct err *err);
/* The URL of a server, which the caller frees. -ENOENT with the nearest name. */
int remote_url(const struct dirs *dirs, const char *name, char **url, struct err *err);
/* Adds a server to berth.conf, or removes it there. -EEXIST, -ENOENT by name. */
int remote_add(const struct dirs *dirs, const char *name, const char *url, struct err *err);
int remote_remove(const struct dirs *dirs, const char *name, struct err *err);

/* The images that a server has for this host. */
struct catalogue {
	struct offer *offers; /* owned; sorted by names */
	size_t count;
	uint64_t skipped; /* images with faults, which were left out */
	char why[200];    /* the first of those faults */
};
/* Asks the server of that name at that URL. */
int catalogue_fetch(const struct dirs *dirs, const char *remote, const char *url,
		    struct catalogue *catalogue, struct err *err);
void catalogue_free(struct catalogue *catalogue);

#endif
