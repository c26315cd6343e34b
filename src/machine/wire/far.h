/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other side of a send: a berth on another host, reached by ssh with the user's own configuration. */
#ifndef BERTH_MACHINE_WIRE_FAR_H
#define BERTH_MACHINE_WIRE_FAR_H

#include "machine/wire/wire.h"

#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>

/* [USER@]HOST[:NAME]; owned. */
struct target {
	char *host; /* with the user, as ssh takes it */
	char *name; /* of the machine there; NULL: its own */
};
int target_parse(const char *word, struct target *target, struct err *err);
void target_free(struct target *target);
#define scoped_target __attribute__((cleanup(target_free)))

struct far_spec {
	const char *ssh;   /* words of a command; NULL: ssh */
	const char *berth; /* the command there; NULL: berth */
	const char *verb;  /* of it; NULL: receive */
	const char *words; /* its words behind the verb */
	bool shielded; /* an interrupt from the terminal does not end it, but the end of this command does */
};

struct far {
	const char *host; /* borrowed */
	pid_t pid;
	int to, from; /* owned */
	struct wire wire;
	struct text notes;    /* owned: what the other side remarks, a line each */
	char said[WIRE_LINE]; /* why the other side has given the machine back */
	char done[64];        /* the name of the machine there, once it is made */
	uint64_t at;          /* bytes of the stream that the other side has on its disk */
	bool cut;             /* it has got no end of the stream */
	struct err early;     /* what it said before the end of the stream */
};

/* Starts the program. */
int far_open(struct far *far, const char *host, const struct far_spec *spec, struct err *err);

/*
 * Writes lines. A program that has ended already has said why, so that only what is read next tells its end. 0 or
 * -code.
 */
int far_write(const struct far *far, const struct text *lines, struct err *err);

/*
 * Reads a line of the offer into key and value: 1; 0 at its end. A line that is an error, and the end of the
 * connection, are -code with a sentence.
 */
int far_read(struct far *far, char key[32], char value[WIRE_LINE], struct err *err);

/* During the stream: takes what the other side has said so far, and waits for nothing. */
void far_hear(struct far *far);

/*
 * After the stream: waits for the answer. 0: the machine is there; -code with the reason. sent: whether all of the
 * stream was written; failed (may be empty): why it was not, which counts if the other side gives no reason.
 */
int far_finish(struct far *far, bool sent, const struct err *failed, struct err *err);

/*
 * For a session of steps: asks for one, and waits for its answer. 0: it is done; FAR_RETURNED: the machine is ours
 * again, and far->said has the cause; -code, of which only -EREMOTEIO is an answer. far_answer: what far_ask does
 * after it has asked.
 */
enum { FAR_RETURNED = 1 };
int far_ask(struct far *far, const char *step, unsigned seconds, struct err *err);
int far_answer(struct far *far, unsigned seconds, struct err *err);

/* Ends the program. */
void far_close(struct far *far);
#define scoped_far __attribute__((cleanup(far_close)))

#endif
