/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command runs under a process that waits for it and keeps the last line of its errors. Of what it encrypts,
 * another process makes the sum on its way to the file, so that the file can be compared with it.
 */
#include "machine/backup/filter.h"

#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/shared/sha256.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORDS_MAX = 64, PIECE = 64 << 10, COMMAND_SECONDS = 30 * 86400 };

struct filter_shared {
	struct err command, file;
	char sum[STORE_SUM];
};

/* A command that ends well, and has left bytes of its input, has not encrypted them. */
static void check_read(int in, const char *program, struct err *err)
{
	char byte;
	ssize_t n;

	do
		n = read(in, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 0)
		err_set(err, EIO, "'%s' ended before it had read the whole backup", program);
}

/* All that the command has said, in one line. */
static void tell_exit(const char *program, int code, struct text *errors, struct err *err)
{
	const char *said = text_trim(errors->data ? errors->data : (char[]){ "" });

	for (char *c = errors->data; c && *c; c++)
		*c = (char)(*c == '\n' || iscntrl((unsigned char)*c) ? ' ' : *c);
	err_set(err, EIO, "'%s' exited with %d%s%.400s", program, code, *said ? ": " : "", said);
}

static void run(const struct filter_spec *spec, int in, int out, bool whole, struct err *err)
{
	scoped_free char *text = strdup(spec->command);
	scoped_text struct text errors = { 0 };
	const char *words[WORDS_MAX + 1] = { NULL };
	int code = 0;
	const struct child_io io = { .in_fd = in,
				     .out_fd = out,
				     .errors = &errors,
				     .code = &code,
				     .seconds = COMMAND_SECONDS };

	if (!text) {
		err_set(err, ENOMEM, "out of memory");
	} else if (text_split_words(text, words, WORDS_MAX) == 0) {
		err_set(err, EINVAL, "it has no words");
	} else {
		int r = child_run(words, &io, err);
		if (r == 0 && code != 0)
			tell_exit(words[0], code, &errors, err);
		else if (r == 0 && whole)
			check_read(in, words[0], err);
	}
	if (err->code == ENOENT)
		err_wrap(err, "%s of berth.conf; install it, or change the key", spec->key);
	else if (err->code)
		err_wrap(err, "%s of berth.conf", spec->key);
}

static int sum_up(int in, int out, char hex[STORE_SUM], struct err *err)
{
	static char bytes[PIECE];
	struct sha256 sum;
	ssize_t n;

	if (sha256_begin(&sum, err) < 0)
		return -err->code;
	while ((n = read(in, bytes, sizeof bytes)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		int r = n < 0 ? -errno : file_write_all(out, bytes, (size_t)n, -1);
		if (r < 0)
			return err_set(err, -r, "write it: %s",
				       r == -ENOSPC ? "the disk is full" : strerror(-r));
		sha256_add(&sum, bytes, (size_t)n);
	}
	sha256_end(&sum, hex);
	return 0;
}

/* close: an end of ours, which must not stay open in the process. */
static pid_t fork_tied(int close_fd, int close_too)
{
	scoped_fd int parent = child_parent();
	pid_t pid = parent < 0 ? -1 : fork();

	if (pid != 0)
		return pid;
	if (child_tie(parent, SIGKILL) < 0)
		_exit(EXIT_FAILURE);
	signal(SIGPIPE, SIG_IGN);
	close(close_fd);
	if (close_too >= 0)
		close(close_too);
	return 0;
}

static int begin(struct filter *filter, struct err *err)
{
	*filter = (struct filter){ .fd = -1 };
	filter->shared = mmap(NULL, sizeof *filter->shared, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (filter->shared != MAP_FAILED)
		return 0;
	filter->shared = NULL;
	return err_set(err, ENOMEM, "out of memory");
}

static int start_command(struct filter *filter, const struct filter_spec *spec, int in, int out,
			 int other, struct err *err)
{
	filter->command = fork_tied(filter->fd, other);
	if (filter->command == 0) {
		run(spec, in, out, other >= 0, &filter->shared->command);
		_exit(EXIT_SUCCESS);
	}
	return filter->command < 0 ? err_set(err, EAGAIN, "start a process") : 0;
}

int filter_from(struct filter *filter, const struct filter_spec *spec, int fd, struct err *err)
{
	int ends[2];

	if (begin(filter, err) < 0)
		return -err->code;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, errno, "make a pipe: %s", strerror(errno));
	filter->fd = ends[0];
	scoped_fd int out = ends[1];
	return start_command(filter, spec, fd, out, -1, err);
}

int filter_to(struct filter *filter, const struct filter_spec *spec, int fd, struct err *err)
{
	int plain[2], sealed[2];

	/* The end of a command is told by the write that fails. */
	signal(SIGPIPE, SIG_IGN);
	if (begin(filter, err) < 0)
		return -err->code;
	if (pipe2(plain, O_CLOEXEC) < 0)
		return err_set(err, errno, "make a pipe: %s", strerror(errno));
	filter->fd = plain[1];
	scoped_fd int in = plain[0];
	if (pipe2(sealed, O_CLOEXEC) < 0)
		return err_set(err, errno, "make a pipe: %s", strerror(errno));
	scoped_fd int from = sealed[0];
	scoped_fd int to = sealed[1];
	if (start_command(filter, spec, in, to, from, err) < 0)
		return -err->code;
	filter->summer = fork_tied(filter->fd, to);
	if (filter->summer == 0) {
		close(in);
		sum_up(from, fd, filter->shared->sum, &filter->shared->file);
		_exit(EXIT_SUCCESS);
	}
	return filter->summer < 0 ? err_set(err, EAGAIN, "start a process") : 0;
}

int filter_end(struct filter *filter, char sum[STORE_SUM], struct err *err)
{
	struct filter_shared *shared = filter->shared;
	pid_t *const pids[] = { &filter->command, &filter->summer };

	scoped_close_fd(&filter->fd);
	for (size_t i = 0; i < 2; i++) {
		int status = *pids[i] > 0 ? child_wait(*pids[i]) : 0;
		*pids[i] = 0;
		if (status != 0 && !err->code)
			err_set(err, EIO, "a process that it goes through was killed");
	}
	filter->shared = NULL;
	if (!shared)
		return -err->code;
	/* A command whose output is not taken fails as well, and is not the cause. */
	if (shared->file.code)
		*err = shared->file;
	else if (shared->command.code)
		*err = shared->command;
	if (sum)
		memcpy(sum, shared->sum, STORE_SUM);
	munmap(shared, sizeof *shared);
	return -err->code;
}
