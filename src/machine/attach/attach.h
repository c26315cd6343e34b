/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of going inside a running machine: commands by its namespaces (exec.c), its console by way of its keeper
 * (console.c). No program of the guest takes part.
 */
#ifndef BERTH_MACHINE_ATTACH_ATTACH_H
#define BERTH_MACHINE_ATTACH_ATTACH_H

#include "machine/state/machine.h"

struct exec_spec {
	const char *const *argv; /* NULL-terminated; NULL: the user's login shell */
	const char *user;        /* USER[:GROUP], names or numbers of the guest's own; NULL: root */
	const char *cwd;         /* NULL: the user's home, or / */
	bool make_cwd;           /* cwd is made if it is missing */
	const char *const *env;  /* "NAME=value", NULL-terminated; NULL: none more */
	bool no_input;           /* its standard input is at its end from the start */
	bool detach;             /* neither waited for nor heard: it reads and writes /dev/null */
	enum {
		EXEC_TTY_AUTO,
		EXEC_TTY_YES,
		EXEC_TTY_NO
	} tty; /* AUTO: when stdin and stdout are terminals */
};

enum { EXEC_FAILED = 125, EXEC_CANNOT = 126, EXEC_NOT_FOUND = 127 };

/*
 * Runs a command in a running machine, by its namespaces only. *code: the command's own, 128+signal,
 * or EXEC_* with err set when berth or exec(2) itself failed, or its output could not be written. Returns 0
 * when the command ran. It ends when the caller does, unless it is detached.
 */
int machine_exec(struct machine *machine, const struct exec_spec *spec, int *code, struct err *err);

/*
 * Attaches our terminal to the console until detach is typed or the guest ends. Shows the scroll-back
 * first. One writer: -EBUSY unless force takes over; read_only needs none. detach: e.g. 0x1d, Ctrl-].
 * 1: it has ended, and what it showed last did not reach us, because our terminal stood still.
 */
int machine_console(struct machine *machine, bool force, bool read_only, char detach,
		    struct err *err);

/*
 * Whether a running machine asks for a login at its console that root cannot pass, since its files give root no
 * password. Waits a second at most. False where the files do not tell.
 */
bool machine_root_locked(struct machine *machine);

#endif
