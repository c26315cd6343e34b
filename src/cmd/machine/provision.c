/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/provision.h"

#include "base/child.h"
#include "base/file.h"
#include "base/install.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/machine/cloud_init.h"
#include "cmd/machine/provision_host.h"
#include "cmd/machine/provision_keymap.h"
#include "cmd/machine/provision_options.h"
#include "machine/attach/attach.h"
#include "machine/life/life.h"
#include "machine/transfer/transfer.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { STEP_SECONDS = 300, BOOT_SECONDS = 300, PROGRAM_MAX = 65536, SAID_MAX = 65536 };

/* ---- Files, before the first start */

static int copy_file(const char *value, void *context, struct err *err)
{
	struct machine *machine = context;
	struct provision_file option;
	int r = provision_split_file(value, &option, err);
	const char *source = option.source;

	if (r != 0)
		return r;
	struct transfer transfer = {
		.to = machine,
		.sources = &source,
		.count = 1,
		.target = option.target,
		.parents = true,
		.owner = *option.owner ? option.owner : NULL,
		.mode = option.mode,
	};
	r = machine_transfer(&transfer, err);
	if (r == 0 && transfer.left_out)
		print_note("not copied into machine '%s': %s", machine->name,
			   transfer.first_left_out);
	free(transfer.first_left_out);
	return r;
}

static int seed(const char *path, void *context, struct err *err)
{
	return cloud_init_seed(path, context, err);
}

static int check_keymap(const char *given, void *context, struct err *err)
{
	scoped_free char *value = NULL;
	int r = provision_host_value("keymap", given, &value, err);

	return r < 0 ? r : provision_check_keymap(context, value, err);
}

int provision_files(const struct call *call, struct machine *machine, struct err *err)
{
	int r = provision_each(call, &flag_keymap, check_keymap, machine, err);

	if (r == 0)
		r = provision_each(call, &flag_cloud_init, seed, machine, err);
	return r != 0 ? r : provision_each(call, &flag_file, copy_file, machine, err);
}

/* ---- Steps, when it has booted */

struct steps {
	const struct call *call;
	struct machine *machine;
	char *program; /* owned: the text of provision.sh */
	char user[64]; /* "root", or the new user */
};

/* Input, output and errors of a step; -1: those of this command. */
struct streams {
	int in, out;
};

static __attribute__((noreturn)) void
exec_and_exit(const struct steps *steps, const char *const *argv, const struct streams *streams)
{
	struct exec_spec spec = { .argv = argv, .user = "root", .cwd = "/", .tty = EXEC_TTY_NO };
	struct err err = { 0 };
	int code = EXEC_FAILED;

	progress_off();
	if (dup2(streams->in, STDIN_FILENO) < 0 ||
	    (streams->out >= 0 &&
	     (dup2(streams->out, STDOUT_FILENO) < 0 || dup2(streams->out, STDERR_FILENO) < 0)))
		_exit(EXEC_FAILED);
	int r = machine_exec(steps->machine, &spec, &code, &err);
	exit_apart(steps->call, r < 0 && code < EXEC_FAILED ? EXEC_FAILED : code, &err);
}

/* Returns the exit code of argv in the machine; -ETIMEDOUT after that many seconds, 0: no limit. */
static int run_in(const struct steps *steps, const char *const *argv, const struct streams *streams,
		  unsigned seconds, struct err *err)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		exec_and_exit(steps, argv, streams);
	if (pid < 0)
		return err_set(err, errno, "start a process: %s", strerror(errno));
	interrupt_pass(pid);
	int status = seconds ? child_wait_within(pid, seconds) : child_wait(pid);
	int number = interrupt_passed();
	if (number) {
		print_note(
			"machine '%s' runs on, and its set-up was interrupted; look inside: berth "
			"shell %s, or delete it: berth delete --force %s",
			steps->machine->name, steps->machine->name, steps->machine->name);
		raise(number);
	}
	if (status == -ETIMEDOUT) {
		kill(pid, SIGTERM);
		child_wait(pid);
		return -ETIMEDOUT;
	}
	return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXEC_FAILED;
}

/* A file in memory for the output of a step. Its size is fixed, because the machine writes to it. */
static int memory_within(off_t size)
{
	int fd = memfd_create("berth-provision", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (ftruncate(fd, size) < 0 ||
			fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0))
		scoped_close_fd(&fd);
	return fd;
}

/* Takes the sequences out of a line with which terminals change colours, and other controls. */
static void strip_controls(char *line)
{
	char *out = line;

	for (const char *in = line; *in; in++) {
		if (in[0] == '\033' && in[1] == '[') {
			in += 2 + strspn(in + 2, "0123456789;?");
			if (!*in)
				break;
		} else if ((unsigned char)*in >= ' ' && *in != 0x7f) {
			*out++ = *in;
		}
	}
	*out = '\0';
}

static bool has_words(const char *line)
{
	for (; *line; line++) {
		if ((unsigned char)*line >= 0x80 || isalnum((unsigned char)*line))
			return true;
	}
	return false;
}

/* The last line with words of a step's output, up to the present offset; "": there is none. */
static void last_line(int fd, char *out, size_t room)
{
	char tail[1024];
	off_t size = lseek(fd, 0, SEEK_CUR);
	off_t from = size < (off_t)sizeof tail ? 0 : size - (off_t)sizeof tail + 1;
	ssize_t n = size < 0 ? 0 : pread(fd, tail, sizeof tail - 1, from);
	char *line = tail, *end = tail;

	tail[n < 0 ? 0 : n] = '\0';
	*out = '\0';
	while (end && !*out) {
		end = strrchr(tail, '\n');
		line = end ? end + 1 : tail;
		strip_controls(line);
		if (has_words(line))
			snprintf(out, room, "%s", text_trim(line));
		if (end)
			*end = '\0';
	}
}

static int tell_step(const struct steps *steps, const char *step, const char *one, int r, int said,
		     struct err *err)
{
	const char *name = steps->machine->name;
	char line[300];

	last_line(said, line, sizeof line);
	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT,
			       "machine '%s' runs, but setting up %s '%s' in it was given up after "
			       "%d s; look inside: berth shell %s",
			       name, step, one, STEP_SECONDS, name);
	return err_set(err, EIO,
		       "machine '%s' runs, but setting up %s '%s' in it failed: %s; look inside: "
		       "berth shell %s",
		       name, step, one, *line ? line : "the machine's shell does not tell why",
		       name);
}

/* Runs one step of provision.sh. */
static int run_step(struct steps *steps, const char *step, const char *one, const char *two,
		    const char *input, struct err *err)
{
	const char *const argv[] = { "/bin/sh", "-c", steps->program, "provision", step, one,
				     two,       NULL };
	scoped_fd int in = file_memory("berth-provision", input);
	scoped_fd int out = memory_within(SAID_MAX);
	scoped_progress struct progress progress = { 0 };

	if (in < 0 || out < 0)
		return err_set(err, in < 0 ? -in : errno, "make a file in memory: %s",
			       strerror(in < 0 ? -in : errno));
	progress_begin(&progress, "setting up %s '%s' in machine '%s'", step, one,
		       steps->machine->name);
	int r = run_in(steps, argv, &(struct streams){ in, out }, STEP_SECONDS, err);
	return r == 0 || err->code ? r : tell_step(steps, step, one, r, out, err);
}

static int make_user(const char *value, void *context, struct err *err)
{
	struct steps *steps = context;
	const char *colon = strchr(value, ':');

	snprintf(steps->user, sizeof steps->user, "%.*s", (int)strcspn(value, ":"), value);
	return run_step(steps, "user", steps->user, colon ? colon + 1 : NULL, "", err);
}

static int add_key(const char *path, void *context, struct err *err)
{
	struct steps *steps = context;
	scoped_free char *text = NULL;
	int r = provision_read(path, "ssh-key", &text, err);

	return r != 0 ? r : run_step(steps, "key", steps->user, NULL, text, err);
}

static int set_password(const char *path, void *context, struct err *err)
{
	struct steps *steps = context;
	scoped_free char *text = NULL;
	int r = provision_read(path, "password-hash", &text, err);

	return r != 0 ? r : run_step(steps, "password", steps->user, NULL, text_trim(text), err);
}

/* A step whose value may be that of the host. */
static int set_as_host(const char *given, struct steps *steps, const char *step, struct err *err)
{
	scoped_free char *value = NULL;
	int r = provision_host_value(step, given, &value, err);

	return r < 0 ? r : run_step(steps, step, value, NULL, "", err);
}

static int set_timezone(const char *zone, void *context, struct err *err)
{
	return set_as_host(zone, context, "timezone", err);
}

static int set_locale(const char *locale, void *context, struct err *err)
{
	return set_as_host(locale, context, "locale", err);
}

static int set_keymap(const char *keymap, void *context, struct err *err)
{
	return set_as_host(keymap, context, "keymap", err);
}

/* The script takes the place of the shell, so that it gets the signals to this command; nothing of it stays behind. */
const char provision_copied[] = "set -e\n"
				"f=$(mktemp)\n"
				"trap 'rm -f \"$f\"' EXIT\n"
				"cat >\"$f\"\n"
				"chmod 700 \"$f\"\n"
				"exec 9<\"$f\"\n"
				"rm \"$f\"\n"
				"trap - EXIT\n"
				"exec /proc/self/fd/9 </dev/null\n";

/*
 * The guest's own programs copy the script in and run it by its interpreter. There is no time limit. With --json,
 * standard output belongs to the JSON alone.
 */
static int run_script(const char *path, void *context, struct err *err)
{
	const char *const argv[] = { "/bin/sh", "-c", provision_copied, NULL };
	struct steps *steps = context;
	scoped_fd int fd = file_open_regular(AT_FDCWD, path, 0);

	if (fd < 0)
		return err_set(err, -fd, "read '%.200s' of --run: %s", path, file_why(fd));
	int out = call_has(steps->call, &flag_json) ? STDERR_FILENO : -1;
	int r = run_in(steps, argv, &(struct streams){ fd, out }, 0, err);
	if (r > 0 && !err->code)
		err_set(err, EIO,
			"machine '%s' runs, but '%.200s' exited with %d in it; look inside: berth "
			"shell %s",
			steps->machine->name, path, r, steps->machine->name);
	return r;
}

int provision_program(char **program, struct err *err)
{
	char path[PATH_MAX];

	if (install_recipe("provision.sh", path, sizeof path) < 0)
		return err_set(err, ENAMETOOLONG, "the path of provision.sh is too long");
	ssize_t n = file_read(AT_FDCWD, path, PROGRAM_MAX, program);
	return n < 0 ? err_set(err, (int)-n, "read '%s', which comes with berth: %s", path,
			       file_why((int)n))
		     : 0;
}

int provision_run(const struct call *call, struct machine *machine, struct err *err)
{
	const struct {
		const struct flag *flag;
		int (*run)(const char *value, void *context, struct err *err);
	} order[] = {
		{ &flag_provision_user, make_user }, { &flag_ssh_key, add_key },
		{ &flag_password, set_password },    { &flag_timezone, set_timezone },
		{ &flag_locale, set_locale },        { &flag_keymap, set_keymap },
		{ &flag_run, run_script },
	};
	struct steps steps = { .call = call, .machine = machine, .user = "root" };

	if (!provision_has_steps(call))
		return 0;
	int r = machine_wait_booted(machine, BOOT_SECONDS, err);
	if (r == 0)
		r = provision_program(&steps.program, err);
	for (size_t i = 0; r == 0 && i < sizeof order / sizeof *order; i++)
		r = provision_each(call, order[i].flag, order[i].run, &steps, err);
	free(steps.program);
	return r;
}
