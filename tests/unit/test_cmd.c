/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command layer: what is printed, how words are taken apart, and that the tables, the help, the
 * completion and the manual say the same. */
#include "cmd/cli/command.h"
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "cmd/cli/verbs.h"
#include "cmd/host/metrics.h"
#include "cmd/machine/logfilter.h"

#include "base/file.h"
#include "base/scoped.h"
#include "config/keys.h"
#include "kern/seccomp_deny.h"
#include "suite.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

/* ---- Printing */

static void test_table(void)
{
	static const char *const heads[] = { "NAME", "STATE", "LAST", NULL };
	scoped_text struct text out = { 0 };
	struct table table;

	table_begin(&table, heads);
	table_add(&table, "a-long-name");
	table_add(&table, "");
	table_format(&table, "%d%%", 5);
	table_add(&table, "caf\xc3\xa9");
	table_add(&table, "running");
	table_add(&table, "");
	table_text(&table, 0, &out);
	CU_ASSERT_STRING_EQUAL(text_str(&out), "NAME         STATE    LAST\n"
					       "a-long-name  -        5%\n"
					       "caf\xc3\xa9         running  -\n");
	text_free(&out);
	table_text(&table, 26, &out);
	CU_ASSERT_STRING_EQUAL(text_str(&out), "NAME         STATE    LAST\n"
					       "a-long-name  -        5%\n"
					       "caf\xc3\xa9         running  -\n");
	/* No word is cut, and continued text stands in its column. */
	text_free(&out);
	table_text(&table, 25, &out);
	CU_ASSERT_STRING_EQUAL(text_str(&out), "NAME         STATE\n    LAST\n"
					       "a-long-name  -\n    5%\n"
					       "caf\xc3\xa9         running\n    -\n");
	text_free(&out);
	table_text(&table, 17, &out);
	CU_ASSERT_STRING_EQUAL(text_str(&out), "NAME\n    STATE    LAST\n"
					       "a-long-name\n    -        5%\n"
					       "caf\xc3\xa9\n    running  -\n");
	text_free(&table.cells);
}

/* The rows of equal weight stay in their order. */
static void test_table_sort(void)
{
	static const char *const heads[] = { "NAME", "STATE", NULL };
	static const uint64_t weights[] = { 1, 7, 1, 9 };
	static const char *const sorted[] = { "d", "b", "a", "c" };
	scoped_text struct text out = { 0 };
	struct err err = { 0 };
	struct table table;

	table_begin(&table, heads);
	for (const char *name = "abcd"; *name; name++) {
		table_format(&table, "%c", *name);
		table_add(&table, *name == 'b' ? "" : "up");
	}
	CU_ASSERT_EQUAL(table_sort(&table, NULL, weights, &err), 0);
	table_text(&table, 0, &out);
	CU_ASSERT_STRING_EQUAL(text_str(&out), "NAME  STATE\nd     up\nb     -\n"
					       "a     up\nc     up\n");
	text_free(&table.cells);
	json_t *array = json_pack("[ssss]", "a", "b", "c", "d");
	CU_ASSERT_EQUAL(table_sort(&table, array, weights, &err), 0);
	for (size_t i = 0; i < 4; i++)
		CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(array, i)), sorted[i]);
	json_decref(array);
	table_begin(&table, heads);
	CU_ASSERT_EQUAL(table_sort(&table, NULL, weights, &err), 0);
	CU_ASSERT_EQUAL(table.count, 0);
	text_free(&table.cells);
}

static void test_meaning(void)
{
	static const char text[] = "what it is for, in so many words";
	static const struct {
		const char *word;
		unsigned column, width;
		const char *shown;
	} cases[] = {
		{ "  word", 10, 0, "  word    what it is for, in so many words\n" },
		{ "  a-long-word", 10, 0, "  a-long-word what it is for, in so many words\n" },
		{ "  word", 10, 80, "  word    what it is for, in so many words\n" },
		{ "  word", 10, 34, "  word    what it is for, in so\n          many words\n" },
		{ "  word", 10, 20,
		  "  word\n        what it is\n        for, in so\n        many words\n" },
		{ "", 0, 20, "what it is for, in\nso many words\n" },
		{ "  word", 10, 5,
		  "  word\n        what\n        it\n        is\n        for,\n        in\n        "
		  "so\n        "
		  "many\n"
		  "        words\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		scoped_text struct text out = { 0 };
		print_meaning(cases[i].word, cases[i].column, text, cases[i].width, &out);
		CU_ASSERT_STRING_EQUAL(text_str(&out), cases[i].shown);
	}
}

static void test_empty_table(void)
{
	static const char *const heads[] = { "NAME", "STATE", NULL };
	scoped_text struct text out = { 0 };
	struct table table;

	table_begin(&table, heads);
	table_text(&table, 0, &out);
	CU_ASSERT_STRING_EQUAL(text_str(&out), "NAME  STATE\n");
}

static void test_plain(void)
{
	scoped_text struct text out = { 0 };

	print_plain("a\033[31m\tb\x7f caf\xc3\xa9 \xc2\x9b"
		    "1m\xc2\xa9\xc2",
		    &out);
	CU_ASSERT_STRING_EQUAL(text_str(&out), "a?[31m?b? caf\xc3\xa9 ?1m\xc2\xa9\xc2");
}

static void test_span(void)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "0s" },       { 59, "59s" },       { 60, "1m" },       { 200, "3m20s" },
		{ 3600, "1h" },    { 3659, "1h" },      { 18720, "5h12m" }, { 86400, "1d" },
		{ 90000, "1d1h" }, { 8640000, "100d" },
	};
	char out[32];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		print_span(cases[i].seconds, out, sizeof out);
		CU_ASSERT_STRING_EQUAL(out, cases[i].text);
	}
}

static void test_json(void)
{
	struct in_addr address = { .s_addr = htonl(0x0a010203) };
	json_t *text = json_text("caf\xe9\xc3\xa9");
	json_t *known = json_address(true, address);

	CU_ASSERT_STRING_EQUAL(json_string_value(text), "caf???");
	CU_ASSERT_STRING_EQUAL(json_string_value(known), "10.1.2.3");
	json_decref(text);
	json_decref(known);
	CU_ASSERT(json_is_null(json_text("")));
	CU_ASSERT(json_is_null(json_text(NULL)));
	CU_ASSERT(json_is_null(json_count(0)));
	CU_ASSERT(json_is_null(json_address(false, address)));
}

/* The filter must come to the same however the text is cut. */
static void expect_filtered(const char *in, const char *want)
{
	scoped_text struct text whole = { 0 };
	scoped_text struct text bytes = { 0 };
	struct logfilter one = { 0 }, other = { 0 };

	logfilter_add(&one, in, strlen(in), &whole);
	for (; *in; in++)
		logfilter_add(&other, in, 1, &bytes);
	CU_ASSERT_STRING_EQUAL(text_str(&whole), want);
	CU_ASSERT_STRING_EQUAL(text_str(&bytes), want);
}

static void test_logfilter(void)
{
	expect_filtered("plain\ttext\r\ncaf\xc3\xa9\xc2\xa9\n",
			"plain\ttext\r\ncaf\xc3\xa9\xc2\xa9\n");
	expect_filtered("\033[1;32m OK \033[0m\033[m\033[38:5:1mx", "\033[1;32m OK \033[0m\033[m"
								    "\033[38:5:1mx");
	expect_filtered("a\033[2J\033[10;5Hb\033[?25lc\033[>4;1md\033[ qe", "abcde");
	expect_filtered("a\033]52;c;aGk=\007b\033]0;title\033\\c\033P1$r\033\\d", "abcd");
	expect_filtered("a\033(Bb\033cc\0337d\033=e", "abcde");
	expect_filtered("a\b\b\016b\x7f\xc2\x9b"
			"31mc",
			"ab31mc");
	expect_filtered("a\033[12\nb", "a\nb");
	expect_filtered("a\033]never ended\nb", "ab");
	/* Longer than what is held back of a sequence. */
	expect_filtered("a\033[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1mb", "ab");
}

/* ---- The tables */

static void for_all(void (*visit)(const struct command *))
{
	for (const struct family *family = families; family->commands; family++) {
		for (const struct command *const *c = family->commands; *c; c++) {
			visit(*c);
			for (const struct command *const *m = (*c)->members; m && *m; m++)
				visit(*m);
		}
	}
}

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

/* Calls visit for its name and each alias. */
static void for_names(const struct command *command,
		      void (*visit)(const struct command *, const char *name))
{
	scoped_free char *aliases = strdup(command->aliases ? command->aliases : "");
	char *rest = aliases;

	visit(command, command->name);
	for (char *name; (name = strsep(&rest, " "));) {
		if (*name)
			visit(command, name);
	}
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

/* ---- Help, completion, manual */

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

static char *read_source(const char *path)
{
	char *text = NULL;
	scoped_free char *full = text_format("%s/%s", SOURCE_FOLDER, path);

	CU_ASSERT(full && file_read(AT_FDCWD, full, 1 << 20, &text) > 0);
	return text ? text : strdup("");
}

/* The verb prints the same script that is installed. */
static void expect_completion(const char *shell, const char *path)
{
	scoped_free char *installed = read_source(path);
	scoped_call struct call call = { 0 };
	struct err err = { 0 };
	char printed[4096] = "";
	scoped_file FILE *file = tmpfile();

	CU_ASSERT_FATAL(file != NULL);
	CU_ASSERT_EQUAL(parse(&call, &command_completion, &err, LINE(shell)), 0);
	fflush(stdout);
	scoped_fd int saved = dup(STDOUT_FILENO);
	CU_ASSERT(dup2(fileno(file), STDOUT_FILENO) >= 0);
	CU_ASSERT_EQUAL(command_completion.run(&call, &err), 0);
	fflush(stdout);
	CU_ASSERT(dup2(saved, STDOUT_FILENO) >= 0);
	rewind(file);
	printed[fread(printed, 1, sizeof printed - 1, file)] = '\0';
	CU_ASSERT_STRING_EQUAL(printed, installed);
}

static void test_completion(void)
{
	expect_completion("bash", "completions/berth");
	expect_completion("zsh", "completions/_berth");
	expect_completion("fish", "completions/berth.fish");
}

/* Every refused system call stands in berth-security(7), with its error and its reason. */
static void test_security_manual(void)
{
	scoped_free char *manual = read_source("doc/berth-security.7");

	for (size_t i = 0; i < seccomp_deny_count; i++) {
		scoped_free char *row =
			text_format(".It Li %s\n%s: %s.\n", seccomp_deny[i].name,
				    strerrorname_np(seccomp_deny[i].error), seccomp_deny[i].why);
		scoped_free char *cap =
			text_format("%sLeft to a privileged machine with %s.\n", row,
				    seccomp_deny[i].cap ? seccomp_deny[i].cap : "-");
		const char *want = seccomp_deny[i].cap ? cap : row;
		if (!strstr(manual, want))
			printf("berth-security(7) lacks: %s", want);
		CU_ASSERT_PTR_NOT_NULL(strstr(manual, want));
	}
}

/* berth-metrics(7) has each metric with its type, labels and meaning, and no other. */
static void test_metrics_manual(void)
{
	scoped_free char *manual = read_source("doc/berth-metrics.7");
	size_t count = 0;

	for (size_t i = 0; i < METRIC_FAMILIES; i++) {
		const struct metric_family *family = &metric_families[i];
		scoped_free char *row =
			text_format(".It Ic %s\n%c%s%s%s%s.\n%s.\n", family->name,
				    toupper((unsigned char)family->type[0]), family->type + 1,
				    *family->labels ? " (" : "", family->labels,
				    *family->labels ? ")" : "", family->help);
		if (!strstr(manual, row))
			printf("berth-metrics(7) lacks: %s", row);
		CU_ASSERT_PTR_NOT_NULL(strstr(manual, row));
		CU_ASSERT_EQUAL(strcmp(family->type, "counter") == 0,
				text_ends(family->name, "_total"));
	}
	for (const char *at = manual; (at = strstr(at, ".It Ic berth_")); at++)
		count++;
	CU_ASSERT_EQUAL(count, METRIC_FAMILIES);
}

static const char *type_of(const struct key *key)
{
	return key->type == KEY_BOOL                            ? "bool"
	       : key->type == KEY_SIZE || key->type == KEY_ROOM ? "size"
	       : key->type == KEY_DURATION                      ? "duration"
	       : key->type == KEY_CPUS                          ? "cpus"
								: "text";
}

static json_t *key_object(const struct key *key)
{
	json_t *choices = key->choices ? json_array() : json_null();

	for (size_t i = 0; key->choices && key->choices[i]; i++)
		json_array_append_new(choices, json_string(key->choices[i]));
	return json_members((const struct json_member[]){
		{ "name", json_string(key->name) },
		{ "type", json_string(type_of(key)) },
		{ "default", json_string(key->fallback) },
		{ "choices", choices },
		{ "fixed", json_boolean((key->flags & KEY_FIXED) != 0) },
		{ "live", json_boolean((key->flags & KEY_LIVE) != 0) },
		{ "help", json_string(key->help) },
		{ 0 },
	});
}

/* The page has the words of the keys of machines in a file, which BERTH_WRITE_KEYS=1 writes anew. */
static void test_page_keys(void)
{
	json_t *keys = json_array();

	for (size_t i = 0; i < machine_schema.count; i++)
		json_array_append_new(keys, key_object(&machine_schema.keys[i]));
	if (getenv("BERTH_WRITE_KEYS"))
		json_dump_file(keys, SOURCE_FOLDER "/web/keys.json", JSON_INDENT(1));
	json_t *shown = json_load_file(SOURCE_FOLDER "/web/keys.json", 0, NULL);
	if (!json_equal(keys, shown))
		printf("web/keys.json is not what the tables have; write it anew: "
		       "BERTH_WRITE_KEYS=1 ./test_cmd\n");
	CU_ASSERT_TRUE(json_equal(keys, shown));
	json_decref(shown);
	json_decref(keys);
}

/* Values of labels with all that the format gives a meaning to, and bytes that are no UTF-8. */
static void test_metrics_labels(void)
{
	static const struct {
		const char *value, *shown;
	} rows[] = {
		{ "web", "web" },
		{ "a\"b\\c\nd", "a\\\"b\\\\c\\nd" },
		{ "h\xc3\xa4"
		  "fen \xf0\x9f\x9a\xa2",
		  "h\xc3\xa4"
		  "fen \xf0\x9f\x9a\xa2" },
		{ "\xff\xc3", "??" },
		{ "\xe2\x82", "??" },
		{ "\xc0\xaf", "??" },
		{ "\xed\xa0\x80", "???" },
		{ "\xf4\x90\x80\x80", "????" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct metrics metrics = { 0 };
		scoped_text struct text out = { 0 };
		scoped_free char *want =
			text_format("# HELP berth_procs Processes and threads of a machine\n"
				    "# TYPE berth_procs gauge\nberth_procs{machine=\"%s\"} 7\n",
				    rows[i].shown);
		metric_add(&metrics, METRIC_PROCS, 7,
			   (const struct metric_label[]){ { "machine", rows[i].value }, { 0 } });
		metrics_text(&metrics, &out);
		CU_ASSERT_STRING_EQUAL(text_str(&out), want);
		metrics_free(&metrics);
	}
}

/*
 * The contents of berth(1), from its source: items "
 * start
 * start --wait
 * ...", the items of its section JSON, the words of all .Ic lines, and of its section VERBS "
 * start: what it does.
 * ...".
 */
static struct text items, json_items, words, verbs;

/* "template build Oo ..." up to the first macro, which begins with a capital. */
static void take_item(const char *line, char verb[64])
{
	scoped_free char *copy = strdup(line);
	char *rest = copy;

	verb[0] = '\0';
	for (char *word; (word = strsep(&rest, " ")) && islower((unsigned char)*word);)
		snprintf(verb + strlen(verb), 64 - strlen(verb), "%s%s", *verb ? " " : "", word);
}

/* ".It Fl w , Fl -wait ...": every word behind an Fl. */
static void take_flags(const char *line, const char *verb)
{
	scoped_free char *copy = strdup(line);
	char *rest = copy;
	bool flag = false;

	for (char *word; (word = strsep(&rest, " "));) {
		if (flag)
			text_add(&items, "%s -%s\n", verb, word);
		flag = strcmp(word, "Fl") == 0;
	}
}

static void read_manual(void)
{
	scoped_free char *page = read_source("doc/berth.1");
	char *rest = page;
	char verb[64] = "", section[64] = "";

	text_add(&items, "\n");
	text_add(&json_items, "\n");
	text_add(&verbs, "\n");
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (text_starts(line, ".Sh "))
			snprintf(section, sizeof section, "%s", line + 4);
		bool is_json = strcmp(section, "JSON") == 0;
		if (strcmp(section, "VERBS") == 0) {
			if (text_starts(line, ".It Ic "))
				text_add(&verbs, "%s: %s\n", line + 7,
					 rest ? strsep(&rest, "\n") : "");
			continue;
		}
		if (text_starts(line, ".Ic "))
			text_add(&words, " %s ", line + 4);
		if (text_starts(line, ".Sh "))
			verb[0] = '\0';
		if (text_starts(line, ".It Ic ")) {
			take_item(line + 7, verb);
			text_add(is_json ? &json_items : &items, "%s\n", verb);
		}
		if (text_starts(line, ".It Fl "))
			take_flags(line + 4, verb);
	}
}

/* Takes "\nLINE" out of the items once, so that what is left over is what no table knows. */
static bool take_line(struct text *lines, const char *line)
{
	scoped_free char *want = text_format("\n%s\n", line);
	char *at = lines->data && want ? strstr(lines->data, want) : NULL;

	if (!at)
		return false;
	memmove(at, at + strlen(line) + 1, strlen(at + strlen(line) + 1) + 1);
	return true;
}

static void expect_line(struct text *lines, const char *line)
{
	if (!take_line(lines, line)) {
		fprintf(stderr, "not in berth(1): %s\n", line);
		CU_FAIL("the manual lacks something");
	}
}

static void expect_alias(const struct command *command, const char *name)
{
	scoped_free char *want = text_format(" %s ", name);

	if (strcmp(name, command->name) != 0 && !strstr(text_str(&words), want)) {
		fprintf(stderr, "alias not in berth(1): %s\n", name);
		CU_FAIL("the manual lacks an alias");
	}
}

static void expect_in_manual(const struct command *command)
{
	scoped_text struct text name = { 0 };

	if (command->traits & COMMAND_HIDDEN)
		return;
	for_names(command, expect_alias);
	if (command->members)
		return;
	command_name(command, &name);
	expect_line(&items, text_str(&name));
	scoped_free char *verb = text_format("%s: %s.", text_str(&name), command->help);
	expect_line(&verbs, verb ? verb : "");
	for (const struct flag *const *f = command->flags; f && *f; f++) {
		char line[128];
		snprintf(line, sizeof line, "%s --%s", text_str(&name), (*f)->name);
		expect_line(&items, line);
		snprintf(line, sizeof line, "%s -%c", text_str(&name), (*f)->letter);
		if ((*f)->letter)
			expect_line(&items, line);
		if (*f == &flag_json)
			expect_line(&json_items, text_str(&name));
	}
}

static void test_manual(void)
{
	read_manual();
	for_all(expect_in_manual);
	expect_line(&items, " -h");
	expect_line(&items, " --help");
	expect_line(&items, " --json");
	expect_line(&items, " --root");
	expect_line(&items, " --version");
	/* The manual has no verb and no flag that does not exist. */
	CU_ASSERT_STRING_EQUAL(text_str(&items), "\n");
	CU_ASSERT_STRING_EQUAL(text_str(&json_items), "\n");
	CU_ASSERT_STRING_EQUAL(text_str(&verbs), "\n");
	text_free(&items);
	text_free(&verbs);
	text_free(&json_items);
	text_free(&words);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "tables", test_table },
		{ "tables that are sorted", test_table_sort },
		{ "what a word means", test_meaning },
		{ "an empty table", test_empty_table },
		{ "sentences are plain text", test_plain },
		{ "spans of time", test_span },
		{ "JSON values", test_json },
		{ "what of a log a terminal gets", test_logfilter },
		{ "rows are whole, flags sorted", test_rows_whole },
		{ "no two verbs share a name", test_names },
		{ "unknown verbs", test_unknown },
		{ "words taken apart", test_parse },
		{ "the words of another command", test_parse_tail },
		{ "words that are wrong", test_parse_faults },
		{ "help has every flag", test_help },
		{ "the manual of the walls", test_security_manual },
		{ "the manual of the metrics", test_metrics_manual },
		{ "labels of metrics", test_metrics_labels },
		{ "the keys of the page", test_page_keys },
		{ "completion as installed", test_completion },
		{ "berth(1) has every verb and flag", test_manual },
		CU_TEST_INFO_NULL,
	};

	return suite_run("cmd", NULL, NULL, tests);
}
