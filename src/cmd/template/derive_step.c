/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of a build, each in a process of its own: it may hang, and a signal ends it at any moment. */
#include "cmd/template/derive.h"
#include "config/values.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/machine/provision.h"
#include "cmd/machine/provision_options.h"
#include "image/shared/sha256.h"
#include "machine/attach/attach.h"
#include "machine/life/life.h"
#include "machine/transfer/transfer.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { SAID_MAX = 16384 };

/* ---- A process that works */

/* Shared with that process. */
struct result {
	bool complete;
	int value;
	struct err err;
};

struct apart {
	struct derive *derive;
	struct result *result; /* owned: a shared mapping */
	pid_t pid;
	int pidfd, output, writing; /* owned; ends of a pipe */
};

static __attribute__((noreturn)) void work_and_exit(struct apart *apart, derive_work *work,
						    const struct derive_act *act, int parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	if (child_tie(parent, SIGKILL) < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(apart->writing, STDOUT_FILENO) < 0 || dup2(apart->writing, STDERR_FILENO) < 0)
		_exit(EXIT_FAILED);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	progress_off();
	apart->result->value = work(apart->derive, act, &apart->result->err);
	apart->result->complete = true;
	fflush(NULL);
	_exit(0);
}

/* Takes what the process has written. false: there is nothing now. */
static bool take_output(const struct apart *apart, struct text *said)
{
	char chunk[4096];
	ssize_t n = read(apart->output, chunk, sizeof chunk);

	if (n <= 0)
		return false;
	if (apart->derive->verbose)
		file_write_all(STDERR_FILENO, chunk, (size_t)n, -1);
	if (!said)
		return true;
	text_add_bytes(said, chunk, (size_t)n);
	if (said->length > 2 * SAID_MAX) {
		memmove(said->data, said->data + said->length - SAID_MAX, SAID_MAX + 1);
		said->length = SAID_MAX;
	}
	return true;
}

int derive_interrupted(struct derive *derive, struct err *err)
{
	struct signalfd_siginfo got;

	if (!derive->caught && read(derive->signals, &got, sizeof got) == sizeof got)
		derive->caught = (int)got.ssi_signo;
	return derive->caught ? err_set(err, EINTR,
					"the build of template '%s' was interrupted, and no "
					"template was made",
					derive->name)
			      : 0;
}

/* Until the process has ended: 0, -EINTR or -ETIMEDOUT. */
static int watch(const struct apart *apart, uint64_t seconds, struct text *said, struct err *err)
{
	int64_t end = clock_ms() + (int64_t)seconds * 1000;
	struct pollfd fds[] = {
		{ .fd = apart->pidfd, .events = POLLIN },
		{ .fd = apart->output, .events = POLLIN },
		{ .fd = apart->derive->signals, .events = POLLIN },
	};

	for (;;) {
		int64_t left = end - clock_ms();
		if (left <= 0)
			return err_set(err, ETIMEDOUT, "it took more than %llu s",
				       (unsigned long long)seconds);
		poll(fds, sizeof fds / sizeof *fds, left < INT_MAX ? (int)left : INT_MAX);
		if (fds[2].revents && derive_interrupted(apart->derive, err) < 0)
			return -err->code;
		/* A closed pipe is readable for ever. */
		if (fds[1].revents && !take_output(apart, said))
			fds[1].fd = fds[1].revents & POLLHUP ? -1 : fds[1].fd;
		if (fds[0].revents)
			return 0;
	}
}

static int conclude(const struct apart *apart, int watched, struct text *said, struct err *err)
{
	if (watched < 0)
		kill(apart->pid, SIGKILL);
	child_wait(apart->pid);
	while (take_output(apart, said))
		;
	if (watched < 0)
		return watched;
	if (!apart->result->complete)
		return err_set(err, EIO, "the process of the build that did it was killed");
	if (apart->result->err.code)
		*err = apart->result->err;
	return apart->result->value;
}

static void apart_close(struct apart *apart)
{
	if (apart->result != MAP_FAILED)
		munmap(apart->result, sizeof *apart->result);
	scoped_close_fd(&apart->pidfd);
	scoped_close_fd(&apart->output);
	scoped_close_fd(&apart->writing);
}

static int apart_open(struct apart *apart, struct err *err)
{
	int ends[2] = { -1, -1 };

	apart->result = mmap(NULL, sizeof *apart->result, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (apart->result == MAP_FAILED || pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, errno, "prepare a process: %s", strerror(errno));
	apart->output = ends[0];
	apart->writing = ends[1];
	return fcntl(apart->output, F_SETFL, O_NONBLOCK) < 0
		       ? err_set(err, errno, "prepare a pipe: %s", strerror(errno))
		       : 0;
}

static int start(struct apart *apart, derive_work *work, const struct derive_act *act,
		 struct err *err)
{
	scoped_fd int parent = child_parent();

	fflush(NULL);
	apart->pid = parent < 0 ? parent : fork();
	if (apart->pid == 0)
		work_and_exit(apart, work, act, parent);
	scoped_close_fd(&apart->writing);
	if (apart->pid < 0)
		return err_set(err, errno, "start a process: %s", strerror(errno));
	apart->pidfd = (int)syscall(SYS_pidfd_open, apart->pid, 0);
	if (apart->pidfd >= 0)
		return 0;
	int code = errno;
	kill(apart->pid, SIGKILL);
	child_wait(apart->pid);
	return err_set(err, code, "watch a process: %s", strerror(code));
}

int derive_apart(struct derive *derive, derive_work *work, const struct derive_act *act,
		 uint64_t seconds, struct text *said, struct err *err)
{
	__attribute__((cleanup(apart_close))) struct apart apart = {
		.derive = derive, .result = MAP_FAILED, .pidfd = -1, .output = -1, .writing = -1
	};

	if (derive_interrupted(derive, err) < 0 || apart_open(&apart, err) < 0 ||
	    start(&apart, work, act, err) < 0)
		return -err->code;
	return conclude(&apart, watch(&apart, seconds, said, err), said, err);
}

/* ---- Its work */

/* The number of the mount that holds a path of a running machine, or its deepest part that is there; 0: unknown. */
static uint64_t mount_of(int root_fd, const char *path)
{
	char part[PATH_MAX];
	struct statx st;

	snprintf(part, sizeof part, "%s", path);
	for (;;) {
		scoped_fd int fd = file_open_in_root(root_fd, *part ? part : ".", O_PATH, 0);
		if (fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) == 0)
			return st.stx_mnt_id;
		char *slash = strrchr(part, '/');
		if (!slash)
			return 0;
		*slash = '\0';
	}
}

/* A file on a tmpfs of the booted machine, such as /run and often /tmp, would not be in the template. */
static int check_kept(struct derive *derive, const char *target, struct err *err)
{
	struct machine_status status = { 0 };
	char path[64];

	machine_status(&derive->machine, NULL, &status);
	snprintf(path, sizeof path, "/proc/%d/root", (int)status.init);
	scoped_fd int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || mount_of(root, "/") == mount_of(root, target))
		return 0;
	return err_set(err, EINVAL,
		       "'%s' is on a file system of the running machine that is no part of its "
		       "root; copy to a folder that stays, such as /usr/local or /root",
		       target);
}

static int copy_work(struct derive *derive, const struct derive_act *act, struct err *err)
{
	char before[SHA256_HEX + 1], after[SHA256_HEX + 1];
	struct provision_file file;

	if (provision_split_file(act->step->text, &file, err) != 0)
		return -err->code;
	scoped_free char *source = derive_path(derive, file.source);
	if (!source)
		return err_set(err, ENOMEM, "out of memory");
	if (check_kept(derive, file.target, err) < 0)
		return -err->code;
	const char *const sources[] = { source };
	struct transfer transfer = {
		.to = &derive->machine,
		.sources = sources,
		.count = 1,
		.target = file.target,
		.parents = true,
		.owner = *file.owner ? file.owner : NULL,
		.mode = file.mode,
	};
	if (derive_sum(source, before, err) < 0 || machine_transfer(&transfer, err) < 0 ||
	    derive_sum(source, after, err) < 0)
		return -err->code;
	if (transfer.left_out)
		printf("not copied: %s\n", transfer.first_left_out);
	free(transfer.first_left_out);
	return strcmp(before, after) == 0
		       ? 0
		       : err_set(err, EAGAIN, "'%s' changed while it was copied; build again",
				 source);
}

/* A later value of a name takes the place of an earlier one. */
static void drop_repeated(char **words)
{
	size_t kept = 0;

	for (size_t i = 0; words[i]; i++) {
		size_t n = strcspn(words[i], "=") + 1, later = i + 1;
		while (words[later] && strncmp(words[later], words[i], n) != 0)
			later++;
		if (!words[later])
			words[kept++] = words[i];
	}
	words[kept] = NULL;
}

static int execute(struct derive *derive, const struct derive_act *act, const char *const *argv,
		   bool input, struct err *err)
{
	scoped_free char **env = NULL;
	struct exec_spec spec = { .argv = argv, .tty = EXEC_TTY_NO, .no_input = !input };
	bool packages = act->step->kind == BUILD_PACKAGES;
	int code = EXEC_FAILED;

	if (config_env(act->env, &env, err) < 0)
		return -err->code;
	drop_repeated(env);
	spec.env = (const char *const *)env;
	spec.user = packages || !*act->user ? "root" : act->user;
	spec.cwd = packages || !*act->cwd ? "/" : act->cwd;
	int r = machine_exec(&derive->machine, &spec, &code, err);
	return r < 0 ? r : code;
}

static int run_work(struct derive *derive, const struct derive_act *act, struct err *err)
{
	const char *const argv[] = { "/bin/sh", "-ec", act->step->text, NULL };

	return execute(derive, act, argv, false, err);
}

static int script_work(struct derive *derive, const struct derive_act *act, struct err *err)
{
	const char *const argv[] = { "/bin/sh", "-c", provision_copied, NULL };
	scoped_free char *path = derive_path(derive, act->step->text);
	scoped_fd int fd = path ? file_open_regular(AT_FDCWD, path, 0) : -ENOMEM;

	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		return err_set(err, fd < 0 ? -fd : errno, "read '%s': %s", act->step->text,
			       fd < 0 ? file_why(fd) : strerror(errno));
	return execute(derive, act, argv, true, err);
}

static int packages_work(struct derive *derive, const struct derive_act *act, struct err *err)
{
	scoped_free char **names = NULL;

	if (config_words(act->step->text, &names, err) < 0)
		return -err->code;
	size_t count = 0, n = 0;
	while (names[count])
		count++;
	scoped_free const char **argv = calloc(count + 6, sizeof *argv);
	if (!argv)
		return err_set(err, ENOMEM, "out of memory");
	argv[n++] = "/bin/sh";
	argv[n++] = "-c";
	argv[n++] = derive->program;
	argv[n++] = "provision";
	argv[n++] = "packages";
	for (size_t i = 0; i < count; i++)
		argv[n++] = names[i];
	return execute(derive, act, argv, false, err);
}

static int do_act(struct derive *derive, const struct derive_act *act, struct text *said,
		  struct err *err)
{
	derive_work *work = act->step->kind == BUILD_COPY       ? copy_work
			    : act->step->kind == BUILD_PACKAGES ? packages_work
			    : act->step->kind == BUILD_SCRIPT   ? script_work
								: run_work;

	return derive_apart(derive, work, act, derive->seconds, said, err);
}

/* A command's exit code, with a sentence; the sentence of another failure gets the step's name. */
static int tell_failure(const struct derive *derive, const char *label, int r, struct text *said,
			struct err *err)
{
	if (r == -EINTR)
		return r;
	if (!derive->verbose && said->length)
		show_last_lines(said->data);
	if (r > 0)
		err_set(err, EIO, "%s exited with %d, and no template was made", label, r);
	else if (r == -ETIMEDOUT && text_starts(err->text, "it took")) {
		*err = (struct err){ 0 };
		err_set(err, ETIMEDOUT,
			"%s was given up after %llu s, and no template was made; --timeout gives "
			"it more time",
			label, (unsigned long long)derive->seconds);
	} else
		err_wrap(err, "%s", label);
	return r;
}

int derive_step(struct derive *derive, size_t index, struct err *err)
{
	scoped_text struct text said = { 0 };
	struct progress progress = { 0 };
	int64_t began = clock_ms();
	char label[160];

	derive_label(derive, index, label, sizeof label);
	if (derive->verbose)
		print_note("%s", label);
	else
		progress_begin(&progress, "%s", label);
	int r = do_act(derive, &derive->acts[index], &said, err);
	progress_end(&progress);
	fault_point("derive-stepped");
	if (r != 0)
		return tell_failure(derive, label, r, &said, err);
	int64_t took = clock_ms() - began;
	print_note("%s: %lld.%lld s", label, (long long)took / 1000, (long long)took % 1000 / 100);
	return 0;
}
