/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watch over a pool that runs out of room: one process for all machines of the pool. A keeper that sees little room
 * starts it, and it ends when there is room again. It looks more often the less room is left.
 */
#include "machine/life/freeze.h"
#include "machine/state/private.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"
#include "machine/life/life.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/volume_use.h"
#include "storage/growth.h"
#include "storage/space.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

enum {
	GROW_SECONDS = 10,
	GROW_SECONDS_MAX = 60,
	TAKEN_MS = 500, /* pause between two reads of the taken blocks, */
	TAKEN_PART = 8, /* they may take 1 / TAKEN_PART of the time */
};

/* A machine that writes to volumes of the pool: to its root, to volumes for data, or to both. */
struct filler {
	char machine[64];
	uint64_t growth; /* of all of them, as in struct grower */
	bool held;       /* at this look */
};

struct pool_watch {
	const struct dirs *dirs;
	const char *pool;
	int lock;             /* borrowed: held by the one watch of this pool */
	struct growth growth; /* owned */
	int64_t taken_again;  /* earliest time of the next read, milliseconds */
	time_t grow_again;    /* earliest time of the next try to grow */
	time_t grow_pause;    /* pause between two tries, seconds */
	bool grow_failed;     /* the last try failed, which was reported */
	enum space_level told;
	struct space space;
	char backing_file[PATH_MAX]; /* as in pool_usage */
};

static void tell(const struct pool_watch *watch, struct event *event)
{
	event->pool = watch->pool;
	events_append(watch->dirs, event);
}

/* ---- Looking */

/* The machine that writes to the volume. False: none does, as to a template or to a volume that is being made. */
static bool find_writer(const struct pool_watch *watch, const struct grower *grower,
			char machine[64])
{
	static const char data[] = "data.";

	if (text_starts(grower->volume, data))
		return volume_use_find(watch->dirs, grower->volume + strlen(data), NULL, true,
				       machine);
	return grower->machine && text_print(machine, 64, "%s", grower->machine) >= 0;
}

static struct filler *filler_of(struct filler *fillers, size_t *count, const char *machine)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(fillers[i].machine, machine) == 0)
			return &fillers[i];
	}
	struct filler *filler = &fillers[(*count)++];
	*filler = (struct filler){ .growth = 0 };
	text_print(filler->machine, sizeof filler->machine, "%s", machine);
	return filler;
}

/*
 * Finds the machines that write to volumes of the pool, because only machines can be frozen; room for one a volume.
 * Other growing volumes belong to a command, which gets the error of its write.
 */
static size_t find_fillers(const struct pool_watch *watch, struct filler *fillers)
{
	char machine[64];
	size_t count = 0;

	for (size_t i = 0; i < watch->growth.count; i++) {
		const struct grower *grower = watch->growth.list[i];
		if (find_writer(watch, grower, machine))
			filler_of(fillers, &count, machine)->growth += grower->growth;
	}
	return count;
}

/* Dirty pages, written by programs but not yet by the kernel, of one machine, if its cgroup counts them. */
static int read_pending(const struct pool_watch *watch, const char *name, uint64_t *bytes)
{
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };
	uint64_t dirty = 0, writeback = 0;
	scoped_free char *text = NULL;

	if (machine_paths(&machine, watch->dirs, name, &ignored) < 0)
		return -ENOMEM;
	int r = run_read_group(&machine, "memory.stat", &text);
	if (r < 0)
		return r;
	const char *at = strstr(text, "\nfile_dirty ");
	const char *after = strstr(text, "\nfile_writeback ");
	if (!at || !after || sscanf(at, " file_dirty %" SCNu64, &dirty) != 1 ||
	    sscanf(after, " file_writeback %" SCNu64, &writeback) != 1)
		return -ENODATA;
	*bytes += dirty + writeback;
	return 0;
}

/* Dirty pages of the whole host: at least those of the machine. proc_meminfo(5), in kB. */
static uint64_t host_pending(void)
{
	scoped_free char *text = NULL;
	uint64_t dirty = 0, writeback = 0;

	if (file_read(AT_FDCWD, "/proc/meminfo", 64 << 10, &text) < 0)
		return 0;
	const char *at = strstr(text, "\nDirty:");
	const char *after = strstr(text, "\nWriteback:");
	if (at)
		sscanf(at, " Dirty: %" SCNu64, &dirty);
	if (after)
		sscanf(after, " Writeback: %" SCNu64, &writeback);
	return (dirty + writeback) << 10;
}

static uint64_t pending(const struct pool_watch *watch)
{
	scoped_free struct filler *fillers = calloc(watch->growth.count + 1, sizeof *fillers);
	size_t count = fillers ? find_fillers(watch, fillers) : 0;
	uint64_t sum = 0;

	if (!fillers)
		return host_pending();
	for (size_t i = 0; i < count; i++) {
		if (read_pending(watch, fillers[i].machine, &sum) < 0)
			return host_pending();
	}
	return sum;
}

static int note_use(void *context, const struct volume_use *use)
{
	return growth_note(context, use);
}

/* Reads the blocks that each volume has taken. They decide from SPACE_SHORT on, and are read earlier for comparison. */
static int look_at_taken(struct pool_watch *watch, struct pool *pool, struct err *err)
{
	struct growth *growth = &watch->growth;
	int64_t began = clock_ms();

	if (began < watch->taken_again || space_level(&watch->space) < SPACE_SCARCE)
		return 0;
	struct volume_taken **list = calloc(growth->count + 1, sizeof(void *));
	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < growth->count; i++)
		list[i] = &growth->list[i]->taken;
	/* A count that cannot be read is marked as unknown. */
	pool_taken(pool, list, growth->count);
	free(list);
	int64_t pause = TAKEN_PART * (clock_ms() - began);
	watch->taken_again = clock_ms() + (pause < TAKEN_MS ? TAKEN_MS : pause);
	return 0;
}

static int look(struct pool_watch *watch, struct pool *pool, struct err *err)
{
	struct pool_usage usage;

	if (pool->ops->pool_usage(pool, &usage, err) < 0 ||
	    pool_each_use(pool, note_use, &watch->growth, err) < 0)
		return -err->code;
	growth_forget(&watch->growth);
	snprintf(watch->backing_file, sizeof watch->backing_file, "%s", usage.backing_file);
	watch->space = (struct space){
		.total = usage.total,
		.used = usage.used,
		.metadata_total = usage.metadata_total,
		.metadata_used = usage.metadata_used,
		.pending = pending(watch),
		.least = usage.least,
	};
	if (look_at_taken(watch, pool, err) < 0)
		return -err->code;
	growth_judge(&watch->growth, usage.used, clock_ms());
	return 0;
}

/* ---- Acting */

/*
 * The mark tells: the machine may have been stopped meanwhile, held by an earlier watch that was killed, or for another
 * pool that it writes to.
 */
static bool is_held(const struct pool_watch *watch, const struct filler *filler)
{
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };

	return machine_paths(&machine, watch->dirs, filler->machine, &ignored) == 0 &&
	       machine_held(&machine, NULL, 0);
}

static void set_held(const struct pool_watch *watch, const struct filler *filler, bool held)
{
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };
	char why[512];

	if (space_lacks_metadata(&watch->space))
		snprintf(why, sizeof why,
			 "the metadata of pool '%s', which it fills, is %u%% full; make it larger: "
			 "berth pool grow --metadata %" PRIu64 "M %s",
			 watch->pool, space_percent(&watch->space),
			 space_metadata_to(&watch->space), watch->pool);
	else if (*watch->backing_file)
		snprintf(why, sizeof why,
			 "the file system of '%.300s' has little left for pool '%s', which it "
			 "fills; make room there",
			 watch->backing_file, watch->pool);
	else
		snprintf(why, sizeof why,
			 "pool '%s', which it fills, is %u%% full; make room, or enlarge it: berth "
			 "pool grow %s",
			 watch->pool, space_percent(&watch->space), watch->pool);
	if (machine_paths(&machine, watch->dirs, filler->machine, &ignored) < 0 ||
	    machine_hold(&machine, watch->pool, held ? why : NULL) < 0)
		return;
	tell(watch, &(struct event){ .name = held ? "held" : "released",
				     .machine = filler->machine,
				     .cause = held ? why : NULL });
}

static void write_volume(const struct machine *machine, const struct grower *grower,
			 struct pool *pool)
{
	scoped_fd int mount_fd = -1;
	struct err ignored = { 0 };

	if (volume_mount(pool, grower->volume, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, &mount_fd,
			 &ignored) < 0)
		return;
	/* The mount's own descriptor is O_PATH. */
	scoped_fd int fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Present dirty pages first, then those that were being written when processes froze. */
	syncfs(fd);
	/* A process in a system call is frozen when the call returns. */
	freeze_await(machine);
	syncfs(fd);
}

static void write_out(const struct pool_watch *watch, const struct filler *filler,
		      struct pool *pool)
{
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };
	char writer[64];

	if (machine_paths(&machine, watch->dirs, filler->machine, &ignored) < 0)
		return;
	for (size_t i = 0; i < watch->growth.count; i++) {
		const struct grower *grower = watch->growth.list[i];
		if (find_writer(watch, grower, writer) && strcmp(writer, filler->machine) == 0)
			write_volume(&machine, grower, pool);
	}
}

/*
 * Flushes the machine's dirty pages, so that they get blocks before a writer takes the room that cannot be held. A
 * grandchild does it, because it takes long and the watch goes on.
 */
static void start_writing_out(const struct pool_watch *watch, const struct filler *filler,
			      struct pool *pool)
{
	if (child_detach(watch->lock) == 0) {
		write_out(watch, filler, pool);
		_exit(0);
	}
}

static void hold_machines(struct pool_watch *watch, struct filler *fillers,
			  struct space_volume *volumes, struct pool *pool)
{
	size_t count = find_fillers(watch, fillers);

	for (size_t i = 0; i < count; i++) {
		fillers[i].held = is_held(watch, &fillers[i]);
		volumes[i] = (struct space_volume){
			.growth = fillers[i].growth,
			.held = fillers[i].held,
		};
	}
	space_decide(&watch->space, volumes, count);
	for (size_t i = 0; i < count; i++) {
		if (volumes[i].held == fillers[i].held)
			continue;
		set_held(watch, &fillers[i], volumes[i].held);
		if (volumes[i].held && *watch->backing_file)
			start_writing_out(watch, &fillers[i], pool);
	}
}

static int hold_growers(struct pool_watch *watch, struct pool *pool, struct err *err)
{
	size_t room = watch->growth.count + 1;
	struct space_volume *volumes = calloc(room, sizeof *volumes);
	struct filler *fillers = calloc(room, sizeof *fillers);
	bool can = volumes && fillers;

	if (can)
		hold_machines(watch, fillers, volumes, pool);
	free(volumes);
	free(fillers);
	return can ? 0 : err_set(err, ENOMEM, "out of memory");
}

static bool has_machines(const struct pool_watch *watch)
{
	char machine[64];

	for (size_t i = 0; i < watch->growth.count; i++) {
		if (find_writer(watch, watch->growth.list[i], machine))
			return true;
	}
	return false;
}

/* Each higher level is reported once; after a lower one the higher level is reported again. */
static void tell_level(struct pool_watch *watch)
{
	enum space_level level = space_settle(&watch->space, watch->told);
	const struct space *space = &watch->space;
	char how[PATH_MAX + 96], left[32];

	if (level > watch->told) {
		text_human_size(space->total - space->used, left, sizeof left);
		if (space_lacks_metadata(space))
			snprintf(how, sizeof how, "its metadata is %u%% full",
				 space_percent(space));
		else if (*watch->backing_file)
			snprintf(how, sizeof how, "room for %s, by the file system of '%s'%s", left,
				 watch->backing_file, level == SPACE_NONE ? ": writes fail" : "");
		else
			snprintf(how, sizeof how, "%u%% full%s", space_percent(space),
				 level == SPACE_NONE ? ": writes wait for room" : "");
		tell(watch, &(struct event){ .name = "pool-low", .cause = how });
	}
	watch->told = level;
}

/* If nothing could be added, the next look would not find anything either. */
static void put_off(struct pool_watch *watch, bool gained)
{
	time_t pause = watch->grow_pause ? 2 * watch->grow_pause : GROW_SECONDS;

	watch->grow_pause = gained ? 0 : pause < GROW_SECONDS_MAX ? pause : GROW_SECONDS_MAX;
	watch->grow_again = time(NULL) + watch->grow_pause;
}

/* Grows the pool, but not at every look, because a disk that cannot be added takes time too. */
static void grow(struct pool_watch *watch, struct pool *pool)
{
	scoped_text struct text how = { 0 };
	struct err err = { 0 };

	if (time(NULL) < watch->grow_again)
		return;
	int r = pool_grow_itself(pool, &how, &err);
	if (r > 0)
		tell(watch, &(struct event){ .name = "pool-grown", .cause = text_str(&how) });
	put_off(watch, r > 0);
	if (r >= 0)
		return;
	if (!watch->grow_failed)
		tell(watch, &(struct event){ .name = "pool-grow-failed", .cause = err.text });
	watch->grow_failed = true;
}

static void make_room(struct pool_watch *watch, struct pool *pool)
{
	enum space_level level = space_level(&watch->space);

	/* A process that waits in the kernel for room cannot even be killed. */
	if (level == SPACE_NONE)
		pool_release_reserve(pool, &(struct err){ 0 });
	if (level >= SPACE_SCARCE)
		grow(watch, pool);
}

/* Looks once at the pool, and acts. True: the watch continues. */
static bool watch_once(struct pool_watch *watch, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (pool_open(&pool, watch->dirs, watch->pool, err) < 0 || look(watch, &pool, err) < 0)
		return false;
	tell_level(watch);
	if (hold_growers(watch, &pool, err) < 0)
		return false;
	make_room(watch, &pool);
	if (watch->told != SPACE_PLENTY && has_machines(watch))
		return true;
	pool_watch_again(&pool, &(struct err){ 0 });
	pool_keep_reserve(&pool, &(struct err){ 0 });
	return false;
}

int machine_watch_pool(const struct dirs *dirs, const char *pool, struct err *err)
{
	struct pool_watch watch = { .dirs = dirs, .pool = pool };
	scoped_free char *name = text_format("tend.%s", pool);
	struct err busy = { 0 };

	if (!name)
		return err_set(err, ENOMEM, "out of memory");
	scoped_fd int lock = dirs_lock(dirs, name, 0, "it", &busy);
	watch.lock = lock;
	if (lock < 0)
		return busy.code == EBUSY ? 0 : err_set(err, busy.code, "%s", busy.text);
	while (watch_once(&watch, err)) {
		unsigned ms = space_pause(&watch.space);
		nanosleep(&(struct timespec){ ms / 1000, (long)(ms % 1000) * 1000000 }, NULL);
	}
	growth_free(&watch.growth);
	return -err->code;
}
