/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manual pages, the completion and the page's words of keys say the same as the tables of the program. */
#include "cmd/cli/command.h"
#include "cmd/cli/print.h"
#include "cmd/cli/verbs.h"
#include "cmd/host/metrics.h"

#include "base/file.h"
#include "base/scoped.h"
#include "commands.h"
#include "config/keys.h"
#include "kern/seccomp_deny.h"
#include "suite.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

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
	char verb[] = "completion", word[8];
	snprintf(word, sizeof word, "%s", shell);
	call.command = &command_completion;
	CU_ASSERT_EQUAL(call_parse(&call, 2, (char *[]){ verb, word, NULL }, &err), 0);
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
		       "BERTH_WRITE_KEYS=1 ./test_manual\n");
	CU_ASSERT_TRUE(json_equal(keys, shown));
	json_decref(shown);
	json_decref(keys);
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
		{ "the manual of the walls", test_security_manual },
		{ "the manual of the metrics", test_metrics_manual },
		{ "the keys of the page", test_page_keys },
		{ "completion as installed", test_completion },
		{ "berth(1) has every verb and flag", test_manual },
		CU_TEST_INFO_NULL,
	};

	return suite_run("manual", NULL, NULL, tests);
}
