/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines that commands print: tables, sentences, values, logs and metrics. */
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "cmd/host/metrics.h"
#include "cmd/machine/logfilter.h"

#include "base/scoped.h"
#include "suite.h"

#include <string.h>

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
		{ "labels of metrics", test_metrics_labels },
		CU_TEST_INFO_NULL,
	};

	return suite_run("cmd_print", NULL, NULL, tests);
}
