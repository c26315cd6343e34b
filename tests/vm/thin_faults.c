/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kills a process at every step of every change of a thin pool, and looks at what is left: a change
 * has happened or it has not, nothing is lost, stuck or leaked, and the next one works.
 *
 * thin_faults points [OPERATION...]: at every fault point of it, each time that it is passed.
 * thin_faults others: somebody changes the pool while a large volume is discarded.
 * thin_faults calls [N]: at every (Nth) system call of a clone and of a removal, as many as there are.
 */
#include "base/fault.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/dm.h"
#include "kern/loop.h"
#include "storage/maintenance.h"
#include "storage/storage.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { POOL_SIZE = 512 << 20, FURTHER_SIZE = 256 << 20, POINTS_MAX = 256 };

static struct dirs dirs;
static char folder[] = "/var/tmp/thin-faults.XXXXXX";
static unsigned runs, killed, bad;
static const char *now = "-";
static struct loop further = { .fd = -1 }; /* a disk that no pool has yet */

static bool fault(const char *what, const char *why)
{
	fprintf(stderr, "not ok %s: %s: %s\n", now, what, why);
	bad++;
	return false;
}

static bool done(int r, const char *what, const struct err *err)
{
	return r >= 0 || fault(what, err->text);
}

/* ---- Volumes and what is in them */

static int mount_of(struct pool *pool, const char *volume, struct err *err)
{
	scoped_fd int mount = -1;

	if (volume_mount(pool, volume, 0, &mount, err) < 0)
		return -err->code;
	return openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool put(struct pool *pool, const char *volume, const char *text)
{
	struct err err = { 0 };
	scoped_fd int root = mount_of(pool, volume, &err);
	scoped_fd int fd = openat(root, "f", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fsync(fd) < 0)
		return fault("write", err.code ? err.text : strerror(errno));
	return true;
}

static bool holds(struct pool *pool, const char *volume, const char *text)
{
	scoped_free char *got = NULL;
	struct err err = { 0 };
	scoped_fd int root = mount_of(pool, volume, &err);

	if (file_read(root, "f", 4096, &got) < 0)
		return fault(volume, err.code ? err.text : "its file is gone");
	return strcmp(got, text) == 0 || fault(volume, "its file holds something else");
}

static bool has(struct pool *pool, const char *volume)
{
	struct volume_info info;
	struct err err = { 0 };

	return volume_info(pool, volume, &info, &err) == 0;
}

static bool drop(struct pool *pool, const char *volume)
{
	struct err err = { 0 };

	return done(volume_destroy(pool, volume, &err), "remove", &err);
}

/* ---- Operations: before() makes the stage, run() is killed, after() looks */

struct operation {
	const char *name;
	bool running; /* the base is mounted, as by a machine */
	bool (*before)(struct pool *);
	int (*run)(struct pool *, struct err *);
	bool (*after)(struct pool *);
};

static bool nothing_before(struct pool *pool)
{
	(void)pool;
	return true;
}

static int run_create(struct pool *pool, struct err *err)
{
	return volume_create(pool, "machine.new", 64 << 20, err);
}

/* Existing volumes work, missing ones can be made, and then be removed. */
static bool after_create(struct pool *pool)
{
	struct err err = { 0 };

	if (!has(pool, "machine.new") && !done(run_create(pool, &err), "again", &err))
		return false;
	return put(pool, "machine.new", "new") && drop(pool, "machine.new");
}

static int run_clone(struct pool *pool, struct err *err)
{
	return volume_snapshot(pool, "machine.base", "machine.new", err);
}

static bool after_clone(struct pool *pool)
{
	struct err err = { 0 };

	if (!has(pool, "machine.new") && !done(run_clone(pool, &err), "again", &err))
		return false;
	return holds(pool, "machine.new", "base") && put(pool, "machine.new", "new") &&
	       holds(pool, "machine.base", "base") && drop(pool, "machine.new");
}

static bool before_delete(struct pool *pool)
{
	struct err err = { 0 };

	return done(run_clone(pool, &err), "clone", &err) && put(pool, "machine.new", "new");
}

/* The volume is so large that it is discarded while others change the pool. */
static bool before_delete_large(struct pool *pool)
{
	enum { SIZE = 256 << 20, MIB = 1 << 20, OWN = 160 };
	static char bytes[MIB];
	struct err err = { 0 };

	if (!done(volume_create(pool, "machine.new", SIZE, &err), "create", &err) ||
	    !put(pool, "machine.new", "new"))
		return false;
	scoped_fd int root = mount_of(pool, "machine.new", &err);
	scoped_fd int fd = openat(root, "g", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	memset(bytes, 'g', sizeof bytes);
	for (unsigned i = 0; i < OWN; i++) {
		if (write(fd, bytes, sizeof bytes) != sizeof bytes)
			return fault("write", strerror(errno));
	}
	return fsync(fd) == 0 || fault("write", strerror(errno));
}

static int run_delete(struct pool *pool, struct err *err)
{
	return volume_destroy(pool, "machine.new", err);
}

static bool after_delete(struct pool *pool)
{
	if (has(pool, "machine.new") && !holds(pool, "machine.new", "new"))
		return false;
	return drop(pool, "machine.new") &&
	       (!has(pool, "machine.new") || fault("remove", "it is still there"));
}

/* A restore as in machine/manage/snapshot.c: a clone of the snapshot is exchanged with the root. */
static int run_restore(struct pool *pool, struct err *err)
{
	if (volume_destroy(pool, "incoming.new", err) < 0 ||
	    volume_snapshot(pool, "machine.base", "incoming.new", err) < 0 ||
	    volume_exchange(pool, "machine.new", "incoming.new", err) < 0)
		return -err->code;
	return volume_destroy(pool, "incoming.new", err);
}

static bool after_restore(struct pool *pool)
{
	struct err err = { 0 };

	if (!has(pool, "machine.new"))
		return fault("restore", "the machine is gone");
	return done(run_restore(pool, &err), "again", &err) && holds(pool, "machine.new", "base") &&
	       holds(pool, "machine.base", "base") && drop(pool, "machine.new") &&
	       drop(pool, "incoming.new");
}

static int run_rename(struct pool *pool, struct err *err)
{
	return volume_rename(pool, "machine.new", "machine.newer", err);
}

static bool after_rename(struct pool *pool)
{
	bool old = has(pool, "machine.new"), new = has(pool, "machine.newer");

	if (old == new)
		return fault("rename", old ? "there are two" : "there is none");
	return holds(pool, old ? "machine.new" : "machine.newer", "new") &&
	       drop(pool, "machine.new") && drop(pool, "machine.newer");
}

/* An import fills a volume under a name of its own, which the next import removes. */
static int run_import(struct pool *pool, struct err *err)
{
	if (volume_destroy(pool, "incoming.new", err) < 0 ||
	    volume_create(pool, "incoming.new", 64 << 20, err) < 0)
		return -err->code;
	if (!put(pool, "incoming.new", "new"))
		return err_set(err, EIO, "fill it");
	return volume_rename(pool, "incoming.new", "template.new", err);
}

static bool after_import(struct pool *pool)
{
	struct err err = { 0 };

	if (!has(pool, "template.new") && !done(run_import(pool, &err), "again", &err))
		return false;
	return holds(pool, "template.new", "new") && drop(pool, "template.new") &&
	       drop(pool, "incoming.new");
}

/* The part of a machine's start that concerns its disk. */
static int run_start(struct pool *pool, struct err *err)
{
	scoped_fd int mount = -1;

	return volume_mount(pool, "machine.new", 0, &mount, err);
}

/* The device exists, as if the last mount has ended with a machine's namespace. */
static bool before_stop(struct pool *pool)
{
	struct err err = { 0 };

	return before_delete(pool) && done(run_start(pool, &err), "mount", &err);
}

static int run_stop(struct pool *pool, struct err *err)
{
	return volume_deactivate(pool, "machine.new", err);
}

static bool after_start(struct pool *pool)
{
	return holds(pool, "machine.new", "new") && drop(pool, "machine.new");
}

/* A reboot has taken the devices away. */
static bool before_attach(struct pool *pool)
{
	struct err err = { 0 };

	return done(pool->ops->detach(pool, &err), "detach", &err);
}

static int run_attach(struct pool *pool, struct err *err)
{
	return pool->ops->open(pool, err);
}

static bool after_attach(struct pool *pool)
{
	return holds(pool, "machine.base", "base");
}

static int run_grow(struct pool *pool, struct err *err)
{
	const struct pool_growth growth = { .size = pool->config.size + (8 << 20) };

	return pool->ops->maintenance->grow(pool, &growth, err);
}

static bool after_grow(struct pool *pool)
{
	struct pool_usage usage = { 0 };
	struct err err = { 0 };

	if (!done(run_grow(pool, &err), "again", &err) ||
	    !done(pool->ops->pool_usage(pool, &usage, &err), "usage", &err))
		return false;
	return usage.total > 0 && holds(pool, "machine.base", "base");
}

/* The metadata grow, and their devices are replaced one after the other. */
static int run_grow_metadata(struct pool *pool, struct err *err)
{
	struct pool_state state;

	if (pool->ops->maintenance->state(pool, &state, err) < 0)
		return -err->code;
	const struct pool_growth growth = { .metadata = state.metadata_total + (1 << 20) };
	return pool->ops->maintenance->grow(pool, &growth, err);
}

static bool after_grow_metadata(struct pool *pool)
{
	struct err err = { 0 };

	return done(run_grow_metadata(pool, &err), "again", &err) &&
	       holds(pool, "machine.base", "base");
}

/* The whole of a second disk; again, it takes up what the dead one began, or finds it done. */
static int run_join(struct pool *pool, struct err *err)
{
	const struct pool_growth growth = { .device = further.path };

	return pool->ops->maintenance->grow(pool, &growth, err);
}

static bool begin_pool(void);

/* The pool has all its data, after another attach too. The next case gets a new pool, since disks stay. */
static bool after_join(struct pool *pool)
{
	struct pool_usage usage = { 0 };
	struct err err = { 0 };

	if (run_join(pool, &err) < 0 && err.code != EEXIST)
		return fault("again", err.text);
	err = (struct err){ 0 };
	if (!done(pool->ops->pool_usage(pool, &usage, &err), "usage", &err) ||
	    !done(pool->ops->detach(pool, &err), "detach", &err) ||
	    !done(pool->ops->open(pool, &err), "attach", &err) ||
	    !holds(pool, "machine.base", "base"))
		return false;
	if (usage.total < POOL_SIZE + FURTHER_SIZE / 2)
		return fault("grow", "it has not");
	pool_close(pool);
	return done(pool_delete(&dirs, "main", true, NULL, &err), "delete the pool", &err) &&
	       begin_pool() && done(pool_open(pool, &dirs, "main", &err), "open", &err);
}

static int run_resize(struct pool *pool, struct err *err)
{
	struct volume_info info;

	if (volume_info(pool, "machine.new", &info, err) < 0)
		return -err->code;
	return volume_resize(pool, "machine.new", info.size + (8 << 20), err);
}

static bool after_resize(struct pool *pool)
{
	struct err err = { 0 };

	return holds(pool, "machine.new", "new") && done(run_resize(pool, &err), "again", &err) &&
	       holds(pool, "machine.new", "new") && drop(pool, "machine.new");
}

static int run_check(struct pool *pool, struct err *err)
{
	scoped_text struct text report = { 0 };

	return pool->ops->maintenance->check(pool, 0, &report, err);
}

/* The next check must not trip over a snapshot of the metadata that the dead one had reserved. */
static bool after_check(struct pool *pool)
{
	return after_attach(pool);
}

/* The offset in bytes, by the label's text; -1: there is no label. */
static off_t metadata_at(const struct pool *pool)
{
	scoped_fd int fd = open(pool->config.source, O_RDONLY | O_CLOEXEC);
	char label[4096] = "";
	unsigned long long sector = 0;

	if (pread(fd, label, sizeof label - 1, 0) < 0)
		return -1;
	const char *line = strstr(label, "\nmetadata ");
	return line && sscanf(line, "\nmetadata %llu", &sector) == 1 ? (off_t)sector * 512 : -1;
}

/* CRC-32C, as the kernel's dm_bm_checksum takes it. */
static uint32_t checksum(const unsigned char *data, size_t n, uint32_t mask)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < n; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc ^ mask;
}

/*
 * The superblock of its metadata (drivers/md/dm-thin-metadata.c) leads the map of the metadata's own used
 * blocks astray, which the kernel reads at once, so that all of a repair has to be done. Were it gone
 * whole, thin_repair 0.9 would crash.
 */
static bool before_repair(struct pool *pool)
{
	enum { MAP_AT = 192 + 16, MASK = 160774 };
	scoped_fd int fd = open(pool->config.source, O_RDWR | O_CLOEXEC);
	off_t at = metadata_at(pool);
	unsigned char super[4096];

	/* The loop device goes past the page cache, which may still hold what was written here before. */
	if (!before_attach(pool) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0 ||
	    pread(fd, super, sizeof super, at) != sizeof super)
		return false;
	/* The address of a block that does not exist. */
	memset(super + MAP_AT, 0, 8);
	memset(super + MAP_AT, 0x7f, 4);
	uint32_t sum = checksum(super + 4, sizeof super - 4, MASK);
	memcpy(super, &sum, sizeof sum);
	return pwrite(fd, super, sizeof super, at) == sizeof super && fsync(fd) == 0;
}

static int run_repair(struct pool *pool, struct err *err)
{
	scoped_text struct text report = { 0 };

	return pool->ops->maintenance->repair(pool, NULL, &report, err);
}

static bool after_repair(struct pool *pool)
{
	return after_attach(pool);
}

/* Destroys the whole head of the disk, as a partition table and more would. */
static bool before_relabel(struct pool *pool)
{
	scoped_fd int fd = open(pool->config.source, O_RDWR | O_CLOEXEC);
	static const char zeros[1 << 20];

	return before_attach(pool) && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 &&
	       pwrite(fd, zeros, sizeof zeros, 0) == sizeof zeros && fsync(fd) == 0;
}

/* The superblock is gone, and its copy of the last detach is good. */
static bool before_super(struct pool *pool)
{
	scoped_fd int fd = open(pool->config.source, O_RDWR | O_CLOEXEC);
	static const char zeros[4096];
	off_t at = metadata_at(pool);

	return before_attach(pool) && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 &&
	       pwrite(fd, zeros, sizeof zeros, at) == sizeof zeros && fsync(fd) == 0;
}

static int run_detach(struct pool *pool, struct err *err)
{
	return pool->ops->detach(pool, err);
}

/* The file of the pool has been moved, and the pool is told. */
static char moved[PATH_MAX];

static bool before_move(struct pool *pool)
{
	return before_attach(pool) && rename(pool->config.source, moved) == 0;
}

static int run_move(struct pool *pool, struct err *err)
{
	scoped_text struct text report = { 0 };

	return pool->ops->maintenance->move(pool, moved, false, &report, err);
}

/* The file is moved back. */
static bool after_move(struct pool *pool)
{
	scoped_free char *home = text_format("%s/lib/pools/main/pool.thin", folder);
	scoped_text struct text report = { 0 };
	struct err err = { 0 };

	if (!holds(pool, "machine.base", "base") ||
	    !done(pool->ops->detach(pool, &err), "detach", &err) ||
	    !done(rename(moved, home), "rename", &err))
		return false;
	return done(pool->ops->maintenance->move(pool, home, false, &report, &err), "move back",
		    &err);
}

static int run_trim(struct pool *pool, struct err *err)
{
	scoped_text struct text report = { 0 };

	return pool->ops->maintenance->trim(pool, &report, err);
}

static const struct operation operations[] = {
	{ "create", false, nothing_before, run_create, after_create },
	{ "clone idle", false, nothing_before, run_clone, after_clone },
	{ "clone running", true, nothing_before, run_clone, after_clone },
	{ "delete", false, before_delete, run_delete, after_delete },
	{ "large delete", false, before_delete_large, run_delete, after_delete },
	{ "restore", false, before_delete, run_restore, after_restore },
	{ "rename", false, before_delete, run_rename, after_rename },
	{ "import", false, nothing_before, run_import, after_import },
	{ "start", false, before_delete, run_start, after_start },
	{ "stop", false, before_stop, run_stop, after_start },
	{ "attach", false, before_attach, run_attach, after_attach },
	{ "grow", false, nothing_before, run_grow, after_grow },
	{ "grow metadata", true, nothing_before, run_grow_metadata, after_grow_metadata },
	{ "join", false, nothing_before, run_join, after_join },
	{ "join running", true, nothing_before, run_join, after_join },
	{ "resize", false, before_delete, run_resize, after_resize },
	{ "check", true, nothing_before, run_check, after_check },
	{ "trim", true, nothing_before, run_trim, after_attach },
	{ "detach", false, nothing_before, run_detach, after_attach },
	{ "move", false, before_move, run_move, after_move },
	{ "repair", false, before_repair, run_repair, after_repair },
	{ "repair label", false, before_relabel, run_repair, after_repair },
	{ "repair superblock", false, before_super, run_repair, after_repair },
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

/* ---- What must be so after every kill */

static int see_suspended(void *context, const struct dm_info *info)
{
	*(unsigned *)context += info->suspended;
	return 0;
}

static bool nothing_suspended(void)
{
	scoped_dm struct dm dm = { .fd = -1 };
	unsigned suspended = 0;

	if (dm_open(&dm) < 0 || dm_list(&dm, DM_UUID_PREFIX, see_suspended, &suspended) < 0)
		return fault("look", "at the devices");
	return suspended == 0 || fault("stuck", "a device is suspended");
}

static int count(void *context, const struct volume_info *info)
{
	(void)info;
	++*(unsigned *)context;
	return 0;
}

/* One opening of the pool has repaired all, and nothing is left over. */
static bool pool_is_whole(const struct operation *operation)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_text struct text report = { 0 };
	struct err err = { 0 };
	unsigned partial = 0, volumes = 0;
	struct text kept = { 0 };

	if (text_starts(operation->name, "repair") &&
	    !done(pool_repair(&dirs, "main", NULL, &report, &err), "repair again", &err))
		return false;
	if (strcmp(operation->name, "move") == 0 &&
	    !done(pool_import(&dirs, moved, NULL, false, (char[64]){ "" }, &kept, &report, &err),
		  "move again", &err))
		return false;
	text_free(&kept);
	text_free(&report);
	if (!done(pool_open(&pool, &dirs, "main", &err), "open", &err) || !nothing_suspended() ||
	    !done(pool.ops->list(&pool, "partial.", count, &partial, &err), "list", &err))
		return false;
	if (partial > 0)
		return fault("leaked", "a partial volume");
	if (!done(pool.ops->maintenance->check(&pool, 0, &report, &err), "check", &err))
		return false;
	if (strcmp(text_str(&report), "catalogue and pool agree\n") != 0)
		return fault("leaked or lost", text_str(&report));
	if (!operation->after(&pool) || !holds(&pool, "machine.base", "base") ||
	    !done(volume_list(&pool, "", count, &volumes, &err), "list", &err))
		return false;
	return volumes == 1 || fault("leaked", "a volume");
}

/* ---- Killing */

/* Runs in the child. */
static void act(const struct operation *operation)
{
	struct pool pool = { .use_fd = -1 };
	struct err err = { 0 };

	if (pool_open(&pool, &dirs, "main", &err) < 0 || !operation->before(&pool))
		_exit(3);
	/* The stage was set without being killed; only from here on. */
	const char *wanted = getenv("THIN_FAULT");
	const char *trace = getenv("THIN_TRACE");
	if (wanted)
		setenv("BERTH_FAULT", wanted, 1);
	if (trace)
		setenv("BERTH_FAULT_TRACE", trace, 1);
	if (getenv("THIN_CALLS")) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
	}
	int r = operation->run(&pool, &err);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", operation->name, err.text);
	_exit(r < 0);
}

static int start_base(const struct operation *operation)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err err = { 0 };

	if (!operation->running)
		return -1;
	if (pool_open(&pool, &dirs, "main", &err) < 0)
		return -1;
	return mount_of(&pool, "machine.base", &err);
}

static int spawn(const struct operation *operation, pid_t *pid)
{
	fflush(NULL);
	*pid = fork();
	if (*pid == 0)
		act(operation);
	return *pid < 0 ? -errno : 0;
}

static int finish(pid_t pid)
{
	int status = 0;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* The points that an operation passes, in order; their number. */
static unsigned learn(const struct operation *operation, char points[][64])
{
	scoped_free char *path = text_format("%s/trace", folder);
	scoped_free char *trace = NULL;
	scoped_fd int base = start_base(operation);
	unsigned n = 0;
	pid_t pid;

	unlink(path);
	setenv("THIN_TRACE", path, 1);
	if (spawn(operation, &pid) < 0 || finish(pid) != 0)
		fault(operation->name, "does not work without being killed");
	unsetenv("THIN_TRACE");
	scoped_close_fd(&base);
	if (!pool_is_whole(operation) || file_read(AT_FDCWD, path, 1 << 20, &trace) < 0)
		return 0;
	for (char *rest = trace, *line; (line = strsep(&rest, "\n")) && *line && n < POINTS_MAX;
	     n++) {
		unsigned nth = 1;
		for (unsigned i = 0; i < n; i++)
			nth += strcspn(points[i], ":") == strlen(line) &&
			       strncmp(points[i], line, strlen(line)) == 0;
		snprintf(points[n], sizeof points[n], "%.55s:%u", line, nth);
	}
	return n;
}

static void kill_at_point(const struct operation *operation, const char *point)
{
	scoped_fd int base = start_base(operation);
	char what[128];
	pid_t pid;

	snprintf(what, sizeof what, "%s killed at %s", operation->name, point);
	now = what;
	setenv("THIN_FAULT", point, 1);
	runs++;
	int r = spawn(operation, &pid);
	unsetenv("THIN_FAULT");
	int status = r < 0 ? r : finish(pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fault("kill", "it was not");
	else
		killed++;
	struct pool pool = { .use_fd = -1 };
	struct err err = { 0 };
	/* The base is still in use, as that of a running machine. */
	if (operation->running && done(pool_open(&pool, &dirs, "main", &err), "open", &err))
		nothing_suspended();
	pool_close(&pool);
	scoped_close_fd(&base);
	pool_is_whole(operation);
	now = "-";
}

/* All operations are wanted, or those whose names begin with one of the words. */
static bool is_wanted(const struct operation *operation, char **words)
{
	for (char **word = words; *word; word++) {
		if (text_starts(operation->name, *word))
			return true;
	}
	return !*words;
}

static void all_points(char **words)
{
	static char points[POINTS_MAX][64];

	for (unsigned i = 0; i < OPERATIONS; i++) {
		unsigned before = bad;
		if (!is_wanted(&operations[i], words))
			continue;
		unsigned n = learn(&operations[i], points);
		for (unsigned k = 0; k < n; k++)
			kill_at_point(&operations[i], points[k]);
		printf("%s %s: %u points\n", bad == before && n > 0 ? "ok" : "not ok",
		       operations[i].name, n);
		bad += n == 0;
		fflush(stdout);
	}
}

/* Lets it come to its kth system call. False when it ends before. */
static bool run_to_call(pid_t pid, unsigned k)
{
	bool entering = true;
	int status;

	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (unsigned n = 0; n < k;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) < 0 ||
		    WIFEXITED(status) || WIFSIGNALED(status))
			return false;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		n += entering;
		entering = !entering;
	}
	return true;
}

static unsigned all_calls(const struct operation *operation, unsigned every)
{
	char what[128];
	unsigned k = 1;

	for (bool more = true; more; k += every) {
		scoped_fd int base = start_base(operation);
		pid_t pid;
		snprintf(what, sizeof what, "%s killed at call %u", operation->name, k);
		now = what;
		if (spawn(operation, &pid) < 0)
			break;
		more = run_to_call(pid, k);
		kill(pid, SIGKILL);
		if (more)
			finish(pid);
		runs++;
		killed += more;
		scoped_close_fd(&base);
		pool_is_whole(operation);
	}
	return k - 2 * every;
}

static bool begin_pool(void)
{
	struct pool_spec spec = { .driver = "thin", .size = POOL_SIZE, .sparse = true };
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err err = { 0 };

	return done(pool_create(&dirs, "main", &spec, &err), "create the pool", &err) &&
	       done(pool_open(&pool, &dirs, "main", &err), "open", &err) &&
	       done(volume_create(&pool, "machine.base", 64 << 20, &err), "create", &err) &&
	       put(&pool, "machine.base", "base");
}

static bool begin(void)
{
	struct err err = { 0 };

	if (!mkdtemp(folder) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fault("begin", strerror(errno));
	snprintf(moved, sizeof moved, "%s/moved", folder);
	scoped_free char *path = text_format("%s/further", folder);
	scoped_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, FURTHER_SIZE) < 0 ||
	    loop_attach(fd, LOOP_WITH_AUTOCLEAR, 512, &further) < 0)
		return fault("begin", "no further disk");
	if (dirs_open(&dirs, folder, &err) < 0)
		return fault("begin", err.text);
	return begin_pool();
}

static void end(void)
{
	struct err err = { 0 };

	done(pool_delete(&dirs, "main", true, NULL, &err), "delete the pool", &err);
	loop_close(&further);
	remove_tree(AT_FDCWD, folder);
}

/* ---- Others meanwhile */

static int other = -1; /* the result of the other one */

static void clone_meanwhile(const char *point)
{
	if (strcmp(point, "thin-discarded-aside") != 0)
		return;
	fault_watch = NULL;
	pid_t pid = fork();
	if (pid == 0) {
		scoped_pool struct pool pool = { .use_fd = -1 };
		struct err err = { 0 };
		if (pool_open(&pool, &dirs, "main", &err) == 0 &&
		    volume_snapshot(&pool, "machine.base", "machine.other", &err) == 0)
			_exit(0);
		fprintf(stderr, "%s\n", err.text);
		_exit(1);
	}
	other = finish(pid);
}

static void others_go_on(void)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err err = { 0 };

	now = "others";
	if (!done(pool_open(&pool, &dirs, "main", &err), "open", &err) ||
	    !before_delete_large(&pool))
		return;
	fault_watch = clone_meanwhile;
	bool gone = done(run_delete(&pool, &err), "remove", &err);
	fault_watch = NULL;
	if (other != 0)
		fault("clone", "it had to wait");
	if (gone && !has(&pool, "machine.new") && holds(&pool, "machine.other", "base") &&
	    drop(&pool, "machine.other") && other == 0)
		printf("ok others\n");
}

int main(int argc, char **argv)
{
	bool calls = argc > 1 && strcmp(argv[1], "calls") == 0;
	unsigned every = argc > 2 ? (unsigned)atoi(argv[2]) : 1;

	if (!begin())
		return 1;
	if (calls) {
		setenv("THIN_CALLS", "1", 1);
		for (unsigned i = 0; i < OPERATIONS; i++) {
			unsigned before = bad;
			if (argc > 3 && !is_wanted(&operations[i], argv + 3))
				continue;
			unsigned last = all_calls(&operations[i], every ? every : 1);
			printf("%s %s: killed up to system call %u\n",
			       bad == before ? "ok" : "not ok", operations[i].name, last);
			fflush(stdout);
		}
	} else if (argc > 1 && strcmp(argv[1], "others") == 0) {
		others_go_on();
	} else {
		all_points(argc > 2 ? argv + 2 : (char *[]){ NULL });
	}
	end();
	printf("%u runs, %u killed, %u bad\n", runs, killed, bad);
	return bad != 0;
}
