/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { MINUTE = 60, DAY = 86400, EVERY_MIN = 5 * MINUTE, COUNT_MAX = 10000 };

static const char *const periods[PERIODS] = { "hourly", "daily", "weekly", "monthly", "yearly" };
static const char *const weekdays[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* Takes the next word of a text that words and blanks make up. Its length; 0: there is none. */
static size_t next_word(const char **at, char word[24])
{
	*at += strspn(*at, " \t");
	size_t n = strcspn(*at, " \t");
	snprintf(word, 24, "%.*s", n < 24 ? (int)n : 23, *at);
	*at += n;
	return n;
}

static int period_of(const char *word)
{
	for (int i = 0; i < PERIODS; i++) {
		if (strcasecmp(word, periods[i]) == 0)
			return i;
	}
	return -EINVAL;
}

/* ---- When */

static int refuse_schedule(struct err *err)
{
	return err_set(err, EINVAL,
		       "use hourly, 'daily 03:30', 'weekly sun 03:30', 'monthly 03:30', each with "
		       "or without "
		       "a time, 'every 15m' from 5m to 1d, or an empty value for never");
}

static bool parse_time(const char *word, struct schedule *schedule)
{
	const char *colon = strchr(word, ':');
	uint64_t hour, minute;
	char digits[4];

	if (!colon || colon == word || colon - word > 2 || strlen(colon + 1) != 2)
		return false;
	snprintf(digits, sizeof digits, "%.*s", (int)(colon - word), word);
	if (text_to_u64(digits, 0, 23, &hour) < 0 || text_to_u64(colon + 1, 0, 59, &minute) < 0)
		return false;
	schedule->hour = (int)hour;
	schedule->minute = (int)minute;
	return true;
}

static bool parse_weekday(const char *word, struct schedule *schedule)
{
	for (int i = 0; i < 7; i++) {
		if (strcasecmp(word, weekdays[i]) != 0)
			continue;
		schedule->weekday = i + 1;
		return true;
	}
	return false;
}

int config_schedule(const char *value, struct schedule *schedule, struct err *err)
{
	char word[24];
	const char *at = value;
	bool timed = false;

	*schedule = (struct schedule){ .weekday = 1 };
	if (next_word(&at, word) == 0) {
		schedule->never = true;
		return 0;
	}
	if (strcasecmp(word, "every") == 0) {
		if (next_word(&at, word) == 0 ||
		    text_to_seconds(word, EVERY_MIN, DAY, &schedule->every) < 0)
			return refuse_schedule(err);
		return next_word(&at, word) == 0 ? 0 : refuse_schedule(err);
	}
	int period = period_of(word);
	if (period < 0 || period == PERIOD_YEAR)
		return refuse_schedule(err);
	schedule->period = (enum period)period;
	for (bool day = false; next_word(&at, word) > 0;) {
		if (period == PERIOD_WEEK && !day && !timed && parse_weekday(word, schedule))
			day = true;
		else if (period != PERIOD_HOUR && !timed && parse_time(word, schedule))
			timed = true;
		else
			return refuse_schedule(err);
	}
	return 0;
}

void schedule_print(const struct schedule *schedule, struct text *out)
{
	char every[24];

	if (schedule->never)
		return;
	if (schedule->every) {
		text_from_seconds(schedule->every, every, sizeof every);
		text_add(out, "every %s", every);
		return;
	}
	text_add(out, "%s", periods[schedule->period]);
	if (schedule->period == PERIOD_WEEK && schedule->weekday != 1)
		text_add(out, " %s", weekdays[schedule->weekday - 1]);
	if (schedule->hour || schedule->minute)
		text_add(out, " %02d:%02d", schedule->hour, schedule->minute);
}

/* Monday is 1. */
static int weekday_of(const struct tm *tm)
{
	return tm->tm_wday == 0 ? 7 : tm->tm_wday;
}

/* The time of the schedule in the period of tm, or in that before. */
static time_t time_in(const struct schedule *schedule, struct tm tm, int periods_before)
{
	tm.tm_isdst = -1;
	tm.tm_sec = 0;
	tm.tm_min = schedule->minute;
	tm.tm_hour = schedule->hour;
	if (schedule->period == PERIOD_DAY)
		tm.tm_mday -= periods_before;
	else if (schedule->period == PERIOD_WEEK)
		tm.tm_mday -= (weekday_of(&tm) - schedule->weekday + 7) % 7 + 7 * periods_before;
	else {
		tm.tm_mday = 1;
		tm.tm_mon -= periods_before;
	}
	return mktime(&tm);
}

uint64_t schedule_last(const struct schedule *schedule, uint64_t now)
{
	time_t when = (time_t)now;
	struct tm tm;

	if (schedule->every)
		return now - now % schedule->every;
	if (!localtime_r(&when, &tm))
		return 0;
	/* No time zone changes its minutes together with the hour, but for some that are a part of an hour away. */
	if (schedule->period == PERIOD_HOUR)
		return now - (uint64_t)(tm.tm_min * MINUTE + tm.tm_sec);
	time_t last = time_in(schedule, tm, 0);
	if (last > when)
		last = time_in(schedule, tm, 1);
	return last < 0 ? 0 : (uint64_t)last;
}

bool schedule_is_due(const struct schedule *schedule, uint64_t now, const uint64_t *times,
		     size_t count)
{
	if (schedule->never)
		return false;
	uint64_t last = schedule_last(schedule, now);
	for (size_t i = 0; i < count; i++) {
		if (times[i] >= last && times[i] <= now)
			return false;
	}
	return true;
}

/* ---- Which */

static int refuse_keep(struct err *err)
{
	return err_set(
		err, EINVAL,
		"use all, or numbers for last, hourly, daily, weekly, monthly and yearly, such "
		"as 'hourly 24, daily 7'");
}

static int parse_rule(const char *text, struct keep *keep, bool seen[PERIODS + 1])
{
	char word[24], number[24], more[24];
	uint64_t count;

	if (next_word(&text, word) == 0 || next_word(&text, number) == 0 ||
	    next_word(&text, more) > 0 || text_to_u64(number, 0, COUNT_MAX, &count) < 0)
		return -EINVAL;
	int period = strcasecmp(word, "last") == 0 ? PERIODS : period_of(word);
	if (period < 0 || seen[period])
		return -EINVAL;
	seen[period] = true;
	*(period == PERIODS ? &keep->last : &keep->newest[period]) = count;
	return 0;
}

int config_keep(const char *value, struct keep *keep, struct err *err)
{
	bool seen[PERIODS + 1] = { false };
	uint64_t sum = 0;

	*keep = (struct keep){ .all = strcasecmp(value, "all") == 0 };
	if (keep->all)
		return 0;
	for (const char *at = value;;) {
		char rule[64];
		size_t n = strcspn(at, ",");
		if (text_print(rule, sizeof rule, "%.*s", (int)n, at) < 0 ||
		    parse_rule(rule, keep, seen) < 0)
			return refuse_keep(err);
		if (!at[n])
			break;
		at += n + 1;
	}
	for (int i = 0; i < PERIODS; i++)
		sum += keep->newest[i];
	return sum + keep->last > 0 ? 0 : refuse_keep(err);
}

void keep_print(const struct keep *keep, struct text *out)
{
	const char *comma = "";

	if (keep->all)
		text_add(out, "all");
	if (keep->last) {
		text_add(out, "last %" PRIu64, keep->last);
		comma = ", ";
	}
	for (int i = 0; i < PERIODS; i++) {
		if (!keep->newest[i])
			continue;
		text_add(out, "%s%s %" PRIu64, comma, periods[i], keep->newest[i]);
		comma = ", ";
	}
}

/* A number that times of the same period have, in local time. */
static int64_t period_number(enum period period, uint64_t time)
{
	time_t when = (time_t)time;
	struct tm tm;

	if (!localtime_r(&when, &tm))
		return 0;
	int64_t local = (int64_t)time + tm.tm_gmtoff;
	switch (period) {
	case PERIOD_HOUR:
		return local / 3600;
	case PERIOD_DAY:
		return local / DAY;
	case PERIOD_WEEK:
		/* The epoch was a Thursday. */
		return (local / DAY + 3) / 7;
	case PERIOD_MONTH:
		return tm.tm_year * 12 + tm.tm_mon;
	case PERIOD_YEAR:
	case PERIODS:
		break;
	}
	return tm.tm_year;
}

static void keep_newest(enum period period, uint64_t wanted, const uint64_t *times, size_t count,
			bool *kept)
{
	int64_t before = INT64_MIN;

	for (size_t i = count; i > 0 && wanted > 0; i--) {
		int64_t number = period_number(period, times[i - 1]);
		if (number == before)
			continue;
		before = number;
		kept[i - 1] = true;
		wanted--;
	}
}

void keep_choose(const struct keep *keep, uint64_t now, const uint64_t *times, size_t count,
		 bool *kept)
{
	for (; count > 0 && times[count - 1] > now; count--)
		kept[count - 1] = true;
	for (size_t i = 0; i < count; i++)
		kept[i] = keep->all || i + 1 == count || count - i <= keep->last;
	for (int period = 0; period < PERIODS; period++)
		keep_newest((enum period)period, keep->newest[period], times, count, kept);
}

/* ---- Times in names */

int stamp_print(uint64_t time, char out[STAMP_SIZE])
{
	time_t when = (time_t)time;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || tm.tm_year > 9999 - 1900 ||
	    strftime(out, STAMP_SIZE, "%Y%m%d-%H%M%S", &tm) == 0)
		return -EOVERFLOW;
	return 0;
}

int stamp_parse(const char *text, uint64_t *time)
{
	struct tm tm = { 0 };
	char again[STAMP_SIZE];
	int used = 0;

	for (int i = 0; i < STAMP_SIZE - 1; i++) {
		if (i == 8 ? text[i] != '-' : text[i] < '0' || text[i] > '9')
			return -EINVAL;
	}
	if (sscanf(text, "%4d%2d%2d-%2d%2d%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
		   &tm.tm_min, &tm.tm_sec, &used) != 6 ||
	    used != STAMP_SIZE - 1)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	time_t when = timegm(&tm);
	/* A 30th of February is another day. */
	if (when < 0 || stamp_print((uint64_t)when, again) < 0 ||
	    strncmp(again, text, STAMP_SIZE - 1) != 0)
		return -EINVAL;
	*time = (uint64_t)when;
	return used;
}
