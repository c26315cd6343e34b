/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/wire/far.h"

#include "base/child.h"
#include "base/scoped.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum {
	ANSWER_SECONDS = 300,  /* a person may have to give a password first */
	FINISH_SECONDS = 3600, /* the last of a large stream is written to the disk */
	END_SECONDS = 10,
	WORDS_MAX = 64,
	NO_COMMAND = 127,
	SSH_FAILED = 255,
};

/* ---- Where to */

static int refuse_target(const char *word, struct err *err)
{
	return err_set(err, EINVAL, "'%.100s' is not [USER@]HOST or [USER@]HOST:NAME", word);
}

int target_parse(const char *word, struct target *target, struct err *err)
{
	const char *bracket = strrchr(word, ']');
	const char *colon = strchr(bracket ? bracket : word, ':');
	size_t n = colon ? (size_t)(colon - word) : strlen(word);

	*target = (struct target){ 0 };
	/* A word that begins with '-' would be an option of ssh. */
	if (n == 0 || word[n - 1] == '@' || *word == '-' ||
	    strcspn(word, " \t\n'\"\\;&|<>$`") != strlen(word))
		return refuse_target(word, err);
	if (colon && text_label_fault(colon + 1))
		return err_set(err, EINVAL,
			       "behind '%.*s:' stands the name of the machine there, and '%.80s' "
			       "%s",
			       (int)n, word, colon + 1, text_label_fault(colon + 1));
	target->host = strndup(word, n);
	target->name = colon ? strdup(colon + 1) : NULL;
	return target->host && (!colon || target->name) ? 0 : err_set(err, ENOMEM, "out of memory");
}

void target_free(struct target *target)
{
	free(target->host);
	free(target->name);
	*target = (struct target){ 0 };
}

/* ---- The program */

/* The ends of three pipes: what the program reads and writes, and one that gets the cause if it cannot run. */
static __attribute__((noreturn)) void execute(const char *const *words, int in, int out, int report)
{
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		execvp(words[0], (char *const *)(uintptr_t)words);
	int code = errno;
	ssize_t ignored = write(report, &code, sizeof code);
	(void)ignored;
	_exit(NO_COMMAND);
}

/* Whether the program runs. Its exec closes the report. */
static int check_running(const char *program, int report, struct err *err)
{
	int code = 0;
	ssize_t n;

	do
		n = read(report, &code, sizeof code);
	while (n < 0 && errno == EINTR);
	if (n != sizeof code)
		return 0;
	if (code == ENOENT)
		return err_set(err, ENOENT,
			       "'%s' is not installed on this host: install it, or name another "
			       "command with --ssh",
			       program);
	return err_set(err, code, "run '%s': %s", program, strerror(code));
}

static int run(struct far *far, const char *const *words, bool shielded, struct err *err)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, report[2] = { -1, -1 };

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
		return err_set(err, errno, "make a pipe: %s", strerror(errno));
	far->pid = fork();
	if (far->pid == 0 && shielded) {
		/* ssh(1) leaves a signal ignored that it finds so. */
		signal(SIGINT, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
	}
	if (far->pid == 0)
		execute(words, in[0], out[1], report[1]);
	int code = errno;
	close(report[1]);
	scoped_fd int failed = report[0];
	close(in[0]);
	close(out[1]);
	far->to = in[1];
	far->from = out[0];
	far->wire = (struct wire){ .fd = far->from, .seconds = ANSWER_SECONDS };
	return far->pid < 0 ? err_set(err, code, "fork: %s", strerror(code))
			    : check_running(words[0], failed, err);
}

int far_open(struct far *far, const char *host, const struct far_spec *spec, struct err *err)
{
	/* A connection that is silently gone ends after two minutes; the user's own command decides that itself. */
	static const char own[] = "ssh -T -o ServerAliveInterval=15 -o ServerAliveCountMax=8";
	scoped_free char *command = strdup(spec->ssh ? spec->ssh : own);
	scoped_free char *there = text_format("%s %s %s", spec->berth ? spec->berth : "berth",
					      spec->verb ? spec->verb : "receive", spec->words);
	const char *words[WORDS_MAX + 4] = { NULL };

	*far = (struct far){ .host = host, .to = -1, .from = -1 };
	if (!command || !there)
		return err_set(err, ENOMEM, "out of memory");
	size_t count = text_split_words(command, words, WORDS_MAX);
	if (count == 0)
		return err_set(err, EINVAL,
			       "--ssh is empty: it is the command that reaches the host");
	words[count++] = host;
	words[count++] = there;
	return run(far, words, spec->shielded, err);
}

/* How the program has ended, as the end of a sentence. */
static void ended(struct far *far, char *out, size_t room)
{
	int status = far->pid > 0 ? child_wait_within(far->pid, END_SECONDS) : -ECHILD;

	if (status == -ETIMEDOUT || status == 0) {
		snprintf(out, room, "the connection was closed");
		far->pid = status == 0 ? 0 : far->pid;
		return;
	}
	far->pid = 0;
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == NO_COMMAND)
		snprintf(
			out, room,
			"there is no berth that receives machines: install it, or name its command "
			"with --berth");
	else if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == SSH_FAILED)
		snprintf(out, room, "the connection failed");
	else if (status >= 0) {
		char how[100];
		child_status_text(status, how, sizeof how);
		snprintf(out, room, "the command that reaches it %s", how);
	} else
		snprintf(out, room, "the connection is gone");
}

static int tell_end(struct far *far, int r, struct err *err)
{
	char how[160];

	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "host '%s' does not answer", far->host);
	if (r < 0)
		return err_set(err, EBADMSG,
			       "host '%s' answers with something else than berth's words",
			       far->host);
	scoped_close_fd(&far->to);
	ended(far, how, sizeof how);
	return err_set(err, ECONNRESET, "host '%s': %s", far->host, how);
}

int far_write(const struct far *far, const struct text *lines, struct err *err)
{
	ssize_t n = write(far->to, lines->data, lines->length);

	return n < 0 && errno != EPIPE
		       ? err_set(err, errno, "write to host '%s': %s", far->host, strerror(errno))
		       : 0;
}

int far_read(struct far *far, char key[32], char value[WIRE_LINE], struct err *err)
{
	char line[WIRE_LINE];
	int r = wire_read(&far->wire, line);

	if (r <= 0)
		return tell_end(far, r, err);
	if (!*line)
		return 0;
	size_t n = strcspn(line, " ");
	snprintf(key, 32, "%.*s", n < 31 ? (int)n : 31, line);
	snprintf(value, WIRE_LINE, "%s", line + n + (line[n] == ' '));
	if (strcmp(key, "error") == 0)
		return err_set(err, EREMOTEIO, "host '%s': %.1500s", far->host, value);
	return 1;
}

static void note_part(struct far *far, const char *key, const char *value)
{
	uint64_t bytes;

	if (strcmp(key, "cut") == 0)
		far->cut = strcmp(value, "yes") == 0;
	/* A count that does not grow is none: the other side could send lines without end. */
	if (strcmp(key, "at") == 0 && text_to_u64(value, 0, UINT64_MAX, &bytes) == 0 &&
	    bytes > far->at) {
		far->at = bytes;
		far->wire.lines = 0;
	}
}

void far_hear(struct far *far)
{
	char key[32], value[WIRE_LINE];

	while (!far->early.code) {
		struct pollfd poll_fd = { .fd = far->from, .events = POLLIN };
		if (poll(&poll_fd, 1, 0) <= 0 || far_read(far, key, value, &far->early) <= 0)
			return;
		note_part(far, key, value);
	}
}

int far_finish(struct far *far, bool sent, const struct err *failed, struct err *err)
{
	char key[32], value[WIRE_LINE];
	int r;

	scoped_close_fd(&far->to);
	far->wire.seconds = sent ? FINISH_SECONDS : END_SECONDS;
	if (far->early.code)
		*err = far->early;
	while ((r = err->code ? -err->code : far_read(far, key, value, err)) > 0) {
		note_part(far, key, value);
		if (strcmp(key, "note") == 0)
			text_add(&far->notes, "host '%s': %s\n", far->host, value);
		else if (strcmp(key, "done") == 0)
			return snprintf(far->done, sizeof far->done, "%.63s", value), 0;
	}
	if (r == 0)
		r = tell_end(far, -EBADMSG, err);
	/* The sentence of the other side is the cause; a broken connection is told only if nothing else is known. */
	if (err->code == EREMOTEIO || (!failed->code && !sent))
		return r;
	/* A stream that nobody reads any more is the connection's end, of which the other sentence knows more. */
	if (failed->code && failed->code != EPIPE) {
		*err = *failed;
		return -failed->code;
	}
	if (failed->code)
		return r;
	return err_wrap(err,
			"all was sent, and no answer came: 'berth list' there tells whether it has "
			"arrived");
}

int far_answer(struct far *far, unsigned seconds, struct err *err)
{
	char key[32], value[WIRE_LINE];
	int r;

	far->wire.seconds = seconds;
	far->wire.lines = 0;
	while ((r = far_read(far, key, value, err)) > 0) {
		if (strcmp(key, "note") == 0)
			text_add(&far->notes, "host '%s': %s\n", far->host, value);
		else if (strcmp(key, "returned") == 0)
			return snprintf(far->said, sizeof far->said, "%s", value), FAR_RETURNED;
		else if (strcmp(key, "done") == 0)
			return snprintf(far->done, sizeof far->done, "%.63s", value), 0;
	}
	return r == 0 ? tell_end(far, -EBADMSG, err) : r;
}

int far_ask(struct far *far, const char *step, unsigned seconds, struct err *err)
{
	scoped_text struct text line = { 0 };

	text_add(&line, "%s\n", step);
	if (line.failed)
		return err_set(err, ENOMEM, "out of memory");
	return far_write(far, &line, err) < 0 ? -err->code : far_answer(far, seconds, err);
}

void far_close(struct far *far)
{
	scoped_close_fd(&far->to);
	scoped_close_fd(&far->from);
	if (far->pid > 0 && child_wait_within(far->pid, END_SECONDS) == -ETIMEDOUT) {
		kill(far->pid, SIGTERM);
		child_wait(far->pid);
	}
	far->pid = 0;
	text_free(&far->notes);
}
