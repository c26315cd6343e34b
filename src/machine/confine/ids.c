/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/confine/ids.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

enum { LOCK_SECONDS = 10 };

/*
 * FOLDER/FIRST-ID is a symbolic link to the run folder of the machine that has the range. One system call creates it
 * with its content. The name is the id, so a change of settings moves no range.
 */
static char *range_path(const char *folder, uint64_t id)
{
	return text_format("%s/%" PRIu64, folder, id);
}

static bool holder(const char *path, char run[PATH_MAX])
{
	ssize_t n = readlink(path, run, PATH_MAX - 1);

	if (n < 0)
		return false;
	run[n] = '\0';
	return true;
}

/* A holder without a run folder was killed before it could release its range. */
static bool stale(const char *run)
{
	return access(run, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* Two processes that both saw a dead holder must not remove each other's new link. */
static int drop_stale(const char *folder, const char *path, struct err *err)
{
	scoped_free char *name = text_format("%s/lock", folder);
	scoped_fd int lock = name ? file_lock_within(name, LOCK_SECONDS) : -ENOMEM;
	char run[PATH_MAX];

	if (lock < 0)
		return err_set(err, -lock, "lock the list of id ranges '%s': %s", folder,
			       lock == -EWOULDBLOCK ? "another command has held it for long"
						    : strerror(-lock));
	if (holder(path, run) && stale(run))
		unlink(path);
	return 0;
}

/* 1: the range is ours, 0: another machine has it, negative: an error. */
static int try_range(const char *folder, const char *run, const char *path, struct err *err)
{
	char other[PATH_MAX];

	for (int attempt = 0; attempt < 3; attempt++) {
		if (symlink(run, path) == 0)
			return 1;
		if (errno != EEXIST)
			return err_set(err, errno, "take a range of ids by '%s': %s", path,
				       strerror(errno));
		if (!holder(path, other))
			continue;
		if (strcmp(other, run) == 0)
			return 1;
		if (!stale(other))
			return 0;
		if (drop_stale(folder, path, err) < 0)
			return -err->code;
	}
	return 0;
}

static void drop_range(const char *run, const char *path)
{
	char other[PATH_MAX];

	if (path && holder(path, other) && strcmp(other, run) == 0)
		unlink(path);
}

void ids_release(const char *folder, const char *run, const struct idmap *map)
{
	for (uint32_t done = 0; done < map->count; done += IDMAP_COUNT) {
		scoped_free char *path = range_path(folder, (uint64_t)map->base + done);
		drop_range(run, path);
	}
}

/* Takes all ranges or none: 1, 0 or negative as try_range. */
static int try_ranges(const char *folder, const char *run, const struct idmap *map, struct err *err)
{
	struct idmap taken = { .base = map->base };

	for (; taken.count < map->count; taken.count += IDMAP_COUNT) {
		scoped_free char *path = range_path(folder, (uint64_t)map->base + taken.count);
		int r = path ? try_range(folder, run, path, err)
			     : err_set(err, ENOMEM, "out of memory");
		if (r <= 0) {
			ids_release(folder, run, &taken);
			return r;
		}
	}
	return 1;
}

int ids_fit(struct berth_config *config, struct err *err)
{
	int r = idmap_fit(&config->idmap_base, &config->idmap_machines);

	if (r == -EPERM)
		return err_set(
			err, EPERM,
			"there are no user ids for it here: this is a machine itself, without "
			"security.nesting; set that on its host, or start this one with "
			"security.privileged=yes");
	return r < 0 ? err_set(err, -r, "read '/proc/self/uid_map': %s", strerror(-r)) : 0;
}

/* Ranges begin at multiples of their size, whatever idmap.base is, so that two ranges are equal or disjoint. */
static uint64_t first_range(const struct berth_config *config, uint64_t *count)
{
	uint64_t rest = config->idmap_base % IDMAP_COUNT;

	*count = config->idmap_machines - (rest != 0);
	return config->idmap_base + (rest ? IDMAP_COUNT - rest : 0);
}

/* Several ranges begin at a multiple of their number: free space then stays unfragmented. */
int ids_take(const char *folder, const struct berth_config *config, const char *run,
	     unsigned ranges, struct idmap *map, struct err *err)
{
	uint64_t count, base = first_range(config, &count), places = count / ranges;
	const char *name = strrchr(run, '/');
	uint64_t first = places ? text_hash(name ? name + 1 : run) % places : 0;

	int r = access(folder, F_OK) == 0 ? 0 : file_make_dirs(folder, 0711, err);
	for (uint64_t i = 0; r == 0 && i < places; i++) {
		uint64_t index = (first + i) % places * ranges;
		*map = (struct idmap){
			.base = (uint32_t)(base + index * IDMAP_COUNT),
			.count = ranges * IDMAP_COUNT,
		};
		r = try_ranges(folder, run, map, err);
	}
	if (r == 0)
		return err_set(err, EAGAIN,
			       "no %u of the %" PRIu64
			       " ranges of user ids are free on this host; stop a machine or raise "
			       "idmap.machines in berth.conf",
			       ranges, count);
	return r < 0 ? r : 0;
}

void ids_release_all(const char *folder, const char *run)
{
	scoped_dir DIR *dir = opendir(folder);

	for (struct dirent *e; dir && (e = readdir(dir));) {
		scoped_free char *path = text_format("%s/%s", folder, e->d_name);
		drop_range(run, path);
	}
}
