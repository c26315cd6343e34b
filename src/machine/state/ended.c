/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/state/ended.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>

/* The outcome on a line of its own, then the sentence. A sentence alone is of an older version, or acknowledged. */
static const char failed_line[] = "failed\n";

enum { ENDED_MAX = 16 << 10 };

int ended_read(const struct machine *machine, char **text)
{
	char path[4096];

	if (text_print(path, sizeof path, "%s/ended", machine->folder) < 0)
		return -ENAMETOOLONG;
	ssize_t n = file_read(AT_FDCWD, path, ENDED_MAX, text);
	return n < 0 ? (int)n : 0;
}

void ended_write(const struct machine *machine, const char *outcome, const char *how)
{
	scoped_free char *path = machine_path(machine, "ended");
	scoped_free char *text = text_format("%s\n%s\n", outcome, how);

	if (!path || !text)
		return;
	/* The text becomes one line, because it may have any number of lines, and stands in a sentence. */
	for (char *end = text + strlen(outcome); (end = strchr(end + 1, '\n')) && end[1];)
		*end = ' ';
	/* Only a failure is worth a sync, because only a failure is reported after a crash of the host. */
	if (text_starts(text, failed_line)) {
		file_replace(path, text, strlen(text), 0600, &(struct err){ 0 });
		return;
	}
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd >= 0)
		dprintf(fd, "%s", text);
}

bool ended_failed(const struct machine *machine)
{
	scoped_free char *text = NULL;

	return ended_read(machine, &text) == 0 && text_starts(text, failed_line);
}

bool ended_acknowledge(const struct machine *machine)
{
	scoped_free char *path = machine_path(machine, "ended");
	scoped_free char *text = NULL;

	if (!path || ended_read(machine, &text) < 0 || !text_starts(text, failed_line))
		return false;
	const char *how = text + strlen(failed_line);
	file_replace(path, how, strlen(how), 0600, &(struct err){ 0 });
	return true;
}
