/* SPDX-License-Identifier: GPL-2.0-or-later */
/* each: one command in many machines at once. */
#include "cmd/cli/verbs.h"

#include "base/child.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/names.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "machine/attach/attach.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { JOBS_MAX = 256, JOBS = 16 };

static const struct flag flag_jobs = { "jobs", 'j', false, "N",
				       "in at most so many at a time; 16 if not given" };
static const struct flag flag_output = {
	"output", 'o', false, "DIR", "keep output in files DIR/NAME and errors in DIR/NAME.err"
};

static const struct flag *const each_flags[] = { &flag_cwd,    &flag_env,  &flag_jobs, &flag_label,
						 &flag_output, &flag_user, NULL };

/* The command, in one machine. */
struct job {
	const char *name; /* borrowed */
	pid_t pid;        /* 0: it has ended */
	int files[2];     /* owned; for its output and its errors */
	int code;
};

/* Opens a file that is deleted when it is closed, or one that remains. */
static int open_file(const char *folder, const char *name, const char *suffix, struct err *err)
{
	scoped_free char *path = text_format("%s/%s%s", folder ? folder : "/var/tmp", name, suffix);
	int fd = !path    ? -ENOMEM
		 : folder ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)
			  : open("/var/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	return fd < 0 ? err_set(err, path ? errno : ENOMEM, "open '%s' for output: %s",
				path ? path : name, path ? strerror(errno) : "out of memory")
		      : fd;
}

/* With --label no word stands before the command. */
static int patterns(const struct call *call)
{
	return call_has(call, &flag_label) ? 0 : 1;
}

static __attribute__((noreturn)) void run_and_exit(struct call *call, const struct job *job)
{
	struct machine machine = { 0 };
	struct err err = { 0 };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(job->files[0], STDOUT_FILENO) < 0 ||
	    dup2(job->files[1], STDERR_FILENO) < 0)
		_exit(EXEC_FAILED);
	progress_off();
	int r = open_named(&machine, call, job->name, &err);
	exit_apart(call,
		   r != 0 ? EXEC_FAILED
			  : enter_machine(call, &machine,
					  &(struct program){ .argv = call->words + patterns(call) },
					  &err),
		   &err);
}

static int begin_job(struct call *call, struct job *job, struct err *err)
{
	const char *folder = call_value(call, &flag_output);

	job->files[0] = open_file(folder, job->name, "", err);
	job->files[1] = job->files[0] < 0 ? -1 : open_file(folder, job->name, ".err", err);
	if (job->files[1] < 0)
		return -err->code;
	/* Commands end with this one, however it ends. */
	scoped_fd int parent = child_parent();
	if (parent < 0)
		return err_set(err, -parent, "start a process: %s", strerror(-parent));
	fflush(NULL);
	job->pid = fork();
	if (job->pid == 0) {
		if (child_tie(parent, SIGTERM) < 0)
			_exit(EXEC_FAILED);
		run_and_exit(call, job);
	}
	return job->pid < 0 ? err_set(err, errno, "start a process: %s", strerror(errno)) : 0;
}

/* Prints each line with the machine's name before it. */
static void show_lines(int fd, const char *name, FILE *to)
{
	scoped_free char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return;
	scoped_file FILE *from = fdopen(dup(fd), "r");
	while (from && (n = getline(&line, &room, from)) > 0) {
		fprintf(to, "%s: ", name);
		fwrite(line, 1, (size_t)n, to);
		if (line[n - 1] != '\n')
			fputc('\n', to);
	}
}

static void finish_job(const struct call *call, struct job *job)
{
	int status = child_wait(job->pid);

	job->pid = 0;
	job->code = status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXEC_FAILED;
	if (!call_has(call, &flag_output)) {
		show_lines(job->files[0], job->name, stdout);
		output_flush();
		show_lines(job->files[1], job->name, stderr);
	}
	for (int i = 0; i < 2; i++)
		scoped_close_fd(&job->files[i]);
}

/* The next job begins when the oldest one has ended, so that the output is in order. */
static int run_jobs(struct call *call, struct job *jobs, size_t count, uint64_t at_once,
		    struct err *err)
{
	size_t done = 0;

	for (size_t i = 0; i < count && !err->code; i++) {
		if (i >= done + at_once)
			finish_job(call, &jobs[done++]);
		begin_job(call, &jobs[i], err);
	}
	for (; done < count && jobs[done].pid > 0; done++)
		finish_job(call, &jobs[done]);
	for (size_t i = 0; i < count; i++) {
		for (int k = 0; k < 2; k++)
			scoped_close_fd(&jobs[i].files[k]);
	}
	return -err->code;
}

/* Returns the greatest exit code, and reports the number of failures. */
static int sum_up(const struct job *jobs, size_t count)
{
	size_t failed = 0;
	int worst = 0;

	for (size_t i = 0; i < count; i++) {
		failed += jobs[i].code != 0;
		if (jobs[i].code > worst)
			worst = jobs[i].code;
	}
	if (failed && count > 1)
		print_note("the command failed in %zu of %zu machines; the greatest code is %d",
			   failed, count, worst);
	return worst;
}

static int make_folder(const struct call *call, struct err *err)
{
	const char *folder = call_value(call, &flag_output);

	if (folder && mkdir(folder, 0755) < 0 && errno != EEXIST)
		return err_set(err, errno, "make folder '%s': %s", folder, strerror(errno));
	return 0;
}

static int run_each(struct call *call, struct err *err)
{
	struct call first = *call;
	scoped_names struct names names = { 0 };
	uint64_t at_once;
	int r = call_number(call, &flag_jobs, 1, JOBS_MAX, JOBS, &at_once, err);

	first.count = patterns(call);
	if (r == 0)
		r = names_given(&first, &names, err);
	if (r == 0 && names.unmatched)
		return EXIT_FAILED;
	if (r == 0)
		r = make_folder(call, err);
	if (r != 0)
		return r < 0 ? EXEC_FAILED : r;
	scoped_free struct job *jobs = calloc(names.count, sizeof *jobs);
	if (!jobs)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < names.count; i++)
		jobs[i] = (struct job){ .name = names.list[i], .files = { -1, -1 } };
	if (run_jobs(call, jobs, names.count, at_once, err) < 0)
		return EXEC_FAILED;
	return sum_up(jobs, names.count);
}

const struct command command_each = {
	.name = "each",
	.args = "PATTERN [--] COMMAND [ARGUMENT]...",
	.help = "Run a command in all machines that a pattern or --label matches",
	.flags = each_flags,
	.traits = COMMAND_TAIL,
	.min = 2,
	.max = -1,
	.first = WORD_MACHINE,
	.run = run_each,
};
