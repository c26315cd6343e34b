/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates from image servers: [remote NAME] of berth.conf, and the image that REMOTE:OS/RELEASE names there. */
#ifndef BERTH_IMAGE_PULL_H
#define BERTH_IMAGE_PULL_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/text.h"
#include "image/download.h"
#include "image/offer.h"
#include "storage/storage.h"

#include <stdbool.h>

/* The server that is there without berth.conf. */
#define REMOTE_DEFAULT "images"

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
int catalogue_fetch(const struct dirs *dirs, const char *remote, struct catalogue *catalogue,
		    struct err *err);
void catalogue_free(struct catalogue *catalogue);

/* Whether a word names an image of a server: "REMOTE:...". */
bool pull_is_remote(const char *word);

/* An image that is pulled. */
struct pull {
	const struct dirs *dirs; /* borrowed */
	char remote[64];
	char image[128]; /* "alpine/3.22" */
	char *url;       /* owned: the server's */
	struct offer offer;
	int lock_fd;              /* owned */
	int metadata_fd, root_fd; /* owned */
	/* Those of a registry's image; NULL for one of a server. */
	char *name;   /* owned: as skopeo takes it */
	char *folder; /* owned: where its files are, after pull_fetch */
};

/* Finds the image at its server. word: "REMOTE:OS/RELEASE[/VARIANT]". -ENOENT with the nearest names. */
int pull_begin(struct pull *pull, const struct dirs *dirs, const char *word, struct err *err);
/*
 * Waits for another pull of the same image, then fetches its files, unless a template of that name was made of it
 * meanwhile: 1. 0: the files are there, checked.
 */
int pull_fetch(struct pull *pull, const char *name, const struct download_watch *watch,
	       struct err *err);
/* Makes the template of the files; notes as of template_import. */
int pull_unpack(struct pull *pull, const char *name, struct pool *pool, struct text *notes,
		struct err *err);
void pull_end(struct pull *pull);
#define scoped_pull __attribute__((cleanup(pull_end)))

/* The name of a template made of image "alpine/3.22" if none is given: "alpine-3-22". */
void pull_name(const char *image, char name[64]);

/*
 * The template made last of an image of a word REMOTE:..., without asking the server; the caller frees it. NULL: there
 * is none.
 */
char *pull_find_local(const struct dirs *dirs, const char *word, struct err *err);

/*
 * The word to pull a newer one of a template by, and its version; the caller frees both. -EINVAL: it came from no server.
 */
int pull_origin(const struct dirs *dirs, const char *template, char **word, char **serial,
		struct err *err);

#endif
