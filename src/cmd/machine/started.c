/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine that was just started: the wait for its boot, and the last lines of its console if it fails. */
#include "base/file.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "machine/start/start.h"
#include "machine/state/machine.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int start_machine(struct machine *machine, bool *was_running, struct err *err)
{
	scoped_text struct text warning = { 0 };
	int r = machine_start(machine, was_running, &warning, err);

	if (r == 0)
		print_notes(&warning);
	return r;
}

int start_anew_if_ended(struct call *call, struct machine *machine, start_act *act, struct err *err)
{
	scoped_machine struct machine now = { 0 };
	bool was_running = false;

	int r = act(call, machine, &was_running, err);
	if (r != -ECANCELED || !was_running ||
	    machine_open(&now, &call->dirs, machine->name, &(struct err){ 0 }) < 0)
		return r;
	print_note("%s; it is started again", err->text);
	*err = (struct err){ 0 };
	return act(call, &now, &was_running, err);
}

int wait_booted(const struct call *call, struct machine *machine, struct err *err)
{
	uint64_t seconds;
	int r = call_seconds(call, &flag_wait, 60, &seconds, err);

	if (r != 0 || !call_has(call, &flag_wait))
		return r;
	scoped_progress struct progress progress = { 0 };
	progress_begin(&progress, "waiting for machine '%s' to boot", machine->name);
	interrupt_note("machine '%s' runs on, and was not seen to boot; its console is shown by: "
		       "berth logs %s",
		       machine->name, machine->name);
	r = machine_wait_booted(machine, (unsigned)seconds, err);
	interrupt_quiet();
	return r;
}

long console_mark(const struct machine *machine)
{
	scoped_free char *path = machine_log_path(machine, false);
	struct stat st;

	return path && stat(path, &st) == 0 ? (long)st.st_size : 0;
}

enum { SHOWN_LINES = 10, SHOWN_BYTES = 4096 };

void console_show(const struct machine *machine, long mark)
{
	scoped_free char *path = machine_log_path(machine, false);
	scoped_fd int fd = path ? file_open_regular(AT_FDCWD, path, 0) : -1;
	char tail[SHOWN_BYTES + 1];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	off_t from = st.st_size < mark ? 0 : mark;
	if (st.st_size - from > SHOWN_BYTES)
		from = st.st_size - SHOWN_BYTES;
	ssize_t n = pread(fd, tail, SHOWN_BYTES, from);
	if (n <= 0)
		return;
	tail[n] = '\0';
	show_last_lines(tail);
}

void show_last_lines(char *text)
{
	char *lines[SHOWN_LINES] = { NULL };
	size_t count = 0;
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		line = text_trim(line);
		if (*line)
			lines[count++ % SHOWN_LINES] = line;
	}
	for (size_t i = count > SHOWN_LINES ? count - SHOWN_LINES : 0; i < count; i++) {
		scoped_text struct text plain = { 0 };
		print_plain(lines[i % SHOWN_LINES], &plain);
		fprintf(stderr, "  | %s\n", text_str(&plain));
	}
}
