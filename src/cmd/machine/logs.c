/* SPDX-License-Identifier: GPL-2.0-or-later */
/* logs: shows the past output of a machine's console. */
#include "cmd/cli/verbs.h"

#include "base/file.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/machine/logfilter.h"
#include "machine/state/machine.h"

#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

static const struct flag flag_follow = { "follow", 'f', false, NULL,
					 "go on showing what comes, until interrupted" };
static const struct flag flag_lines = { "lines", 'n', false, "LINES", "only the last lines" };
static const struct flag flag_raw = { "raw", 0, false, NULL,
				      "leave escape sequences in, also on a terminal" };
static const struct flag *const logs_flags[] = { &flag_follow, &flag_lines, &flag_raw, NULL };

struct output {
	bool filtered;
	struct logfilter filter;
};

static int put(struct output *output, const char *bytes, size_t n, struct err *err)
{
	scoped_text struct text clean = { 0 };

	if (output->filtered) {
		logfilter_add(&output->filter, bytes, n, &clean);
		bytes = text_str(&clean);
		n = clean.length;
	}
	if (fwrite(bytes, 1, n, stdout) < n)
		return err_set(err, errno, "standard output: %s", strerror(errno));
	return 0;
}

/* Shows a file from its present offset to its end. */
static int pour(struct output *output, int fd, struct err *err)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof chunk)) > 0) {
		int r = put(output, chunk, (size_t)n, err);
		if (r < 0)
			return r;
	}
	return n < 0 ? err_set(err, errno, "read the console's log: %s", strerror(errno)) : 0;
}

/*
 * Moves the offset of a file to the beginning of its last lines. Returns the number of lines that it lacks, which the
 * older file may have.
 */
static uint64_t seek_lines(int fd, uint64_t lines)
{
	char chunk[4096];
	off_t end = lseek(fd, 0, SEEK_END), at = end;

	while (at > 0 && lines > 0) {
		size_t n = at < (off_t)sizeof chunk ? (size_t)at : sizeof chunk;
		at -= (off_t)n;
		if (pread(fd, chunk, n, at) != (ssize_t)n)
			break;
		for (size_t i = n; i > 0; i--) {
			/* The newline at the very end begins no further line. */
			bool last = at + (off_t)i == end;
			if (chunk[i - 1] != '\n' || last)
				continue;
			if (lines-- <= 1) {
				lseek(fd, at + (off_t)i, SEEK_SET);
				return 0;
			}
		}
	}
	if (lines == 0)
		return 0;
	lseek(fd, 0, SEEK_SET);
	return end > 0 ? lines - 1 : lines;
}

static int open_log(const struct machine *machine, bool older, int *fd, struct err *err)
{
	scoped_free char *path = machine_log_path(machine, older);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	*fd = file_open_regular(AT_FDCWD, path, O_NOFOLLOW);
	if (*fd < 0 && *fd != -ENOENT)
		return err_set(err, -*fd, "open '%s': %s", path, file_why(*fd));
	return 0;
}

/* Shows as many lines of the older file as the newer one lacks, then those of the newer one. */
static int show_past(struct output *output, const struct machine *machine, int log, uint64_t lines,
		     struct err *err)
{
	scoped_fd int older = -1;

	if (open_log(machine, true, &older, err) < 0)
		return -err->code;
	if (lines != UINT64_MAX && log >= 0)
		lines = seek_lines(log, lines);
	if (older >= 0 && lines > 0) {
		if (lines != UINT64_MAX)
			seek_lines(older, lines);
		if (pour(output, older, err) < 0)
			return -err->code;
	}
	return log >= 0 ? pour(output, log, err) : 0;
}

/* Whether this file still has the log's name: the log may have been rotated, or the machine deleted. */
static bool is_current(const struct machine *machine, int fd)
{
	scoped_free char *path = machine_log_path(machine, false);
	struct stat here;

	return fd >= 0 && path && fstat(fd, &here) == 0 && file_has_name(&here, AT_FDCWD, path);
}

/* Follows the log until a signal ends this command, or the machine's folder is gone. */
static int follow(struct output *output, const struct machine *machine, int *log, struct err *err)
{
	scoped_fd int watch = inotify_init1(IN_CLOEXEC);
	char events[4096] __attribute__((aligned(8)));

	if (watch < 0 || inotify_add_watch(watch, machine->folder,
					   IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF |
						   IN_ONLYDIR) < 0)
		return err_set(err, errno, "watch '%s': %s", machine->folder, strerror(errno));
	for (;;) {
		if (*log >= 0 && pour(output, *log, err) < 0)
			return -err->code;
		if (!is_current(machine, *log)) {
			scoped_close_fd(log);
			if (open_log(machine, false, log, err) < 0 ||
			    (*log >= 0 && pour(output, *log, err) < 0))
				return -err->code;
		}
		if (output_end(err) < 0)
			return -err->code;
		ssize_t n = read(watch, events, sizeof events);
		if (n < 0 && errno != EINTR)
			return err_set(err, errno, "watch '%s': %s", machine->folder,
				       strerror(errno));
		if (access(machine->folder, F_OK) < 0)
			return 0;
	}
}

static int run_logs(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_fd int log = -1;
	struct output output = { .filtered = isatty(STDOUT_FILENO) && !call_has(call, &flag_raw) };
	uint64_t lines;

	int r = call_number(call, &flag_lines, 0, UINT32_MAX, UINT64_MAX, &lines, err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r != 0)
		return r;
	if (open_log(&machine, false, &log, err) < 0 ||
	    show_past(&output, &machine, log, lines, err) < 0)
		return -err->code;
	if (call_has(call, &flag_follow))
		return follow(&output, &machine, &log, err);
	if (log < 0)
		print_note("machine '%s' has not been started yet", machine.name);
	return 0;
}

const struct command command_logs = {
	.traits = COMMAND_LOOKS,
	.name = "logs",
	.args = "MACHINE",
	.help = "Show what the console of a machine has shown",
	.flags = logs_flags,
	.min = 1,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_logs,
};
