/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shell, exec, console: entering a running machine. */
#include "cmd/cli/verbs.h"
#include "config/values.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "machine/attach/attach.h"
#include "machine/life/use.h"
#include "machine/state/machine.h"

#include <string.h>

const struct flag flag_cwd = { "cwd", 0, false, "DIR",
			       "folder to begin in; the user's home if not given" };
const struct flag flag_env = { "env", 0, false, "NAME=VALUE",
			       "add to the environment; may be given several times" };
const struct flag flag_tty = { "tty", 't', false, NULL,
			       "with a terminal of its own, even if we have none" };
const struct flag flag_no_tty = { "no-tty", 'T', false, NULL,
				  "without a terminal, output and errors apart" };
static const struct flag flag_no_stdin = { "no-stdin", 'n', false, NULL,
					   "read nothing: its standard input is empty" };
static const struct flag flag_detach = {
	"detach", 'd', false, NULL,
	"leave it running: neither wait for it nor carry what it reads and writes"
};
static const struct flag flag_take = { "force", 'f', false, NULL,
				       "take the keyboard from whoever has it" };
static const struct flag flag_read_only = { "read-only", 'r', false, NULL, "only look" };
const struct flag flag_console = { "console", 'c', false, NULL,
				   "be at its console from the first line on" };
const struct flag flag_escape = { "escape", 0, false, "KEY",
				  "key that leaves, such as ^A, instead of console.escape" };

static const struct flag *const exec_flags[] = { &flag_cwd,      &flag_detach, &flag_env,
						 &flag_no_stdin, &flag_no_tty, &flag_tty,
						 &flag_user,     NULL };
static const struct flag *const shell_flags[] = { &flag_cwd, &flag_env, &flag_user, NULL };
static const struct flag *const console_flags[] = { &flag_escape, &flag_take, &flag_read_only,
						    NULL };

/* The environment of the program, and the words of --env after it, checked. 0, -ENOMEM or EXIT_USAGE. */
static int gather_env(const struct call *call, const char *const *own, const char ***out,
		      struct err *err)
{
	size_t count = 0, n = 0;

	while (own && own[count])
		count++;
	scoped_free const char **env = calloc(count + call->given_count + 1, sizeof *env);
	if (!env)
		return err_set(err, ENOMEM, "out of memory");
	while (n < count) {
		env[n] = own[n];
		n++;
	}
	for (size_t i = 0; i < call->given_count; i++) {
		const char *word = call->given[i].value;
		if (call->given[i].flag != &flag_env)
			continue;
		if (*word == '=' || !strchr(word, '=')) {
			err_set(err, EINVAL, "--env cannot be '%.100s': use NAME=value", word);
			return EXIT_USAGE;
		}
		env[n++] = word;
	}
	*out = take_ptr(&env);
	return 0;
}

int enter_machine(struct call *call, struct machine *machine, const struct program *program,
		  struct err *err)
{
	const char *user = call_value(call, &flag_user), *cwd = call_value(call, &flag_cwd);
	scoped_free const char **env = NULL;
	struct exec_spec spec = {
		.argv = program->argv,
		.user = user ? user : program->user,
		.cwd = cwd ? cwd : program->cwd,
		.make_cwd = !cwd && program->cwd,
		.no_input = call_has(call, &flag_no_stdin),
		.detach = call_has(call, &flag_detach),
	};
	int code = EXEC_FAILED;

	if (call_has(call, &flag_tty) && call_has(call, &flag_no_tty)) {
		err_set(err, EINVAL, "--tty and --no-tty exclude each other");
		return EXIT_USAGE;
	}
	if (spec.detach && call_has(call, &flag_tty)) {
		err_set(err, EINVAL, "--detach and --tty exclude each other");
		return EXIT_USAGE;
	}
	spec.tty = call_has(call, &flag_tty)      ? EXEC_TTY_YES
		   : call_has(call, &flag_no_tty) ? EXEC_TTY_NO
						  : EXEC_TTY_AUTO;
	int r = gather_env(call, program->env, &env, err);
	if (r != 0)
		return r < 0 ? EXEC_FAILED : r;
	spec.env = env;
	if (!program->argv && !spec.user && machine->config.user && *machine->config.user)
		spec.user = machine->config.user;
	r = machine_exec(machine, &spec, &code, err);
	return r < 0 && code < EXEC_FAILED ? EXEC_FAILED : code;
}

/* A failure of berth ends with an exit code that a command of the guest is unlikely to use. */
static int enter(struct call *call, const char *const *argv, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = open_named(&machine, call, call->words[0], err);

	if (r != 0)
		return r < 0 ? EXEC_FAILED : r;
	return enter_machine(call, &machine, &(struct program){ .argv = argv }, err);
}

static int run_exec(struct call *call, struct err *err)
{
	return enter(call, call->words + 1, err);
}

static int run_shell(struct call *call, struct err *err)
{
	return enter(call, NULL, err);
}

/* The key is checked before anything is done. */
static int check_escape(const struct call *call, struct err *err)
{
	const char *text = call_value(call, &flag_escape);

	if (!text || config_press(text) >= 0)
		return 0;
	err_set(err, EINVAL, "--escape cannot be '%.20s': use one key, such as ^] or ^A", text);
	return EXIT_USAGE;
}

int check_console(const struct call *call, size_t machines, struct err *err)
{
	bool console = call_has(call, &flag_console);

	if (console && call_has(call, &flag_wait))
		err_set(err, EINVAL, "--console and --wait exclude each other");
	else if (console && machines != 1)
		err_set(err, EINVAL, "--console is for one machine");
	else if (!console && call_has(call, &flag_escape))
		err_set(err, EINVAL, "--escape is for --console");
	else
		return check_escape(call, err);
	return EXIT_USAGE;
}

/* Tells the user which machine this console is, and how to leave it. */
static void greet(const struct call *call, struct machine *machine, const char *escape)
{
	bool read_only = call_has(call, &flag_read_only);

	print_note("console of machine '%s'%s; %s leaves", machine->name,
		   read_only ? ", only to look at" : "", escape);
	if (!read_only && machine_root_locked(machine))
		print_note("root of machine '%s' has no password and cannot log in here: berth "
			   "shell %s "
			   "opens a shell, berth exec %s passwd sets a password",
			   machine->name, machine->name, machine->name);
}

static int attach(struct call *call, struct machine *machine, struct err *err)
{
	const char *given = call_value(call, &flag_escape);
	const char *escape = given ? given : machine->config.escape;
	bool read_only = call_has(call, &flag_read_only);

	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		greet(call, machine, escape);
	int r = machine_console(machine, call_has(call, &flag_take), read_only,
				(char)config_press(escape), err);
	/* The guest may have left the cursor in the middle of a line, so the output continues on a new line. */
	if (isatty(STDOUT_FILENO))
		putchar('\n');
	if (r > 0)
		print_note("machine '%s' has ended meanwhile; what it showed last: berth logs %s",
			   machine->name, machine->name);
	return r < 0 ? r : 0;
}

/* The keeper has stored all lines since the first. */
int attach_started(struct call *call, struct machine *machine, long mark, struct err *err)
{
	int r = attach(call, machine, err);

	if (r != -ENOENT)
		return r;
	/* The machine ended before this command could connect. */
	console_show(machine, mark);
	print_note("machine '%s' has ended", machine->name);
	*err = (struct err){ 0 };
	return 0;
}

static int run_console(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = check_escape(call, err);

	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r == 0 && use_is_idle(&machine))
		r = use_wake(&machine, err);
	return r != 0 ? r : attach(call, &machine, err);
}

const struct command command_shell = {
	.name = "shell",
	.aliases = "enter",
	.args = "MACHINE",
	.help = "Open a login shell in a running machine",
	.flags = shell_flags,
	.min = 1,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_shell,
};

const struct command command_exec = {
	.name = "exec",
	.args = "MACHINE [--] COMMAND [ARG]...",
	.help = "Run a command in a running machine",
	.flags = exec_flags,
	.traits = COMMAND_TAIL,
	.min = 2,
	.max = -1,
	.first = WORD_MACHINE,
	.run = run_exec,
};

const struct command command_console = {
	.name = "console",
	.aliases = "login",
	.args = "MACHINE",
	.help = "Attach to the console of a running machine",
	.flags = console_flags,
	.min = 1,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_console,
};
