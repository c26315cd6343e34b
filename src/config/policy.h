/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policies for states that are taken by themselves: when one is due, and which ones are kept. Pure, but for the time
 * zone.
 */
#ifndef BERTH_CONFIG_POLICY_H
#define BERTH_CONFIG_POLICY_H

#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum period { PERIOD_HOUR, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_YEAR, PERIODS };

/* A KEY_SCHEDULE. */
struct schedule {
	bool never;
	uint64_t every; /* seconds; 0: once a period, at the time below */
	enum period period;
	int weekday;      /* 1, Monday, to 7; of a week */
	int hour, minute; /* local time */
};

/* Parses a KEY_SCHEDULE. -EINVAL with its fault. */
int config_schedule(const char *value, struct schedule *schedule, struct err *err);
/* Its canonical form. */
void schedule_print(const struct schedule *schedule, struct text *out);

/* The last time at or before now, in seconds since the epoch, at which the next state was due. */
uint64_t schedule_last(const struct schedule *schedule, uint64_t now);

/*
 * Whether a state is due at now. times: of those that are there, in any order. States with later times than now were
 * taken while the clock was wrong, and do not count.
 */
bool schedule_is_due(const struct schedule *schedule, uint64_t now, const uint64_t *times,
		     size_t count);

/* A KEY_KEEP: how many states are kept, the newest ones, and the newest of so many periods. */
struct keep {
	bool all;
	uint64_t last, newest[PERIODS];
};

/* Parses a KEY_KEEP. -EINVAL with its fault. */
int config_keep(const char *value, struct keep *keep, struct err *err);
/* Its canonical form. */
void keep_print(const struct keep *keep, struct text *out);

/*
 * Decides which states are kept. times: in seconds since the epoch, in ascending order; kept: receives a value for
 * each. The newest is always kept. States with later times than now are kept too, and do not count.
 */
void keep_choose(const struct keep *keep, uint64_t now, const uint64_t *times, size_t count,
		 bool *kept);

/* ---- Times in names: "20260131-120000", in UTC */

enum { STAMP_SIZE = 16 };
/* 0, or -EOVERFLOW: the time has no such form. */
int stamp_print(uint64_t time, char out[STAMP_SIZE]);
/* Parses the beginning of a text. The number of characters, or -EINVAL. */
int stamp_parse(const char *text, uint64_t *time);

#endif
