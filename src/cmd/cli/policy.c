/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/policy.h"

#include "cmd/cli/common.h"
#include "config/policy.h"

#include <errno.h>
#include <string.h>

const struct flag flag_dry_run = { "dry-run", 'n', false, NULL, "only show what would be done" };
const struct flag flag_now = {
	"now", 0, false, "TIME", "go by that time, such as 20260131-120000 in UTC, not by the clock"
};

int now_given(const struct call *call, uint64_t *now, struct err *err)
{
	const char *given = call_value(call, &flag_now);

	*now = 0;
	if (!given || (strlen(given) == STAMP_SIZE - 1 && stamp_parse(given, now) > 0))
		return 0;
	err_set(err, EINVAL, "--now cannot be '%.40s': use a time in UTC such as 20260131-120000",
		given);
	return EXIT_USAGE;
}
