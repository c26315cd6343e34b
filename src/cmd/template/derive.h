/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates that are derived from others by the steps of a file, berth.template(5). */
#ifndef BERTH_CMD_TEMPLATE_DERIVE_H
#define BERTH_CMD_TEMPLATE_DERIVE_H

#include "cmd/cli/command.h"
#include "config/build_file.h"
#include "machine/state/machine.h"

enum { DERIVE_KEY = 64 };

/* A step that changes the root, with the settings that hold for it. */
struct derive_act {
	const struct build_step *step; /* borrowed */
	const char *user, *cwd;        /* borrowed; "" root, / */
	char *env;                     /* owned: a KEY_ENV */
	char key[DERIVE_KEY]; /* name of the template in the cache that has this step done */
};

struct derive {
	struct call *call;
	const char *path;             /* borrowed: of the file */
	char *folder;                 /* owned: sources of the file are relative to it */
	struct build_file file;       /* owned */
	char *from;                   /* owned: name of the local template to begin with */
	struct template_config base;  /* owned: its settings */
	struct template_config model; /* owned: presets of the new template */
	char name[64];                /* of the new template */
	char *pool;                   /* owned */
	char *network;                /* owned: "network=NAME", or NULL */
	struct derive_act *acts;      /* owned */
	size_t count, cached;         /* cached: of the acts that are done already */
	uint64_t seconds;             /* of a step */
	bool keep, use_cache, verbose, replace;

	/* While it is at work. */
	int signals; /* owned: a signalfd */
	int caught;  /* signal that interrupts it; 0: none */
	struct machine machine;
	bool made;     /* the machine is there, and ours */
	int owner;     /* owned: machine/state/owner.h */
	int owned;     /* owned: the machine ends with it */
	char *program; /* owned: the text of provision.sh */
};

/* ---- derive.c */

/* template build FILE [NAME]: makes the template. Flags that are for recipes are refused. */
int derive_template(struct call *call, const char *path, const char *name, struct err *err);
/* Whether a word of template build is the path of a file, and no name of a recipe. */
bool derive_is_file(const char *word);
extern const struct flag flag_derive_cache, flag_derive_keep, flag_derive_replace,
	flag_derive_timeout, flag_derive_verbose;

/* ---- derive_source.c */

/* The path of a file that a step names; the caller owns it; NULL: out of memory. */
char *derive_path(const struct derive *derive, const char *source);
/* "step 2 of 3 (web.template:7), run make" */
void derive_label(const struct derive *derive, size_t index, char *out, size_t room);
/* The sum of a file or tree: names, types, modes and contents. hex: SHA256_HEX + 1 bytes. */
int derive_sum(const char *path, char *hex, struct err *err);

/* ---- derive_cache.c */

/* Computes the keys of all acts: each is a sum of all before it, and of the files that they copy. */
int derive_keys(struct derive *derive, struct err *err);
/* The number of first acts that the cache has done. */
size_t derive_find(struct derive *derive);
/* Keeps the root of the machine as it is after that act. A failure does not fail the build, and is told. */
void derive_store(struct derive *derive, size_t index);

/* ---- derive_machine.c */

/*
 * Makes the machine of the template `from`, starts it and waits for its boot. -ENOENT, -ENODATA: the template is gone.
 */
int derive_begin(struct derive *derive, const char *from, struct err *err);
int derive_stop(struct derive *derive, struct err *err);
/* Deletes the machine, or leaves it to the user for --keep. */
void derive_discard(struct derive *derive, bool keep);

/* ---- derive_step.c */

/*
 * Runs work in a process of its own, which ends after so many seconds (-ETIMEDOUT), or when a signal comes (-EINTR).
 * said (NULL: none) gets the last bytes of its output. Returns its result: -code with err, or a number >= 0.
 */
typedef int derive_work(struct derive *derive, const struct derive_act *act, struct err *err);
int derive_apart(struct derive *derive, derive_work *work, const struct derive_act *act,
		 uint64_t seconds, struct text *said, struct err *err);
/* Whether a signal asks the build to end; then -EINTR with a sentence. */
int derive_interrupted(struct derive *derive, struct err *err);
/* Does an act. Returns 0, -code, or the exit code of a command that failed, with err set. */
int derive_step(struct derive *derive, size_t index, struct err *err);

#endif
