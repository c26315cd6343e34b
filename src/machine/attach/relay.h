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
	char last;                /* of what the command has taken; 0: nothing yet */
	struct outlet outlets[2]; /* owned: to our standard output and errors */
	int input;                /* borrowed: where it is typed; -1: there is no more */
	bool told_end;            /* the command knows that there is no more */
	int signals;              /* owned: a signalfd, -1: they do as they always do */
	int interrupted;          /* the signal that ended us once the command had ended */
	bool terminal;
	bool raw;
	struct termios saved;
	sigset_t mask; /* as it was before relay_hold_signals */
};

/* Without input, the command's is at its end from the start. */
void relay_init(struct relay *relay, bool input);

/* Three pipes. None of our own descriptors ever gets into a guest, which could write to them. */
int relay_make_pipes(struct relay *relay, int inner[3], struct err *err);

/* Takes the master, and sizes it like our terminal. */
void relay_set_terminal(struct relay *relay, int master);

/*
 * Signals wait from here on for relay_run, which passes them to the command. Not those of job control:
 * CTRL-Z stops the client alone.
 */
void relay_hold_signals(struct relay *relay);

/*
 * Our terminal is raw from here on until relay_close. Carries until the command has ended and what it wrote has been passed on. Its children may keep pipes
 * open: they are not waited for. What our output does not take is left: see relay_code.
 */
void relay_run(struct relay *relay, const struct parent *parent);

/*
 * What we end with when the command ended with code: that, unless not all of its output could be
 * passed on. As a pipe's writer would whose reader has gone, 141 then; else a failure, in err.
 */
int relay_code(const struct relay *relay, int code, struct err *err);

void relay_close(struct relay *relay);

#endif
