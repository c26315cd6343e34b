/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions that several verbs share. */
#ifndef BERTH_CMD_CLI_COMMON_H
#define BERTH_CMD_CLI_COMMON_H

#include "cmd/cli/command.h"
#include "machine/manage/boot.h"
#include "machine/state/machine.h"
#include "storage/storage.h"

#include <jansson.h>

/* ---- act.c */

/*
 * Splits "NAME@SNAPSHOT" or "NAME@DATE", unchecked: the name, which the caller owns and frees, and behind it, in the
 * same memory, the other part (NULL: there is none). NULL with an error: out of memory.
 */
char *name_split(const char *word, char **after, struct err *err);

/* name_check, then machine_open, or machine_look by the verb's traits. 0, -code or EXIT_USAGE. */
int open_named(struct machine *machine, const struct call *call, const char *name, struct err *err);

/*
 * Runs act on the machine of each word; a word may be a shell pattern. A failure is reported at once, and does not stop
 * the others. apart: each act runs in its own process, for acts that wait. 0, or EXIT_FAILED or EXIT_USAGE if any
 * failed so.
 */
typedef int act_fn(struct call *call, struct machine *machine, struct err *err);
int for_each_machine(struct call *call, act_fn *act, bool apart, struct err *err);

/* A note for each volume for data of the machine that is not in what was made of it: "the export". */
void tell_left_volumes(const struct machine *machine, const char *what, bool has_written);

/* rename.c: completes changes of names and of pools that killed commands have begun, unless the verb only looks. */
void complete_renames(const struct call *call);

/* Starts the background commands that are due because of what this process did. */
void start_background_work(const struct call *call);

/* Ends a process that works on one machine: reports a failure, and exits with the code of r, the result of a verb. */
void exit_apart(const struct call *call, int r, struct err *err) __attribute__((noreturn));

/* Runs act on one machine, in a process that was forked for it, and ends that process. */
void act_and_exit(struct call *call, const char *name, act_fn *act) __attribute__((noreturn));

/* The same for words that name other objects. */
/* Checks all words before the first act: all faults in one sentence, and -code of the first; or 0. */
int check_each_name(struct call *call, int (*check)(struct call *, const char *name, struct err *),
		    struct err *err);
int for_each_name(struct call *call, int (*act)(struct call *, const char *name, struct err *),
		  struct err *err);

/* ---- given.c */

/* Sets a key of a scratch config. 0 or EXIT_USAGE. */
int setting_check(const struct schema *schema, void *config, const char *name, const char *value,
		  struct err *err);

extern const struct flag flag_init_env, flag_load_credential;

/* The settings of a new machine by options. Freed by settings_free. */
struct words {
	const char **list; /* owned array: words KEY=VALUE, each borrowed or in made */
	size_t count;
	const char **env; /* owned array: the words of --env, borrowed */
	size_t env_count;
	char **made; /* owned, and so is each of its words */
	size_t made_count;
};
/* Reads the files of --load-credential. 0, -ENOMEM or EXIT_USAGE. */
int settings_given(const struct call *call, bool ephemeral, struct words *words, struct err *err);
/* Checks each setting before anything is made. EXIT_USAGE for an unknown key or a bad value. */
int settings_check(const struct words *words, struct err *err);
/* The same settings for machine_create and machine_clone; they borrow those of words. */
struct settings settings_of(const struct words *words);
void settings_free(struct words *words);
#define scoped_settings __attribute__((cleanup(settings_free)))

/* ---- common.c */

/* EXIT_USAGE with "name 'X' ..." unless it is a DNS label. */
int name_check(const char *name, struct err *err);
struct network;
/* name_check, then network_open. 0, -code or EXIT_USAGE. */
int network_named(struct network *network, const struct call *call, const char *name,
		  struct err *err);

/*
 * The pool of --pool or of berth.conf; the caller frees *name. A missing default pool is made, with a note; a pool
 * given by --pool must exist.
 */
int pool_wanted(const struct call *call, char **name, struct err *err);
/* The same name, without making the pool or looking for it. */
int pool_named(const struct call *call, char **name, struct err *err);
/* Makes the default network of berth.conf if it does not exist, with a note. */
int network_wanted(const struct call *call, struct err *err);

/* Prints a note if a pool is 80 % full or more; from 90 % on the note says more. */
void note_pool_room(const char *name, const struct pool_usage *usage, bool holds);

/* ---- started.c */

/* machine_start, with a note about missing features of this start. */
int start_machine(struct machine *machine, bool *was_running, struct err *err);

/* Starts a machine, and waits for its boot; *was_running as of start_machine. -ECANCELED: it has ended before its boot. */
typedef int start_act(struct call *call, struct machine *machine, bool *was_running,
		      struct err *err);
/*
 * Runs act, and once more, with the settings of then, if the guest ran already and has ended before its boot: a guest
 * that was about to end when the command came, as one that a kill has hit, is not what was asked for.
 */
int start_anew_if_ended(struct call *call, struct machine *machine, start_act *act,
			struct err *err);

/* Waits for the boot if --wait was given. 0 if it was not given, or the machine has booted. */
int wait_booted(const struct call *call, struct machine *machine, struct err *err);

/* console_mark: the current end of console.log. console_show: prints the last lines since then on standard error. */
long console_mark(const struct machine *machine);
void console_show(const struct machine *machine, long mark);
/* Prints the last lines of a guest's output on standard error, each behind a bar. Cuts the text to pieces. */
void show_last_lines(char *text);

/* ---- The verbs' own */

/* boot.c: starts (--wait), or with BOOT_RUNNING stops (--force, --timeout), machines in their boot order. */
int act_on_all(struct call *call, enum boot_which which, struct err *err);

/* foreground.c: waits until the machine's run ends, for --foreground. */
int follow_foreground(struct call *call, struct machine *machine, struct err *err);

/* stop.c: stops a machine and reports the result; restarting: a machine that was stopped already is not reported. */
int stop_machine(struct call *call, struct machine *machine, bool force, bool restarting,
		 struct err *err);
extern const struct flag flag_kill, flag_console, flag_escape;

/* info.c: what `info --json` prints of a machine, as a value (NULL: out of memory), or printed. */
json_t *machine_json(struct machine *machine);
int print_machine(struct machine *machine, struct err *err);

/* enter.c: checks --console and --escape for a start of that many machines. 0 or EXIT_USAGE. */
int check_console(const struct call *call, size_t machines, struct err *err);

/*
 * Connects our terminal to the console of a machine that was just started, until the user leaves or it ends. mark: from
 * console_mark before the start; if the machine has ended already, its last lines are shown.
 */
int attach_started(struct call *call, struct machine *machine, long mark, struct err *err);

/*
 * create.c: creates a machine from the template of the first word, by the call's flags. wanted: its name; NULL: one is
 * made up. owner: as in machine_spec. name receives its name.
 */
int create_wanted(struct call *call, const char *wanted, bool ephemeral, int *owner, char name[64],
		  struct err *err);
/* Makes up a name such as "debian-x3k9": the template's name, shortened if it is long, and four letters or digits. */
int name_from_template(const char *template, char name[64], struct err *err);
/* Starts a machine that was just made; if that fails, shows its last console lines and deletes it. */
int start_or_delete(struct machine *machine, struct err *err);

/*
 * remote.c: makes the first word, a template to make machines from, a local one: of "REMOTE:IMAGE" the template that
 * was pulled of it, and pulls it if there is none. *owned: the caller frees it after the call; NULL if it is local
 * already.
 */
int template_wanted(struct call *call, char **owned, struct err *err);
/*
 * remote.c: asks the server for an image REMOTE:IMAGE, and fills in the name of the template that it will be. Refused:
 * there is no such image, or another template has that name. Fetches nothing.
 */
int image_look(const struct call *call, const char *word, char name[64], struct err *err);
/* remote.c: makes a template of an image, in that pool (NULL: that of the call); the caller frees its name. */
int image_pull(const struct call *call, const char *word, const char *pool, char **name,
	       struct err *err);
/* remote.c: members of template. */
extern const struct command command_template_search, command_template_pull, command_template_update,
	command_template_remote;

/* A program to run in a machine; all borrowed. What flags give counts instead. */
struct program {
	const char *const *argv; /* NULL: the shell of the user */
	const char *user;        /* USER[:GROUP]; NULL: root */
	const char *cwd;         /* made if it is missing; NULL: the home of the user */
	const char *const *env;  /* NULL: none */
};
/* enter.c: the flags of exec and shell; runs a program in a machine by them. Returns an exit code. */
extern const struct flag flag_cwd, flag_env, flag_tty, flag_no_tty;
int enter_machine(struct call *call, struct machine *machine, const struct program *program,
		  struct err *err);

#endif
