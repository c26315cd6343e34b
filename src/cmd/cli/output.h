/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard output of a command: why it could not be written, and what its reader does not learn then. */
#ifndef BERTH_CMD_CLI_OUTPUT_H
#define BERTH_CMD_CLI_OUTPUT_H

#include "base/err.h"

/* Once, before anything is printed: standard output was closed, and leads to nowhere now. */
void output_is_closed(void);

/* Remembers the name of a thing that was made. If standard output cannot be written, the error has these names. */
void output_made(const char *what, const char *name);
/* Prints the name as a line, too. */
void output_print_made(const char *what, const char *name);

/* Prints a text; output_end tells of a failure. */
void output_text(const char *text);
/* Another function has failed to print, for that cause, an errno. */
void output_failed(int cause);
/* Writes what was printed so far; output_end tells of a failure. */
void output_flush(void);
/* Writes what was printed. 0; or -code if any of the output of this process could not be written. */
int output_end(struct err *err);

#endif
