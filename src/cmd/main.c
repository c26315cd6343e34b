/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program: finds the verb, parses its words, runs it, prints its error, and returns its exit code. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"

#include <fcntl.h>
#include <signal.h>

/* If a standard descriptor were closed, the next file to be opened would get its number. */
static void fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd == STDOUT_FILENO)
			output_is_closed();
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static int show_help(const struct command *command, struct err *err)
{
	scoped_text struct text text = { 0 };

	command_help(command, &text);
	if (text.failed)
		return err_set(err, ENOMEM, "out of memory");
	output_text(text_str(&text));
	return 0;
}

/* A group without a member is a usage error that lists the members. */
static int missing_member(const struct command *group, struct err *err)
{
	scoped_text struct text list = { 0 };

	for (const struct command *const *m = group->members; *m; m++)
		text_add(&list, "%s%s",
			 m == group->members ? ""
			 : m[1]              ? ", "
					     : " or ",
			 (*m)->name);
	err_set(err, EINVAL, "'%s' needs one of %s", group->name, text_str(&list));
	return EXIT_USAGE;
}

/* --json before the verb has the same effect as behind it, if the verb has output for it. */
static int take_json(struct call *call, bool before, struct err *err)
{
	const struct flag *const *flag = call->command->flags;

	if (before || call_has(call, &flag_json))
		print_sentences_as_json();
	if (!before || call_has(call, &flag_help))
		return 0;
	while (flag && *flag && *flag != &flag_json)
		flag++;
	if (!flag || !*flag) {
		err_set(err, EINVAL, "'%s' has no --json", call->command->name);
		return EXIT_USAGE;
	}
	call->given[call->given_count++] = (struct given){ .flag = &flag_json };
	return 0;
}

static int run_words(int argc, char **argv, struct err *err);

static int run_command(const struct command *command, const struct call *before, int argc,
		       char **argv, struct err *err)
{
	scoped_call struct call call = { .command = command, .run_line = run_words };
	const char *root = call_value(before, &flag_root);

	int r = call_parse(&call, argc, argv, err);
	if (r == 0)
		r = take_json(&call, call_has(before, &flag_json), err);
	if (r != 0)
		return r;
	if (call_has(&call, &flag_help))
		return show_help(command, err);
	if (!command->run)
		return missing_member(command, err);
	if (call_has(&call, &flag_root))
		root = call_value(&call, &flag_root);
	if (command->traits & COMMAND_ANYONE)
		return command->run(&call, err);
	if (geteuid() != 0)
		return err_set(err, EPERM, "'%s' needs root: run it with sudo", command->name);
	r = dirs_open(&call.dirs, root, err);
	if (r == 0) {
		complete_renames(&call);
		r = command->run(&call, err);
	}
	/* The copies of settings in pools are due even if the command failed, because it may have changed something. */
	start_background_work(&call);
	return r;
}

/* Parses the options before the verb, then runs the verb. */
static int run_words(int argc, char **argv, struct err *err)
{
	scoped_call struct call call = { 0 };
	int used = 0;

	int r = call_parse(&call, argc, argv, err);
	if (r != 0)
		return r;
	if (call_has(&call, &flag_version))
		return command_version.run(&call, err);
	if (call_has(&call, &flag_help))
		return command_help_verb.run(&call, err);
	const struct command *command = command_find(call.words, call.count, &used, err);
	if (!command)
		return EXIT_USAGE;
	/* getopt_long takes the last word of the verb for a program's name. */
	int first = argc - call.count + used - 1;
	return run_command(command, &call, argc - first, argv + first, err);
}

int main(int argc, char **argv)
{
	struct err err = { 0 };

	fill_standard_fds();
	/* SIGCHLD may be ignored by inheritance, and then no child could be waited for. */
	signal(SIGCHLD, SIG_DFL);
	int r = argc > 0 ? run_words(argc, argv, &err) : EXIT_USAGE;
	struct err lost = { 0 };
	if (output_end(&lost) < 0 && err.code == 0) {
		err = lost;
		r = -err.code;
	}
	if (err.code)
		print_error(&err);
	return r < 0 ? EXIT_FAILED : r;
}
