/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What verbs about machines, pools and networks share. */
#ifndef BERTH_CMD_COMMON_H
#define BERTH_CMD_COMMON_H

#include "cmd/command.h"
#include "machine/manage/boot.h"
#include "machine/state/machine.h"
#include "storage/storage.h"

#include <jansson.h>

/* ---- act.c */

/* EXIT_USAGE with "name 'X' ..." unless it is a DNS label. */
int name_check(const char *name, struct err *err);

/* name_check, then machine_open, or machine_look by the verb's traits. 0, -code or EXIT_USAGE. */
int open_named(struct machine *machine, const struct call *call, const char *name, struct err *err);

/*
 * Runs act on the machine of each word, or on all that a pattern of the shell's kind names; what
 * fails is said at once, and does not stop the others. With apart each gets a process of its own,
 * for acts that wait. 0, or EXIT_FAILED or EXIT_USAGE if any failed so.
 */
typedef int act_fn(struct call *call, struct machine *machine, struct err *err);
int for_each_machine(struct call *call, act_fn *act, bool apart, struct err *err);

/* Starts what a command, or a process of its own, leaves to others, and what nobody waits for. */
void start_background_work(const struct call *call);

/* One machine's part of that in a process that is there for it. */
void act_and_exit(struct call *call, const char *name, act_fn *act) __attribute__((noreturn));

/* The same for words that are other names. */
int for_each_name(struct call *call, int (*act)(struct call *, const char *name, struct err *),
		  struct err *err);

/* ---- given.c */

/* Sets one key of a scratch config, NULL: to its default. 0 or EXIT_USAGE. */
int setting_check(struct machine_config *config, const char *name, const char *value,
		  struct err *err);

/* The words of --set, and what --network and an ephemeral machine stand for. Freed by settings_free. */
struct words {
	const char **list; /* owned array; borrowed words */
	size_t count;
	char *network; /* owned; "network=NAME" of --network */
};
int settings_given(const struct call *call, bool ephemeral, struct words *words, struct err *err);
/* Looks at each before anything is made: EXIT_USAGE for an unknown key or a value that cannot be. */
int settings_check(const struct words *words, struct err *err);
void settings_free(struct words *words);
#define scoped_settings __attribute__((cleanup(settings_free)))

/* ---- common.c */

/*
 * The pool of --pool or of berth.conf, which the caller frees. The default one is made if there is
 * none yet, and it is said; one that was named must be there already.
 */
int pool_wanted(const struct call *call, char **name, struct err *err);
/* Makes the default network of berth.conf if there is none yet, and says so. */
int network_wanted(const struct call *call, struct err *err);

/* A sentence, if it is 80 % full or more; 90 % says more. holds: its driver holds machines still for want of room. */
void note_pool_room(const char *name, const struct pool_usage *usage, bool holds);

/* ---- started.c */

/* machine_start, with a note of what the machine has to do without. */
int start_machine(struct machine *machine, bool *was_running, struct err *err);

/* --wait: 0 when it was not given or the machine has booted. */
int wait_booted(const struct call *call, struct machine *machine, struct err *err);

/* Where console.log ends now, and its last lines since then, on standard error. */
long console_mark(const struct machine *machine);
void console_show(const struct machine *machine, long mark);

/* ---- The verbs' own */

/*
 * boot.c: starts (--wait), or with BOOT_RUNNING stops (--force, --timeout), machines together in their
 * order.
 */
int act_on_all(struct call *call, enum boot_which which, struct err *err);

/* foreground.c: stays until the machine's run ends, for --foreground. */
int follow_foreground(struct call *call, struct machine *machine, struct err *err);

/*
 * lifecycle.c: stop, and what there is to say of it; not that it was stopped already when it is
 * restarting.
 */
int stop_machine(struct call *call, struct machine *machine, bool force, bool restarting,
		 struct err *err);
extern const struct flag flag_kill, flag_console, flag_escape;

/* info.c: what `info --json` prints of a machine, as a value (NULL: out of memory), or printed. */
json_t *machine_json(struct machine *machine);
int print_machine(struct machine *machine, struct err *err);

/* enter.c: --console and --escape, which that many machines are started with: 0 or EXIT_USAGE. */
int check_console(const struct call *call, size_t machines, struct err *err);

/*
 * Our terminal at the console of a machine that was just started, until somebody leaves or it ends; mark
 * as before the start: if it has ended already its last lines are shown.
 */
int attach_started(struct call *call, struct machine *machine, long mark, struct err *err);

/*
 * create.c: a machine from the template of the first word, by the call's flags; wanted NULL: a name
 * is made up; owner as in machine_spec. The name is the caller's to read.
 */
int create_wanted(struct call *call, const char *wanted, bool ephemeral, int *owner, char name[64],
		  struct err *err);
/* Starts a machine that was just made, or, when that fails, shows its last words and deletes it. */
int start_or_delete(struct machine *machine, struct err *err);

/* enter.c: the flags of entering, and entering by them; argv NULL: a shell. An exit code. */
extern const struct flag flag_cwd, flag_env, flag_tty, flag_no_tty;
int enter_machine(struct call *call, struct machine *machine, const char *const *argv,
		  struct err *err);

#endif
