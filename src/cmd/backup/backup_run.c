/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/backup/backup_run.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- What was done */

static void show_text(const struct machine *machine, const struct backup_spec *spec,
		      struct backup_result *result)
{
	const struct backup *made = &result->made;
	const char *reason = *result->why ? result->why : "";
	char size[32];

	text_human_size(made->size, size, sizeof size);
	if (made->date)
		printf("%s@%.15s: %s%s%s%s%s%s%s\n", machine->name, made->file,
		       spec->dry ? "would be " : "", made->base ? "increment" : "full",
		       spec->dry ? "" : ", ", spec->dry ? "" : size, *reason ? " (" : "", reason,
		       *reason ? ")" : "");
	char *rest = result->removed.data;
	for (char *file; (file = strsep(&rest, "\n"));) {
		if (*file)
			printf("%s@%.15s: %s, backup.keep does not keep it\n", machine->name, file,
			       spec->dry ? "would be removed" : "removed");
	}
}

static void write_json(const struct machine *machine, struct backup_result *result, int fd)
{
	const struct backup *made = &result->made;
	json_t *removed = json_array();
	char base[STAMP_SIZE] = "";

	if (made->base)
		stamp_print(made->base, base);
	char *rest = result->removed.data;
	for (char *file; (file = strsep(&rest, "\n"));) {
		if (*file)
			json_array_append_new(removed, json_string(file));
	}
	json_t *object = json_members((const struct json_member[]){
		{ "machine", json_string(machine->name) },
		{ "file", json_text(made->date ? made->file : "") },
		{ "kind", json_text(made->date ? made->base ? "increment" : "full" : "") },
		{ "base", json_text(base) },
		{ "bytes", json_count(made->size) },
		{ "reason", json_text(result->why) },
		{ "removed", removed },
		{ 0 },
	});
	scoped_free char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
	if (line)
		file_write_all(fd, line, strlen(line), -1);
	file_write_all(fd, "\n", 1, -1);
	json_decref(object);
}

int backup_failed(const struct machine *machine, const struct backup_spec *spec, struct err *err)
{
	if (backup_tell_failure(machine, spec, err))
		return -err->code;
	*err = (struct err){ 0 };
	return EXIT_FAILED;
}

static void tick(void *context, uint64_t bytes)
{
	progress_show_bytes(context, bytes);
}

static int make(struct machine *machine, const struct backup_spec *given, int json, struct err *err)
{
	scoped_free char *doing = text_format("backing up machine '%s'", machine->name);
	struct progress_bytes shown = { .doing = doing, .began = clock_ms() };
	struct backup_result result = { 0 };
	struct backup_spec spec = *given;

	if (!doing)
		return err_set(err, ENOMEM, "out of memory");
	spec.tick = progress_is_shown() ? tick : NULL;
	spec.tick_context = &shown;
	int r = backup_make(machine, &spec, &result, err);
	if (progress_is_shown())
		progress_write("%s", "");
	if (json >= 0 && result.made.date)
		write_json(machine, &result, json);
	else if (json < 0)
		show_text(machine, &spec, &result);
	text_free(&result.removed);
	return r < 0 ? backup_failed(machine, &spec, err) : 0;
}

/* ---- The process */

static const int ending[] = { SIGINT, SIGTERM, SIGHUP };

static void signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
		sigaddset(set, ending[i]);
}

static pid_t begin(struct call *call, struct machine *machine, const struct backup_spec *spec,
		   int json, const sigset_t *before)
{
	scoped_fd int ourselves = child_parent();

	output_flush();
	pid_t pid = ourselves < 0 ? -1 : fork();
	if (pid != 0)
		return pid;
	/* Its helpers end with it in the same way. */
	if (child_tie(ourselves, SIGKILL) < 0)
		_exit(EXIT_FAILED);
	sigprocmask(SIG_SETMASK, before, NULL);
	struct err err = { 0 };
	exit_apart(call, make(machine, spec, json, &err), &err);
}

/* Waits for the end of the child, which a signal to us brings about. The signal, or 0. */
static int await(pid_t pid, const sigset_t *set, int *status)
{
	int got = 0;

	while (waitpid(pid, status, WNOHANG) == 0) {
		int sig = sigwaitinfo(set, NULL);
		if (sig <= 0 || sig == SIGCHLD)
			continue;
		got = sig;
		kill(pid, SIGKILL);
	}
	return got;
}

/* The backup may have got its name before the end came. */
static int tell_whole(const struct machine *machine, const struct backup *made, const char *how,
		      struct err *err)
{
	return err_set(err, EINTR,
		       "back up machine '%s': %s after the backup '%s' was there, which is whole; "
		       "old ones may not all be deleted yet",
		       machine->name, how, made->file);
}

static int tell_end(struct machine *machine, const struct backup_spec *spec, int status, int got,
		    struct err *err)
{
	char how[64];

	if (WIFEXITED(status) && !got)
		return WEXITSTATUS(status);
	bool whole = !spec->dry && backup_abandon(machine, &spec->where, spec->begun);
	child_status_text(status, how, sizeof how);
	if (got)
		err_set(err, EINTR, "it was interrupted by SIG%s", sigabbrev_np(got));
	else
		err_set(err, EIO, "the process that makes it %s", how);
	if (whole) {
		struct err cause = *err;
		*err = (struct err){ 0 };
		tell_whole(machine, spec->begun, cause.text, err);
		return got ? -EINTR : -err->code;
	}
	int r = backup_failed(machine, spec, err);
	return got ? -EINTR : r;
}

static int run_apart(struct call *call, struct machine *machine, const struct backup_spec *spec,
		     int json, int *signal, struct err *err)
{
	sigset_t set, before;
	int status = 0;

	signals(&set);
	sigprocmask(SIG_BLOCK, &set, &before);
	pid_t pid = begin(call, machine, spec, json, &before);
	if (pid < 0) {
		err_set(err, errno, "start a process: %s", strerror(errno));
		sigprocmask(SIG_SETMASK, &before, NULL);
		return -err->code;
	}
	*signal = await(pid, &set, &status);
	int r = tell_end(machine, spec, status, *signal, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

int backup_run(struct call *call, struct machine *machine, const struct backup_spec *given,
	       int json, int *signal, struct err *err)
{
	struct backup_spec spec = *given;

	*signal = 0;
	/* Read here after the end of the process that writes it. */
	spec.begun = mmap(NULL, sizeof *spec.begun, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (spec.begun == MAP_FAILED)
		return err_set(err, ENOMEM, "out of memory");
	int r = run_apart(call, machine, &spec, json, signal, err);
	munmap(spec.begun, sizeof *spec.begun);
	return r;
}
