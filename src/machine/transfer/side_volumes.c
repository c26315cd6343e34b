/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes for data on a side that is a root alone: of a machine that does not run, or of a snapshot. A volume is not
 * mounted there, so a path at its target leads to a folder that the running machine never sees.
 */
#include "machine/transfer/side.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/data/joint.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* The path with a single slash before each component. */
static void squeeze(const char *path, char out[PATH_MAX])
{
	size_t n = 0;

	while (*path && n < PATH_MAX - 2) {
		size_t length = strcspn(path, "/");
		if (length && n + length < PATH_MAX - 2) {
			out[n++] = '/';
			memcpy(out + n, path, length);
			n += length;
		}
		path += length + (path[length] == '/');
	}
	out[n] = '\0';
}

/* The place that a path leads to, with its links followed; what is missing of it is kept as it is. "" is the root. */
static int resolve(const struct side *side, const char *path, char out[PATH_MAX])
{
	char whole[PATH_MAX], known[PATH_MAX], link[64], place[PATH_MAX], joined[2 * PATH_MAX];
	scoped_fd int fd = -1;

	squeeze(path, whole);
	memcpy(known, whole, sizeof known);
	while ((fd = file_open_in_root(side->root_fd, *known ? known : "/", O_PATH | O_CLOEXEC,
				       0)) < 0 &&
	       *known)
		*strrchr(known, '/') = '\0';
	if (fd < 0)
		return fd;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, place, sizeof place - 1);
	if (n < 0)
		return -errno;
	place[n] = '\0';
	snprintf(joined, sizeof joined, "%s%s", place, whole + strlen(known));
	squeeze(joined, out);
	return 0;
}

/* A snapshot from before the volume was attached has files of its own at the target. */
static bool has_files(const struct side *side, const char *target)
{
	int fd = file_open_in_root(side->root_fd, target, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	scoped_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int count = 0;

	if (fd >= 0 && !dir)
		close(fd);
	while (dir && count < 3 && readdir(dir))
		count++;
	return count > 2;
}

/* Whether the snapshot was taken with the volume, which was mounted then. */
static bool was_there(const struct side *side, const char *volume)
{
	scoped_joint struct joint joint = { 0 };
	bool there = false;

	if (joint_read(side->machine, side->snapshot, &joint, &(struct err){ 0 }) < 0)
		return false;
	for (size_t i = 0; !there && i < joint.count; i++)
		there = strcmp(joint.parts[i].volume, volume) == 0;
	return there;
}

static bool is_hidden(const struct side *side, const struct attached_config *attached)
{
	return !side->snapshot || was_there(side, attached->section.name) ||
	       !has_files(side, attached->target);
}

int side_check_volumes(const struct side *side, const char *path, struct err *err)
{
	const struct machine *machine = side->machine;
	char place[PATH_MAX], target[PATH_MAX];

	if (side->root_fd < 0 || !machine->config.volumes || resolve(side, path, place) < 0)
		return 0;
	for (const struct section *at = machine->config.volumes; at; at = at->next) {
		const struct attached_config *attached = (const struct attached_config *)at;
		squeeze(attached->target, target);
		if (!text_is_within(place, target) || !is_hidden(side, attached))
			continue;
		return side->snapshot
			       ? err_set(err, EBUSY,
					 "'%s' is volume '%s' of machine '%s', and snapshots of "
					 "the "
					 "machine do not have it; see: berth volume info %s",
					 target, at->name, machine->name, at->name)
			       : err_set(err, EBUSY,
					 "'%s' is volume '%s' of machine '%s': start the machine "
					 "first: berth start %s",
					 target, at->name, machine->name, machine->name);
	}
	return 0;
}

int side_each_below(const struct side *side, const char *path, side_visit *visit, void *context)
{
	char place[PATH_MAX], target[PATH_MAX];
	int r = 0;

	if (side->root_fd < 0 || !side->machine->config.volumes || resolve(side, path, place) < 0)
		return 0;
	for (const struct section *at = side->machine->config.volumes; r == 0 && at;
	     at = at->next) {
		const struct attached_config *attached = (const struct attached_config *)at;
		squeeze(attached->target, target);
		if (text_is_within(target, place) && strcmp(target, place) != 0 &&
		    is_hidden(side, attached))
			r = visit(context, attached, target + strlen(place));
	}
	return r;
}
