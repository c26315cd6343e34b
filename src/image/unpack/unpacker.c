/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's side of unpacking: runs berth-unpack and checks its report. */
#include "base/file.h"
#include "base/scoped.h"
#include "image/shared/helper.h"
#include "image/unpack/unpack.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FACTS_MAX = 256 << 10 };

struct unpacking {
	const struct unpack_input *input;
	int mount_fd, facts_fd;
	const struct idmap *map;
};

static void execute(const char *path, int report_fd, const void *context)
{
	const struct unpacking *unpacking = context;
	const struct unpack_input *input = unpacking->input;
	char base[16], count[16];
	/* Duplicated first: one of them may have a number that is needed. */
	bool split = input->metadata_fd >= 0, folder = input->folder_fd >= 0;
	int archive = folder ? open("/dev/null", O_RDONLY | O_CLOEXEC) : input->archive_fd;
	int also = folder ? input->folder_fd : input->metadata_fd;
	int volume = fcntl(unpacking->mount_fd, F_DUPFD_CLOEXEC, 10);
	int facts = fcntl(unpacking->facts_fd, F_DUPFD_CLOEXEC, 10);

	archive = fcntl(archive, F_DUPFD_CLOEXEC, 10);
	if (split || folder)
		also = fcntl(also, F_DUPFD_CLOEXEC, 10);
	snprintf(base, sizeof base, "%" PRIu32, unpacking->map->base);
	snprintf(count, sizeof count, "%" PRIu32, unpacking->map->count);
	if (dup2(archive, UNPACK_ARCHIVE) >= 0 && dup2(report_fd, UNPACK_REPORT) >= 0 &&
	    dup2(facts, UNPACK_FACTS) >= 0 && dup2(volume, UNPACK_VOLUME) >= 0 &&
	    (!(split || folder) || dup2(also, UNPACK_METADATA) >= 0))
		execl(path, "berth-unpack", base, count,
		      folder  ? "folder"
		      : split ? "split"
			      : NULL,
		      (char *)NULL);
}

/* The facts, written by an untrusted process, to be parsed. */
static int take_facts(int fd, struct text *facts, struct err *err)
{
	scoped_free char *lines = NULL;
	ssize_t n = lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read_opened(fd, FACTS_MAX, &lines);

	if (n < 0)
		return err_set(err, (int)-n, "read the settings of the image: %s",
			       file_why((int)-n));
	text_add_bytes(facts, lines, (size_t)n);
	return facts->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

int unpack_run(int mount_fd, const struct unpack_input *input, const struct idmap *map,
	       struct unpack_report *report, struct err *err)
{
	scoped_fd int facts_fd = memfd_create("facts", MFD_CLOEXEC);
	const struct unpacking unpacking = { input, mount_fd, facts_fd, map };
	const struct helper helper = { .program = "berth-unpack",
				       .execute = execute,
				       .context = &unpacking };

	if (facts_fd < 0)
		return err_set(err, errno, "make a file in memory: %s", strerror(errno));
	int r = helper_run(&helper, report, sizeof *report, err);
	helper_text(report->folder, sizeof report->folder);
	helper_text(report->description, sizeof report->description);
	if (r == 0 && input->facts)
		r = take_facts(facts_fd, input->facts, err);
	return r;
}
