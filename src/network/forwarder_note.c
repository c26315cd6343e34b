/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The note of a process that passes connections on: how it was started in the first line, its pid in the second, and, on
 * demand, why it could not start its machine. The process holds its lock.
 */
#include "network/forwarder.h"

#include "base/file.h"
#include "base/lock.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *forwarder_note_path(const struct forwarder *forwarder)
{
	return dirs_run_path(forwarder->dirs, "forwards/%s/%s", forwarder->machine,
			     forwarder->name);
}

bool forwarder_has_note(const struct forwarder *forwarder)
{
	scoped_free char *path = forwarder_note_path(forwarder);

	return path && access(path, F_OK) == 0;
}

/* The part of a note behind its two lines. */
static char *behind_lines(char *note)
{
	char *line = strchr(note, '\n');

	line = line ? strchr(line + 1, '\n') : NULL;
	return line ? line + 1 : NULL;
}

void forwarder_note_failure(const struct forwarder *forwarder, const char *why)
{
	scoped_free char *path = forwarder_note_path(forwarder);
	scoped_free char *note = NULL;
	scoped_fd int fd = path ? open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;

	if (fd < 0 || file_read_opened(fd, FORWARDER_NOTE_MAX, &note) < 0)
		return;
	char *end = behind_lines(note);
	if (!end || (!why && !*end))
		return;
	scoped_free char *line = text_format("%.500s\n", why ? why : "");
	off_t at = end - note;
	if (ftruncate(fd, at) == 0 && why && line)
		(void)!pwrite(fd, line, strlen(line), at);
}

char *forwarder_failure(const struct forwarder *forwarder)
{
	scoped_free char *path = forwarder_note_path(forwarder);
	scoped_free char *note = NULL;

	if (!path || !lock_is_held(AT_FDCWD, path) ||
	    file_read(AT_FDCWD, path, FORWARDER_NOTE_MAX, &note) < 0)
		return NULL;
	char *line = behind_lines(note);
	if (line)
		line[strcspn(line, "\n")] = '\0';
	return line && *line ? strdup(line) : NULL;
}
