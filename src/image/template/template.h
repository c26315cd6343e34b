/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates: read-only volumes from which machines are launched, and their settings. */
#ifndef BERTH_IMAGE_TEMPLATE_TEMPLATE_H
#define BERTH_IMAGE_TEMPLATE_TEMPLATE_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/unfinished.h"
#include "config/config.h"
#include "storage/object.h"
#include "storage/storage.h"

#include <stdbool.h>

extern const struct object_care template_care;

/* The volume of a template: "template.NAME". */
void template_volume(const char *name, char volume[VOLUME_NAME_MAX + 1]);

/* Files that a template is made of. */
struct template_image {
	const char *
		archive; /* a tar ("-": standard input), compressed in any way that libarchive knows; a squashfs */
	const char *
		metadata; /* the archive with metadata.yaml of an image of LXC or Incus in two files; NULL */
};

/*
 * Unpacks an image into a new template in that pool. A separate program does it, with mapped ids in its own namespaces.
 * Refuses entries that leave the tree; skips device nodes and says so in `notes` (may be NULL).
 */
int template_import(const struct dirs *dirs, const char *name, struct pool *pool,
		    const struct template_image *image, struct text *notes, struct err *err);

struct template_build {
	const char *recipe;  /* a script in the templates folder: "debian", "busybox" */
	const char *release; /* NULL: the recipe's own default */
	const char *mirror;  /* NULL: the distribution's own */
	const char *
		keyring; /* path of the keys that sign what the mirror has; NULL: the distribution's own */
	const char *variant;  /* NULL: the recipe's own default */
	const char *packages; /* more packages, comma-separated; NULL none */
	const char
		*init; /* the init to install, such as sysvinit; NULL: the recipe's own default */
};

/* Makes a template by a recipe. The recipe's output goes to our standard error. */
int template_build(const struct dirs *dirs, const char *name, struct pool *pool,
		   const struct template_build *build, struct err *err);

/*
 * Reads templates/NAME/template.conf. -ENOENT with a remedy; -ENODATA: the settings are missing but other parts exist;
 * the sentence has the remedies.
 */
int template_open(const struct dirs *dirs, const char *name, struct template_config *config,
		  struct err *err);
/* Whether the template's root is in its pool, as inventory_volume tells it. */
struct inventory;
int template_has_volume(struct inventory *inventory, const char *name,
			const struct template_config *config, struct err *err);
/* Changes the description and the presets of a template; machines that were made of it stay as they are. */
int template_set(const struct dirs *dirs, const char *name, const struct config_change *changes,
		 size_t count, struct err *err);
/*
 * Calls visit with each template, sorted by name; if its settings cannot be read, config is NULL and fault says why.
 * Templates that are half made or half removed are skipped.
 */
int template_list(const struct dirs *dirs,
		  int (*visit)(void *, const char *name, const struct template_config *config,
			       const struct err *fault),
		  void *context, struct err *err);
/* Calls visit with the name of each installed recipe, sorted. */
int template_recipes(int (*visit)(void *, const char *name), void *context, struct err *err);
/* -ENOENT, with the names of those that are there, if no recipe of the name is installed. */
int template_recipe_check(const char *name, struct err *err);
/*
 * Deletes a template. force: also one whose settings are missing or unreadable, with all volumes of its name in pools
 * that can be reached; and one whose pool cannot be reached, whose volume then stays.
 */
int template_delete(const struct dirs *dirs, const char *name, bool force, struct err *err);
/*
 * Makes a template again from its volume in a pool (NULL: in the only pool that has it) after its settings were lost;
 * the settings come from the pool's backup, or from an inspection of the root. -EEXIST: it has settings.
 */
int template_adopt(const struct dirs *dirs, const char *name, const char *pool, struct err *err);

/* ---- For the files of templates */

/* The mark of a template that is half made or half removed. */
struct unfinished template_mark(const struct dirs *dirs, const char *name);
/* Takes the lock of that name: a descriptor, or -code. */
int template_lock(const struct dirs *dirs, const char *name, unsigned seconds, struct err *err);
/*
 * Removes the lock's file, under the lock, when the template is gone: a waiter notices that the file has lost its name.
 */
void template_lock_forget(const struct dirs *dirs, const char *name);
/*
 * Marks the template as half removed, durably, then removes volume and folder. Under the lock. forget: as force of
 * template_delete.
 */
int template_erase(const struct dirs *dirs, const char *name, bool forget, struct err *err);
/* Removes templates that killed commands left half made or half removed. Quiet. */
void template_sweep(const struct dirs *dirs);

#endif
