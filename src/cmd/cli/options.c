/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: getopt_long(3) parses it by the tables of flags, and usage and help are made from the same tables.
 */
#include "cmd/cli/command.h"

#include "base/scoped.h"
#include "cmd/cli/print.h"

#include <getopt.h>
#include <string.h>

const struct flag flag_root = { "root", 0, false, "DIR",
				"keep all state below DIR instead of the system's folders" };
const struct flag flag_help = { "help", 'h', false, NULL, "show this" };
const struct flag flag_version = { "version", 0, false, NULL, "show the version" };
const struct flag flag_freeze = {
	"freeze", 0, false, NULL,
	"hold a running machine, with all that it has written on the disk, for that moment"
};
const struct flag flag_json = { "json", 0, false, NULL, "show it as JSON" };
const struct flag flag_pool = { "pool", 0, false, "POOL", "pool to keep it in" };
const struct flag flag_network = { "network", 0, false, "NETWORK", "network for its eth0" };
const struct flag flag_set = { "set", 's', false, "KEY=VALUE",
			       "set a key of machine.conf(5); may be given several times" };
const struct flag flag_ephemeral = { "ephemeral", 'e', false, NULL, "delete it when it stops" };
const struct flag flag_wait = {
	"wait", 'w', true, "TIME",
	"until it has booted, at most so long, such as 90s or 5m; 1m when none is given"
};
const struct flag flag_timeout = {
	"timeout", 't', false, "TIME",
	"how long the guest may take, such as 90s or 5m, before it is killed"
};
const struct flag flag_user = { "user", 'u', false, "USER",
				"user of the guest, by name or number; root if not given" };

const struct flag flag_label = { "label", 0, false, "LABELS",
				 "only machines with these labels, such as role=web" };

const struct flag flag_replace = { "force", 'f', false, NULL, "replace a file that exists" };

static const struct flag *const every_command[] = { &flag_help, &flag_root, NULL };
static const struct flag *const before_the_verb[] = { &flag_help, &flag_json, &flag_root,
						      &flag_version, NULL };

/* Arguments of getopt_long, made from the tables. */
struct grammar {
	const struct flag *flags[FLAGS_MAX + 1];
	struct option longs[FLAGS_MAX + 1];
	char shorts[3 * FLAGS_MAX + 3];
	size_t count;
};

static void grammar_add(struct grammar *grammar, const struct flag *const *flags)
{
	for (; flags && *flags && grammar->count < FLAGS_MAX; flags++) {
		const struct flag *flag = *flags;
		int argument = !flag->value     ? no_argument
			       : flag->optional ? optional_argument
						: required_argument;
		size_t i = grammar->count++;
		grammar->flags[i] = flag;
		grammar->longs[i] = (struct option){ flag->name, argument, NULL, 256 + (int)i };
		if (flag->letter) {
			size_t n = strlen(grammar->shorts);
			grammar->shorts[n] = flag->letter;
			strcpy(grammar->shorts + n + 1, argument == no_argument         ? ""
							: argument == required_argument ? ":"
											: "::");
		}
	}
}

static const struct flag *grammar_find(const struct grammar *grammar, int c)
{
	if (c >= 256)
		return grammar->flags[c - 256];
	for (size_t i = 0; i < grammar->count; i++) {
		if (grammar->flags[i]->letter == c)
			return grammar->flags[i];
	}
	return NULL;
}

/* Similar programs have an option for all machines, or for some of the settings. */
static const char *hint(const struct call *call, const struct grammar *grammar, const char *name)
{
	const struct command *command = call->command;

	if (command && command->first == WORD_MACHINE && command->rest == WORD_MACHINE &&
	    strcmp(name, "all") == 0)
		return "; '*' stands for all machines";
	for (size_t i = 0; i < grammar->count; i++) {
		if (strcmp(grammar->flags[i]->name, "set") == 0)
			return "; a machine's settings are given by --set, such as --set "
			       "limits.memory=1G, see machine.conf(5)";
	}
	return "; --help shows those that there are";
}

static int refuse_option(const struct call *call, const struct grammar *grammar, int c,
			 const char *word, struct err *err)
{
	const char *names[FLAGS_MAX + 1] = { NULL };
	char name[64];
	const struct flag *flag = optopt ? grammar_find(grammar, optopt) : NULL;

	if (c == ':' && flag)
		err_set(err, EINVAL, "option --%s needs a value: --%s %s", flag->name, flag->name,
			flag->value);
	else if (flag)
		err_set(err, EINVAL, "option --%s takes no value", flag->name);
	else if (optopt && !text_starts(word, "--"))
		err_set(err, EINVAL, "unknown option '-%c'%s", optopt, hint(call, grammar, ""));
	if (err->code)
		return EXIT_USAGE;

	for (size_t i = 0; i < grammar->count; i++)
		names[i] = grammar->flags[i]->name;
	/* Only the name is compared: neither the dashes nor a value make two options similar. */
	snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
	const char *near = text_nearest(name, names);
	if (near)
		err_set(err, EINVAL, "unknown option '%.100s'; did you mean '--%s'?", word, near);
	else
		err_set(err, EINVAL, "unknown option '%.100s'%s", word, hint(call, grammar, name));
	return EXIT_USAGE;
}

static int take_options(struct call *call, const struct grammar *grammar, int argc, char **argv,
			struct err *err)
{
	bool tail = call->command && call->command->traits & COMMAND_TAIL;

	optind = 0;
	opterr = 0;
	for (;;) {
		int c = getopt_long(argc, argv, grammar->shorts, grammar->longs, NULL);
		if (c == '?' || c == ':')
			return refuse_option(call, grammar, c, argv[optind - 1], err);
		if (c >= 0) {
			const struct flag *flag = grammar_find(grammar, c);
			/* -w=5 as --wait=5: a value that may be left out has no other sign before it. */
			bool sign = flag->optional && c < 256 && optarg && *optarg == '=';
			call->given[call->given_count++] =
				(struct given){ flag, sign ? optarg + 1 : optarg };
			continue;
		}
		/* Options may stand on both sides of the machine's name, but not behind a command of the guest. */
		if (!tail || call->count > 0 || call_has(call, &flag_label) || optind >= argc ||
		    strcmp(argv[optind - 1], "--") == 0)
			break;
		call->words[call->count++] = argv[optind++];
	}
	while (optind < argc)
		call->words[call->count++] = argv[optind++];
	return 0;
}

/* getopt_long starts at argv[1]; argv[0] stands for the verb. */
int call_parse(struct call *call, int argc, char **argv, struct err *err)
{
	const struct command *command = call->command;
	struct grammar grammar = { 0 };

	/* '+' stops at the first word; ':' tells a missing value from an unknown option. */
	strcpy(grammar.shorts, !command || command->traits & COMMAND_TAIL ? "+:" : ":");
	if (command)
		grammar_add(&grammar, command->flags);
	grammar_add(&grammar, command ? every_command : before_the_verb);

	call->words = calloc((size_t)argc + 1, sizeof *call->words);
	call->given = calloc((size_t)argc + 1, sizeof *call->given);
	if (!call->words || !call->given)
		return err_set(err, ENOMEM, "out of memory");
	int r = take_options(call, &grammar, argc, argv, err);
	if (r != 0 || !command || call_has(call, &flag_help))
		return r;
	/* --label may stand for the names of machines. */
	int named = call->count + (command->min > 0 && call_has(call, &flag_label));
	if (named < command->min || (command->max >= 0 && call->count > command->max)) {
		scoped_text struct text usage = { 0 };
		command_usage(command, &usage);
		err_set(err, EINVAL, "too %s words; usage: %s",
			named < command->min ? "few" : "many", text_str(&usage));
		return EXIT_USAGE;
	}
	return 0;
}

void call_close(struct call *call)
{
	free(call->words);
	free(call->given);
	dirs_close(&call->dirs);
	*call = (struct call){ 0 };
}

bool call_has(const struct call *call, const struct flag *flag)
{
	for (size_t i = 0; i < call->given_count; i++) {
		if (call->given[i].flag == flag)
			return true;
	}
	return false;
}

const char *call_value(const struct call *call, const struct flag *flag)
{
	for (size_t i = call->given_count; i > 0; i--) {
		if (call->given[i - 1].flag == flag)
			return call->given[i - 1].value;
	}
	return NULL;
}

int call_number(const struct call *call, const struct flag *flag, uint64_t min, uint64_t max,
		uint64_t fallback, uint64_t *out, struct err *err)
{
	const char *value = call_value(call, flag);

	*out = fallback;
	if (!value || text_to_u64(value, min, max, out) == 0)
		return 0;
	err_set(err, EINVAL, "--%s cannot be '%.100s': use a number from %llu to %llu", flag->name,
		value, (unsigned long long)min, (unsigned long long)max);
	return EXIT_USAGE;
}

int call_seconds(const struct call *call, const struct flag *flag, uint64_t fallback, uint64_t *out,
		 struct err *err)
{
	const char *value = call_value(call, flag);

	*out = fallback;
	if (!value || text_to_seconds(value, 1, 86400, out) == 0)
		return 0;
	err_set(err, EINVAL, "--%s cannot be '%.100s': use a time such as 90s or 5m, from 1s to 1d",
		flag->name, value);
	return EXIT_USAGE;
}

void command_name(const struct command *command, struct text *out)
{
	text_add(out, "%s%s%s", command->group ? command->group : "", command->group ? " " : "",
		 command->name);
}

void command_usage(const struct command *command, struct text *out)
{
	text_add(out, "berth ");
	command_name(command, out);
	if (command->members)
		text_add(out, " VERB");
	if (command->flags)
		text_add(out, " [OPTION]...");
	if (*command->args)
		text_add(out, " %s", command->args);
}

static void flags_help(const struct flag *const *flags, unsigned width, struct text *out)
{
	for (; flags && *flags; flags++) {
		const struct flag *flag = *flags;
		char left[66], letter[8] = "    ";
		if (flag->letter)
			snprintf(letter, sizeof letter, "-%c, ", flag->letter);
		snprintf(left, sizeof left, "  %s--%s%s%s%s", letter, flag->name,
			 !flag->value     ? ""
			 : flag->optional ? "[="
					  : " ",
			 flag->value ? flag->value : "", flag->optional ? "]" : "");
		print_meaning(left, 29, flag->help, width, out);
	}
}

void command_help(const struct command *command, struct text *out)
{
	scoped_text struct text usage = { 0 }, sentence = { 0 };
	unsigned width = print_width();

	command_usage(command, &usage);
	print_meaning("usage:", 7, text_str(&usage), width, out);
	text_add(&sentence, "%s.", command->help);
	text_add(out, "\n");
	print_meaning("", 0, text_str(&sentence), width, out);
	text_add(out, "\n");
	for (const struct command *const *m = command->members; m && *m; m++) {
		scoped_text struct text left = { 0 };
		text_add(&left, "  %s %s", (*m)->name, (*m)->args);
		print_meaning(text_str(&left), 31, (*m)->help, width, out);
	}
	flags_help(command->flags, width, out);
	flags_help(every_command, width, out);
	if (command->aliases)
		text_add(out, "\nalso: %s\n", command->aliases);
}

bool command_is(const struct command *command, const char *word)
{
	size_t n = strlen(word);

	if (strcmp(command->name, word) == 0)
		return true;
	for (const char *at = command->aliases; at && *at; at += *at == ' ') {
		size_t m = strcspn(at, " ");
		if (m == n && strncmp(at, word, n) == 0)
			return true;
		at += m;
	}
	return false;
}
