/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes between our standard input, output and error and a command's pipes or terminal. */
#ifndef BERTH_MACHINE_ATTACH_RELAY_H
#define BERTH_MACHINE_ATTACH_RELAY_H

#include "base/err.h"
#include "machine/attach/outlet.h"
#include "machine/attach/parent.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

enum { RELAY_CHUNK = 16384 };

struct relay {
	int outer[3]; /* owned: our ends of the pipes; with a terminal, outer[0] is its master */
	char typed[RELAY_CHUNK]; /* read from standard input, not yet taken by the command */
	size_t typed_at, typed_end;
	char last;                /* the last byte that the command has taken; 0: none yet */
	struct outlet outlets[2]; /* owned: to our standard output and errors */
	int input;                /* borrowed: where it is typed; -1: there is no more */
	bool told_end;            /* the command was told that there is no more input */
	int signals;              /* owned: a signalfd, -1: signals have their usual effect */
	int asked;       /* the last signal passed to the command that asks for its end, or 0 */
	int interrupted; /* the signal that ended us once the command had ended */
	bool terminal;
	bool raw;
	struct termios saved;
	sigset_t mask; /* as it was before relay_hold_signals */
};

/* input false: the command's input is at its end from the start. */
void relay_init(struct relay *relay, bool input);

/* Makes three pipes: no descriptor of ours is passed into a guest, which could write to it. */
int relay_make_pipes(struct relay *relay, int inner[3], struct err *err);

/* Takes ownership of the master, and gives it the size of our terminal. */
void relay_set_terminal(struct relay *relay, int master);

/*
 * Signals wait from here on for relay_run, which passes them to the command. Not those of job control:
 * CTRL-Z stops the client alone.
 */
void relay_hold_signals(struct relay *relay);

/*
 * Carries bytes until the command has ended and its output was passed on. Our terminal is raw from here on until
 * relay_close. Children of the command that keep pipes open are not waited for. Output that our own does not take is
 * dropped: see relay_code.
 */
void relay_run(struct relay *relay, const struct parent *parent);

/*
 * The exit code for a command that ended with code: the same, unless output was dropped. Then it is 141 if the reader
 * of a pipe has gone, as for every writer of a pipe, else a failure, in err.
 */
int relay_code(const struct relay *relay, int code, struct err *err);

void relay_close(struct relay *relay);

#endif
