/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sentence that a command leaves when an interrupt ends it: the state in which the machine is then. */
#ifndef BERTH_CMD_CLI_INTERRUPT_H
#define BERTH_CMD_CLI_INTERRUPT_H

#include "base/err.h"

#include <sys/types.h>

/*
 * From now on, SIGINT, SIGTERM or SIGHUP prints this note before it ends the process. Its children end silently. A
 * signal that is ignored stays so. A second call replaces the note. One note at a time.
 */
void interrupt_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * The note of a command that makes something whole or not at all: "interrupted; clone 'c' is whole if 'berth list c'
 * shows it, else the next command removes what was made of it". interrupt_quiet after the end.
 */
void interrupt_whole(const char *what, const char *name, const char *see, const char *of);
/* The handlers stay, and end the process silently. */
void interrupt_quiet(void);
/*
 * From now on the first of these signals is for a child, which gets it unless it has it from the terminal already; a second
 * one ends this process. interrupt_passed tells, after the child's end, which signal that was, or 0.
 */
void interrupt_pass(pid_t child);
int interrupt_passed(void);
/*
 * Between these two calls an interrupt waits: it finds either nothing begun, or the note about what has begun. No child
 * may be forked in between.
 */
void interrupt_hold(void);
void interrupt_release(void);

/*
 * Instead of all that: from now on SIGINT, SIGTERM and SIGHUP wait to be read from a descriptor of signalfd(2), and the
 * signal `more` with them (0: none). A signal that is ignored stays so. The caller owns the descriptor; or -code.
 */
int interrupt_descriptor(int more, struct err *err);

#endif
