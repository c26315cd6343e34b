/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device-mapper in a kernel that has it: every call of kern/dm, on thin pools over loop files. With
 * "make NAME UUID TYPE SECTORS PARAMS" it makes one device and ends, for a suite to look at.
 */
#include "base/scoped.h"
#include "base/text.h"
#include "kern/dm_thin.h"
#include "kern/loop.h"
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

enum {
	MIB = 1 << 20,
	BLOCK = 128, /* sectors */
	METADATA_MIB = 8,
	DATA_MIB = 128,
	DATA_BLOCKS = DATA_MIB * MIB / DM_SECTOR / BLOCK,
	VOLUME = 64 * MIB / DM_SECTOR,
	WAIT_MS = 10000,
};

#define POOL   "berth-live-pool"
#define VOL(n) "berth-live-" #n
#define NONE   "berth-live-none"

/* Whether a commit went through: the pool writes, needs no check, and is at this transaction. */
static bool is_sound(const struct dm_pool_status *status, uint64_t transaction)
{
	return status->mode == DM_POOL_WRITE && !status->needs_check &&
	       status->transaction == transaction;
}

static char folder[] = "/var/tmp/dm-live.XXXXXX";
static struct dm dm = { .fd = -1 };
static struct loop metadata = { .fd = -1 }, data = { .fd = -1 };

/* ---- A pool to test with */

static int make_file(const char *name, unsigned mebibytes)
{
	scoped_free char *path = text_format("%s/%s", folder, name);
	scoped_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)mebibytes * MIB) < 0)
		return -1;
	return take_fd(&fd);
}

static bool attach(const char *name, unsigned mebibytes, struct loop *loop)
{
	scoped_fd int fd = make_file(name, mebibytes);

	return fd >= 0 && loop_attach(fd, LOOP_WITH_AUTOCLEAR, 512, loop) == 0;
}

/* Makes a device with one line, and activates it: 0 or -errno. */
static int make_device(const char *name, const char *type, uint64_t sectors, const char *params)
{
	char uuid[sizeof DM_UUID_PREFIX + DM_NAME_MAX];
	dev_t dev;

	snprintf(uuid, sizeof uuid, DM_UUID_PREFIX "%s", name);
	return dm_create(&dm, name, uuid, 0, &(struct dm_target){ 0, sectors, type, params }, 1,
			 &dev);
}

/* The pool uses data_mib of the data file. */
static void pool_line(const char *metadata_path, unsigned low_water, const char *features,
		      char *out, size_t room)
{
	snprintf(out, room, "%s %s %d %u %s", metadata_path, data.path, BLOCK, low_water, features);
}

static int make_pool(const char *metadata_path, unsigned data_mib, unsigned low_water,
		     const char *features)
{
	char params[256];

	pool_line(metadata_path, low_water, features, params, sizeof params);
	return make_device(POOL, "thin-pool", (uint64_t)data_mib * MIB / DM_SECTOR, params);
}

static int make_thin(const char *name, unsigned id)
{
	struct dm_info pool;
	char params[64];

	if (dm_info(&dm, POOL, &pool) < 0)
		return -ENXIO;
	snprintf(params, sizeof params, "%u:%u %u", major(pool.dev), minor(pool.dev), id);
	return make_device(name, "thin", VOLUME, params);
}

static void drop(const char *name)
{
	int r = dm_remove(&dm, name, WAIT_MS);

	if (r < 0 && r != -ENXIO)
		fprintf(stderr, "remove %s: %s\n", name, strerror(-r));
}

static void drop_all(void)
{
	drop(VOL(1));
	drop(VOL(2));
	drop(POOL);
	drop(VOL(flakey));
	loop_close(&metadata);
	loop_close(&data);
}

/* New files under new loop devices; the pool itself is the test's to make. */
static bool fresh_files(void)
{
	drop_all();
	scoped_free char *paths[] = { text_format("%s/metadata", folder) };
	scoped_free char *data_path = text_format("%s/data", folder);
	unlink(paths[0]);
	unlink(data_path);
	return attach("metadata", METADATA_MIB, &metadata) && attach("data", DATA_MIB, &data);
}

static bool fresh_pool(void)
{
	return fresh_files() && make_pool(metadata.path, DATA_MIB, 0, "0") == 0;
}

static int begin(void)
{
	return mkdtemp(folder) && dm_open(&dm) == 0 ? 0 : -1;
}

static int end(void)
{
	scoped_free char *command = text_format("rm -rf %s", folder);

	drop_all();
	dm_close(&dm);
	return system(command);
}

static int run(const char *fmt, const char *argument)
{
	scoped_free char *command = text_format("exec >/dev/null 2>&1; %s %s", fmt, argument);

	return system(command);
}

/* ---- The driver, and a device */

static void test_versions(void)
{
	unsigned version[3] = { 0 };

	CU_ASSERT_EQUAL(dm_version(&dm, version), 0);
	printf("device-mapper %u.%u.%u", version[0], version[1], version[2]);
	CU_ASSERT_EQUAL(version[0], 4);
	CU_ASSERT_EQUAL(dm_target_version(&dm, "thin-pool", version), 0);
	printf(", thin-pool %u.%u.%u\n", version[0], version[1], version[2]);
	CU_ASSERT_EQUAL(version[0], 1);
	CU_ASSERT_EQUAL(dm_target_version(&dm, "nonesuch", version), -EINVAL);
	CU_ASSERT_EQUAL(dm_target_version(&dm, "much-too-long-for-a-target", version), -EINVAL);
}

static void test_device(void)
{
	struct dm_info info, same;
	struct dm_line line;
	unsigned under[2];
	struct stat st;

	CU_ASSERT_TRUE(fresh_files());
	scoped_free char *params = text_format("%s 2048", data.path);
	CU_ASSERT_EQUAL(make_device(VOL(1), "linear", 4096, params), 0);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), 0);
	CU_ASSERT_STRING_EQUAL(info.name, VOL(1));
	CU_ASSERT_STRING_EQUAL(info.uuid, DM_UUID_PREFIX VOL(1));
	CU_ASSERT_TRUE(info.live);
	CU_ASSERT_FALSE(info.inactive || info.suspended || info.read_only);
	CU_ASSERT_EQUAL(dm_info_uuid(&dm, info.uuid, &same), 0);
	CU_ASSERT_EQUAL(same.dev, info.dev);
	CU_ASSERT_EQUAL(dm_info_dev(&dm, info.dev, &same), 0);
	CU_ASSERT_STRING_EQUAL(same.name, info.name);

	CU_ASSERT_EQUAL(dm_table(&dm, VOL(1), &line), 0);
	CU_ASSERT_STRING_EQUAL(line.type, "linear");
	CU_ASSERT_EQUAL(line.length, 4096);
	CU_ASSERT_EQUAL(fstat(data.fd, &st), 0);
	CU_ASSERT_EQUAL(sscanf(line.params, "%u:%u ", &under[0], &under[1]), 2);
	CU_ASSERT_EQUAL(makedev(under[0], under[1]), st.st_rdev);

	int fd = dm_open_device(info.dev, O_RDONLY);
	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), 0);
	CU_ASSERT(info.open_count >= 1);
	close(fd);

	/* Neither name nor uuid may exist twice. */
	dev_t other;
	struct dm_target target = { 0, 8, "error", "" };
	CU_ASSERT_EQUAL(dm_create(&dm, VOL(1), "BERTH-x", 0, &target, 1, &other), -EBUSY);
	CU_ASSERT_EQUAL(dm_create(&dm, VOL(2), info.uuid, 0, &target, 1, &other), -EBUSY);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(2), &same), -ENXIO);

	CU_ASSERT_EQUAL(dm_remove(&dm, VOL(1), WAIT_MS), 0);
	CU_ASSERT_EQUAL(dm_remove(&dm, VOL(1), WAIT_MS), -ENXIO);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), -ENXIO);
	CU_ASSERT_EQUAL(dm_open_device(info.dev, O_RDONLY), -ENOENT);
}

static void test_refused_table(void)
{
	struct dm_info info;

	CU_ASSERT(make_device(NONE, "nonesuch", 8, "") < 0);
	CU_ASSERT_EQUAL(dm_info(&dm, NONE, &info), -ENXIO);
	CU_ASSERT(make_device(NONE, "linear", 8, "/dev/none 0") < 0);
	CU_ASSERT_EQUAL(dm_info(&dm, NONE, &info), -ENXIO);
}

static void test_reload_and_clear(void)
{
	struct dm_target bigger = { 0, 64, "error", "" }, bad = { 0, 8, "linear", "/dev/none 0" };
	struct dm_info info;
	struct dm_line line;

	CU_ASSERT_EQUAL(make_device(VOL(1), "error", 8, ""), 0);
	CU_ASSERT_EQUAL(dm_load(&dm, VOL(1), DM_WITH_READ_ONLY, &bigger, 1), 0);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), 0);
	CU_ASSERT_TRUE(info.inactive);
	CU_ASSERT_EQUAL(dm_table(&dm, VOL(1), &line), 0);
	CU_ASSERT_EQUAL(line.length, 8);
	CU_ASSERT_EQUAL(dm_clear(&dm, VOL(1)), 0);
	CU_ASSERT_EQUAL(dm_reload(&dm, VOL(1), DM_WITH_READ_ONLY, &bigger, 1), 0);
	CU_ASSERT_EQUAL(dm_table(&dm, VOL(1), &line), 0);
	CU_ASSERT_EQUAL(line.length, 64);
	CU_ASSERT(dm_reload(&dm, VOL(1), 0, &bad, 1) < 0);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), 0);
	CU_ASSERT_TRUE(info.read_only);
	CU_ASSERT_FALSE(info.inactive || info.suspended);
	drop(VOL(1));
}

/* A holder that lets go after a moment, as a worker of udev does; and one that does not. */
static void test_remove_busy(void)
{
	struct dm_info info;

	CU_ASSERT_EQUAL(make_device(VOL(1), "error", 8, ""), 0);
	CU_ASSERT_EQUAL(run("udevadm", "settle"), 0);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), 0);
	int fd = dm_open_device(info.dev, O_RDONLY);
	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(dm_remove(&dm, VOL(1), 200), -EBUSY);
	pid_t holder = fork();
	if (holder == 0) {
		const struct timespec moment = { .tv_nsec = 300 * 1000000L };
		nanosleep(&moment, NULL);
		_exit(0);
	}
	close(fd);
	CU_ASSERT_EQUAL(dm_remove(&dm, VOL(1), 0), -EBUSY);
	CU_ASSERT_EQUAL(dm_remove(&dm, VOL(1), WAIT_MS), 0);
	CU_ASSERT_EQUAL(waitpid(holder, NULL, 0), holder);
}

/* The kernel removes a device with its last holder, and tells that until then. */
static void test_remove_later(void)
{
	struct dm_info info;

	CU_ASSERT_EQUAL(dm_remove_later(&dm, VOL(1)), -ENXIO);
	CU_ASSERT_EQUAL(make_device(VOL(1), "error", 8, ""), 0);
	CU_ASSERT_EQUAL(run("udevadm", "settle"), 0);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), 0);
	CU_ASSERT_FALSE(info.leaving);
	int fd = dm_open_device(info.dev, O_RDONLY);
	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(dm_remove_later(&dm, VOL(1)), 0);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), 0);
	CU_ASSERT_TRUE(info.leaving && info.live);
	close(fd);
	for (int i = 0; i < 200 && dm_info(&dm, VOL(1), &info) == 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000000L }, NULL);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), -ENXIO);
	/* Without a holder it is gone at once. */
	CU_ASSERT_EQUAL(make_device(VOL(1), "error", 8, ""), 0);
	CU_ASSERT_EQUAL(run("udevadm", "settle"), 0);
	CU_ASSERT_EQUAL(dm_remove_later(&dm, VOL(1)), 0);
}

/* ---- Lists */

struct seen {
	unsigned count, stop_at;
};

static int count_device(void *context, const struct dm_info *info)
{
	struct seen *seen = context;

	CU_ASSERT_TRUE(text_starts(info->uuid, DM_UUID_PREFIX));
	seen->count++;
	return seen->count == seen->stop_at ? 42 : 0;
}

/* There are more devices than one buffer can have, and one of somebody else. */
static void test_list(void)
{
	enum { MANY = 60 };
	struct dm_target target = { 0, 8, "error", "" };
	struct seen seen = { 0 }, early = { .stop_at = 3 };
	char name[DM_NAME_MAX + 1];
	dev_t dev;

	CU_ASSERT_EQUAL(dm_list(&dm, DM_UUID_PREFIX, count_device, &seen), 0);
	unsigned before = seen.count;
	CU_ASSERT_EQUAL(dm_create(&dm, NONE, "OTHER-" NONE, 0, &target, 1, &dev), 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "berth-live-%0100d", i);
		CU_ASSERT_EQUAL(make_device(name, "error", 8, ""), 0);
	}
	seen.count = 0;
	CU_ASSERT_EQUAL(dm_list(&dm, DM_UUID_PREFIX, count_device, &seen), 0);
	CU_ASSERT_EQUAL(seen.count, before + MANY);
	CU_ASSERT_EQUAL(dm_list(&dm, DM_UUID_PREFIX, count_device, &early), 42);
	CU_ASSERT_EQUAL(early.count, 3);
	seen.count = 0;
	CU_ASSERT_EQUAL(dm_list(&dm, DM_UUID_PREFIX "nobody", count_device, &seen), 0);
	CU_ASSERT_EQUAL(seen.count, 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "berth-live-%0100d", i);
		drop(name);
	}
	drop(NONE);
}

/* ---- The pool and its messages */

static void check_pool(uint64_t transaction)
{
	struct dm_pool_status status;

	CU_ASSERT_EQUAL(dm_pool_status(&dm, POOL, 0, &status), 0);
	CU_ASSERT_TRUE(is_sound(&status, transaction));
}

static void test_pool(void)
{
	struct dm_pool_status s;
	struct dm_thin_status thin;

	CU_ASSERT_TRUE(fresh_pool());
	CU_ASSERT_EQUAL(dm_pool_status(&dm, POOL, 0, &s), 0);
	CU_ASSERT_TRUE(is_sound(&s, 0));
	CU_ASSERT_EQUAL(s.data_total, DATA_BLOCKS);
	CU_ASSERT_EQUAL(s.data_used, 0);
	CU_ASSERT_EQUAL(s.metadata_total, METADATA_MIB * MIB / DM_SECTOR / DM_POOL_METADATA_UNIT);
	CU_ASSERT_FALSE(s.error_if_no_space);
	/* Another kind of target. */
	CU_ASSERT_EQUAL(dm_thin_status(&dm, POOL, 0, &thin), -EINVAL);
}

static void test_messages(void)
{
	struct dm_pool_status s;

	CU_ASSERT_TRUE(fresh_pool());
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_thin %u", 1), 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_thin %u", 1), -EEXIST);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_snap %u %u", 2, 1), 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_snap %u %u", 2, 1), -EEXIST);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_snap %u %u", 3, 99), -ENODATA);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_thin %u", DM_THIN_ID_MAX), 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_thin %u", DM_THIN_ID_MAX + 1), -EINVAL);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "set_transaction_id 0 1"), 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "set_transaction_id 0 2"), -EINVAL);
	check_pool(1);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "reserve_metadata_snap"), 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "reserve_metadata_snap"), -EBUSY);
	CU_ASSERT_EQUAL(dm_pool_status(&dm, POOL, 0, &s), 0);
	CU_ASSERT_NOT_EQUAL(s.held_root, 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "release_metadata_snap"), 0);
	CU_ASSERT_EQUAL(dm_pool_status(&dm, POOL, 0, &s), 0);
	CU_ASSERT_EQUAL(s.held_root, 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "delete 99"), -ENODATA);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "delete %u", DM_THIN_ID_MAX), 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "no_such_message"), -EINVAL);
	CU_ASSERT_EQUAL(dm_message(&dm, NONE, "delete 1"), -ENXIO);
}

static bool write_at(const char *name, uint64_t offset, size_t size)
{
	scoped_free char *bytes = malloc(size);
	struct dm_info info;

	if (!bytes || dm_info(&dm, name, &info) < 0)
		return false;
	memset(bytes, 'x', size);
	scoped_fd int fd = dm_open_device(info.dev, O_RDWR);
	return fd >= 0 && pwrite(fd, bytes, size, (off_t)offset) == (ssize_t)size && fsync(fd) == 0;
}

static void test_thin(void)
{
	struct dm_thin_status s;
	struct dm_info info;

	CU_ASSERT_TRUE(fresh_pool());
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_thin 1"), 0);
	CU_ASSERT_EQUAL(make_thin(VOL(1), 1), 0);
	CU_ASSERT_EQUAL(dm_thin_status(&dm, VOL(1), 0, &s), 0);
	CU_ASSERT_FALSE(s.fail);
	CU_ASSERT_EQUAL(s.mapped, 0);
	CU_ASSERT_TRUE(write_at(VOL(1), MIB, 4096));
	CU_ASSERT_EQUAL(dm_thin_status(&dm, VOL(1), DM_WITH_FLUSH, &s), 0);
	CU_ASSERT_EQUAL(s.mapped, BLOCK);
	CU_ASSERT_EQUAL(s.highest, MIB / DM_SECTOR + BLOCK - 1);
	/* Active: neither deleted, nor the pool from below it. */
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "delete 1"), -EBUSY);
	CU_ASSERT_EQUAL(dm_remove(&dm, POOL, 0), -EBUSY);
	/* An id that is not there: told when its table is loaded, and nothing stays. */
	CU_ASSERT_EQUAL(make_thin(VOL(2), 77), -ENODATA);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(2), &info), -ENXIO);
	drop(VOL(1));
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "delete 1"), 0);
	check_pool(0);
}

/* ---- Suspending */

static bool mounted_volume(const char *where)
{
	scoped_free char *mkfs = text_format("/dev/mapper/%s", VOL(1));

	if (!fresh_pool() || dm_message(&dm, POOL, "create_thin 1") < 0 || make_thin(VOL(1), 1) < 0)
		return false;
	if (run("udevadm settle; mke2fs -q -t ext4", mkfs) != 0)
		return false;
	mkdir(where, 0700);
	return mount(mkfs, where, "ext4", 0, NULL) == 0;
}

static bool write_file(const char *where, const char *name)
{
	scoped_free char *path = text_format("%s/%s", where, name);
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name);
}

static bool has_file(const char *where, const char *name)
{
	scoped_free char *path = text_format("%s/%s", where, name);
	struct stat st;

	return stat(path, &st) == 0 && st.st_size == (off_t)strlen(name);
}

/* Written but not synced before the freeze: in the snapshot. After it: not. */
static void test_suspend_mounted(void)
{
	scoped_free char *where = text_format("%s/mnt", folder);
	scoped_free char *snap = text_format("%s/snap", folder);
	struct dm_info info;

	CU_ASSERT_TRUE(mounted_volume(where));
	CU_ASSERT_TRUE(write_file(where, "before"));
	CU_ASSERT_EQUAL(dm_suspend(&dm, VOL(1), 0), 0);
	CU_ASSERT_EQUAL(dm_suspend(&dm, VOL(1), 0), 0);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), 0);
	CU_ASSERT_TRUE(info.suspended);

	pid_t writer = fork();
	if (writer == 0)
		_exit(!write_file(where, "during"));
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_snap 2 1"), 0);
	CU_ASSERT_EQUAL(waitpid(writer, NULL, WNOHANG), 0);
	CU_ASSERT_EQUAL(dm_resume(&dm, VOL(1)), 0);
	int status = -1;
	CU_ASSERT_EQUAL(waitpid(writer, &status, 0), writer);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_EQUAL(dm_resume(&dm, VOL(1)), 0);

	CU_ASSERT_EQUAL(make_thin(VOL(2), 2), 0);
	CU_ASSERT_EQUAL(mkdir(snap, 0700), 0);
	CU_ASSERT_EQUAL(run("udevadm", "settle"), 0);
	/* Read-only and without its journal: it was left clean. */
	CU_ASSERT_EQUAL(mount("/dev/mapper/" VOL(2), snap, "ext4", MS_RDONLY, "noload"), 0);
	CU_ASSERT_TRUE(has_file(snap, "before"));
	CU_ASSERT_FALSE(has_file(snap, "during"));
	CU_ASSERT_TRUE(has_file(where, "during"));
	CU_ASSERT_EQUAL(umount(snap), 0);
	CU_ASSERT_EQUAL(umount(where), 0);
}

/* The process that suspended it is dead: it stays suspended, until another one resumes it. */
static void test_suspender_dies(void)
{
	scoped_free char *where = text_format("%s/mnt", folder);
	struct dm_info info;

	CU_ASSERT_TRUE(mounted_volume(where));
	pid_t suspender = fork();
	if (suspender == 0) {
		struct dm own = { .fd = -1 };
		if (dm_open(&own) < 0 || dm_suspend(&own, VOL(1), 0) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	CU_ASSERT_EQUAL(waitpid(suspender, NULL, 0), suspender);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), 0);
	CU_ASSERT_TRUE(info.suspended);
	CU_ASSERT_EQUAL(dm_resume(&dm, VOL(1)), 0);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), 0);
	CU_ASSERT_FALSE(info.suspended);
	CU_ASSERT_TRUE(write_file(where, "alive"));
	CU_ASSERT_EQUAL(umount(where), 0);
}

/* A thin table is not made live while its pool is suspended. */
static void test_suspend_pool(void)
{
	struct dm_info info;

	CU_ASSERT_TRUE(fresh_pool());
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_thin 1"), 0);
	CU_ASSERT_EQUAL(dm_suspend(&dm, POOL, DM_WITH_NO_LOCKFS | DM_WITH_NO_FLUSH), 0);
	CU_ASSERT_EQUAL(make_thin(VOL(1), 1), -EINVAL);
	CU_ASSERT_EQUAL(dm_info(&dm, VOL(1), &info), -ENXIO);
	CU_ASSERT_EQUAL(dm_resume(&dm, POOL), 0);
	CU_ASSERT_EQUAL(make_thin(VOL(1), 1), 0);
}

/* ---- Failures that a message does not tell */

static int make_flakey(const char *state)
{
	scoped_free char *params = text_format("%s 0 %s", metadata.path, state);
	struct dm_target target = { 0, METADATA_MIB * MIB / DM_SECTOR, "flakey", params };
	struct dm_info info;

	if (dm_info(&dm, VOL(flakey), &info) < 0)
		return make_device(VOL(flakey), "flakey", target.length, params);
	/* The load does not flush, because the pool above could not answer. */
	int r = dm_load(&dm, VOL(flakey), 0, &target, 1);
	if (r == 0)
		r = dm_suspend(&dm, VOL(flakey), DM_WITH_NO_LOCKFS | DM_WITH_NO_FLUSH);
	return r < 0 ? r : dm_resume(&dm, VOL(flakey));
}

/* The devices are named by numbers: udev makes their names in /dev/mapper some time later. */
static int make_pool_on_flakey(void)
{
	struct dm_info info;
	char number[32];
	int r = dm_info(&dm, VOL(flakey), &info);

	if (r < 0)
		return r;
	snprintf(number, sizeof number, "%u:%u", major(info.dev), minor(info.dev));
	return make_pool(number, DATA_MIB, 0, "0");
}

/* The message says 0, the commit failed: the status tells, and later the volume is not there. */
static void test_failed_commit(void)
{
	struct dm_pool_status s;

	CU_ASSERT_TRUE(fresh_files());
	CU_ASSERT_EQUAL(make_flakey("600 0"), 0);
	CU_ASSERT_EQUAL(make_pool_on_flakey(), 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_thin 1"), 0);
	check_pool(0);
	CU_ASSERT_EQUAL(make_flakey("0 600 1 error_writes"), 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_thin 2"), 0);
	CU_ASSERT_EQUAL(dm_pool_status(&dm, POOL, 0, &s), 0);
	printf("after the failed commit: %s, %s\n", dm_pool_mode_name(s.mode),
	       s.needs_check ? "needs a check" : "needs no check");
	CU_ASSERT_FALSE(is_sound(&s, 0));
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_thin 3"), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "delete 1"), -EOPNOTSUPP);

	CU_ASSERT_EQUAL(make_flakey("600 0"), 0);
	drop(POOL);
	drop(VOL(flakey));
	CU_ASSERT_EQUAL(make_pool(metadata.path, DATA_MIB, 0, "0"), 0);
	CU_ASSERT_EQUAL(make_thin(VOL(2), 2), -ENODATA);
	CU_ASSERT_EQUAL(make_thin(VOL(1), 1), 0);
}

/* ---- Space, growth, events */

/* Whether there is an event within the time. */
static bool event_within(int ms)
{
	struct pollfd control = { .fd = dm.fd, .events = POLLIN };

	return poll(&control, 1, ms) == 1 && control.revents & POLLIN;
}

static void grow_pool(unsigned data_mib, const char *features)
{
	struct dm_target target = { 0, (uint64_t)data_mib * MIB / DM_SECTOR, "thin-pool", NULL };
	char params[256];

	pool_line(metadata.path, 0, features, params, sizeof params);
	target.params = params;
	CU_ASSERT_EQUAL(dm_reload(&dm, POOL, 0, &target, 1), 0);
}

static void test_out_of_data(void)
{
	struct dm_pool_status s;

	CU_ASSERT_TRUE(fresh_files());
	CU_ASSERT_EQUAL(make_pool(metadata.path, 1, 0, "1 error_if_no_space"), 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_thin 1"), 0);
	CU_ASSERT_EQUAL(make_thin(VOL(1), 1), 0);
	CU_ASSERT_TRUE(write_at(VOL(1), 0, MIB));
	CU_ASSERT_FALSE(write_at(VOL(1), MIB, MIB));
	CU_ASSERT_EQUAL(dm_pool_status(&dm, POOL, 0, &s), 0);
	CU_ASSERT_EQUAL(s.mode, DM_POOL_OUT_OF_DATA);
	CU_ASSERT_EQUAL(s.data_used, s.data_total);
	CU_ASSERT_TRUE(s.error_if_no_space);
	grow_pool(4, "1 error_if_no_space");
	check_pool(0);
	CU_ASSERT_TRUE(write_at(VOL(1), MIB, MIB));
}

static void test_events(void)
{
	CU_ASSERT_TRUE(fresh_files());
	CU_ASSERT_EQUAL(make_pool(metadata.path, 4, 32, "0"), 0);
	CU_ASSERT_EQUAL(dm_message(&dm, POOL, "create_thin 1"), 0);
	CU_ASSERT_EQUAL(make_thin(VOL(1), 1), 0);
	CU_ASSERT_EQUAL(dm_arm(&dm), 0);
	CU_ASSERT_FALSE(event_within(0));
	/* Half of 64 blocks crosses the mark of 32 that are free. */
	CU_ASSERT_TRUE(write_at(VOL(1), 0, 3 * MIB));
	CU_ASSERT_TRUE(event_within(WAIT_MS));
	CU_ASSERT_EQUAL(dm_arm(&dm), 0);
	CU_ASSERT_FALSE(event_within(0));
}

/* ---- */

static int make_one(char *argv[])
{
	dev_t dev;
	struct dm_target target = { 0, strtoull(argv[3], NULL, 10), argv[2], argv[4] };
	int r = dm_open(&dm);

	if (r == 0)
		r = dm_create(&dm, argv[0], argv[1], 0, &target, 1, &dev);
	if (r < 0) {
		fprintf(stderr, "%s\n", dm_why(r));
		return 1;
	}
	char path[32];
	dm_path(dev, path, sizeof path);
	puts(path);
	return 0;
}

int main(int argc, char *argv[])
{
	static CU_TestInfo tests[] = {
		{ "versions", test_versions },
		{ "a device", test_device },
		{ "a refused table", test_refused_table },
		{ "reload and clear", test_reload_and_clear },
		{ "remove while it is open", test_remove_busy },
		{ "remove when its last holder is gone", test_remove_later },
		{ "list", test_list },
		{ "a pool", test_pool },
		{ "messages and their errors", test_messages },
		{ "a thin volume", test_thin },
		{ "suspend a mounted file system", test_suspend_mounted },
		{ "who suspended it dies", test_suspender_dies },
		{ "suspend a pool", test_suspend_pool },
		{ "a commit that failed silently", test_failed_commit },
		{ "out of space, and grown", test_out_of_data },
		{ "events", test_events },
		CU_TEST_INFO_NULL,
	};

	if (argc == 7 && strcmp(argv[1], "make") == 0)
		return make_one(argv + 2);
	int skip = suite_needs_root();
	return skip ? skip : suite_run("dm_live", begin, end, tests);
}
