/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies of snapshots and backups: times that are due, and states that are kept. */
#include "base/scoped.h"
#include "config/policy.h"
#include "suite.h"

#include <string.h>
#include <time.h>

enum { HOUR = 3600, DAY = 86400 };

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static uint64_t at(const char *stamp)
{
	uint64_t time = 0;

	CU_ASSERT_EQUAL(stamp_parse(stamp, &time), 15);
	return time;
}

/* All times are of UTC. */
static void expect_last(const char *schedule, const char *now, const char *last)
{
	struct schedule parsed;
	struct err err = { 0 };
	char stamp[STAMP_SIZE];

	CU_ASSERT_EQUAL_FATAL(config_schedule(schedule, &parsed, &err), 0);
	CU_ASSERT_EQUAL(stamp_print(schedule_last(&parsed, at(now)), stamp), 0);
	if (strcmp(stamp, last) != 0)
		printf("\n%s at %s: %s, not %s\n", schedule, now, stamp, last);
	CU_ASSERT_STRING_EQUAL(stamp, last);
}

static void test_last(void)
{
	set_zone("UTC0");
	expect_last("hourly", "20260131-125959", "20260131-120000");
	expect_last("every 15m", "20260131-124459", "20260131-123000");
	expect_last("every 1d", "20260131-124459", "20260131-000000");
	expect_last("daily", "20260131-000000", "20260131-000000");
	expect_last("daily 03:30", "20260131-032959", "20260130-033000");
	expect_last("daily 03:30", "20260131-033000", "20260131-033000");
	/* A Saturday. */
	expect_last("weekly", "20260131-120000", "20260126-000000");
	expect_last("weekly sun 04:00", "20260131-120000", "20260125-040000");
	expect_last("weekly sat 13:00", "20260131-120000", "20260124-130000");
	expect_last("weekly sat 12:00", "20260131-120000", "20260131-120000");
	expect_last("monthly", "20260131-120000", "20260101-000000");
	expect_last("monthly 05:00", "20260101-040000", "20251201-050000");
}

/* Days begin when they begin for people; clocks that are put back or forward leave one due time a day. */
static void test_zones(void)
{
	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	expect_last("daily", "20260130-230000", "20260130-230000");
	expect_last("daily 03:30", "20260701-013000", "20260701-013000");
	expect_last("daily 12:00", "20260329-120000", "20260329-100000");
	expect_last("daily 12:00", "20261025-120000", "20261025-110000");
	expect_last("monthly", "20260630-223000", "20260630-220000");
	set_zone("IST-5:30");
	expect_last("hourly", "20260131-120000", "20260131-113000");
	set_zone("UTC0");
}

static void test_due(void)
{
	uint64_t now = at("20260131-120000");
	uint64_t times[] = { now - DAY, now + 365 * DAY, now - 2 * HOUR };
	struct schedule daily, hourly, never;
	struct err err = { 0 };

	set_zone("UTC0");
	config_schedule("daily", &daily, &err);
	config_schedule("hourly", &hourly, &err);
	config_schedule("", &never, &err);
	CU_ASSERT_FALSE(schedule_is_due(&daily, now, times, 3));
	CU_ASSERT_TRUE(schedule_is_due(&daily, now, times, 2));
	CU_ASSERT_TRUE(schedule_is_due(&daily, now, times, 0));
	CU_ASSERT_TRUE(schedule_is_due(&hourly, now, times, 3));
	CU_ASSERT_FALSE(schedule_is_due(&never, now, times, 0));
	times[2] = now;
	CU_ASSERT_FALSE(schedule_is_due(&hourly, now, times, 3));
}

/* Runs a policy as a timer would, every hour for so many days: the kept ones, as hours before the end. */
static void run_for(const char *keep, uint64_t step, unsigned days, struct text *ages)
{
	static uint64_t times[4096];
	static bool kept[4096];
	struct keep parsed;
	struct err err = { 0 };
	uint64_t end = at("20260131-235900"), now = end - (uint64_t)days * DAY;
	size_t count = 0, left;

	CU_ASSERT_EQUAL_FATAL(config_keep(keep, &parsed, &err), 0);
	for (; now <= end; now += step) {
		times[count++] = now;
		keep_choose(&parsed, now, times, count, kept);
		left = 0;
		for (size_t i = 0; i < count; i++) {
			if (kept[i])
				times[left++] = times[i];
		}
		count = left;
	}
	for (size_t i = count; i > 0; i--)
		text_add(ages, "%s%llu", ages->length ? " " : "",
			 (unsigned long long)((end - times[i - 1]) / HOUR));
}

static void expect_kept(const char *keep, uint64_t step, unsigned days, const char *ages)
{
	scoped_text struct text found = { 0 };

	run_for(keep, step, days, &found);
	if (strcmp(text_str(&found), ages) != 0)
		printf("\n%s: %s, not %s\n", keep, text_str(&found), ages);
	CU_ASSERT_STRING_EQUAL(text_str(&found), ages);
}

static void test_keep(void)
{
	set_zone("UTC0");
	expect_kept("last 3", HOUR, 10, "0 1 2");
	expect_kept("hourly 3, daily 3", HOUR, 10, "0 1 2 24 48");
	expect_kept("daily 2, weekly 3", HOUR, 30, "0 24 144 312");
	expect_kept("hourly 2, daily 2, weekly 2, monthly 3", HOUR, 80, "0 1 24 144 744 1488");
	expect_kept("hourly 2", HOUR / 4, 3, "0 1");
	expect_kept("yearly 2, last 1", DAY, 400, "0 744");
	expect_kept("all", DAY, 3, "0 24 48 72");
	/* More periods than states: each state is kept. */
	expect_kept("daily 100", DAY, 3, "0 24 48 72");
}

/* A state of a wrong clock neither takes the place of another, nor goes. */
static void test_keep_later(void)
{
	static const uint64_t times[] = { 10, 20, 30, 1000 };
	bool kept[4] = { false };
	struct keep last = { .last = 1 };

	keep_choose(&last, 30, times, 4, kept);
	CU_ASSERT_FALSE(kept[0] || kept[1]);
	CU_ASSERT_TRUE(kept[2] && kept[3]);
}

static void test_stamps(void)
{
	static const char *const bad[] = { "",
					   "20260131",
					   "20260131-12000",
					   "20260131-12000x",
					   "20260230-120000",
					   "20260131-240000",
					   "2026 131-120000",
					   "20260131_120000",
					   "19690101-000000" };
	uint64_t time = 7;
	char stamp[STAMP_SIZE];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CU_ASSERT_EQUAL(stamp_parse(bad[i], &time), -EINVAL);
	CU_ASSERT_EQUAL(time, 7);
	CU_ASSERT_EQUAL(stamp_parse("20260131-120000-2", &time), 15);
	CU_ASSERT_EQUAL(time, 1769860800);
	CU_ASSERT_EQUAL(stamp_print(0, stamp), 0);
	CU_ASSERT_STRING_EQUAL(stamp, "19700101-000000");
	CU_ASSERT_EQUAL(stamp_print(253402300799, stamp), 0);
	CU_ASSERT_EQUAL(stamp_print(253402300800, stamp), -EOVERFLOW);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the last time that was due", test_last },
		{ "in the time zone of the host", test_zones },
		{ "whether one is due", test_due },
		{ "what is kept", test_keep },
		{ "what a wrong clock has left", test_keep_later },
		{ "times in names", test_stamps },
		CU_TEST_INFO_NULL,
	};

	return suite_run("policy", NULL, NULL, tests);
}
