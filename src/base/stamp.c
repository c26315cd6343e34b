/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * 0x9e3779b97f4a7c15;
	return sum ^ sum >> 32;
}

static uint64_t mix_time(uint64_t sum, const struct timespec *when)
{
	return mix(mix(sum, (uint64_t)when->tv_sec), (uint64_t)when->tv_nsec);
}

/* The two small values have their own meaning. */
static uint64_t value_of(uint64_t sum)
{
	return sum > STAMP_NONE ? sum : ~sum;
}

struct stamp stamp_look(int dir_fd, const char *path, time_t now)
{
	struct stat st;

	if (fstatat(dir_fd, path, &st, 0) < 0)
		return (struct stamp){ errno == ENOENT ? STAMP_NONE : STAMP_UNKNOWN, true };
	uint64_t sum = mix(mix(st.st_mode, st.st_dev), st.st_ino);
	sum = mix_time(mix(sum, (uint64_t)st.st_size), &st.st_mtim);
	/* No call sets this time, and each change does, which the clock may have put into the future. */
	return (struct stamp){ value_of(mix_time(sum, &st.st_ctim)),
			       st.st_ctim.tv_sec <= now - STAMP_SECONDS };
}

struct stamp stamp_join(struct stamp one, struct stamp other)
{
	bool known = one.value != STAMP_UNKNOWN && other.value != STAMP_UNKNOWN;

	return (struct stamp){ known ? value_of(mix(mix(1, one.value), other.value))
				     : STAMP_UNKNOWN,
			       one.settled && other.settled };
}

uint64_t stamp_sum(const void *bytes, size_t length)
{
	const char *at = bytes;
	uint64_t sum = length, word;

	for (; length >= sizeof word; at += sizeof word, length -= sizeof word) {
		memcpy(&word, at, sizeof word);
		sum = mix(sum, word);
	}
	word = 0;
	memcpy(&word, at, length);
	return mix(sum, word);
}
