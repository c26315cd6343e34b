/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pools: making and removing them, full ones, and what may be wrong with their disks. */
#include "base/child.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/loop.h"
#include "scratch.h"
#include "storage/storage.h"
#include "suite.h"
#include "volumes.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static int mounts_before;

static int create_pool(const char *name, const char *driver, const char *source, uint64_t size,
		       struct err *err)
{
	struct pool_spec spec = { .driver = driver, .source = source, .size = size };

	*err = (struct err){ 0 };
	return pool_create(&dirs, name, &spec, err);
}

static bool says(const struct err *err, const char *words)
{
	if (strstr(err->text, words))
		return true;
	fprintf(stderr, "\n  '%s' does not say '%s'\n", err->text, words);
	return false;
}

static bool delete_pool(const char *name, bool force)
{
	struct err err = { 0 };

	pool_delete(&dirs, name, force, NULL, &err);
	show(&err);
	return err.code == 0;
}

static void test_pool_names(void)
{
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(create_pool("No_Label", "dir", NULL, 0, &err), -EINVAL);
	CU_ASSERT_EQUAL(create_pool("../x", "dir", NULL, 0, &err), -EINVAL);
	CU_ASSERT_EQUAL(create_pool("a", "zfs", NULL, 0, &err), -EINVAL);
	CU_ASSERT(says(&err, "zfs"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(pool_open(&pool, &dirs, "a", &err), -ENOENT);
	CU_ASSERT(says(&err, "berth pool create a"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(pool_delete(&dirs, "a", false, NULL, &err), -ENOENT);
	CU_ASSERT_EQUAL(create_pool("a", "dir", NULL, 0, &err), 0);
	CU_ASSERT_EQUAL(create_pool("a", "dir", NULL, 0, &err), -EEXIST);
	CU_ASSERT(delete_pool("a", false));
}

static int add_pool(void *context, const char *name)
{
	return text_add(context, "%s ", name);
}

static void test_pool_list(void)
{
	scoped_text struct text names = { 0 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(pool_list(&dirs, add_pool, &names, &err), 0);
	CU_ASSERT_STRING_EQUAL(text_str(&names), "");
	CU_ASSERT(create_pool("b", "dir", NULL, 0, &err) == 0 &&
		  create_pool("a", "dir", NULL, 0, &err) == 0);
	CU_ASSERT_EQUAL(pool_list(&dirs, add_pool, &names, &err), 0);
	CU_ASSERT_STRING_EQUAL(text_str(&names), "a b ");
	CU_ASSERT(delete_pool("a", false) && delete_pool("b", false));
}

static void write_at(const char *path, const char *text)
{
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	CU_ASSERT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Data of others are not touched, neither by the refusal nor by its undoing. */
static void test_source_in_use(void)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(mkdir(scratch_path("full"), 0755), 0);
	write_at(scratch_path("full/data"), "precious");
	write_at(scratch_path("file"), "precious");
	CU_ASSERT_EQUAL(create_pool("a", "dir", scratch_path("full"), 0, &err), -ENOTEMPTY);
	CU_ASSERT(says(&err, "is not empty"));
	CU_ASSERT_EQUAL(create_pool("a", "btrfs", scratch_path("file"), 256 << 20, &err), -EEXIST);
	CU_ASSERT(says(&err, "is not empty"));
	CU_ASSERT_EQUAL(create_pool("a", "btrfs", scratch_path("full"), 0, &err), -EINVAL);
	CU_ASSERT(says(&err, "not on btrfs"));
	CU_ASSERT(there(scratch_path("full/data")) && there(scratch_path("file")));
	/* A pool's folder whose pool.conf got lost still has the volumes. */
	CU_ASSERT_EQUAL(create_pool("a", "dir", NULL, 0, &err), 0);
	scoped_free char *conf = dirs_state_path(&dirs, "pools/a/pool.conf");
	scoped_free char *away = dirs_state_path(&dirs, "pool.conf");
	CU_ASSERT_EQUAL(rename(conf, away), 0);
	CU_ASSERT_EQUAL(create_pool("a", "dir", NULL, 0, &err), -ENOTEMPTY);
	CU_ASSERT_EQUAL(rename(away, conf), 0);
	CU_ASSERT(delete_pool("a", false));
	scratch_remove(scratch_path("full"));
	unlink(scratch_path("file"));
}

static void test_own_source(void)
{
	struct err err = { 0 };
	struct stat st;

	CU_ASSERT_EQUAL(create_pool("a", "dir", scratch_path("mine"), 0, &err), 0);
	CU_ASSERT(stat(scratch_path("mine"), &st) == 0 && (st.st_mode & 07777) == 0700);
	CU_ASSERT_EQUAL(create_pool("b", "dir", scratch_path("mine"), 0, &err), -ENOTEMPTY);
	CU_ASSERT(delete_pool("a", false));
	CU_ASSERT_EQUAL(rmdir(scratch_path("mine")), 0);
	CU_ASSERT_EQUAL(create_pool("a", "btrfs", scratch_path("disk.img"), 256 << 20, &err), 0);
	CU_ASSERT(there(scratch_path("disk.img")));
	CU_ASSERT(delete_pool("a", false));
	CU_ASSERT_FALSE(there(scratch_path("disk.img")));
}

static void test_sizes(void)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(create_pool("a", "btrfs", NULL, 1 << 20, &err), -EINVAL);
	CU_ASSERT(says(&err, "256M"));
	CU_ASSERT_EQUAL(create_pool("a", "btrfs", NULL, 1ULL << 60, &err), -ENOSPC);
	CU_ASSERT_EQUAL(create_pool("a", "dir", NULL, 1 << 30, &err), -EOPNOTSUPP);
	CU_ASSERT(scratch_mount("tmpfs", "small", 1500));
	CU_ASSERT_EQUAL(create_pool("a", "btrfs", scratch_path("small/disk"), 0, &err), -ENOSPC);
	CU_ASSERT(says(&err, "at least 1 GiB"));
	CU_ASSERT_FALSE(there(scratch_path("small/disk")));
	CU_ASSERT(scratch_mount("tmpfs", "large", 3000));
	CU_ASSERT_EQUAL(create_pool("a", "btrfs", scratch_path("large/disk"), 0, &err), 0);
	struct stat st = { 0 };
	CU_ASSERT_EQUAL(stat(scratch_path("large/disk"), &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 1500LL << 20);
	CU_ASSERT(delete_pool("a", false));
	scratch_unmount("small");
	scratch_unmount("large");
}

static void test_broken_disks(void)
{
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };
	scoped_free char *file = dirs_state_path(&dirs, "pools/a/pool.btrfs");

	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(create_pool("a", "btrfs", NULL, 256 << 20, &err), 0);
		CU_ASSERT_EQUAL(pool_detach(&dirs, "a", &err), 0);
		if (i == 0)
			CU_ASSERT_EQUAL(unlink(file), 0);
		if (i == 1)
			CU_ASSERT_EQUAL(truncate(file, 100 << 20), 0);
		if (i == 2)
			CU_ASSERT(truncate(file, 0) == 0 && truncate(file, 256 << 20) == 0);
		err = (struct err){ 0 };
		CU_ASSERT(pool_open(&pool, &dirs, "a", &err) < 0);
		CU_ASSERT(says(&err, i == 0   ? "is gone"
				     : i == 1 ? "cut off"
					      : "is damaged, or no longer"));
		CU_ASSERT(says(&err, "pool 'a'"));
		err = (struct err){ 0 };
		CU_ASSERT(pool_delete(&dirs, "a", false, NULL, &err) < 0);
		CU_ASSERT(delete_pool("a", true));
		CU_ASSERT(scratch_await_loops(0));
	}
}

static void test_folder_not_mounted(void)
{
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };

	CU_ASSERT(scratch_mount("tmpfs", "usb", 4));
	CU_ASSERT_EQUAL(create_pool("a", "dir", scratch_path("usb"), 0, &err), 0);
	CU_ASSERT_EQUAL(umount2(scratch_path("usb"), 0), 0);
	CU_ASSERT_EQUAL(pool_open(&pool, &dirs, "a", &err), -ESTALE);
	CU_ASSERT(says(&err, "mount that"));
	CU_ASSERT(delete_pool("a", true));
	scratch_unmount("usb");
}

/* A whole block device: refused while it holds something, free again afterwards. */
static void test_block_device(void)
{
	scoped_loop struct loop loop = { .fd = -1 };
	struct err err = { 0 };
	scoped_fd int fd = open(scratch_path("disk.img"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	CU_ASSERT_EQUAL(ftruncate(fd, 256 << 20), 0);
	CU_ASSERT_EQUAL_FATAL(loop_attach(fd, LOOP_WITH_AUTOCLEAR, 512, &loop), 0);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(create_pool("a", "btrfs", loop.path, 0, &err), 0);
		show(&err);
		{
			scoped_pool struct pool pool = { 0 };
			CU_ASSERT(open_named(&pool, "a") && create(&pool, "machine.a"));
		}
		CU_ASSERT_EQUAL(create_pool("b", "btrfs", loop.path, 0, &err), -EBUSY);
		err = (struct err){ 0 };
		CU_ASSERT_EQUAL(pool_detach(&dirs, "a", &err), 0);
		CU_ASSERT_EQUAL(create_pool("b", "btrfs", loop.path, 0, &err), -EEXIST);
		CU_ASSERT(says(&err, "wipefs"));
		CU_ASSERT(delete_pool("a", true));
	}
	loop_close(&loop);
	unlink(scratch_path("disk.img"));
}

static void write_program(const char *path, const char *text)
{
	write_at(path, text);
	CU_ASSERT_EQUAL(chmod(path, 0755), 0);
}

/* A mkfs outlives the command that was killed, and is slow: nobody may get in its way. */
static void test_orphan_mkfs(void)
{
	scoped_free char *old = strdup(getenv("PATH"));
	scoped_free char *new = text_format("%s:%s", scratch_path("bin"), old);
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(mkdir(scratch_path("bin"), 0755), 0);
	write_program(scratch_path("bin/mkfs.btrfs"),
		      "#!/bin/sh\n: >$0.runs\nsleep 0.3\nfor file; do :; done\n"
		      "dd if=/dev/zero of=$file bs=1M seek=1 count=80 conv=notrunc,fsync\n");
	setenv("PATH", new, 1);
	pid_t pid = fork();
	if (pid == 0)
		_exit(create_pool("a", "btrfs", NULL, 256 << 20, &err) == 0);
	for (int i = 0; i < 10000 && !there(scratch_path("bin/mkfs.btrfs.runs")); i++)
		nanosleep(&pause, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	setenv("PATH", old, 1);
	CU_ASSERT_EQUAL(create_pool("a", "btrfs", NULL, 300 << 20, &err), 0);
	show(&err);
	/* The loop takes as long as the orphan would need to destroy it. */
	for (int i = 0; i < 400; i++)
		nanosleep(&pause, NULL);
	CU_ASSERT_EQUAL(pool_detach(&dirs, "a", &err), 0);
	scoped_pool struct pool pool = { 0 };
	CU_ASSERT(open_named(&pool, "a") && create(&pool, "machine.a"));
	pool_close(&pool);
	CU_ASSERT(delete_pool("a", true));
	scratch_remove(scratch_path("bin"));
}

/* Killed while a pool is made or removed: the next attempt finds no trace in its way. */
static void test_pool_killed(void)
{
	unsigned seed = (unsigned)time(NULL);
	struct err err = { 0 };

	fprintf(stderr, "\n  [pools] seed %u\n", seed);
	for (int i = 0; i < 12; i++) {
		pid_t pid = fork();
		struct timespec pause = { .tv_nsec = rand_r(&seed) % 60000000 };
		if (pid == 0) {
			while (create_pool("a", "btrfs", scratch_path("k.img"), 256 << 20, &err) ==
				       0 &&
			       delete_pool("a", false))
				;
			_exit(1);
		}
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		/* The same while a mkfs still runs that has survived its parent. */
		int r = create_pool("a", "btrfs", scratch_path("k.img"), 256 << 20, &err);
		CU_ASSERT(r == 0 || r == -EEXIST);
		show(&err);
		CU_ASSERT(delete_pool("a", false));
		CU_ASSERT_FALSE(there(scratch_path("k.img")));
	}
	CU_ASSERT(scratch_await_loops(0));
}

/* Destroyed volumes are freed in the background. */
static bool put_soon(struct pool *pool, const char *volume, const char *name, const char *data)
{
	const struct timespec pause = { .tv_nsec = 20000000 };

	for (int i = 0; i < 6000; i++) {
		if (put(pool, volume, name, data))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* A full pool refuses in words, keeps what it has, and can be emptied. */
static void test_full_btrfs(void)
{
	struct err err = { 0 };
	char name[32];
	int made = 0;

	CU_ASSERT_EQUAL(create_pool("a", "btrfs", NULL, 256 << 20, &err), 0);
	{
		scoped_pool struct pool pool = { 0 };
		CU_ASSERT_FATAL(open_named(&pool, "a"));
		CU_ASSERT(create(&pool, "machine.a"));
		fill_up(&pool, "machine.a");
		while (made < 20) {
			snprintf(name, sizeof name, "machine.b%d", made);
			err = (struct err){ 0 };
			int r = volume_snapshot(&pool, "machine.a", name, &err);
			CU_ASSERT(r == 0 || (r == -ENOSPC && says(&err, "pool is full")));
			if (r < 0)
				break;
			made++;
		}
		CU_ASSERT_EQUAL(count(&pool, "machine.b"), made);
		CU_ASSERT_EQUAL(count(&pool, "partial."), 0);
		for (int i = 0; i < made; i++) {
			snprintf(name, sizeof name, "machine.b%d", i);
			CU_ASSERT(destroy(&pool, name));
		}
		CU_ASSERT(destroy(&pool, "machine.a"));
		CU_ASSERT(create(&pool, "machine.c") && put_soon(&pool, "machine.c", "f", "x"));
	}
	CU_ASSERT(delete_pool("a", true));
}

static void test_full_dir(void)
{
	struct err err = { 0 };

	CU_ASSERT(scratch_mount("tmpfs", "small", 8));
	CU_ASSERT_EQUAL(create_pool("a", "dir", scratch_path("small"), 0, &err), 0);
	CU_ASSERT_EQUAL(create_pool("b", "dir", NULL, 0, &err), 0);
	{
		scoped_pool struct pool pool = { 0 };
		scoped_pool struct pool other = { 0 };
		CU_ASSERT_FATAL(open_named(&pool, "a") && open_named(&other, "b"));
		CU_ASSERT(create(&pool, "machine.a"));
		fill_up(&pool, "machine.a");
		CU_ASSERT_EQUAL(volume_snapshot(&pool, "machine.a", "machine.b", &err), -ENOSPC);
		CU_ASSERT(says(&err, "full") && says(&err, "machine.a"));
		err = (struct err){ 0 };
		CU_ASSERT_EQUAL(volume_copy(&pool, "machine.a", &other, "machine.b", &err), 0);
		CU_ASSERT_EQUAL(volume_copy(&other, "machine.b", &pool, "machine.c", &err),
				-ENOSPC);
		CU_ASSERT_EQUAL(count(&pool, ""), 1);
		CU_ASSERT_EQUAL(count(&pool, "partial."), 0);
		CU_ASSERT(destroy(&pool, "machine.a"));
		CU_ASSERT(create(&pool, "machine.c"));
	}
	CU_ASSERT(delete_pool("a", true) && delete_pool("b", true));
	scratch_unmount("small");
}

static void take_room(const char *path, off_t bytes)
{
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	CU_ASSERT_EQUAL(fallocate(fd, 0, 0, bytes), 0);
}

/* The disk below a sparse loop file fills: nothing that was safe is lost. */
static void test_full_below(void)
{
	struct err err = { 0 };
	struct pool_usage usage = { 0 };

	CU_ASSERT(scratch_mount("tmpfs", "below", 400));
	CU_ASSERT_EQUAL(create_pool("a", "btrfs", scratch_path("below/disk"), 300 << 20, &err), 0);
	{
		scoped_pool struct pool pool = { 0 };
		CU_ASSERT_FATAL(open_named(&pool, "a"));
		CU_ASSERT(create(&pool, "machine.a") && put(&pool, "machine.a", "f", "x"));
		CU_ASSERT_EQUAL(volume_rename(&pool, "machine.a", "machine.b", &err), 0);
		take_room(scratch_path("below/hog"), 380 << 20);
		CU_ASSERT_EQUAL(pool.ops->pool_usage(&pool, &usage, &err), 0);
		CU_ASSERT(usage.total < (64 << 20));
		fill_up(&pool, "machine.b");
		/* The kernel may have made it read-only by now. */
		if (volume_create(&pool, "machine.c", 0, &err) < 0)
			CU_ASSERT(says(&err, "read-only") || says(&err, "rror"));
	}
	CU_ASSERT_EQUAL(unlink(scratch_path("below/hog")), 0);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(pool_detach(&dirs, "a", &err), 0);
	{
		scoped_pool struct pool pool = { 0 };
		CU_ASSERT(open_named(&pool, "a") && holds(&pool, "machine.b", "f", "x"));
		CU_ASSERT(create(&pool, "machine.d"));
	}
	CU_ASSERT(delete_pool("a", true));
	scratch_unmount("below");
}

/* Whether the subvolume would exist after a power cut now, that is, in the last commit. */
static bool on_disk(const char *volume)
{
	scoped_free char *file = dirs_state_path(&dirs, "pools/a/pool.btrfs");
	const char *const argv[] = { "btrfs", "inspect-internal", "dump-tree", "-t", "root", file,
				     NULL };
	scoped_free char *needle = text_format(" name %s\n", volume);
	scoped_text struct text out = { 0 };
	const struct child_io io = { .out = &out };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(child_run(argv, &io, &err), 0);
	show(&err);
	return strstr(text_str(&out), needle) != NULL;
}

/* A power cut must not undo an acknowledged command. */
static void test_power_cut(void)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(create_pool("a", "btrfs", NULL, 256 << 20, &err), 0);
	{
		scoped_pool struct pool pool = { 0 };
		CU_ASSERT_FATAL(open_named(&pool, "a"));
		CU_ASSERT(create(&pool, "machine.a") && snapshot(&pool, "machine.a", "machine.b"));
		CU_ASSERT(on_disk("machine.a") && on_disk("machine.b"));
		CU_ASSERT_EQUAL(volume_rename(&pool, "machine.b", "machine.c", &err), 0);
		CU_ASSERT(on_disk("machine.c") && !on_disk("machine.b"));
		CU_ASSERT(destroy(&pool, "machine.c"));
		CU_ASSERT_FALSE(on_disk("machine.c"));
	}
	CU_ASSERT(delete_pool("a", true));
}

static void test_default_driver(void)
{
	char why[512] = "";
	const char *driver = pool_default_driver(&dirs, why, sizeof why);

	CU_ASSERT(strcmp(driver, "thin") == 0 || strcmp(driver, "btrfs") == 0 ||
		  strcmp(driver, "dir") == 0);
	CU_ASSERT(strlen(why) > 20);
}

static CU_TestInfo pools[] = {
	{ "names and missing pools", test_pool_names },
	{ "list", test_pool_list },
	{ "a source that holds something", test_source_in_use },
	{ "a source of one's own", test_own_source },
	{ "sizes", test_sizes },
	{ "broken loop files", test_broken_disks },
	{ "a disk that is not mounted", test_folder_not_mounted },
	{ "a block device", test_block_device },
	{ "an orphaned mkfs", test_orphan_mkfs },
	{ "killed half-way", test_pool_killed },
	{ "full, btrfs", test_full_btrfs },
	{ "full, dir", test_full_dir },
	{ "full below", test_full_below },
	{ "a power cut", test_power_cut },
	{ "the default driver", test_default_driver },
	CU_TEST_INFO_NULL,
};

static int begin_pools(void)
{
	struct err err = { 0 };

	mounts_before = scratch_count_mounts();
	return dirs_open(&dirs, scratch_path("dirs"), &err);
}

static int end_pools(void)
{
	bool left = scratch_count_mounts() != mounts_before || !scratch_await_loops(0);

	scratch_remove(dirs.root);
	dirs_close(&dirs);
	if (left)
		fprintf(stderr, "\n  mounts or loop devices were left behind\n");
	return left;
}

int main(void)
{
	int skip = suite_needs_root();

	if (skip)
		return skip;
	if (!scratch_begin())
		return 99;
	int bad = suite_run("pools", begin_pools, end_pools, pools);
	return scratch_end() < 0 || bad;
}
