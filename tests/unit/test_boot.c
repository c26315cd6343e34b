/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order in which machines are started and stopped together, as waves of a simulated time. */
#include "base/text.h"
#include "machine/manage/boot.h"
#include "suite.h"

#include <errno.h>
#include <string.h>

struct machine_row {
	const char *name;
	uint64_t order, delay;
	const char *after;
};

static void arrange(struct boot *boot, const struct machine_row *rows)
{
	*boot = (struct boot){ 0 };
	for (; rows->name; rows++)
		CU_ASSERT_EQUAL(boot_add(boot, rows->name, rows->order, rows->delay, rows->after),
				0);
	CU_ASSERT_EQUAL(boot_arrange(boot), 0);
}

enum { START_TAKES = 10, BOOT_TAKES = 1000 };

/* Machines that have reached their next phase. */
static void advance(struct boot *boot, const uint64_t *begun, uint64_t now)
{
	for (size_t i = 0; i < boot->count; i++) {
		struct boot_item *item = &boot->items[i];
		uint64_t up = begun[i] + START_TAKES;
		if (item->phase == BOOT_BEGUN && now >= up) {
			item->phase = BOOT_UP;
			item->ready_at = up + item->delay;
		}
		if (item->phase == BOOT_UP && now >= up + BOOT_TAKES)
			item->phase = BOOT_OVER;
	}
}

static bool all_begun(const struct boot *boot)
{
	for (size_t i = 0; i < boot->count; i++) {
		if (boot->items[i].phase == BOOT_WAITS)
			return false;
	}
	return true;
}

/* "0 a b, 10 c": at which millisecond which are started. Each starts in 10 and boots in 1000. */
static void expect_start(const struct machine_row *rows, const char *want)
{
	scoped_boot struct boot boot = { 0 };
	scoped_text struct text waves = { 0 };
	uint64_t begun[16] = { 0 };

	arrange(&boot, rows);
	for (size_t i = 0; i < boot.count; i++) {
		if (boot.items[i].fault.code)
			boot.items[i].phase = BOOT_OVER;
	}
	for (uint64_t now = 0; now < 100000 && !all_begun(&boot); now += 5) {
		bool first = true;
		advance(&boot, begun, now);
		for (size_t i = 0; i < boot.count; i++) {
			if (boot.items[i].phase != BOOT_WAITS || boot_start_in(&boot, i, now) > 0)
				continue;
			if (first)
				text_add(&waves, "%s%d", waves.length ? ", " : "", (int)now);
			first = false;
			text_add(&waves, " %s", boot.items[i].name);
			boot.items[i].phase = BOOT_BEGUN;
			begun[i] = now;
		}
	}
	CU_ASSERT_STRING_EQUAL(text_str(&waves), want);
}

static void expect_stop(const struct machine_row *rows, const char *want)
{
	scoped_boot struct boot boot = { 0 };
	scoped_text struct text waves = { 0 };
	bool chosen[16];

	arrange(&boot, rows);
	for (bool some = true; some;) {
		some = false;
		for (size_t i = 0; i < boot.count; i++) {
			chosen[i] = boot.items[i].phase == BOOT_WAITS && boot_may_stop(&boot, i);
			some = some || chosen[i];
		}
		text_add(&waves, "%s", waves.length && some ? "," : "");
		for (size_t i = 0; i < boot.count; i++) {
			if (!chosen[i])
				continue;
			text_add(&waves, "%s%s", waves.length ? " " : "", boot.items[i].name);
			boot.items[i].phase = BOOT_OVER;
		}
	}
	CU_ASSERT_STRING_EQUAL(text_str(&waves), want);
	for (size_t i = 0; i < boot.count; i++)
		CU_ASSERT_EQUAL(boot.items[i].phase, BOOT_OVER);
}

#define ROWS(...) ((const struct machine_row[]){ __VA_ARGS__, { 0 } })

static void test_order(void)
{
	expect_start(ROWS({ "a", 100, 0, "" }, { "b", 100, 0, "" }), "0 a b");
	expect_start(ROWS({ "a", 3, 0, "" }, { "b", 1, 0, "" }, { "c", 2, 0, "" },
			  { "d", 1, 0, "" }),
		     "0 b d, 10 c, 20 a");
	expect_start((const struct machine_row[]){ { 0 } }, "");
}

static void test_delay(void)
{
	expect_start(ROWS({ "a", 1, 5, "" }, { "b", 1, 2, "" }, { "c", 2, 0, "" }),
		     "0 a b, 5010 c");
	/* Counted from the start: the boot takes a second of it. */
	expect_start(ROWS({ "a", 1, 3, "" }, { "b", 1, 0, "a" }, { "c", 1, 0, "" }),
		     "0 a c, 3010 b");
}

static void test_after(void)
{
	expect_start(ROWS({ "web", 1, 0, "db cache" }, { "db", 1, 0, "" }, { "cache", 1, 0, "" },
			  { "log", 2, 0, "" }),
		     "0 db cache, 1010 web, 1020 log");
	/* The number of what it waits for counts for it too; nobody else waits for that. */
	expect_start(ROWS({ "web", 1, 0, "db" }, { "db", 5, 0, "" }, { "x", 3, 0, "" }),
		     "0 x, 10 db, 1020 web");
	expect_start(ROWS({ "a", 1, 0, "b" }, { "b", 1, 0, "c" }, { "c", 9, 0, "" }),
		     "0 c, 1010 b, 2020 a");
}

static void test_absent(void)
{
	scoped_boot struct boot boot = { 0 };

	arrange(&boot, ROWS({ "web", 1, 0, "db nothere other" }, { "db", 1, 0, "" }));
	CU_ASSERT_STRING_EQUAL(boot.items[0].absent, "nothere");
	CU_ASSERT_PTR_NULL(boot.items[1].absent);
	CU_ASSERT_TRUE(boot_is_awaited(&boot, 1) && !boot_is_awaited(&boot, 0));
	expect_start(ROWS({ "web", 1, 0, "nothere" }, { "db", 2, 0, "" }), "0 web, 10 db");
}

/* Machines behind it start, however its own start has ended. */
static void test_failed(void)
{
	scoped_boot struct boot boot = { 0 };

	arrange(&boot, ROWS({ "db", 1, 60, "" }, { "web", 2, 0, "db" }));
	CU_ASSERT_EQUAL(boot_start_in(&boot, 1, 0), BOOT_NEVER);
	boot.items[0].phase = BOOT_BEGUN;
	CU_ASSERT_EQUAL(boot_start_in(&boot, 1, 0), BOOT_NEVER);
	boot.items[0].phase = BOOT_OVER;
	CU_ASSERT_EQUAL(boot_start_in(&boot, 1, 0), 0);
}

static void test_circles(void)
{
	scoped_boot struct boot boot = { 0 };

	arrange(&boot, ROWS({ "a", 1, 0, "b" }, { "b", 1, 0, "c" }, { "c", 1, 0, "a" },
			    { "d", 1, 0, "a" }, { "e", 2, 0, "" }, { "f", 1, 0, "f" }));
	CU_ASSERT_STRING_EQUAL(boot.items[0].fault.text,
			       "machine 'a' cannot be started with the others: 'a' waits for 'b', "
			       "'b' for 'c', 'c' for 'a'; change boot.after of one of them");
	CU_ASSERT_EQUAL(boot.items[1].fault.code, ELOOP);
	CU_ASSERT_EQUAL(boot.items[2].fault.code, ELOOP);
	CU_ASSERT_EQUAL(boot.items[3].fault.code, 0);
	CU_ASSERT_EQUAL(boot.items[4].fault.code, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(boot.items[5].fault.text, "'f' waits for 'f';"));
	expect_start(ROWS({ "a", 1, 0, "b" }, { "b", 1, 0, "a" }, { "c", 1, 0, "a" },
			  { "d", 2, 0, "" }),
		     "0 c, 10 d");
}

static void test_stop(void)
{
	expect_stop(ROWS({ "a", 1, 0, "" }, { "b", 1, 9, "" }, { "c", 2, 0, "" }), "c, a b");
	expect_stop(ROWS({ "web", 1, 0, "db" }, { "db", 5, 0, "" }, { "x", 3, 0, "" }),
		    "web, db, x");
	/* Machines in a circle are stopped as well. */
	expect_stop(ROWS({ "a", 1, 0, "b" }, { "b", 1, 0, "a" }, { "c", 2, 0, "" }), "c, a b");
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "by number", test_order },
		{ "with delays", test_delay },
		{ "after others have booted", test_after },
		{ "after one that is not there", test_absent },
		{ "after one that failed", test_failed },
		{ "circles", test_circles },
		{ "stopping", test_stop },
		CU_TEST_INFO_NULL,
	};

	return suite_run("boot", NULL, NULL, tests);
}
