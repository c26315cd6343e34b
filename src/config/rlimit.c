/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resource limits: "1024:64K" is a soft and a hard one, "max" means unlimited. */
#include "config/values.h"

#include <errno.h>
#include <string.h>

static int parse_one(const char *text, uint64_t *limit)
{
	if (strcmp(text, "max") != 0)
		return text_to_size(text, limit);
	*limit = UINT64_MAX;
	return 0;
}

int config_rlimit(const char *value, struct config_rlimit *limit, struct err *err)
{
	char soft[32];
	size_t n = strcspn(value, ":");
	const char *hard = value[n] ? value + n + 1 : soft;

	if (text_print(soft, sizeof soft, "%.*s", (int)n, value) < 0 ||
	    parse_one(soft, &limit->soft) < 0 || parse_one(hard, &limit->hard) < 0)
		return err_set(
			err, EINVAL,
			"use a number such as 1024 or 64M, or max, or two of them as SOFT:HARD");
	if (limit->soft > limit->hard)
		return err_set(err, EINVAL,
			       "the first, which is the soft limit, is higher than the second, the "
			       "hard one; give the higher one last");
	return 0;
}
