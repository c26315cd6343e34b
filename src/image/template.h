/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates: read-only volumes to launch machines from, with what is known of them. */
#ifndef BERTH_IMAGE_TEMPLATE_H
#define BERTH_IMAGE_TEMPLATE_H

#include "base/err.h"
#include "base/site.h"
#include "base/unfinished.h"
#include "config/config.h"
#include "storage/storage.h"

#include <stdbool.h>

/* The volume of a template: "template.NAME". */
void template_volume(const char *name, char volume[VOLUME_NAME_MAX + 1]);

/*
 * Unpacks a tar of any compression that libarchive reads ("-": standard input) into a new template
 * of that pool, by a program of its own with mapped ids in namespaces of its own. Refuses what
 * leaves the tree; leaves device nodes out and says so in `notes` (may be NULL).
 */
int template_import(const struct site *site, const char *name, struct pool *pool,
		    const char *archive, struct text *notes, struct err *err);

struct template_build {
	const char *recipe;   /* a script in the templates folder: "debian", "busybox" */
	const char *release;  /* NULL: the recipe's own default */
	const char *mirror;   /* NULL: the distribution's own */
	const char *variant;  /* NULL: the recipe's own default */
	const char *packages; /* more packages, comma-separated; NULL none */
	const char *init;     /* its init, such as sysvinit; NULL: the recipe's own default */
};

/* Runs a recipe into a new volume. Its output goes to our standard error. */
int template_build(const struct site *site, const char *name, struct pool *pool,
		   const struct template_build *build, struct err *err);

/*
 * Reads templates/NAME/template.conf. -ENOENT with a remedy; -ENODATA: its settings are missing, and something
 * of it is there, in words with the ways out.
 */
int template_open(const struct site *site, const char *name, struct template_config *config,
		  struct err *err);
/*
 * Calls visit with every template, sorted by name; config is NULL where it cannot be read, as fault says.
 * What is half made or half removed is none.
 */
int template_list(const struct site *site,
		  int (*visit)(void *, const char *name, const struct template_config *config,
			       const struct err *fault),
		  void *context, struct err *err);
/* Recipes that are there to build: their names, sorted. */
int template_recipes(int (*visit)(void *, const char *name), void *context, struct err *err);
/*
 * force: also one whose settings are missing or cannot be read, with every volume of its name in the pools
 * within reach, and one whose pool is out of reach, where its volume then stays.
 */
int template_delete(const struct site *site, const char *name, bool force, struct err *err);
/*
 * A template's volume in a pool (NULL: in the only one that holds it) that has lost its settings becomes a
 * template again, by the copy of those that the pool has, or by what the root tells. -EEXIST: it has settings.
 */
int template_adopt(const struct site *site, const char *name, const char *pool, struct err *err);

/* ---- For the files of templates */

/* What marks it as half made or half removed. */
struct unfinished template_mark(const struct site *site, const char *name);
/* The lock of that name, as a descriptor, or -code. */
int template_lock(const struct site *site, const char *name, unsigned seconds, struct err *err);
/*
 * Under the lock: marked as half removed, durably, then volume and folder go. forget: as force of
 * template_delete.
 */
int template_erase(const struct site *site, const char *name, bool forget, struct err *err);
/* Finishes off what commands that are dead have left half made or half removed. Quiet. */
void template_sweep(const struct site *site);

#endif
