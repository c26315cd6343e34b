/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The base layer: errors, text, numbers. */
#include "base/err.h"
#include "base/text.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

static void test_err(void)
{
	struct err err = { 0 };
	char long_text[1000];

	CU_ASSERT_EQUAL(err_set(&err, ENOENT, "open '%s'", "x"), -ENOENT);
	CU_ASSERT_EQUAL(err_wrap(&err, "machine '%s'", "web"), -ENOENT);
	CU_ASSERT_STRING_EQUAL(err.text, "machine 'web': open 'x'");
	CU_ASSERT_EQUAL(err_set(NULL, EPERM, "nobody listens"), -EPERM);
	CU_ASSERT_EQUAL(err_set(NULL, 0, "no code"), -EIO);
	memset(long_text, 'a', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	err_wrap(&err, "%s", long_text);
	CU_ASSERT_TRUE(strlen(err.text) < sizeof err.text);
}

static void test_paths_and_words(void)
{
	char command[] = " ssh \t-p 22  host ";
	const char *words[3];

	CU_ASSERT(text_is_within("/srv/data", "/srv"));
	CU_ASSERT(text_is_within("/srv", "/srv"));
	CU_ASSERT(text_is_within("/srv", "/"));
	CU_ASSERT_FALSE(text_is_within("/srvdata", "/srv"));
	CU_ASSERT_FALSE(text_is_within("/sr", "/srv"));
	CU_ASSERT_EQUAL(text_split_words(command, words, 3), 3);
	CU_ASSERT_STRING_EQUAL(words[0], "ssh");
	CU_ASSERT_STRING_EQUAL(words[1], "-p");
	CU_ASSERT_STRING_EQUAL(words[2], "22");
	CU_ASSERT_EQUAL(text_split_words((char[]){ " \t" }, words, 3), 0);
}

static void test_text_buffer(void)
{
	scoped_text struct text text = { 0 };

	CU_ASSERT_STRING_EQUAL(text_str(&text), "");
	for (int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(text_add(&text, "%03d,", i), 0);
	CU_ASSERT_EQUAL(text.length, 4000);
	CU_ASSERT_EQUAL(strncmp(text_str(&text) + 3996, "999,", 5), 0);
	text_add_bytes(&text, "a\0b", 3);
	CU_ASSERT_EQUAL(text.length, 4003);
}

static void test_mode(void)
{
	static const char *const bad[] = { "",     "8",    "0x1",   "-1",
					   " 640", "640 ", "10000", "7777777777777777777777777" };
	int mode = -1;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CU_ASSERT_EQUAL(text_to_mode(bad[i], &mode), -EINVAL);
	CU_ASSERT_EQUAL(mode, -1);
	CU_ASSERT_EQUAL(text_to_mode("640", &mode), 0);
	CU_ASSERT_EQUAL(mode, 0640);
	CU_ASSERT_EQUAL(text_to_mode("7777", &mode), 0);
	CU_ASSERT_EQUAL(mode, 07777);
}

static void test_numbers(void)
{
	uint64_t n = 7;

	CU_ASSERT_EQUAL(text_to_u64("42", 0, 100, &n), 0);
	CU_ASSERT_EQUAL(n, 42);
	CU_ASSERT_EQUAL(text_to_u64("101", 0, 100, &n), -ERANGE);
	CU_ASSERT_EQUAL(text_to_u64("-1", 0, 100, &n), -EINVAL);
	CU_ASSERT_EQUAL(text_to_u64("", 0, 100, &n), -EINVAL);
	CU_ASSERT_EQUAL(text_to_u64("4 ", 0, 100, &n), -EINVAL);
	CU_ASSERT_EQUAL(text_to_u64("99999999999999999999", 0, UINT64_MAX, &n), -ERANGE);
	CU_ASSERT_EQUAL(n, 42);
}

static void test_sizes(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "0", 0 },
		     { "512", 512 },
		     { "1K", 1024 },
		     { "20G", 20ULL << 30 },
		     { "3MiB", 3ULL << 20 } };
	char text[32];
	uint64_t n;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		CU_ASSERT_EQUAL(text_to_size(good[i].text, &n), 0);
		CU_ASSERT_EQUAL(n, good[i].bytes);
	}
	CU_ASSERT_EQUAL(text_to_size("20X", &n), -EINVAL);
	CU_ASSERT_EQUAL(text_to_size("20GG", &n), -EINVAL);
	CU_ASSERT_EQUAL(text_to_size("99999999999T", &n), -ERANGE);
	for (uint64_t bytes = 1; bytes < 1ULL << 45; bytes = bytes * 3 + 512) {
		text_from_size(bytes, text, sizeof text);
		CU_ASSERT_EQUAL(text_to_size(text, &n), 0);
		CU_ASSERT_EQUAL(n, bytes);
	}
	text_human_size(1536ULL << 20, text, sizeof text);
	CU_ASSERT_STRING_EQUAL(text, "1.5 GiB");
}

static void test_labels(void)
{
	static const char *const good[] = { "a", "web-1", "0", "a23456789-123456789" };
	static const char *const bad[] = { "",    "..",  "a/b",      "Web", "-a", "a-",
					   "a.b", "a b", "\xc3\xa4", "a_b", "a\n" };
	char name[65];

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CU_ASSERT_PTR_NULL(text_label_fault(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CU_ASSERT_PTR_NOT_NULL(text_label_fault(bad[i]));
	memset(name, 'x', 64);
	name[64] = '\0';
	CU_ASSERT_PTR_NOT_NULL(text_label_fault(name));
	name[63] = '\0';
	CU_ASSERT_PTR_NULL(text_label_fault(name));
}

static void test_nearest(void)
{
	static const char *const words[] = { "start", "stop", "snapshot", NULL };

	CU_ASSERT_STRING_EQUAL(text_nearest("strat", words), "start");
	CU_ASSERT_STRING_EQUAL(text_nearest("snapshto", words), "snapshot");
	CU_ASSERT_PTR_NULL(text_nearest("frobnicate", words));
	CU_ASSERT_PTR_NULL(text_nearest("tail", (const char *const[]){ "raw", "all", NULL }));
	static const char *const names[] = { "bb", "web", "", NULL };
	CU_ASSERT_STRING_EQUAL(text_nearest("wbe", names), "web");
	CU_ASSERT_STRING_EQUAL(text_nearest("wb", names), "bb");
	CU_ASSERT_PTR_NULL(text_nearest("x", (const char *const[]){ "m", NULL }));
}

static void test_seconds(void)
{
	static const char *const bad[] = { "", "m", "-1", "5x", "5mm", "1.5h", " 5", "5 m" };
	uint64_t seconds = 7;
	char text[32];

	CU_ASSERT_EQUAL(text_to_seconds("90", 0, 90, &seconds), 0);
	CU_ASSERT_EQUAL(seconds, 90);
	CU_ASSERT_EQUAL(text_to_seconds("2d", 0, UINT64_MAX, &seconds), 0);
	CU_ASSERT_EQUAL(seconds, 172800);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CU_ASSERT_EQUAL(text_to_seconds(bad[i], 0, UINT64_MAX, &seconds), -EINVAL);
	CU_ASSERT_EQUAL(text_to_seconds("2m", 0, 119, &seconds), -ERANGE);
	CU_ASSERT_EQUAL(text_to_seconds("0s", 1, 119, &seconds), -ERANGE);
	CU_ASSERT_EQUAL(text_to_seconds("99999999999999999999", 0, UINT64_MAX, &seconds), -ERANGE);
	CU_ASSERT_EQUAL(text_to_seconds("9999999999999999999d", 0, UINT64_MAX, &seconds), -ERANGE);
	CU_ASSERT_EQUAL(seconds, 172800);
	text_from_seconds(90, text, sizeof text);
	CU_ASSERT_STRING_EQUAL(text, "90s");
	text_from_seconds(7200, text, sizeof text);
	CU_ASSERT_STRING_EQUAL(text, "2h");
	text_from_seconds(0, text, sizeof text);
	CU_ASSERT_STRING_EQUAL(text, "0s");
}

static void test_trim(void)
{
	char text[] = " \t a b \n";
	char blank[] = "   ";

	CU_ASSERT_STRING_EQUAL(text_trim(text), "a b");
	CU_ASSERT_STRING_EQUAL(text_trim(blank), "");
	CU_ASSERT_TRUE(text_ends("web.conf", ".conf"));
	CU_ASSERT_FALSE(text_ends("conf", ".conf"));
}

/* A failed allocation leaves the field unchanged. */
static void test_text_take(void)
{
	char *field = strdup("before");

	CU_ASSERT_EQUAL(text_take(&field, NULL), -ENOMEM);
	CU_ASSERT_STRING_EQUAL(field, "before");
	CU_ASSERT_EQUAL(text_take(&field, strdup("after")), 0);
	CU_ASSERT_STRING_EQUAL(field, "after");
	free(field);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "permission bits", test_mode },
		{ "errors", test_err },
		{ "paths and words", test_paths_and_words },
		{ "a growing text", test_text_buffer },
		{ "numbers", test_numbers },
		{ "sizes", test_sizes },
		{ "labels", test_labels },
		{ "the nearest word", test_nearest },
		{ "times", test_seconds },
		{ "trimming", test_trim },
		{ "a text that is taken", test_text_take },
		CU_TEST_INFO_NULL,
	};

	return suite_run("text", NULL, NULL, tests);
}
