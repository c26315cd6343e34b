/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A verb that runs in this process, with its output in memory. */
#ifndef BERTH_API_VERB_H
#define BERTH_API_VERB_H

#include "api/argv.h"
#include "base/err.h"
#include "cmd/cli/command.h"

#include <jansson.h>

struct verb_result {
	int code;       /* the exit code */
	struct err err; /* why it failed: what it returned, or the first error that it printed */
	char *out;      /* owned, NUL-terminated: its standard output */
	size_t length;
	json_t *notes; /* owned: an array of its other sentences */
};

/*
 * Runs the command line of call's program with the words of argv, which begin with its name. input: its standard input,
 * 0 for an empty one. What it and its children print goes into result. -code: it was not run.
 */
int verb_run(const struct call *call, const struct argv *argv, int input,
	     struct verb_result *result, struct err *err);
/*
 * Runs such a command line with the standard descriptors that there are, and writes out all that it has printed. Its exit
 * code; err: its failure, or why its output could not be written.
 */
int verb_line(const struct call *call, const struct argv *argv, struct err *err);
/* The beginning of such a command line, for the same installation. */
void verb_begin(const struct call *call, struct argv *argv);

/* Sorts the lines that a verb has printed on standard error: the first error into err, if that is empty; others into notes. */
void verb_take_sentences(char *lines, struct err *err, json_t *notes);
/* The value that a verb that looks has printed, also if it complained about broken members of a list; NULL: it failed. */
json_t *verb_json(const struct verb_result *result);
/* The result's error, with the HTTP status for it (0: by its errno). */
int verb_fault(const struct verb_result *result, struct err *err);

/* The errno of that name; EIO for one that is not known. */
int verb_code_of(const char *name);

void verb_result_free(struct verb_result *result);
#define scoped_result __attribute__((cleanup(verb_result_free)))

#endif
