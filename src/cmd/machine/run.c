/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run: runs one command in a new machine, and deletes the machine afterwards. */
#include "cmd/cli/verbs.h"
#include "config/values.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "image/template/root.h"
#include "image/template/template.h"
#include "machine/attach/attach.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "machine/state/machine.h"

#include <signal.h>
#include <string.h>

static const struct flag *const run_flags[] = { &flag_cwd,    &flag_env,  &flag_network,
						&flag_no_tty, &flag_pool, &flag_set,
						&flag_tty,    &flag_user, NULL };

enum { BOOT_SECONDS = 60 };

/* The program of a template, as image tools run it: its first words stay, and the others are replaced by ours. */
struct own_program {
	struct template_config config; /* the texts of the program are in it */
	char **words, **env;           /* owned: of default.app.command and default.env, or NULL */
	const char **argv;             /* owned */
	struct given *given; /* owned: the flags of the call, behind those that it needs */
	struct program program;
};

static void own_program_free(struct own_program *own)
{
	config_free(&template_schema, &own->config);
	free(own->words);
	free(own->env);
	free(own->argv);
}

static const char *preset(const struct own_program *own, const char *key)
{
	const char *value = config_label(own->config.presets, key);

	return value && *value ? value : NULL;
}

/* words: of the command line, behind the template. */
static int join_words(struct own_program *own, const char *const *words, size_t count,
		      struct err *err)
{
	size_t kept = 0, n = 0;

	while (own->words[kept] && (count == 0 || kept < own->config.image_entrypoint))
		kept++;
	own->argv = calloc(kept + count + 1, sizeof *own->argv);
	if (!own->argv)
		return err_set(err, ENOMEM, "out of memory");
	while (n < kept) {
		own->argv[n] = own->words[n];
		n++;
	}
	for (size_t i = 0; i < count; i++)
		own->argv[n++] = words[i];
	return 0;
}

/* The machine itself has no program: guest-init waits, so that this one has our terminal, pipes and exit code. */
static int replace_settings(struct call *call, struct err *err)
{
	static const char *const settings[] = { "app.command=", "init=" GUEST_INIT_PATH };
	enum { SETTINGS = sizeof settings / sizeof *settings };

	struct given *given =
		reallocarray(call->given, call->given_count + SETTINGS, sizeof *given);

	if (!given)
		return err_set(err, ENOMEM, "out of memory");
	/* Before the others, so that --set of the user counts. */
	memmove(given + SETTINGS, given, call->given_count * sizeof *given);
	for (size_t i = 0; i < SETTINGS; i++)
		given[i] = (struct given){ .flag = &flag_set, .value = settings[i] };
	call->given = given;
	call->given_count += SETTINGS;
	return 0;
}

/* The program to run: that of the template, with our words, or our words alone. 0, -code or EXIT_USAGE. */
static int choose_program(struct own_program *own, struct call *call, struct err *err)
{
	const char *template = call->words[0];
	const char *const *words = call->words + 1;
	size_t count = (size_t)call->count - 1;
	int r = name_check(template, err);

	if (r == 0)
		r = template_open(&call->dirs, template, &own->config, err);
	if (r != 0)
		return r;
	const char *command = preset(own, "app.command"), *env = preset(own, "env");
	if (!command && count == 0) {
		err_set(err, EINVAL,
			"template '%s' has no program of its own; write the command: berth run %s "
			"-- COMMAND",
			template, template);
		return EXIT_USAGE;
	}
	own->program.argv = words;
	if (!command)
		return 0;
	if (config_words(command, &own->words, err) < 0 ||
	    (env && config_env(env, &own->env, err) < 0) || join_words(own, words, count, err) < 0)
		return -err->code;
	own->program = (struct program){
		.argv = own->argv,
		.user = preset(own, "app.user"),
		.cwd = preset(own, "app.directory") ? preset(own, "app.directory") : "/",
		.env = (const char *const *)own->env,
	};
	return replace_settings(call, err);
}

/* A signal that came while it was blocked; 0: none did. */
static int pending_signal(void)
{
	static const int ours[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t pending;

	for (size_t i = 0; i < 3 && sigpending(&pending) == 0; i++) {
		if (sigismember(&pending, ours[i]) == 1)
			return ours[i];
	}
	return 0;
}

/* Waits for the boot in pieces, so that a signal ends the wait. 0, EXEC_FAILED or 128 and the number of the signal. */
static int await_boot(struct machine *machine, struct err *err)
{
	int r = -ETIMEDOUT;

	for (int i = 0; r == -ETIMEDOUT && i < BOOT_SECONDS; i++) {
		int number = pending_signal();
		*err = (struct err){ 0 };
		if (number)
			return 128 + number;
		r = machine_wait_booted(machine, 1, err);
	}
	int number = pending_signal();
	if (number) {
		*err = (struct err){ 0 };
		return 128 + number;
	}
	return r < 0 ? EXEC_FAILED : 0;
}

/* Starts the machine and runs the program in it. The caller deletes the machine in every case. */
static int run_inside(struct call *call, struct machine *machine, const struct program *program,
		      struct err *err)
{
	scoped_fd int owned = machine_own(machine, err);

	int r = owned < 0 ? EXEC_FAILED : await_boot(machine, err);
	return r != 0 ? r : enter_machine(call, machine, program, err);
}

/* The machine's end deletes it, unless its keeper was killed. */
static void throw_away(struct machine *machine)
{
	struct err err = { 0 };

	if (machine_delete(machine, true, &err) < 0)
		print_note("%s", err.text);
}

/*
 * A keyboard interrupt must not leave the machine behind. Signals are blocked until the command runs, which gets them
 * itself.
 */
static int run_in_new(struct call *call, const struct program *program, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_fd int owner = -1;
	char name[64];
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	int r = create_wanted(call, NULL, true, &owner, name, err);
	if (r != 0)
		return r < 0 ? EXEC_FAILED : r;
	if (machine_open(&machine, &call->dirs, name, err) < 0 ||
	    start_or_delete(&machine, err) < 0)
		return EXEC_FAILED;
	int code = run_inside(call, &machine, program, err);
	throw_away(&machine);
	return code;
}

static int run_run(struct call *call, struct err *err)
{
	struct own_program own = { 0 };
	scoped_free char *pulled = NULL;
	int r = template_wanted(call, &pulled, err);

	if (r == 0)
		r = choose_program(&own, call, err);
	if (r < 0)
		r = EXEC_FAILED;
	if (r == 0)
		r = run_in_new(call, &own.program, err);
	own_program_free(&own);
	return r;
}

const struct command command_run = {
	.name = "run",
	.args = "TEMPLATE [--] [COMMAND] [ARG]...",
	.help = "Run a command, or the program of an image, in a new machine that is deleted after "
		"it",
	.flags = run_flags,
	.traits = COMMAND_TAIL,
	.min = 1,
	.max = -1,
	.first = WORD_TEMPLATE,
	.run = run_run,
};
