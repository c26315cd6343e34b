/* SPDX-License-Identifier: GPL-2.0-or-later */
/* apply: machines and networks become what a file describes, berth.apply(5). */
#ifndef BERTH_CMD_APPLY_H
#define BERTH_CMD_APPLY_H

#include "cmd/command.h"
#include "config/apply_file.h"
#include "machine/state/machine.h"

/* The kinds of actions, in the order in which they are done. */
enum apply_kind {
	APPLY_NETWORK,
	APPLY_NETWORK_CHANGE,
	APPLY_CREATE,
	APPLY_CHANGE,
	APPLY_STOP,
	APPLY_RESTART,
	APPLY_START,
	APPLY_DELETE,
};

/* A key, or a section such as "mount.data", before and after. */
struct apply_change {
	char *key, *from, *to; /* owned; NULL: there is none */
};

struct apply_action {
	enum apply_kind kind;
	size_t rank;                         /* place among those of its kind */
	char *name;                          /* owned */
	const struct apply_group *group;     /* borrowed; NULL: a network, or a machine to delete */
	const struct apply_network *network; /* borrowed */
	struct apply_change *changes;        /* owned */
	size_t count;
	bool done;
};

struct apply {
	struct call *call;
	const char *path;       /* borrowed: of the file */
	struct apply_file file; /* owned */
	char *id;      /* owned: the value of label.applied of machines that the file has made */
	char *network; /* owned: the default network */
	bool prune, restart;
	struct apply_action *actions; /* owned */
	size_t count;
	struct text notes; /* lines for the user */
};

/* ---- apply_wanted.c */

/* A group's machines as they are to be. */
struct apply_wanted {
	const struct apply_group *group; /* borrowed */
	struct machine_config config;    /* owned; without sections */
	bool whole; /* false: the template is gone, and only given keys are known */
};
int wanted_make(const struct apply *apply, const struct apply_group *group,
		struct apply_wanted *wanted, struct err *err);
void wanted_free(struct apply_wanted *wanted);
/* Adds what a machine differs in. *restart: a change needs one. */
int wanted_compare(const struct apply *apply, const struct apply_wanted *wanted,
		   const struct machine *machine, struct apply_action *action, bool *restart,
		   struct err *err);
/*
 * The settings of a new machine as words KEY=VALUE; words_free releases them. network: false leaves out the network and
 * what depends on it.
 */
struct apply_words {
	char **list; /* owned */
	size_t count;
};
int wanted_words(const struct apply *apply, const struct apply_group *group, bool network,
		 struct apply_words *words, struct err *err);
void words_free(struct apply_words *words);
/* Adds a copy of a change to an action. */
int action_add(struct apply_action *action, const char *key, const char *from, const char *to,
	       struct err *err);
/* The name and the kind (may be NULL) in the key of a section, "mount.data"; NULL: it is another key. */
const char *section_of(const char *key, const struct schema **kind);
/* The keys of a section as one text. */
void section_text(const struct schema *kind, const struct section *section, struct text *out);

/* ---- apply_plan.c */

/* Finds what is to be done, checks all of it, and puts it into its order. Changes nothing. */
int apply_plan(struct apply *apply, struct err *err);

/* ---- apply_do.c */

/* Does one action. */
int apply_do(struct apply *apply, struct apply_action *action, struct err *err);

#endif
