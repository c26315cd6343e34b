/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources of images: image servers, registries, files and folders of this host. Each is a table of functions in a file
 * of its own, as storage drivers are; source.c has the list of them, and the steps that they share.
 */
#ifndef BERTH_IMAGE_SOURCE_SOURCE_H
#define BERTH_IMAGE_SOURCE_SOURCE_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/text.h"
#include "image/pack/pack.h"
#include "image/shared/offer.h"
#include "image/source/download.h"
#include "image/source/remote.h"
#include "image/unpack/unpack.h"
#include "storage/storage.h"

#include <stdbool.h>

struct source_ops;

/* An image that a template is made of. */
struct source {
	const struct source_ops *ops;
	const struct dirs *dirs; /* borrowed */
	/* An image of a remote. */
	char remote[64], image[128]; /* the halves of "images:alpine/3.22" */
	char *url;                   /* owned: of the remote; NULL: it is in files of this host */
	/* An image in files. */
	const char *path, *metadata; /* borrowed: as of template_image */
	/* Set by begin: */
	struct offer
		offer; /* of an image of a remote; serial "": its version is known after fetch only */
	char lock[32]; /* of an image of a remote: name of the lock of its files */
	/* Set by begin or fetch: */
	struct unpack_input input; /* its descriptors are the source's; facts is not used */
	char *what;             /* owned: names the image in sentences; of a remote also its URL */
	char *aliases;          /* owned: of an image of a remote, separated by commas */
	char *description;      /* owned: of the template, if the image has none itself */
	char *origin;           /* owned: key "origin" of template.conf */
	struct text settings;   /* presets of the template, lines of template.conf */
	struct text notes;      /* remarks, a line each */
	struct packing packing; /* writes into input.archive_fd */
	bool packs;             /* packing was begun */
	/* The source's own. */
	char *folder; /* owned */
	int lock_fd;  /* owned */
};

struct source_ops {
	const char *noun; /* names the kind of image in sentences */
	bool ordered;     /* a later version can be told from an earlier one */
	/* Whether the image is one of this source, by its url or its path. The first source that fits is taken. */
	bool (*fits)(const struct source *source);
	/* Finds the image, and fills in what is known of it. */
	int (*begin)(struct source *source, struct err *err);
	/* Fetches the files of an image of a remote, under its lock. NULL: begin has opened them. */
	int (*fetch)(struct source *source, const struct download_watch *watch, struct err *err);
	/* Lists the images of a remote. NULL: it cannot be searched. */
	int (*list)(const struct dirs *dirs, const char *remote, const char *url,
		    struct catalogue *catalogue, struct err *err);
	/* Releases what it has fetched; made: a template was made of it. NULL: there is nothing. */
	void (*end)(struct source *source, bool made);
};

/* The sources, one a file. */
extern const struct source_ops source_archive, source_container, source_folder, source_registry,
	source_server, source_tree;

/* tree.c: begins to read a folder as a tar; shift: as the document of struct pack. 0 or -code. */
int source_pack(struct source *source, const char *folder, const struct text *shift,
		struct err *err);

/* "images:alpine/3.22" into its halves. */
int source_split(const char *word, char remote[64], char image[128], struct err *err);

/* Whether later versions can be told from earlier ones, of the source with that URL. */
bool source_is_ordered(const char *url);

/* Finds an image of a remote. word: "REMOTE:OS/RELEASE[/VARIANT]". -ENOENT with the nearest names. */
int source_begin(struct source *source, const struct dirs *dirs, const char *word, struct err *err);
/* Whether a template made of that image could have that name: 0, 1: it is there already, or -code in words. */
int source_check_name(struct source *source, const char *name, struct err *err);
/*
 * Waits for another command with the same image, then fetches its files, unless a template of that name was made of it
 * meanwhile: 1. 0: the files are there, checked.
 */
int source_fetch(struct source *source, const char *name, const struct download_watch *watch,
		 struct err *err);
/* Makes the template of the files; notes as of template_import. */
int source_unpack(struct source *source, const char *name, struct pool *pool, struct text *notes,
		  struct err *err);
void source_end(struct source *source);
#define scoped_source __attribute__((cleanup(source_end)))
/* A source that source_end may be called on. */
#define SOURCE_NONE                                          \
	{                                                    \
		.lock_fd = -1, .input = { -1, -1, -1, NULL } \
	}

/* The images that a remote has for this host. -ENOTSUP: it cannot be searched. */
int source_catalogue(const struct dirs *dirs, const char *remote, struct catalogue *catalogue,
		     struct err *err);

#endif
