/* Bytes between our standard input, output and error and a command's pipes or terminal. */
#ifndef BERTH_MACHINE_RELAY_H
#define BERTH_MACHINE_RELAY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

enum { RELAY_CHUNK = 16384 };

struct relay {
	int outer[3]; /* owned: our ends of the pipes; with a terminal, outer[0] is its master */
	char typed[RELAY_CHUNK]; /* read from standard input, not yet taken by the command */
	size_t typed_at, typed_end;
	bool terminal;
	bool raw;
	struct termios saved;
};

void relay_init(struct relay *relay);

/* Three pipes. None of our own descriptors ever gets into a guest, which could write to them. */
int relay_make_pipes(struct relay *relay, int inner[3], struct err *err);

/* Takes the master: sizes it like our terminal, which becomes raw until relay_close. */
void relay_set_terminal(struct relay *relay, int master);

/*
 * Carries until the process of pidfd has ended and what it wrote has been passed on. Its children may
 * keep pipes open: they are not waited for. Signals that would end us go to the command.
 */
void relay_run(struct relay *relay, int pidfd);

void relay_close(struct relay *relay);

#endif
