/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/state/events.h"

#include "base/file.h"
#include "base/scoped.h"
#include "keeper/event.h"
#include "keeper/event_count.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

static const char current_name[] = "events", older_name[] = "events.1";

void events_append(const struct dirs *dirs, const struct event *event)
{
	scoped_free char *path = dirs_run_path(dirs, current_name);

	if (path)
		event_write(AT_FDCWD, path, event);
}

void machine_tell(const struct machine *machine, const struct event *event)
{
	struct event told = *event;

	told.machine = machine->name;
	events_append(machine->dirs, &told);
}

static bool same_file(int fd, int folder, const char *name)
{
	struct stat here;

	return fd >= 0 && fstat(fd, &here) == 0 && file_has_name(&here, folder, name);
}

static int pass_on(struct events *events, const char *line, events_visit *visit, void *context)
{
	uint64_t number = event_number(line);

	if (number <= events->last)
		return 0;
	uint64_t lost = number - events->last - 1;
	/* Events before the first known one do not count as lost. */
	if (events->last == 0)
		lost = 0;
	events->last = number;
	return visit(context, lost, line);
}

/* The complete lines of a piece; *used becomes their length. */
static int pass_lines(struct events *events, char *piece, size_t length, size_t *used,
		      events_visit *visit, void *context)
{
	char *at = piece;
	int r = 0;

	for (char *end; r == 0 && (end = memchr(at, '\n', length - (size_t)(at - piece)));) {
		*end = '\0';
		r = pass_on(events, at, visit, context);
		at = end + 1;
	}
	*used = (size_t)(at - piece);
	return r;
}

/* Reads from the present position to the end of the open file. */
static int drain(struct events *events, events_visit *visit, void *context)
{
	char piece[8 * EVENT_LINE_MAX];
	size_t used = 1;
	int r = 0;

	while (r == 0 && used > 0 && events->file >= 0) {
		ssize_t n = pread(events->file, piece, sizeof piece, events->at);
		if (n < 0)
			return -errno;
		r = pass_lines(events, piece, (size_t)n, &used, visit, context);
		events->at += (off_t)used;
	}
	return r;
}

/* Opens both files of one moment, without a rotation in between. -errno: one cannot be opened. */
static void open_pair(const struct events *events, int pair[2])
{
	do {
		scoped_close_fd(&pair[0]);
		scoped_close_fd(&pair[1]);
		pair[0] = file_open_regular(events->folder, older_name, O_NOFOLLOW);
		pair[1] = file_open_regular(events->folder, current_name, O_NOFOLLOW);
	} while (pair[0] >= 0 && !same_file(pair[0], events->folder, older_name));
}

static void change_file(struct events *events, int *fd)
{
	scoped_close_fd(&events->file);
	events->file = take_fd(fd);
	events->at = 0;
}

/*
 * Continues after a rotation: the old file has no writers any more. Its rest is read first, then the file between, if
 * there were two rotations, then the new one. Numbers tell which events are known.
 */
static int cross(struct events *events, events_visit *visit, void *context)
{
	int pair[2] = { -1, -1 };
	int r = drain(events, visit, context);

	open_pair(events, pair);
	if (r == 0 && pair[0] >= 0 && !same_file(events->file, events->folder, older_name)) {
		change_file(events, &pair[0]);
		r = drain(events, visit, context);
	}
	if (r == 0 && pair[1] >= 0) {
		change_file(events, &pair[1]);
		r = drain(events, visit, context);
	} else if (r == 0 && pair[1] != -ENOENT) {
		r = pair[1];
	}
	scoped_close_fd(&pair[0]);
	scoped_close_fd(&pair[1]);
	return r;
}

int events_read(struct events *events, events_visit *visit, void *context, struct err *err)
{
	char ignored[4096];
	int r;

	/* First, so that an event during the read wakes us again. */
	while (read(events->watch, ignored, sizeof ignored) > 0)
		;
	r = drain(events, visit, context);
	while (r == 0 && !same_file(events->file, events->folder, current_name) &&
	       faccessat(events->folder, current_name, F_OK, 0) == 0)
		r = cross(events, visit, context);
	return r < 0 && !err->code
		       ? err_set(err, -r,
				 "read '%s/%s': %s; remove it, the next event makes another",
				 events->run, current_name, file_why(r))
		       : r;
}

static int skip(void *context, uint64_t lost, const char *line)
{
	(void)context;
	(void)lost;
	(void)line;
	return 0;
}

int events_open(struct events *events, const struct dirs *dirs, int64_t after, struct err *err)
{
	*events = (struct events){
		.run = dirs->run,
		.folder = -1,
		.watch = -1,
		.file = -1,
		.last = after < 0 ? 0 : (uint64_t)after,
	};
	int r = file_make_dirs(dirs->run, 0711, err);
	if (r < 0)
		return r;
	events->folder = open(dirs->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (events->folder >= 0)
		events->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (events->folder < 0 || events->watch < 0 ||
	    inotify_add_watch(events->watch, dirs->run, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return err_set(err, errno, "watch '%s': %s", dirs->run,
			       errno == EMFILE ? "too many watchers; raise "
						 "fs.inotify.max_user_instances"
					       : strerror(errno));
	return after < 0 ? events_read(events, skip, NULL, err) : 0;
}

void events_close(struct events *events)
{
	scoped_close_fd(&events->folder);
	scoped_close_fd(&events->watch);
	scoped_close_fd(&events->file);
}
