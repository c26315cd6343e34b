/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's side of unpacking: runs berth-unpack and reads its report. */
#include "base/child.h"
#include "base/install.h"
#include "base/scoped.h"
#include "image/unpack.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

/* Runs in the forked child: passes the descriptors that berth-unpack expects, and no others. */
static __attribute__((noreturn)) void exec_unpack(const char *program,
						  const struct unpack_input *input, int report_fd,
						  int mount_fd, const struct idmap *map)
{
	char base[16], count[16];
	/* Duplicated first: one of them may have a number that is needed. */
	bool split = input->metadata_fd >= 0;
	int archive = fcntl(input->archive_fd, F_DUPFD_CLOEXEC, 10);
	int metadata = split ? fcntl(input->metadata_fd, F_DUPFD_CLOEXEC, 10) : -1;
	int report = fcntl(report_fd, F_DUPFD_CLOEXEC, 10);
	int volume = fcntl(mount_fd, F_DUPFD_CLOEXEC, 10);

	snprintf(base, sizeof base, "%" PRIu32, map->base);
	snprintf(count, sizeof count, "%" PRIu32, map->count);
	if (dup2(archive, UNPACK_ARCHIVE) >= 0 && dup2(report, UNPACK_REPORT) >= 0 &&
	    dup2(volume, UNPACK_VOLUME) >= 0 && (!split || dup2(metadata, UNPACK_METADATA) >= 0))
		execl(program, "berth-unpack", base, count, split ? "split" : NULL, (char *)NULL);
	struct unpack_report failure = { 0 };
	err_set(&failure.err, errno, "run '%s': %s", program, strerror(errno));
	if (write(report, &failure, sizeof failure) < 0)
		_exit(126);
	_exit(127);
}

static void make_printable(char *p)
{
	for (; *p; p++)
		*p = *p < ' ' || *p > '~' ? '?' : *p;
}

/* The report is untrusted until it was checked. */
static int check_report(struct unpack_report *report, struct err *err)
{
	report->folder[sizeof report->folder - 1] = '\0';
	report->err.text[sizeof report->err.text - 1] = '\0';
	report->description[sizeof report->description - 1] = '\0';
	make_printable(report->folder);
	make_printable(report->err.text);
	make_printable(report->description);
	if (report->err.code == 0)
		return 0;
	return err_set(err, report->err.code, "%s", report->err.text);
}

static ssize_t read_report(int fd, struct unpack_report *report)
{
	ssize_t n;

	do
		n = read(fd, report, sizeof *report);
	while (n < 0 && errno == EINTR);
	return n;
}

int unpack_run(int mount_fd, const struct unpack_input *input, const struct idmap *map,
	       struct unpack_report *report, struct err *err)
{
	char program[PATH_MAX], how[64];
	int ends[2];

	*report = (struct unpack_report){ 0 };
	if (install_program("berth-unpack", program, sizeof program) < 0)
		return err_set(err, ENAMETOOLONG, "the path of berth-unpack is too long");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, errno, "make a pipe: %s", strerror(errno));
	scoped_fd int reading = ends[0];
	scoped_fd int writing = ends[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_set(err, errno, "run '%s': %s", program, strerror(errno));
	if (pid == 0)
		exec_unpack(program, input, writing, mount_fd, map);
	scoped_close_fd(&writing);
	ssize_t n = read_report(reading, report);
	int status = child_wait(pid);
	if (n == sizeof *report)
		return check_report(report, err);
	child_status_text(status, how, sizeof how);
	return err_set(err, EIO, "'%s' %s and said nothing", program, how);
}
