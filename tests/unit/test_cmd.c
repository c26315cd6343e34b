/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of commands, and how the words of a call are taken apart by them. */
#include "cmd/cli/command.h"
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "commands.h"
#include "suite.h"

#include <ctype.h>
#include <string.h>

/* ---- The tables */

static void expect_whole(const struct command *command)
{
	CU_ASSERT(*command->name && command->args && command->help);
	CU_ASSERT(isupper((unsigned char)command->help[0]) && !text_ends(command->help, "."));
	CU_ASSERT((command->run != NULL) != (command->members != NULL));
	CU_ASSERT(command->max < 0 || command->min <= command->max);
	CU_ASSERT((command->args[0] == '\0') == (command->max == 0 || command->members != NULL));
	CU_ASSERT((command->min > 0) == (command->args[0] != '\0' && command->args[0] != '['));
	for (const struct command *const *m = command->members; m && *m; m++)
		CU_ASSERT_STRING_EQUAL((*m)->group, command->name);
}

static void expect_flags(const struct command *command)
{
	size_t count = 0;

	for (const struct flag *const *f = command->flags; f && *f; f++, count++) {
		CU_ASSERT(*(*f)->name && *(*f)->help && !text_ends((*f)->help, "."));
		CU_ASSERT(!(*f)->optional || (*f)->value);
		CU_ASSERT_STRING_NOT_EQUAL((*f)->name, "help");
		CU_ASSERT_STRING_NOT_EQUAL((*f)->name, "root");
		CU_ASSERT_NOT_EQUAL((*f)->letter, 'h');
		if (f[1])
			CU_ASSERT(strcmp((*f)->name, f[1]->name) < 0);
		for (const struct flag *const *g = f + 1; *g; g++)
			CU_ASSERT(!(*f)->letter || (*f)->letter != (*g)->letter);
	}
	CU_ASSERT(count + 3 <= FLAGS_MAX);
}

static void test_rows_whole(void)
{
	for_all(expect_whole);
	for_all(expect_flags);
}

/* Found by itself, by every name: so no other has that name. */
static void expect_found(const struct command *command, const char *name)
{
	const char *words[] = { command->group ? command->group : name, name, NULL };
	struct err err = { 0 };
	int used = 0;

	CU_ASSERT_PTR_EQUAL(command_find(words, command->group ? 2 : 1, &used, &err), command);
	CU_ASSERT_EQUAL(used, command->group ? 2 : 1);
	CU_ASSERT_STRING_EQUAL(err.text, "");
}

static void expect_unique(const struct command *command, const char *name)
{
	int same = 0;

	for (const struct family *family = families; family->commands; family++) {
		for (const struct command *const *c = family->commands; *c; c++)
			same += command_is(*c, name);
	}
	/* "list" may be both a verb and a group's member; two verbs, or two members, may not. */
	CU_ASSERT(command->group || same == 1);
	expect_found(command, name);
}

static void expect_names(const struct command *command)
{
	for_names(command, expect_unique);
}

static void test_names(void)
{
	for_all(expect_names);
}

static const char *find_sentence(const char *one, const char *two)
{
	static struct err err;
	const char *words[] = { one, two, NULL };
	int used;

	err = (struct err){ 0 };
	command_find(words, one ? two ? 2 : 1 : 0, &used, &err);
	return err.text;
}

static void test_unknown(void)
{
	CU_ASSERT_STRING_EQUAL(find_sentence(NULL, NULL),
			       "no verb; 'berth help' lists what there is");
	CU_ASSERT_STRING_EQUAL(find_sentence("lauch", NULL),
			       "unknown verb 'lauch'; did you mean 'launch'?");
	CU_ASSERT_STRING_EQUAL(find_sentence("destory", NULL),
			       "unknown verb 'destory'; did you mean 'destroy'?");
	CU_ASSERT_STRING_EQUAL(find_sentence("xyzzy", NULL),
			       "unknown verb 'xyzzy'; 'berth help' lists what there is");
	/* Hidden verbs are not suggested. */
	CU_ASSERT_STRING_EQUAL(find_sentence("_finisch", NULL),
			       "unknown verb '_finisch'; 'berth help' lists what there is");
	CU_ASSERT_STRING_EQUAL(find_sentence("pool", "statsu"),
			       "unknown verb 'pool statsu'; did you mean 'pool status'?");
	CU_ASSERT_STRING_EQUAL(find_sentence("pool", "xyzzy"),
			       "unknown verb 'pool xyzzy'; 'berth help pool' lists what there is");
	CU_ASSERT_STRING_EQUAL(find_sentence("snapshot", "web"), "");
	CU_ASSERT_STRING_EQUAL(find_sentence("exprot", NULL),
			       "unknown verb 'exprot'; did you mean 'export'?");
	CU_ASSERT_PTR_NOT_NULL(strstr(find_sentence("wait", NULL), "berth start --wait"));
	/* The further words would be a machine and a name for snapshot take. */
	const char *words[] = { "snapshot", "restore", "web", "s", NULL };
	struct err err = { 0 };
	int used;
	CU_ASSERT_PTR_NULL(command_find(words, 4, &used, &err));
	CU_ASSERT_STRING_EQUAL(
		err.text, "there is no 'snapshot restore'; did you mean 'berth restore web s'?");
}

/* ---- Taking words apart */

enum { WORDS = 12 };

/* Parses what follows the verb; the call is left for a look, and closed by the next. */
static int parse(struct call *call, const struct command *command, struct err *err,
		 const char *const *words)
{
	static char copies[WORDS][64];
	static char *argv[WORDS + 1];
	int argc = 0;

	call_close(call);
	*err = (struct err){ 0 };
	call->command = command;
	snprintf(copies[argc++], sizeof copies[0], "verb");
	for (; *words; words++)
		snprintf(copies[argc++], sizeof copies[0], "%s", *words);
	for (int i = 0; i < argc; i++)
		argv[i] = copies[i];
	argv[argc] = NULL;
	return call_parse(call, argc, argv, err);
}

#define LINE(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_parse(void)
{
	scoped_call struct call call = { 0 };
	struct err err = { 0 };
	uint64_t number = 0;

	CU_ASSERT_EQUAL(parse(&call, &command_start, &err, LINE("web", "--wait", "db")), 0);
	CU_ASSERT_EQUAL(call.count, 2);
	CU_ASSERT_STRING_EQUAL(call.words[1], "db");
	CU_ASSERT(call_has(&call, &flag_wait) && !call_value(&call, &flag_wait));
	CU_ASSERT_EQUAL(call_number(&call, &flag_wait, 1, 100, 60, &number, &err), 0);
	CU_ASSERT_EQUAL(number, 60);
	CU_ASSERT_EQUAL(parse(&call, &command_start, &err, LINE("--wait=5", "--", "-x")), 0);
	CU_ASSERT_EQUAL(call_number(&call, &flag_wait, 1, 100, 60, &number, &err), 0);
	CU_ASSERT_EQUAL(number, 5);
	CU_ASSERT_STRING_EQUAL(call.words[0], "-x");
	CU_ASSERT_EQUAL(parse(&call, &command_start, &err, LINE("-w=7", "-w8", "web")), 0);
	CU_ASSERT_STRING_EQUAL(call.given[0].value, "7");
	CU_ASSERT_STRING_EQUAL(call.given[1].value, "8");
	CU_ASSERT_EQUAL(parse(&call, &command_launch, &err, LINE("-s=a=1", "t")), 0);
	CU_ASSERT_STRING_EQUAL(call_value(&call, &flag_set), "=a=1");
	CU_ASSERT_EQUAL(parse(&call, &command_launch, &err,
			      LINE("-s", "a=1", "--set", "b=2", "t", "--root", "/r")),
			0);
	CU_ASSERT_STRING_EQUAL(call_value(&call, &flag_set), "b=2");
	CU_ASSERT_STRING_EQUAL(call_value(&call, &flag_root), "/r");
	CU_ASSERT_EQUAL(call.given_count, 3);
	CU_ASSERT_EQUAL(parse(&call, &command_start, &err, LINE("--help")), 0);
	CU_ASSERT(call_has(&call, &flag_help));
}

static void test_parse_tail(void)
{
	scoped_call struct call call = { 0 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(parse(&call, &command_exec, &err,
			      LINE("-u", "joe", "web", "-T", "--", "ls", "-u", "--", "x")),
			0);
	CU_ASSERT_STRING_EQUAL(call_value(&call, &flag_user), "joe");
	CU_ASSERT_EQUAL(call.given_count, 2);
	CU_ASSERT_EQUAL(call.count, 5);
	CU_ASSERT_STRING_EQUAL(call.words[0], "web");
	CU_ASSERT_STRING_EQUAL(call.words[1], "ls");
	CU_ASSERT_STRING_EQUAL(call.words[3], "--");
	CU_ASSERT_EQUAL(parse(&call, &command_exec, &err, LINE("web", "sh", "-c", "id")), 0);
	CU_ASSERT_EQUAL(call.count, 4);
	CU_ASSERT_STRING_EQUAL(call.words[2], "-c");
	CU_ASSERT_EQUAL(parse(&call, &command_exec, &err, LINE("--", "web", "-x", "y")), 0);
	CU_ASSERT_STRING_EQUAL(call.words[1], "-x");
}

static void expect_usage(const struct command *command, const char *const *words,
			 const char *sentence)
{
	scoped_call struct call call = { 0 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(parse(&call, command, &err, words), EXIT_USAGE);
	CU_ASSERT_STRING_EQUAL(err.text, sentence);
}

static void test_parse_faults(void)
{
	expect_usage(&command_stop, LINE("--tiemout=3", "a"),
		     "unknown option '--tiemout=3'; did you mean '--timeout'?");
	expect_usage(&command_stop, LINE("--wait", "a"),
		     "unknown option '--wait'; --help shows those that there are");
	expect_usage(&command_delete, LINE("--all"),
		     "unknown option '--all'; '*' stands for all machines");
	expect_usage(&command_stop, LINE("--xyzzyx", "a"),
		     "unknown option '--xyzzyx'; --help shows those that there are");
	expect_usage(&command_stop, LINE("-q", "a"),
		     "unknown option '-q'; --help shows those that there are");
	expect_usage(
		&command_create, LINE("--memory=1G", "bb", "a"),
		"unknown option '--memory=1G'; a machine's settings are given by --set, such as "
		"--set limits.memory=1G, see machine.conf(5)");
	expect_usage(&command_stop, LINE("a", "--timeout"),
		     "option --timeout needs a value: --timeout TIME");
	expect_usage(&command_stop, LINE("a", "-t"),
		     "option --timeout needs a value: --timeout TIME");
	expect_usage(&command_stop, LINE("a", "--force=yes"), "option --force takes no value");
	expect_usage(&command_restart, LINE("--force"),
		     "too few words; usage: berth restart [OPTION]... MACHINE...");
	expect_usage(&command_restore, LINE("a", "b", "c"),
		     "too many words; usage: berth restore [OPTION]... MACHINE SNAP");

	scoped_call struct call call = { 0 };
	struct err err = { 0 };
	uint64_t number = 7;
	CU_ASSERT_EQUAL(parse(&call, &command_stop, &err, LINE("a", "-t", "1x")), 0);
	CU_ASSERT_EQUAL(call_seconds(&call, &flag_timeout, 3, &number, &err), EXIT_USAGE);
	CU_ASSERT_STRING_EQUAL(
		err.text, "--timeout cannot be '1x': use a time such as 90s or 5m, from 1s to 1d");
}

/* ---- Help */

static void expect_help(const struct command *command)
{
	scoped_text struct text help = { 0 };
	char word[64];

	command_help(command, &help);
	CU_ASSERT(strstr(text_str(&help), command->help) != NULL);
	for (const struct flag *const *f = command->flags; f && *f; f++) {
		snprintf(word, sizeof word, " --%s", (*f)->name);
		CU_ASSERT(strstr(text_str(&help), word) != NULL);
	}
}

static void test_help(void)
{
	for_all(expect_help);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "rows are whole, flags sorted", test_rows_whole },
		{ "no two verbs share a name", test_names },
		{ "unknown verbs", test_unknown },
		{ "words taken apart", test_parse },
		{ "the words of another command", test_parse_tail },
		{ "words that are wrong", test_parse_faults },
		{ "help has every flag", test_help },
		CU_TEST_INFO_NULL,
	};

	return suite_run("cmd", NULL, NULL, tests);
}
