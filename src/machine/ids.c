#include "machine/ids.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

/* RUN/ids/INDEX is a symbolic link that names its machine: made and filled in by one system call. */
static char *range_path(const struct site *site, uint64_t index)
{
	return site_run_path(site, "ids/%" PRIu64, index);
}

static bool holder(const char *path, char name[64])
{
	ssize_t n = readlink(path, name, 63);

	if (n < 0)
		return false;
	name[n] = '\0';
	return true;
}

/* A holder without a run folder was killed before it could let go. */
static bool stale(const struct site *site, const char *name)
{
	scoped_free char *run = site_run_path(site, "machines/%s", name);

	return run && access(run, F_OK) < 0 && errno == ENOENT;
}

/* 1: ours now, 0: another's, negative: failed. */
static int try_range(const struct site *site, const char *machine, const char *path,
		     struct err *err)
{
	char name[64];

	for (int attempt = 0; attempt < 3; attempt++) {
		if (symlink(machine, path) == 0)
			return 1;
		if (errno != EEXIST)
			return err_set(err, errno, "take a range of ids by '%s': %s", path,
				       strerror(errno));
		if (!holder(path, name))
			continue;
		if (strcmp(name, machine) == 0)
			return 1;
		if (!stale(site, name))
			return 0;
		/* Two who both saw a dead holder must not remove each other's new link. */
		scoped_fd int lock = site_lock(site, "ids", 10, "the list of id ranges", err);
		if (lock < 0)
			return lock;
		if (holder(path, name) && stale(site, name))
			unlink(path);
	}
	return 0;
}

static void drop_range(const char *machine, const char *path)
{
	char name[64];

	if (path && holder(path, name) && strcmp(name, machine) == 0)
		unlink(path);
}

/* Lets go of ranges from first on that bear the machine's name. */
static void drop_ranges(const struct site *site, const char *machine, uint64_t first,
			uint64_t count)
{
	for (uint64_t i = first; i < first + count; i++) {
		scoped_free char *path = range_path(site, i);
		drop_range(machine, path);
	}
}

/* All of them or none: 1, 0 or negative as try_range. */
static int try_ranges(const struct site *site, const char *machine, uint64_t first, uint64_t count,
		      struct err *err)
{
	for (uint64_t i = 0; i < count; i++) {
		scoped_free char *path = range_path(site, first + i);
		int r = path ? try_range(site, machine, path, err)
			     : err_set(err, ENOMEM, "out of memory");
		if (r <= 0) {
			drop_ranges(site, machine, first, i);
			return r;
		}
	}
	return 1;
}

int ids_fit(struct site_config *config, struct err *err)
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

/* Several begin at a multiple of their number: what is free then stays in whole pieces. */
int ids_take(const struct site *site, const struct site_config *config, const char *machine,
	     unsigned ranges, struct idmap *map, struct err *err)
{
	scoped_free char *folder = site_run_path(site, "ids");
	uint64_t places = config->idmap_machines / ranges;
	uint64_t first = places ? text_hash(machine) % places : 0;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	int r = access(folder, F_OK) == 0 ? 0 : file_make_dirs(folder, 0711, err);
	for (uint64_t i = 0; r == 0 && i < places; i++) {
		uint64_t index = (first + i) % places * ranges;
		r = try_ranges(site, machine, index, ranges, err);
		if (r > 0)
			*map = (struct idmap){
				.base = (uint32_t)(config->idmap_base + index * IDMAP_COUNT),
				.count = ranges * IDMAP_COUNT,
			};
	}
	if (r == 0)
		return err_set(err, EAGAIN,
			       "no %u of the %" PRIu64
			       " ranges of user ids are free; stop a machine or raise "
			       "idmap.machines in berth.conf",
			       ranges, config->idmap_machines);
	return r < 0 ? r : 0;
}

void ids_release(const struct site *site, const struct site_config *config, const char *machine,
		 const struct idmap *map)
{
	drop_ranges(site, machine, (map->base - config->idmap_base) / IDMAP_COUNT,
		    map->count / IDMAP_COUNT);
}

void ids_release_all(const struct site *site, const char *machine)
{
	scoped_free char *folder = site_run_path(site, "ids");
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		scoped_free char *path = text_format("%s/%s", folder, e->d_name);
		drop_range(machine, path);
	}
}
