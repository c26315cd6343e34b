/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's side of fetching: runs berth-fetch and checks its report. */
#include "image/fetch/fetch.h"
#include "image/shared/helper.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static void execute(const char *path, int report_fd, const void *context)
{
	const struct fetch *fetch = context;
	char base[16], count[16];
	/* Duplicated first: it may have a number that is needed. */
	int output = fcntl(fetch->output_fd, F_DUPFD_CLOEXEC, 10);
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	snprintf(base, sizeof base, "%" PRIu32, fetch->map->base);
	snprintf(count, sizeof count, "%" PRIu32, fetch->map->count);
	if (null_fd >= 0 && dup2(null_fd, 0) >= 0 && dup2(null_fd, 1) >= 0 &&
	    dup2(null_fd, 2) >= 0 && dup2(report_fd, FETCH_REPORT) >= 0 &&
	    dup2(output, FETCH_OUTPUT) >= 0)
		execl(path, "berth-fetch", base, count, fetch->mode, fetch->url, fetch->detail,
		      (char *)NULL);
}

bool fetch_is_built(void)
{
#ifdef HAVE_CURL
	return true;
#else
	return false;
#endif
}

int fetch_run(const struct fetch *fetch, struct fetch_report *report, struct err *err)
{
	const struct helper helper = {
		.program = "berth-fetch",
		.absent = fetch_is_built() ? "run 'make install'"
					   : "this berth was built without libcurl, and cannot "
					     "fetch; install libcurl's headers, and build it again",
		.execute = execute,
		.context = fetch,
		.tick = fetch->tick,
		.tick_context = fetch->context,
	};
	int r = helper_run(&helper, report, sizeof *report, err);

	helper_text(report->why, sizeof report->why);
	return r;
}
