/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounts below a folder, by whatever path they were made. The kernel refuses to remove a folder that something of our
 * mount namespace is mounted on, though it be through a bind mount elsewhere. So paths are compared within the folder's
 * file system. What other mount namespaces have there does not count: the kernel detaches it.
 */
#include "base/file.h"
#include "base/room.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/holder.h"
#include "kern/mount.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { MOUNTINFO_MAX = 256 << 20 };

/* A line of proc_pid_mountinfo(5). */
struct entry {
	unsigned id, parent, major, minor;
	const char *root, *point; /* borrowed from the text */
};

struct table {
	char *text;            /* owned */
	struct entry *entries; /* owned; sorted by id */
	size_t count;
};

static bool parse(char *line, struct entry *entry)
{
	int root = 0, root_end = 0, point = 0, point_end = 0;

	if (sscanf(line, "%u %u %u:%u %n%*s%n %n%*s%n", &entry->id, &entry->parent, &entry->major,
		   &entry->minor, &root, &root_end, &point, &point_end) != 4 ||
	    !point_end)
		return false;
	line[root_end] = line[point_end] = '\0';
	mount_unescape(line + root);
	mount_unescape(line + point);
	entry->root = line + root;
	entry->point = line + point;
	return true;
}

static int compare(const void *one, const void *other)
{
	const struct entry *a = one, *b = other;

	return a->id < b->id ? -1 : a->id > b->id;
}

static int read_table(struct table *table)
{
	size_t room = 0;
	scoped_fd int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : file_read_opened(fd, MOUNTINFO_MAX, &table->text);

	if (n < 0)
		return (int)n;
	for (char *line = table->text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		int r = room_for_one(&table->entries, table->count, &room, sizeof *table->entries);
		if (r < 0)
			return r;
		table->count += parse(line, &table->entries[table->count]);
	}
	qsort(table->entries, table->count, sizeof *table->entries, compare);
	return 0;
}

static const struct entry *find(const struct table *table, unsigned id)
{
	const struct entry key = { .id = id };

	return bsearch(&key, table->entries, table->count, sizeof key, compare);
}

/* The mount that a path is on: the innermost, and of several on one folder the last. */
static const struct entry *find_mount_of(const struct table *table, const char *path)
{
	const struct entry *best = NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct entry *mount = &table->entries[i];
		if (text_is_within(path, mount->point) &&
		    (!best || strlen(mount->point) >= strlen(best->point)))
			best = mount;
	}
	return best;
}

/* The path of a place below a mount, within the mounted file system. -ENAMETOOLONG: it does not matter. */
static int path_within(const struct entry *mount, const char *path, char out[PATH_MAX])
{
	size_t above = strcmp(mount->point, "/") == 0 ? 0 : strlen(mount->point);

	return text_print(out, PATH_MAX, "%s%s", strcmp(mount->root, "/") == 0 ? "" : mount->root,
			  path + above);
}

static bool find_below(const struct table *table, const struct entry *own, const char *folder,
		       bool (*wanted)(const void *, const char *), const void *context, char *out,
		       size_t room)
{
	char top[PATH_MAX], at[PATH_MAX];

	if (path_within(own, folder, top) < 0)
		return false;
	size_t length = strlen(top);
	for (size_t i = 0; i < table->count; i++) {
		const struct entry *mount = &table->entries[i];
		const struct entry *parent = find(table, mount->parent);
		if (!parent || parent == mount || parent->major != own->major ||
		    parent->minor != own->minor || path_within(parent, mount->point, at) < 0 ||
		    strncmp(at, top, length) != 0 || at[length] != '/' ||
		    !wanted(context, at + length + 1))
			continue;
		text_print(out, room, "%s", mount->point);
		return true;
	}
	return false;
}

bool holder_mount_below(const char *folder, bool (*wanted)(const void *, const char *),
			const void *context, char *out, size_t room)
{
	struct table table = { 0 };
	bool found = false;

	if (read_table(&table) == 0) {
		const struct entry *own = find_mount_of(&table, folder);
		found = own && find_below(&table, own, folder, wanted, context, out, room);
	}
	free(table.text);
	free(table.entries);
	return found;
}
