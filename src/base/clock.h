/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time for deadlines and pauses. */
#ifndef BERTH_BASE_CLOCK_H
#define BERTH_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Seconds since the epoch. time(2) may still tell the second before, for as long as a tick of the kernel's. */
static inline uint64_t clock_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec;
}

/* Milliseconds of CLOCK_MONOTONIC: they never go back, and do not count a suspended host's sleep. */
static inline int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
