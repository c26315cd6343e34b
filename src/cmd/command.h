/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a verb is: its words, its flags, its help and its handler. A row stands beside each handler;
 * verbs.c lists the rows; parsing, help, completion and the manual's test live from the same rows.
 */
#ifndef BERTH_CMD_COMMAND_H
#define BERTH_CMD_COMMAND_H

#include "base/err.h"
#include "base/site.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

struct flag {
	const char *name;  /* "force" */
	char letter;       /* 'f', or 0 */
	bool optional;     /* --wait[=TIME]: the value may be left out */
	const char *value; /* what its value is called, NULL: it takes none */
	const char *help;  /* one line, no full stop */
};

/* What a word names, for completion. */
enum word {
	WORD_OTHER,
	WORD_MACHINE,
	WORD_SNAPSHOT, /* of the machine before it */
	WORD_KEY,
	WORD_MOUNT,  /* of the machine before it */
	WORD_DEVICE, /* the same */
	WORD_TEMPLATE,
	WORD_RECIPE,
	WORD_POOL,
	WORD_NETWORK,
	WORD_FILE,
	WORD_VERB,
	WORD_SHELL,
};

enum command_traits {
	COMMAND_ANYONE = 1 << 0, /* does not need root */
	COMMAND_HIDDEN = 1 << 1, /* for berth's own use */
	COMMAND_TAIL = 1 << 2,   /* what follows the first word is another program's */
	COMMAND_ENDS = 1 << 3,   /* fine with a machine that has just ended and gone */
	COMMAND_LOOKS = 1 << 4,  /* changes nothing, not even what a killed command has left */
};

/* The exit codes; those of exec and shell are in machine/state/machine.h. */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum { FLAGS_MAX = 24 };

struct call;
struct command {
	const char *group;               /* "template" of "template build", NULL for none */
	const char *name;                /* "build" */
	const char *aliases;             /* words, or NULL */
	const char *args;                /* "NAME...", "" for none */
	const char *help;                /* one line, no full stop */
	const struct flag *const *flags; /* NULL-terminated, sorted by name, or NULL */
	unsigned traits;
	int min, max;          /* how many words; max -1: any number */
	enum word first, rest; /* what they name */
	/*
	 * 0; or -code with err, for which main prints the sentence and exits with 1; or an exit code,
	 * with or without a sentence in err.
	 */
	int (*run)(struct call *call, struct err *err);
	const struct command *const *members; /* a group's, NULL-terminated; it has no run then */
	const struct command *other;          /* the member meant when the next word names none */
};

struct given {
	const struct flag *flag;
	const char *value; /* borrowed; NULL when it was left out */
};

/* One command line, taken apart. */
struct call {
	const struct command *command;
	struct site site;
	const char **words; /* owned array, NULL-terminated; borrowed words */
	int count;
	struct given *given; /* owned, as given */
	size_t given_count;
	void *context; /* the verb's own, for what it runs on each machine */
};

void call_close(struct call *call);
#define scoped_call __attribute__((cleanup(call_close)))

/* The last value given, NULL if none. */
bool call_has(const struct call *call, const struct flag *flag);
const char *call_value(const struct call *call, const struct flag *flag);

/* A flag's value as a number in [min, max]: fallback when it was not given. 0 or EXIT_USAGE. */
int call_number(const struct call *call, const struct flag *flag, uint64_t min, uint64_t max,
		uint64_t fallback, uint64_t *out, struct err *err);

/* A flag's value as seconds, "90" or "5m", from one second to a day; likewise. */
int call_seconds(const struct call *call, const struct flag *flag, uint64_t fallback, uint64_t *out,
		 struct err *err);

/*
 * Takes argv[0..argc) apart by the command's flags and those that every command has. Without a
 * command: the flags before the verb; words are then the rest, untouched. 0 or EXIT_USAGE.
 */
int call_parse(struct call *call, int argc, char **argv, struct err *err);

/* "berth template build [OPTION]... RECIPE [NAME]" */
void command_usage(const struct command *command, struct text *out);
/* Usage, help, flags, aliases: what --help prints. */
void command_help(const struct command *command, struct text *out);
/* "template build" */
void command_name(const struct command *command, struct text *out);
/* Whether word is its name or an alias. */
bool command_is(const struct command *command, const char *word);

/* All verbs by family, as help shows them; a family without title is hidden. */
struct family {
	const char *title;
	const struct command *const *commands; /* NULL-terminated */
};
extern const struct family families[]; /* ends with NULL commands */

/*
 * Finds the command that words begin with, and how many of them (0 to 2) name it. NULL: err has the
 * nearest. A group by itself is found as such.
 */
const struct command *command_find(const char *const *words, int count, int *used, struct err *err);

/* Flags that several verbs share. */
extern const struct flag flag_root, flag_help, flag_version;
extern const struct flag flag_json, flag_pool, flag_network, flag_set, flag_ephemeral;
extern const struct flag flag_wait, flag_timeout, flag_user;

#endif
