/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A verb: its words, flags, help and handler, as a row beside the handler. verbs.c lists the rows; parsing, help,
 * completion and the test of the manual use them.
 */
#ifndef BERTH_CMD_CLI_COMMAND_H
#define BERTH_CMD_CLI_COMMAND_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

struct flag {
	const char *name;  /* "force" */
	char letter;       /* 'f', or 0 */
	bool optional;     /* --wait[=TIME]: the value may be left out */
	const char *value; /* the name of its value; NULL: it takes none */
	const char *help;  /* one line, no full stop */
};

/* The kind of object that a word names, for completion. */
enum word {
	WORD_OTHER,
	WORD_MACHINE,
	WORD_SNAPSHOT, /* of the machine before it */
	WORD_KEY,
	WORD_PRESET,          /* a key of a template */
	WORD_NETWORK_KEY,     /* a key of a network */
	WORD_VOLUME_KEY,      /* a key of a volume for data */
	WORD_VOLUME_SNAPSHOT, /* of the volume for data before it */
	WORD_MOUNT,           /* the same */
	WORD_DEVICE,          /* the same */
	WORD_FORWARD,         /* the same */
	WORD_NIC,             /* the same */
	WORD_RULE,            /* the same */
	WORD_ATTACHED,        /* a volume that the machine before it has */
	WORD_VOLUME,
	WORD_HALFWAY, /* a machine that has come halfway */
	WORD_TEMPLATE,
	WORD_RECIPE,
	WORD_POOL,
	WORD_NETWORK,
	WORD_FILE,
	WORD_VERB,
	WORD_SHELL,
};

enum command_traits {
	COMMAND_ANYONE = 1 << 0, /* any user may run it */
	COMMAND_HIDDEN = 1 << 1, /* for berth's own use */
	COMMAND_TAIL = 1 << 2,   /* all words after the first belong to another program */
	COMMAND_ENDS = 1 << 3,   /* a machine that has just ended and vanished is no error */
	COMMAND_ALL = 1 << 5,    /* without words it is for all machines */
	COMMAND_LOOKS = 1 << 4,  /* changes nothing, not even leftovers of killed commands */
};

/* The exit codes; those of exec and shell are in machine/state/machine.h. */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum { FLAGS_MAX = 28 };

struct call;
struct command {
	const char *group;               /* "template" of "template build", NULL for none */
	const char *name;                /* "build" */
	const char *aliases;             /* words, or NULL */
	const char *args;                /* "NAME...", "" for none */
	const char *help;                /* one line, no full stop */
	const struct flag *const *flags; /* NULL-terminated, sorted by name, or NULL */
	unsigned traits;
	int min, max;          /* number of words; max -1: no limit */
	enum word first, rest; /* the kind of the first word and of the further ones */
	/*
	 * Returns 0; or -code with err set (main prints the sentence and exits with 1); or an exit code > 0, with or
	 * without a sentence in err.
	 */
	int (*run)(struct call *call, struct err *err);
	const struct command *const *members; /* of a group, NULL-terminated; a group has no run */
	const struct command *other;          /* the member to use when the next word names none */
};

struct given {
	const struct flag *flag;
	const char *value; /* borrowed; NULL when it was left out */
};

/* A parsed command line. */
struct call {
	const struct command *command;
	struct dirs dirs;
	const char **words; /* owned array, NULL-terminated; borrowed words */
	int count;
	struct given *given; /* owned, in the order of the command line */
	size_t given_count;
	void *context; /* private to the verb, for its function that runs on each machine */
	/* Runs another command line in this process, as this one is run. 0, -code with err set, or an exit code. */
	int (*run_line)(int argc, char **argv, struct err *err);
};

void call_close(struct call *call);
#define scoped_call __attribute__((cleanup(call_close)))

/* Whether a flag was given. Its last value, or NULL. */
bool call_has(const struct call *call, const struct flag *flag);
const char *call_value(const struct call *call, const struct flag *flag);

/* A flag's value as a number in [min, max]; fallback if it was not given. 0 or EXIT_USAGE. */
int call_number(const struct call *call, const struct flag *flag, uint64_t min, uint64_t max,
		uint64_t fallback, uint64_t *out, struct err *err);

/* A flag's value as seconds, "90" or "5m", from a second to a day; fallback if it was not given. 0 or EXIT_USAGE. */
int call_seconds(const struct call *call, const struct flag *flag, uint64_t fallback, uint64_t *out,
		 struct err *err);

/*
 * Parses argv[0..argc) by the command's flags and the flags of all commands. Without a command: parses the flags before
 * the verb; words are the rest, unparsed. 0 or EXIT_USAGE.
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

/* A family of verbs, as help shows them; a family without a title is hidden. */
struct family {
	const char *title;
	const struct command *const *commands; /* NULL-terminated */
};
extern const struct family families[]; /* ends with NULL commands */

/*
 * Finds the command at the beginning of words, and how many of them (0 to 2) name it. A group alone is found too. NULL:
 * err names the nearest one.
 */
const struct command *command_find(const char *const *words, int count, int *used, struct err *err);

/* Flags that several verbs share. */
extern const struct flag flag_root, flag_help, flag_version;
extern const struct flag flag_freeze, flag_json, flag_pool, flag_network, flag_set, flag_ephemeral;
extern const struct flag flag_wait, flag_timeout, flag_user, flag_label, flag_replace;

#endif
