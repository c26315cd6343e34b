/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/output.h"

#include "base/text.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>

static struct {
	bool closed;
	int cause;        /* of the first failure; 0: none is known */
	struct text made; /* "machine 'web', machine 'db'" */
} output;

void output_is_closed(void)
{
	output.closed = true;
}

void output_made(const char *what, const char *name)
{
	enum { SHOWN_MAX = 600 };

	if (output.made.length < SHOWN_MAX)
		text_add(&output.made, "%s%s '%s'", output.made.length ? ", " : "", what, name);
	else if (!text_ends(text_str(&output.made), "..."))
		text_add(&output.made, ", ...");
}

void output_print_made(const char *what, const char *name)
{
	output_made(what, name);
	printf("%s\n", name);
}

void output_failed(int cause)
{
	output.cause = output.cause ? output.cause : cause;
}

void output_text(const char *text)
{
	if (fputs(text, stdout) == EOF)
		output_failed(errno);
}

/* The command that has made something outlives a reader that has gone, to name it. */
void output_flush(void)
{
	void (*before)(int) = output.made.length ? signal(SIGPIPE, SIG_IGN) : SIG_ERR;
	bool lost = output.closed && __fpending(stdout) > 0;

	errno = 0;
	if (fflush(stdout) != 0 || lost)
		output_failed(lost ? EBADF : errno);
	if (before != SIG_ERR)
		signal(SIGPIPE, before);
}

int output_end(struct err *err)
{
	output_flush();
	if (!output.cause && !ferror(stdout))
		return 0;
	/* A full buffer may have been written between two prints, and nobody has seen why that failed. */
	int code = output.cause ? output.cause : EIO;
	const char *why = output.cause == EBADF ? "it is closed" : strerror(code);
	return err_set(err, code, "standard output: %s%s%s", why,
		       output.made.length ? "; made: " : "", text_str(&output.made));
}
