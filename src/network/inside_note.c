/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/inside_note.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOTE_MAX = 4096 };

static char *note_path(const struct network *network, const char *name)
{
	return dirs_run_path(network->dirs, "networks/%s/inside/%s", network->name, name);
}

static int space_of(pid_t pid, uint64_t *inode)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	int space = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (space < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (fstat(space, &st) < 0) {
		int r = -errno;
		close(space);
		return r;
	}
	*inode = st.st_ino;
	return space;
}

int inside_note_begin(struct inside_note *note, pid_t pid, const char *link)
{
	*note = (struct inside_note){ .pid = pid };
	snprintf(note->link, sizeof note->link, "%s", link);
	scoped_fd int space = space_of(pid, &note->space);
	return space < 0 ? space : 0;
}

/* The folder may go at any time, with the last note of another machine. */
static int make_folder(const struct network *network)
{
	scoped_free char *folder =
		dirs_run_path(network->dirs, "networks/%s/inside", network->name);

	return folder ? file_make_dirs(folder, 0711, &(struct err){ 0 }) : -ENOMEM;
}

int inside_note_write(const struct network *network, const char *name,
		      const struct inside_note *note)
{
	scoped_free char *path = note_path(network, name);
	scoped_free char *aside = path ? text_format("%s.new", path) : NULL;
	scoped_free char *line = text_format("%d %" PRIu64 " %d %s\n", (int)note->pid, note->space,
					     note->index, note->link);
	enum { TRIES = 5 };
	int r = -ENOENT;

	if (!aside || !line)
		return -ENOMEM;
	for (int i = 0; r == -ENOENT && i < TRIES; i++) {
		r = make_folder(network);
		if (r < 0)
			return r;
		/* The run folder does not outlive the kernel, so nothing has to be synced. */
		scoped_fd int fd =
			open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
		r = fd < 0 ? -errno : file_write_all(fd, line, strlen(line), -1);
		if (r == 0 && rename(aside, path) < 0)
			r = -errno;
	}
	return r;
}

int inside_note_read(const struct network *network, const char *name, struct inside_note *note)
{
	scoped_free char *path = note_path(network, name);
	scoped_free char *text = NULL;
	int pid, index;

	*note = (struct inside_note){ 0 };
	if (!path)
		return -ENOMEM;
	ssize_t n = file_read(AT_FDCWD, path, NOTE_MAX, &text);
	if (n < 0)
		return (int)n;
	if (sscanf(text, "%d %" SCNu64 " %d %15s", &pid, &note->space, &index, note->link) != 4 ||
	    pid <= 0 || index < 0)
		return -EINVAL;
	note->pid = pid;
	note->index = index;
	return 0;
}

void inside_note_remove(const struct network *network, const char *name)
{
	scoped_free char *path = note_path(network, name);
	scoped_free char *folder = dirs_run_path(network->dirs, "networks/%s", network->name);
	scoped_free char *inside = folder ? text_format("%s/inside", folder) : NULL;

	if (!path || !inside)
		return;
	unlink(path);
	/* Both go with the last note. */
	if (rmdir(inside) == 0)
		rmdir(folder);
}

int inside_note_open(const struct inside_note *note)
{
	uint64_t inode = 0;
	int space = space_of(note->pid, &inode);

	if (space >= 0 && inode != note->space) {
		close(space);
		return -ESRCH;
	}
	return space;
}

/*
 * Without a number it is found by its name, and by its kind, which the guest's own links of that name hardly have: the
 * command that made it was killed before it had the number.
 */
static int find_in(const struct network *network, const struct inside_note *note,
		   struct link_socket *links, struct link_info *link)
{
	int r = note->index ? link_find_index(links, note->index, link)
			    : link_find(links, note->link, link);

	if (r == 0 && strcmp(link->kind, network->config.kind) != 0)
		r = -ENODEV;
	return r;
}

/* inside_find for a note that was read; *space, unless it is NULL: the namespace, which the caller closes. */
static int find_noted(const struct network *network, const struct inside_note *note,
		      struct link_socket **links, struct link_info *link, int *space)
{
	scoped_fd int opened = inside_note_open(note);
	int r = opened < 0 ? opened : link_open_at(links, opened);

	if (r < 0)
		return r;
	r = find_in(network, note, *links, link);
	if (r < 0)
		link_close(links);
	else if (space)
		*space = take_fd(&opened);
	return r;
}

int inside_find(const struct network *network, const char *name, struct link_socket **links,
		struct link_info *link)
{
	struct inside_note note;
	int r = inside_note_read(network, name, &note);

	return r < 0 ? r : find_noted(network, &note, links, link, NULL);
}

int inside_enter(const struct network *network, const char *name, struct link_info *link,
		 struct inside_note *note)
{
	scoped_links struct link_socket *links = NULL;
	int space = -1;
	int r = inside_note_read(network, name, note);

	if (r == 0)
		r = find_noted(network, note, &links, link, &space);
	return r < 0 ? r : space;
}

bool inside_note_lives(const struct inside_note *note)
{
	scoped_fd int space = inside_note_open(note);

	return space >= 0;
}
