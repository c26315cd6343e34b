/*
 * Looking after a pool that runs out of room: one process for all its machines, begun by a keeper that
 * sees it come, ending when there is room again. In between it looks more often the less is left.
 */
#include "machine/freeze.h"
#include "machine/private.h"

#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"
#include "machine/run.h"
#include "storage/space.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

enum { WINDOW_SECONDS = 5, GROW_SECONDS = 10 };

/* A machine whose volume is in use, as it was at the last look. */
struct user {
	char name[64];
	uint64_t used; /* bytes of the pool that its volume takes */
	uint64_t base; /* the same, a few seconds ago */
	bool seen;
	bool held; /* as this look found it */
};

struct tender {
	const struct site *site;
	const char *pool;
	struct user *users; /* owned */
	size_t count;
	time_t based;      /* when the bases were taken */
	time_t grow_again; /* not before */
	bool grow_failed;  /* and it was told */
	enum space_level told;
	struct space space;
	char below[PATH_MAX]; /* as in pool_usage */
};

static void tell(const struct tender *tender, struct event *event)
{
	scoped_free char *path = site_run_path(tender->site, "events");

	event->pool = tender->pool;
	if (path)
		event_write(AT_FDCWD, path, event);
}

/* ---- Looking */

static struct user *find_user(struct tender *tender, const char *name)
{
	for (size_t i = 0; i < tender->count; i++) {
		if (strcmp(tender->users[i].name, name) == 0)
			return &tender->users[i];
	}
	struct user *list = realloc(tender->users, (tender->count + 1) * sizeof *tender->users);
	if (!list)
		return NULL;
	tender->users = list;
	list[tender->count] = (struct user){ .used = UINT64_MAX };
	snprintf(list[tender->count].name, sizeof list->name, "%s", name);
	return &list[tender->count++];
}

static int note_use(void *context, const char *volume, uint64_t used)
{
	struct tender *tender = context;
	static const char kind[] = "machine.";

	if (!text_starts(volume, kind))
		return 0;
	struct user *user = find_user(tender, volume + strlen(kind));
	if (!user)
		return -ENOMEM;
	/* All that one had before we first looked is no growth. */
	if (user->used == UINT64_MAX)
		user->base = used;
	user->used = used;
	user->seen = true;
	return 0;
}

static void forget_unseen(struct tender *tender)
{
	size_t kept = 0;

	for (size_t i = 0; i < tender->count; i++) {
		if (tender->users[i].seen)
			tender->users[kept++] = tender->users[i];
	}
	tender->count = kept;
	for (size_t i = 0; i < kept; i++)
		tender->users[i].seen = false;
}

/* What programs have written and the kernel has not: of one machine, where that is counted. */
static int read_pending(const struct tender *tender, const char *name, uint64_t *bytes)
{
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };
	uint64_t dirty = 0, writeback = 0;
	scoped_free char *text = NULL;

	if (machine_paths(&machine, tender->site, name, &ignored) < 0)
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

/* Of the whole host: too much, but never too little. proc_meminfo(5), in kB. */
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

static uint64_t pending(const struct tender *tender)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < tender->count; i++) {
		if (read_pending(tender, tender->users[i].name, &sum) < 0)
			return host_pending();
	}
	return sum;
}

static int look(struct tender *tender, struct pool *pool, struct err *err)
{
	struct pool_usage usage;
	struct pool_state state;

	if (pool->ops->pool_usage(pool, &usage, err) < 0 || pool_look(pool, &state, err) < 0 ||
	    pool_each_use(pool, note_use, tender, err) < 0)
		return -err->code;
	forget_unseen(tender);
	snprintf(tender->below, sizeof tender->below, "%s", usage.below);
	tender->space = (struct space){
		.total = usage.total,
		.used = usage.used,
		.metadata_total = state.metadata_total,
		.metadata_used = state.metadata_used,
		.pending = pending(tender),
		.least = usage.least,
	};
	return 0;
}

/* ---- Acting */

/* By its mark: it may have been stopped meanwhile, or held by who was killed at work here. */
static bool is_held(const struct tender *tender, const struct user *user)
{
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };

	return machine_paths(&machine, tender->site, user->name, &ignored) == 0 &&
	       machine_held(&machine, NULL, 0);
}

static void hold(const struct tender *tender, const struct user *user, bool held)
{
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };
	char why[512];

	if (*tender->below)
		snprintf(why, sizeof why,
			 "the file system of '%.300s' has little left for pool '%s', which it "
			 "fills; make room there",
			 tender->below, tender->pool);
	else
		snprintf(why, sizeof why,
			 "pool '%s', which it fills, is %u%% full; make room, or enlarge it: berth "
			 "pool grow %s",
			 tender->pool, space_percent(&tender->space), tender->pool);
	if (machine_paths(&machine, tender->site, user->name, &ignored) < 0 ||
	    machine_hold(&machine, held ? why : NULL) < 0)
		return;
	tell(tender, &(struct event){ .name = held ? "held" : "released",
				      .machine = user->name,
				      .cause = held ? why : NULL });
}

static void write_out(const struct tender *tender, const struct user *user, struct pool *pool)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free char *volume = text_format("machine.%s", user->name);
	scoped_fd int mount_fd = -1;
	struct err ignored = { 0 };

	if (!volume || machine_paths(&machine, tender->site, user->name, &ignored) < 0 ||
	    volume_mount(pool, volume, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, &mount_fd, &ignored) <
		    0)
		return;
	/* The mount itself is but a path. */
	scoped_fd int fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* What is there at once, and then what was on its way. */
	syncfs(fd);
	/* What was in a system call when it was told to hold still is still when that is through. */
	freeze_await(&machine);
	syncfs(fd);
}

/*
 * What it has written must have its blocks before somebody else takes them, who cannot be held. As a
 * grandchild, since it takes its time and we look on.
 */
static void start_writing_out(const struct tender *tender, const struct user *user,
			      struct pool *pool)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() == 0)
			write_out(tender, user, pool);
		_exit(0);
	}
	if (pid > 0)
		child_wait(pid);
}

static int hold_growers(struct tender *tender, struct pool *pool, struct err *err)
{
	struct space_volume *volumes = calloc(tender->count + 1, sizeof *volumes);

	if (!volumes)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < tender->count; i++) {
		struct user *user = &tender->users[i];
		user->held = is_held(tender, user);
		uint64_t growth = user->used > user->base ? user->used - user->base : 0;
		volumes[i] = (struct space_volume){ growth, user->held };
	}
	space_decide(&tender->space, volumes, tender->count);
	for (size_t i = 0; i < tender->count; i++) {
		if (volumes[i].held == tender->users[i].held)
			continue;
		hold(tender, &tender->users[i], volumes[i].held);
		if (volumes[i].held && *tender->below)
			start_writing_out(tender, &tender->users[i], pool);
	}
	free(volumes);
	return 0;
}

/* The bases follow, so that who has stopped growing is no grower. */
static void move_window(struct tender *tender)
{
	time_t now = time(NULL);

	if (now - tender->based < WINDOW_SECONDS)
		return;
	tender->based = now;
	for (size_t i = 0; i < tender->count; i++)
		tender->users[i].base = tender->users[i].used;
}

/* Each step up is told once; a step down makes the next one up worth telling again. */
static void tell_level(struct tender *tender)
{
	enum space_level level = space_settle(&tender->space, tender->told);
	const struct space *space = &tender->space;
	char how[PATH_MAX + 96], left[32];

	if (level > tender->told) {
		text_human_size(space->total - space->used, left, sizeof left);
		if (*tender->below)
			snprintf(how, sizeof how, "room for %s, by the file system of '%s'%s", left,
				 tender->below, level == SPACE_NONE ? ": writes fail" : "");
		else
			snprintf(how, sizeof how, "%u%% full%s", space_percent(space),
				 level == SPACE_NONE ? ": writes wait for room" : "");
		tell(tender, &(struct event){ .name = "pool-low", .cause = how });
	}
	tender->told = level;
}

/* Not at every look: to find that a disk cannot be had takes some looking too. */
static void grow(struct tender *tender, struct pool *pool)
{
	scoped_text struct text how = { 0 };
	struct err err = { 0 };
	time_t now = time(NULL);

	if (now < tender->grow_again)
		return;
	int r = pool_grow_itself(pool, &how, &err);
	if (r > 0)
		tell(tender, &(struct event){ .name = "pool-grown", .cause = text_str(&how) });
	if (r >= 0)
		return;
	tender->grow_again = now + GROW_SECONDS;
	if (!tender->grow_failed)
		tell(tender, &(struct event){ .name = "pool-grow-failed", .cause = err.text });
	tender->grow_failed = true;
}

static void make_room(struct tender *tender, struct pool *pool)
{
	enum space_level level = space_level(&tender->space);

	/* Who waits in the kernel for room cannot even be killed. */
	if (level == SPACE_NONE)
		pool_release_reserve(pool, &(struct err){ 0 });
	if (level >= SPACE_SCARCE)
		grow(tender, pool);
}

/* One look, and what follows. True: it goes on. */
static bool tend(struct tender *tender, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (pool_open(&pool, tender->site, tender->pool, err) < 0 || look(tender, &pool, err) < 0)
		return false;
	tell_level(tender);
	if (hold_growers(tender, &pool, err) < 0)
		return false;
	make_room(tender, &pool);
	move_window(tender);
	if (tender->told != SPACE_PLENTY && tender->count > 0)
		return true;
	pool_watch_again(&pool, &(struct err){ 0 });
	pool_keep_reserve(&pool, &(struct err){ 0 });
	return false;
}

int machine_tend(const struct site *site, const char *pool, struct err *err)
{
	struct tender tender = { .site = site, .pool = pool, .based = time(NULL) };
	scoped_free char *name = text_format("tend.%s", pool);
	struct err busy = { 0 };

	if (!name)
		return err_set(err, ENOMEM, "out of memory");
	scoped_fd int lock = site_lock(site, name, 0, "it", &busy);
	if (lock < 0)
		return busy.code == EBUSY ? 0 : err_set(err, busy.code, "%s", busy.text);
	while (tend(&tender, err)) {
		unsigned ms = space_pause(&tender.space);
		nanosleep(&(struct timespec){ ms / 1000, (long)(ms % 1000) * 1000000 }, NULL);
	}
	free(tender.users);
	return -err->code;
}
