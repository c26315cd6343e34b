/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's side of unpacking: runs berth-unpack and checks its report. */
#include "image/helper.h"
#include "image/unpack.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

struct unpacking {
	const struct unpack_input *input;
	int mount_fd;
	const struct idmap *map;
};

static void execute(const char *path, int report_fd, const void *context)
{
	const struct unpacking *unpacking = context;
	const struct unpack_input *input = unpacking->input;
	char base[16], count[16];
	/* Duplicated first: one of them may have a number that is needed. */
	bool split = input->metadata_fd >= 0;
	int archive = fcntl(input->archive_fd, F_DUPFD_CLOEXEC, 10);
	int metadata = split ? fcntl(input->metadata_fd, F_DUPFD_CLOEXEC, 10) : -1;
	int volume = fcntl(unpacking->mount_fd, F_DUPFD_CLOEXEC, 10);

	snprintf(base, sizeof base, "%" PRIu32, unpacking->map->base);
	snprintf(count, sizeof count, "%" PRIu32, unpacking->map->count);
	if (dup2(archive, UNPACK_ARCHIVE) >= 0 && dup2(report_fd, UNPACK_REPORT) >= 0 &&
	    dup2(volume, UNPACK_VOLUME) >= 0 && (!split || dup2(metadata, UNPACK_METADATA) >= 0))
		execl(path, "berth-unpack", base, count, split ? "split" : NULL, (char *)NULL);
}

int unpack_run(int mount_fd, const struct unpack_input *input, const struct idmap *map,
	       struct unpack_report *report, struct err *err)
{
	const struct unpacking unpacking = { input, mount_fd, map };
	const struct helper helper = { .program = "berth-unpack",
				       .execute = execute,
				       .context = &unpacking };
	int r = helper_run(&helper, report, sizeof *report, err);

	helper_text(report->folder, sizeof report->folder);
	helper_text(report->description, sizeof report->description);
	return r;
}
