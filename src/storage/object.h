/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects that are a folder STATE/KIND/NAME with a file of settings, and a volume of a pool: templates, and volumes for
 * data. The search for one, the sentences about one that is missing or broken, the clean-up and the deletion are the
 * same for each kind.
 */
#ifndef BERTH_STORAGE_OBJECT_H
#define BERTH_STORAGE_OBJECT_H

#include "base/renaming.h"
#include "base/unfinished.h"
#include "storage/storage.h"

#include <dirent.h>

/* All functions take the name of an object; those with an err return 0 or -code. */
struct object_kind {
	const char *kind, *file; /* "templates", "template.conf" */
	const char *word;  /* "template", also the group of the verbs list, adopt and delete */
	const char *maker; /* the verb of that group that makes one */
	const char *holds; /* the word for its volume: "root" */
	const char *anew;  /* "make them anew", of its settings */
	int (*order)(const struct dirent **, const struct dirent **);
	void (*volume)(const char *name, char volume[VOLUME_NAME_MAX + 1]);
	/* Reads the settings, whose struct the caller knows. -ENOENT: there are none. */
	int (*load)(const struct dirs *dirs, const char *name, void *config, struct err *err);
};

/* How one is changed. */
struct object_care {
	const struct object_kind *kind;
	/* As object_open, for a caller that needs no settings. */
	int (*probe)(const struct dirs *dirs, const char *name, struct err *err);
	int (*lock)(const struct dirs *dirs, const char *name, unsigned seconds, struct err *err);
	void (*lock_forget)(const struct dirs *dirs, const char *name);
	/*
	 * Removes everything of it, under the lock; forget: also what cannot be read, and not what cannot be reached.
	 */
	int (*erase)(const struct dirs *dirs, const char *name, bool forget, struct err *err);
};

/* The entries of a folder, sorted: their number, or -errno; an absent folder has none. Freed by object_free_names. */
int object_names(const char *folder, int (*order)(const struct dirent **, const struct dirent **),
		 struct dirent ***names);
void object_free_names(struct dirent **names, int count);

/* The mark of an object that is half made or half removed. */
struct unfinished object_mark(const struct object_kind *kind, const struct dirs *dirs,
			      const char *name);

/*
 * Reads the settings into config. -ENOENT: there is no such object, or it is being made; -ENODATA: its settings are
 * missing, but other parts exist. The sentence has the remedies. Changes nothing.
 */
int object_open(const struct object_kind *kind, const struct dirs *dirs, const char *name,
		void *config, struct err *err);

/* Removes what killed commands have left half made or half removed. Quiet. */
void object_sweep(const struct object_care *care, const struct dirs *dirs);

/*
 * Deletes one that nobody changes; seconds: the wait for its lock. check (NULL: none) may refuse it. force: as forget
 * of erase, also for one whose settings are missing or cannot be read.
 */
int object_delete(const struct object_care *care, const struct dirs *dirs, const char *name,
		  bool force, unsigned seconds,
		  int (*check)(const struct dirs *dirs, const char *name, struct err *err),
		  struct err *err);

/* ---- object_rename.c */

/* The parts of a change of names that are the kind's own. */
struct object_rename {
	const struct object_care *care;
	/* Checks that `from` can get the name `to`, and opens its pool, which has no volume of the new name. */
	int (*check)(const struct dirs *dirs, const char *from, const char *to, struct pool *pool,
		     struct err *err);
	/* Keeps others from beginning to use it until all parts have followed: a descriptor. NULL: none does. */
	int (*hold)(const struct dirs *dirs, const char *from, struct err *err);
	/* After the folder, all other parts get the new name; also for a change that was killed in between. */
	int (*finish)(const struct dirs *dirs, const struct renaming *renaming, struct err *err);
};
/*
 * Gives one another name. seconds: the wait for each lock. -EEXIST. A failure before the folder has it changes nothing.
 */
int object_rename(const struct object_rename *rename, const struct dirs *dirs, const char *from,
		  const char *to, unsigned seconds, struct err *err);
/* Its volume follows; one that has followed is a success. */
int object_rename_volume(const struct object_kind *kind, struct pool *pool,
			 const struct renaming *renaming, struct err *err);

#endif
