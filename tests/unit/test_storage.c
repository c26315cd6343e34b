/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract of storage.h, held against every driver in every kind of place. */
#include "base/file.h"
#include "base/protection.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/dm.h"
#include "scratch.h"
#include "storage/storage.h"
#include "storage/subvol.h"
#include "suite.h"
#include "volumes.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>

/* The place of a suite's pool. */
struct place {
	const char *name;
	const char *driver;
	const char
		*disk; /* file system made for the whole installation; NULL: the scratch folder's */
	uint64_t size; /* of a loop file */
};

static const struct place places[] = {
	{ "thin on a loop file", "thin", NULL, 512 << 20 }, /* left out without device-mapper */
	{ "btrfs on a loop file", "btrfs", NULL, 512 << 20 },
	{ "btrfs in a folder", "btrfs", "btrfs", 0 },
	{ "dir", "dir", NULL, 0 },
	{ "dir on btrfs", "dir", "btrfs", 0 },
	{ "dir on tmpfs", "dir", "tmpfs", 0 },
	{ "dir on xfs", "dir", "xfs", 0 }, /* left out without xfsprogs */
};

static const struct place *here;
static int fds_before, mounts_before;

static void test_create(void)
{
	scoped_pool struct pool pool = { 0 };
	struct volume_info info = { 0 };
	struct err err = { 0 };
	struct stat st = { 0 };

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(create(&pool, "machine.one"));
	CU_ASSERT_EQUAL(volume_create(&pool, "machine.one", 0, &err), -EEXIST);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "machine.one"));
	scoped_fd int root = open_volume(&pool, "machine.one", 0);
	CU_ASSERT_EQUAL(fstat(root, &st), 0);
	CU_ASSERT(S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0755);
	CU_ASSERT(st.st_uid == 0 && st.st_gid == 0);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(volume_info(&pool, "machine.one", &info, &err), 0);
	CU_ASSERT_STRING_EQUAL(info.name, "machine.one");
	CU_ASSERT((int64_t)info.created > (int64_t)time(NULL) - 600 &&
		  (int64_t)info.created < (int64_t)time(NULL) + 600);
	CU_ASSERT_EQUAL(volume_info(&pool, "machine.two", &info, &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "machine.two"));
	scoped_close_fd(&root);
	CU_ASSERT(destroy(&pool, "machine.one"));
	CU_ASSERT_FALSE(has(&pool, "machine.one"));
}

static void test_names(void)
{
	static const char *const bad[] = { "",          "machine",     ".",          "..",
					   "machine.",  ".machine",    "machine..a", "machine.A",
					   "partial.a", "machine.a/b", "../a.b",     "machine.-a",
					   "m.a b",     "m.a\n" };
	char name[VOLUME_NAME_MAX + 2] = "machine";
	scoped_pool struct pool pool = { 0 };

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err = { 0 };
		CU_ASSERT_EQUAL(volume_create(&pool, bad[i], 0, &err), -EINVAL);
	}
	/* 200 characters are good, 201 are not. */
	for (size_t i = strlen(name); i <= VOLUME_NAME_MAX; i++)
		name[i] = i % 50 == 7 ? '.' : 'a';
	struct err err = { 0 };
	CU_ASSERT_EQUAL(volume_create(&pool, name, 0, &err), -EINVAL);
	name[VOLUME_NAME_MAX] = '\0';
	CU_ASSERT(create(&pool, name));
	CU_ASSERT(snapshot(&pool, name, "machine.a"));
	CU_ASSERT(destroy(&pool, "machine.a"));
	CU_ASSERT(destroy(&pool, name));
	CU_ASSERT_EQUAL(count(&pool, ""), 0);
}

static void test_snapshot_apart(void)
{
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(create(&pool, "machine.a") && put(&pool, "machine.a", "f", "one"));
	CU_ASSERT(snapshot(&pool, "machine.a", "machine.b"));
	CU_ASSERT(holds(&pool, "machine.b", "f", "one"));
	CU_ASSERT(put(&pool, "machine.a", "f", "two") && put(&pool, "machine.b", "f", "three"));
	CU_ASSERT(holds(&pool, "machine.a", "f", "two") && holds(&pool, "machine.b", "f", "three"));
	CU_ASSERT_EQUAL(volume_snapshot(&pool, "machine.a", "machine.b", &err), -EEXIST);
	CU_ASSERT(holds(&pool, "machine.b", "f", "three"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(volume_snapshot(&pool, "machine.none", "machine.c", &err), -ENOENT);
	CU_ASSERT_FALSE(has(&pool, "machine.c"));
	CU_ASSERT(destroy(&pool, "machine.a"));
	CU_ASSERT(holds(&pool, "machine.b", "f", "three"));
	CU_ASSERT(destroy(&pool, "machine.b"));
}

static void test_generations(void)
{
	scoped_pool struct pool pool = { 0 };
	const char *const up[] = { "machine.a", "machine.b", "machine.c", "machine.d" };

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	for (int round = 0; round < 2; round++) {
		CU_ASSERT(create(&pool, up[0]) && put(&pool, up[0], "f", up[0]));
		for (int i = 1; i < 4; i++) {
			CU_ASSERT(snapshot(&pool, up[i - 1], up[i]));
			CU_ASSERT(holds(&pool, up[i], "f", up[i - 1]));
			CU_ASSERT(put(&pool, up[i], "f", up[i]));
		}
		for (int i = 0; i < 4; i++) {
			int now = round ? 3 - i : i;
			CU_ASSERT(holds(&pool, up[now], "f", up[now]));
			CU_ASSERT(destroy(&pool, up[now]));
			CU_ASSERT_EQUAL(count(&pool, "machine."), 3 - i);
		}
	}
}

static void test_mount(void)
{
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };
	struct statvfs fs = { 0 };
	int mount = -1, mounts = scratch_count_mounts();

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(create(&pool, "machine.a"));
	scoped_fd int one = open_volume(&pool, "machine.a", 0);
	scoped_fd int two = open_volume(&pool, "machine.a", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
	scoped_fd int fd = openat(one, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(faccessat(two, "f", F_OK, 0), 0);
	CU_ASSERT(openat(two, "g", O_WRONLY | O_CREAT | O_CLOEXEC, 0644) < 0 && errno == EROFS);
	CU_ASSERT_EQUAL(fstatvfs(one, &fs), 0);
	CU_ASSERT_EQUAL(fs.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RDONLY | ST_NOATIME), 0);
	CU_ASSERT_EQUAL(fstatvfs(two, &fs), 0);
	CU_ASSERT_EQUAL(fs.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RDONLY),
			ST_NODEV | ST_RDONLY);
	CU_ASSERT_EQUAL(volume_mount(&pool, "machine.none", 0, &mount, &err), -ENOENT);
	CU_ASSERT_EQUAL(mount, -1);
	CU_ASSERT_EQUAL(scratch_count_mounts(), mounts);
	scoped_close_fd(&fd);
	scoped_close_fd(&two);
	scoped_close_fd(&one);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(volume_unblock(&pool, "machine.a", &err), 0);
	CU_ASSERT_EQUAL(volume_deactivate(&pool, "machine.a", &err), 0);
	CU_ASSERT_EQUAL(volume_deactivate(&pool, "machine.a", &err), 0);
	CU_ASSERT(destroy(&pool, "machine.a"));
}

/* A guest's mount on its root must not appear in the volume that the root was cloned from. */
static void test_mount_is_private(void)
{
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };
	int mount_fd = -1;

	/* Shared, as systemd makes everything. */
	CU_ASSERT_EQUAL(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL), 0);
	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(create(&pool, "machine.a"));
	CU_ASSERT_EQUAL(volume_mount(&pool, "machine.a", 0, &mount_fd, &err), 0);
	int mounts = scratch_count_mounts();
	CU_ASSERT_EQUAL(mkdir(scratch_path("guest"), 0755), 0);
	CU_ASSERT_EQUAL(move_mount(mount_fd, "", AT_FDCWD, scratch_path("guest"),
				   MOVE_MOUNT_F_EMPTY_PATH),
			0);
	CU_ASSERT_EQUAL(mkdir(scratch_path("guest/proc"), 0755), 0);
	CU_ASSERT_EQUAL(mount("guest", scratch_path("guest/proc"), "tmpfs", 0, NULL), 0);
	CU_ASSERT_EQUAL(scratch_count_mounts(), mounts + 2);
	umount2(scratch_path("guest"), MNT_DETACH);
	CU_ASSERT_EQUAL(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	close(mount_fd);
	rmdir(scratch_path("guest"));
	CU_ASSERT(destroy(&pool, "machine.a"));
}

static void test_destroy_twice(void)
{
	scoped_pool struct pool pool = { 0 };

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(destroy(&pool, "machine.never"));
	CU_ASSERT(create(&pool, "machine.a") && put(&pool, "machine.a", "f", "x"));
	CU_ASSERT(destroy(&pool, "machine.a"));
	CU_ASSERT(destroy(&pool, "machine.a"));
	CU_ASSERT(create(&pool, "machine.a"));
	CU_ASSERT_FALSE(holds(&pool, "machine.a", "f", "x"));
	CU_ASSERT(destroy(&pool, "machine.a"));
}

static void test_rename(void)
{
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(create(&pool, "machine.a") && put(&pool, "machine.a", "f", "a"));
	CU_ASSERT(create(&pool, "machine.b"));
	CU_ASSERT_EQUAL(volume_rename(&pool, "machine.a", "machine.b", &err), -EEXIST);
	CU_ASSERT(holds(&pool, "machine.a", "f", "a") && has(&pool, "machine.b"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(volume_rename(&pool, "machine.none", "machine.c", &err), -ENOENT);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(volume_rename(&pool, "machine.a", "machine.c", &err), 0);
	CU_ASSERT(holds(&pool, "machine.c", "f", "a") && !has(&pool, "machine.a"));
	CU_ASSERT(destroy(&pool, "machine.b") && destroy(&pool, "machine.c"));
}

static void test_exchange(void)
{
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(create(&pool, "machine.a") && put(&pool, "machine.a", "f", "a"));
	CU_ASSERT(create(&pool, "machine.b") && put(&pool, "machine.b", "f", "b"));
	CU_ASSERT_EQUAL(volume_exchange(&pool, "machine.a", "machine.b", &err), 0);
	CU_ASSERT(holds(&pool, "machine.a", "f", "b") && holds(&pool, "machine.b", "f", "a"));
	CU_ASSERT_EQUAL(volume_exchange(&pool, "machine.a", "machine.none", &err), -ENOENT);
	CU_ASSERT(holds(&pool, "machine.a", "f", "b"));
	CU_ASSERT(destroy(&pool, "machine.a") && destroy(&pool, "machine.b"));
}

static int stop_at_first(void *context, const struct volume_info *info)
{
	(void)info;
	(*(int *)context)++;
	return 7;
}

static void test_list(void)
{
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };
	int visits = 0;

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT_EQUAL(count(&pool, ""), 0);
	CU_ASSERT(create(&pool, "machine.web") && create(&pool, "machine.web2") &&
		  create(&pool, "snapshot.web.before") && create(&pool, "template.web"));
	CU_ASSERT_EQUAL(count(&pool, ""), 4);
	CU_ASSERT_EQUAL(count(&pool, "machine."), 2);
	CU_ASSERT_EQUAL(count(&pool, "snapshot.web."), 1);
	CU_ASSERT_EQUAL(count(&pool, "nothing."), 0);
	CU_ASSERT_EQUAL(volume_list(&pool, "", stop_at_first, &visits, &err), 7);
	CU_ASSERT_EQUAL(visits, 1);
	CU_ASSERT(destroy(&pool, "machine.web") && destroy(&pool, "machine.web2") &&
		  destroy(&pool, "snapshot.web.before") && destroy(&pool, "template.web"));
}

static void test_usage(void)
{
	scoped_pool struct pool pool = { 0 };
	struct pool_usage usage = { 0 };
	struct err err = { 0 };

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT_EQUAL(pool.ops->pool_usage(&pool, &usage, &err), 0);
	CU_ASSERT(usage.total > usage.used);
	if (here->size)
		CU_ASSERT(usage.total <= here->size);
}

/* Runs act(context, n) in that many processes at once; how many returned 0. */
static int run_at_once(int processes, int (*act)(void *, int), void *context)
{
	pid_t pids[16];
	int good = 0, start[2], status;

	CU_ASSERT_EQUAL_FATAL(pipe2(start, O_CLOEXEC), 0);
	for (int i = 0; i < processes; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char c;
			close(start[1]);
			if (read(start[0], &c, 1) != 0)
				_exit(1);
			_exit(act(context, i) != 0);
		}
	}
	close(start[0]);
	close(start[1]);
	for (int i = 0; i < processes; i++) {
		if (waitpid(pids[i], &status, 0) == pids[i] && status == 0)
			good++;
	}
	return good;
}

static int snapshot_five(void *context, int n)
{
	(void)context;
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };
	char name[64];

	if (pool_open(&pool, &dirs, "main", &err) < 0)
		return err.code;
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "machine.clone%d.%d", n, i);
		if (volume_snapshot(&pool, "machine.base", name, &err) < 0)
			return err.code;
	}
	return 0;
}

static int snapshot_same(void *context, int n)
{
	(void)context;
	(void)n;
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };

	if (pool_open(&pool, &dirs, "main", &err) < 0)
		return err.code;
	return volume_snapshot(&pool, "machine.base", "machine.same", &err) < 0 ? err.code : 0;
}

static int destroy_same(void *context, int n)
{
	(void)context;
	(void)n;
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };

	if (pool_open(&pool, &dirs, "main", &err) < 0)
		return err.code;
	return volume_destroy(&pool, "machine.same", &err) < 0 ? err.code : 0;
}

static void test_at_once(void)
{
	scoped_pool struct pool pool = { 0 };
	char name[64];

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(create(&pool, "machine.base") && put(&pool, "machine.base", "f", "base"));
	CU_ASSERT_EQUAL(run_at_once(8, snapshot_five, NULL), 8);
	CU_ASSERT_EQUAL(count(&pool, "machine.clone"), 40);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "machine.clone%d.%d", i / 5, i % 5);
		CU_ASSERT(holds(&pool, name, "f", "base"));
		CU_ASSERT(destroy(&pool, name));
	}
	/* If eight processes want the same name, one gets it; if eight remove it, none fails. */
	CU_ASSERT_EQUAL(run_at_once(8, snapshot_same, NULL), 1);
	CU_ASSERT(holds(&pool, "machine.same", "f", "base"));
	CU_ASSERT_EQUAL(run_at_once(8, destroy_same, NULL), 8);
	CU_ASSERT_FALSE(has(&pool, "machine.same"));
	CU_ASSERT_EQUAL(count(&pool, "partial."), 0);
	CU_ASSERT(destroy(&pool, "machine.base"));
}

/* A child that will be killed makes and removes volumes as long as it lives. */
static void churn(const char *target)
{
	struct pool pool = { 0 }, to = { 0 };
	struct err err = { 0 };

	if (pool_open(&pool, &dirs, "main", &err) < 0 || pool_open(&to, &dirs, target, &err) < 0)
		_exit(1);
	for (;;) {
		err = (struct err){ 0 };
		if (volume_copy(&pool, "machine.base", &to, "machine.copy", &err) < 0 ||
		    volume_destroy(&to, "machine.copy", &err) < 0)
			_exit(1);
	}
}

/* Kills it within the first milliseconds or somewhere in a round. */
static void kill_churn(const char *target, unsigned *seed)
{
	pid_t pid = fork();
	struct timespec pause = { .tv_nsec = rand_r(seed) % 40000000 };
	int status = 0;

	if (pid == 0)
		churn(target);
	nanosleep(&pause, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CU_ASSERT(WIFSIGNALED(status));
}

static void check_after_kill(const char *target)
{
	scoped_pool struct pool to = { 0 };

	CU_ASSERT_FATAL(open_named(&to, target));
	CU_ASSERT_EQUAL(count(&to, "partial."), 0);
	if (has(&to, "machine.copy"))
		CU_ASSERT_EQUAL(count_files(&to, "machine.copy"), FILES);
	CU_ASSERT(destroy(&to, "machine.copy"));
	CU_ASSERT_FALSE(has(&to, "machine.copy"));
}

static void test_killed(void)
{
	struct pool_spec spec = { .driver = "dir" };
	struct err err = { 0 };
	unsigned seed = (unsigned)time(NULL);

	fprintf(stderr, "\n  [%s] seed %u\n", here->name, seed);
	CU_ASSERT_EQUAL(pool_create(&dirs, "other", &spec, &err), 0);
	show(&err);
	{
		scoped_pool struct pool pool = { 0 };
		CU_ASSERT_FATAL(open_named(&pool, "main"));
		CU_ASSERT(create(&pool, "machine.base") && fill_volume(&pool, "machine.base"));
	}
	for (int i = 0; i < 20; i++) {
		const char *target = i % 2 ? "other" : "main";
		kill_churn(target, &seed);
		check_after_kill(target);
	}
	CU_ASSERT_EQUAL(pool_delete(&dirs, "other", false, NULL, &err), 0);
	show(&err);
	scoped_pool struct pool pool = { 0 };
	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT_EQUAL(count_files(&pool, "machine.base"), FILES);
	CU_ASSERT(destroy(&pool, "machine.base"));
}

static void test_copy_between_pools(void)
{
	struct pool_spec spec = { .driver = "dir" };
	struct err err = { 0 };
	CU_ASSERT_EQUAL(pool_create(&dirs, "other", &spec, &err), 0);
	{
		scoped_pool struct pool pool = { 0 };
		scoped_pool struct pool other = { 0 };
		CU_ASSERT_FATAL(open_named(&pool, "main") && open_named(&other, "other"));
		CU_ASSERT(create(&pool, "machine.a") && fill_volume(&pool, "machine.a"));
		CU_ASSERT_EQUAL(volume_copy(&pool, "machine.a", &other, "machine.b", &err), 0);
		CU_ASSERT_EQUAL(count_files(&other, "machine.b"), FILES);
		CU_ASSERT_EQUAL(volume_copy(&pool, "machine.a", &other, "machine.b", &err),
				-EEXIST);
		err = (struct err){ 0 };
		CU_ASSERT_EQUAL(volume_copy(&other, "machine.b", &pool, "machine.c", &err), 0);
		CU_ASSERT_EQUAL(count_files(&pool, "machine.c"), FILES);
		CU_ASSERT_EQUAL(volume_copy(&other, "machine.no", &pool, "machine.d", &err),
				-ENOENT);
		CU_ASSERT_EQUAL(count(&pool, ""), 2);
		CU_ASSERT(destroy(&pool, "machine.a") && destroy(&pool, "machine.c") &&
			  destroy(&other, "machine.b"));
	}
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(pool_delete(&dirs, "other", false, NULL, &err), 0);
	show(&err);
}

static int add_device(void *context, const struct dm_info *info)
{
	return text_add_bytes(context, info->name, strlen(info->name) + 1);
}

/* Volumes first, then what they stand on. */
static void remove_devices(void)
{
	static const char *const parts[] = { ".v", ".pool", ".data", ".metadata" };
	scoped_text struct text names = { 0 };
	scoped_dm struct dm dm = { .fd = -1 };
	char mine[32];

	dirs_object_name(&dirs, mine, sizeof mine);
	if (dm_open(&dm) < 0 || dm_list(&dm, DM_UUID_PREFIX, add_device, &names) < 0)
		return;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		for (size_t at = 0; at < names.length; at += strlen(names.data + at) + 1) {
			const char *name = names.data + at;
			if (text_starts(name, mine) && strstr(name, parts[i]))
				CU_ASSERT_EQUAL(dm_remove(&dm, name, 5000), 0);
		}
	}
}

/* Removes all that a reboot removes: mounts, devices, loop devices, the run folder. */
static void reboot(void)
{
	scoped_free char *mounted = dirs_run_path(&dirs, "pools/main");

	remove_devices();

	umount2(mounted, 0);
	scratch_remove(dirs.run);
	CU_ASSERT(scratch_await_loops(here->disk && strcmp(here->disk, "tmpfs") != 0));
}

static void test_reboot(void)
{
	{
		scoped_pool struct pool pool = { 0 };
		CU_ASSERT_FATAL(open_named(&pool, "main"));
		CU_ASSERT(create(&pool, "machine.a") && put(&pool, "machine.a", "f", "a"));
		/* The volume was being made when the power failed. */
		struct err err = { 0 };
		CU_ASSERT_EQUAL(pool.ops->create(&pool, "partial.machine.x.1-1", 0, &err), 0);
		CU_ASSERT_EQUAL(count(&pool, "partial."), 1);
		CU_ASSERT_EQUAL(count(&pool, ""), 1);
	}
	reboot();
	scoped_pool struct pool pool = { 0 };
	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(holds(&pool, "machine.a", "f", "a"));
	CU_ASSERT_EQUAL(count(&pool, "partial."), 0);
	CU_ASSERT(destroy(&pool, "machine.a"));
}

static int open_main(void *context, int n)
{
	(void)context;
	(void)n;
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };

	return pool_open(&pool, &dirs, "main", &err) < 0 ? err.code : 0;
}

static void test_reboot_at_once(void)
{
	int mounts = scratch_count_mounts(), loops = scratch_count_loops();

	reboot();
	CU_ASSERT_EQUAL(run_at_once(8, open_main, NULL), 8);
	CU_ASSERT_EQUAL(scratch_count_mounts(), mounts);
	CU_ASSERT_EQUAL(scratch_count_loops(), loops);
}

static void test_detach(void)
{
	struct err err = { 0 };
	{
		scoped_pool struct pool pool = { 0 };
		CU_ASSERT_FATAL(open_named(&pool, "main"));
		CU_ASSERT(create(&pool, "machine.a") && put(&pool, "machine.a", "f", "a"));
	}
	if (here->size) {
		scoped_fd int root = -1;
		{
			scoped_pool struct pool pool = { 0 };
			CU_ASSERT_FATAL(open_named(&pool, "main"));
			root = open_volume(&pool, "machine.a", 0);
		}
		CU_ASSERT_EQUAL(pool_detach(&dirs, "main", &err), -EBUSY);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "in use"));
		CU_ASSERT_EQUAL(scratch_count_loops(), 1);
	}
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(pool_detach(&dirs, "main", &err), 0);
	CU_ASSERT_EQUAL(pool_detach(&dirs, "main", &err), 0);
	show(&err);
	if (here->size) {
		CU_ASSERT(scratch_await_loops(0));
		CU_ASSERT_EQUAL(scratch_count_mounts(), mounts_before);
	}
	scoped_pool struct pool pool = { 0 };
	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(holds(&pool, "machine.a", "f", "a"));
	CU_ASSERT(destroy(&pool, "machine.a"));
}

static void test_not_empty(void)
{
	struct err err = { 0 };
	{
		scoped_pool struct pool pool = { 0 };
		CU_ASSERT_FATAL(open_named(&pool, "main"));
		CU_ASSERT(create(&pool, "machine.a"));
	}
	CU_ASSERT_EQUAL(pool_delete(&dirs, "main", false, NULL, &err), -ENOTEMPTY);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "machine.a"));
	scoped_pool struct pool pool = { 0 };
	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(destroy(&pool, "machine.a"));
}

static bool nest(int fd, const char *name)
{
	return subvol_create(fd, name) == 0;
}

/* Actions of a guest on btrfs: subvolumes in subvolumes, in folders, and many of them. */
static void test_nested(void)
{
	scoped_pool struct pool pool = { 0 };
	char name[32];

	if (strcmp(here->driver, "btrfs") != 0)
		return;
	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(create(&pool, "machine.a"));
	{
		scoped_fd int root = open_volume(&pool, "machine.a", 0);
		CU_ASSERT(mkdirat(root, "var", 0755) == 0 && nest(root, "one"));
		scoped_fd int one = openat(root, "one", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		scoped_fd int var = openat(root, "var", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CU_ASSERT(nest(one, "two") && nest(var, "machines"));
		scoped_fd int two = openat(one, "two", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CU_ASSERT(nest(two, "three"));
		scoped_fd int fd = openat(two, "three/f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		CU_ASSERT(fd >= 0);
		for (int i = 0; i < 300; i++) {
			snprintf(name, sizeof name, "many%d", i);
			CU_ASSERT(nest(var, name));
		}
	}
	CU_ASSERT(snapshot(&pool, "machine.a", "machine.b"));
	{
		scoped_fd int root = open_volume(&pool, "machine.b", 0);
		CU_ASSERT(faccessat(root, "one", F_OK, 0) == 0);
		CU_ASSERT(faccessat(root, "one/two/three/f", F_OK, 0) == 0);
		CU_ASSERT(faccessat(root, "var/many299", F_OK, 0) == 0);
	}
	CU_ASSERT(destroy(&pool, "machine.a") && destroy(&pool, "machine.b"));
	CU_ASSERT_EQUAL(count(&pool, ""), 0);
	CU_ASSERT_EQUAL(count(&pool, "partial."), 0);
}

enum { IMMUTABLE = FS_IMMUTABLE_FL, APPEND = FS_APPEND_FL };

static bool protect(int root, const char *path, int flags)
{
	scoped_fd int fd = protection_open(root, path);

	return fd >= 0 && protection_set(fd, flags) == 0;
}

/* A tree that a guest has grown deeper than there are descriptors. */
static void test_deep_destroy(void)
{
	scoped_pool struct pool pool = { 0 };
	struct rlimit limit = { 0 };

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(create(&pool, "machine.a"));
	scoped_fd int fd = open_volume(&pool, "machine.a", 0);
	for (int i = 0; i < 300 && fd >= 0; i++) {
		CU_ASSERT(mkdirat(fd, "d", 0755) == 0);
		/* The file system may lack such flags. */
		protect(fd, "d", i % 40 ? 0 : APPEND);
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	CU_ASSERT(fd >= 0);
	scoped_close_fd(&fd);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	const struct rlimit few = { .rlim_cur = 200, .rlim_max = limit.rlim_max };
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &few), 0);
	CU_ASSERT(destroy(&pool, "machine.a"));
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CU_ASSERT_FALSE(has(&pool, "machine.a"));
	CU_ASSERT_EQUAL(count(&pool, "partial."), 0);
}

static int protection_at(int root, const char *path)
{
	struct statx st;

	return statx(root, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st) < 0
		       ? -errno
		       : protection_of(&st);
}

static bool make_file(int root, const char *path)
{
	scoped_fd int fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd >= 0;
}

/* Protects each kind of entry that chattr(1) can protect, and a folder with entries. False: it is impossible here. */
static bool protect_all(struct pool *pool, const char *volume)
{
	scoped_fd int root = open_volume(pool, volume, 0);

	CU_ASSERT(mkdirat(root, "full", 0755) == 0 && mkdirat(root, "append", 0755) == 0 &&
		  mkdirat(root, "empty", 0755) == 0 && make_file(root, "file") &&
		  make_file(root, "log") && make_file(root, "full/f") &&
		  make_file(root, "append/f") && make_file(root, "one") &&
		  linkat(root, "one", root, "full/other", 0) == 0 &&
		  symlinkat("/nothing", root, "append/link") == 0 &&
		  mknodat(root, "full/fifo", S_IFIFO | 0644, 0) == 0);
	if (!protect(root, "file", IMMUTABLE))
		return false;
	CU_ASSERT(protect(root, "log", APPEND) && protect(root, "one", IMMUTABLE) &&
		  protect(root, "empty", IMMUTABLE) && protect(root, "full", IMMUTABLE) &&
		  protect(root, "append", APPEND) && protection_set(root, IMMUTABLE) == 0);
	return true;
}

static void check_all_protected(struct pool *pool, const char *volume)
{
	scoped_fd int root = open_volume(pool, volume, 0);
	struct stat one = { 0 }, other = { 0 };

	CU_ASSERT_EQUAL(protection_at(root, "file"), IMMUTABLE);
	CU_ASSERT_EQUAL(protection_at(root, "log"), APPEND);
	CU_ASSERT_EQUAL(protection_at(root, "one"), IMMUTABLE);
	CU_ASSERT_EQUAL(protection_at(root, "full"), IMMUTABLE);
	CU_ASSERT_EQUAL(protection_at(root, "full/f"), 0);
	CU_ASSERT_EQUAL(protection_at(root, "append"), APPEND);
	CU_ASSERT_EQUAL(protection_at(root, "."), IMMUTABLE);
	CU_ASSERT(fstatat(root, "one", &one, 0) == 0 &&
		  fstatat(root, "full/other", &other, 0) == 0 && file_is_same(&one, &other) &&
		  one.st_nlink == 2);
}

/* Flags of chattr(1) come along in copies, and keep nobody from removing a volume, or from exchanging it. */
static void test_immutable(void)
{
	scoped_pool struct pool pool = { 0 };
	struct err err = { 0 };

	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(create(&pool, "machine.a") && create(&pool, "machine.c"));
	if (protect_all(&pool, "machine.a")) {
		CU_ASSERT(snapshot(&pool, "machine.a", "machine.b"));
		check_all_protected(&pool, "machine.b");
		CU_ASSERT_EQUAL(volume_exchange(&pool, "machine.b", "machine.c", &err), 0);
		check_all_protected(&pool, "machine.c");
		CU_ASSERT_EQUAL(volume_rename(&pool, "machine.c", "machine.d", &err), 0);
		check_all_protected(&pool, "machine.d");
		CU_ASSERT(destroy(&pool, "machine.b") && destroy(&pool, "machine.d"));
	} else {
		printf("  [%s] has no immutable files\n", here->name);
		CU_ASSERT(destroy(&pool, "machine.c"));
	}
	CU_ASSERT(destroy(&pool, "machine.a"));
	CU_ASSERT_EQUAL(count(&pool, ""), 0);
	CU_ASSERT_EQUAL(count(&pool, "partial."), 0);
}

/* A file that has a further name outside of the volume keeps its flags there. */
static void test_immutable_elsewhere(void)
{
	scoped_pool struct pool pool = { 0 };
	scoped_free char *outside = strdup(scratch_path("outside"));

	if (strcmp(here->name, "dir") != 0)
		return;
	CU_ASSERT_FATAL(open_named(&pool, "main"));
	CU_ASSERT(create(&pool, "machine.a"));
	{
		scoped_fd int root = open_volume(&pool, "machine.a", 0);
		scoped_free char *file = text_format("%s/machine.a/root/file", pool.config.source);
		CU_ASSERT(make_file(root, "file") && link(file, outside) == 0);
		if (!protect(root, "file", IMMUTABLE))
			printf("  [%s] has no immutable files\n", here->name);
	}
	CU_ASSERT(snapshot(&pool, "machine.a", "machine.b"));
	{
		scoped_fd int root = open_volume(&pool, "machine.b", 0);
		CU_ASSERT_EQUAL(protection_at(root, "file"), protection_at(AT_FDCWD, outside));
	}
	CU_ASSERT(destroy(&pool, "machine.a") && destroy(&pool, "machine.b"));
	scoped_fd int fd = protection_open(AT_FDCWD, outside);
	CU_ASSERT(fd >= 0 && protection_clear(fd) == IMMUTABLE);
	CU_ASSERT_EQUAL(unlink(outside), 0);
}

static CU_TestInfo contract[] = {
	{ "create", test_create },
	{ "names", test_names },
	{ "a snapshot and its origin stay apart", test_snapshot_apart },
	{ "clones of clones", test_generations },
	{ "mount, twice", test_mount },
	{ "a mount is private", test_mount_is_private },
	{ "destroy is idempotent", test_destroy_twice },
	{ "rename", test_rename },
	{ "exchange", test_exchange },
	{ "list by prefix", test_list },
	{ "usage", test_usage },
	{ "eight at once", test_at_once },
	{ "killed half-way", test_killed },
	{ "copy between pools", test_copy_between_pools },
	{ "after a reboot", test_reboot },
	{ "eight at once after a reboot", test_reboot_at_once },
	{ "detach", test_detach },
	{ "a pool that is not empty", test_not_empty },
	{ "nested subvolumes", test_nested },
	{ "a deep tree is destroyed", test_deep_destroy },
	{ "immutable files", test_immutable },
	{ "an immutable file of somebody else too", test_immutable_elsewhere },
	CU_TEST_INFO_NULL,
};

static int begin_place(void)
{
	struct pool_spec spec = { .driver = here->driver, .size = here->size };
	struct err err = { 0 };

	fds_before = scratch_count_fds();
	if (here->disk && !scratch_mount(here->disk, "disk", 512))
		return -1;
	mounts_before = scratch_count_mounts();
	if (dirs_open(&dirs, scratch_path(here->disk ? "disk/dirs" : "dirs"), &err) < 0 ||
	    pool_create(&dirs, "main", &spec, &err) < 0) {
		show(&err);
		return -1;
	}
	return 0;
}

static int left(const char *what, int now, int before)
{
	if (now != before)
		fprintf(stderr, "\n  [%s] %s: %d before, %d now\n", here->name, what, before, now);
	return now != before;
}

/* Nothing is left: no mount, loop device, descriptor, nor any file in the pools' folder. */
static int end_place(void)
{
	struct err err = { 0 };
	scoped_free char *pools = dirs_state_path(&dirs, "pools");

	int bad = pool_delete(&dirs, "main", false, NULL, &err) < 0;
	show(&err);
	bad += rmdir(pools) < 0;
	bad += left("mounts", scratch_count_mounts(), mounts_before);
	scratch_remove(dirs.root);
	dirs_close(&dirs);
	if (here->disk)
		scratch_unmount("disk");
	scratch_await_loops(0);
	bad += left("loop devices", scratch_count_loops(), 0);
	bad += left("descriptors", scratch_count_fds(), fds_before);
	if (bad)
		fprintf(stderr, "\n  [%s] something was left behind\n", here->name);
	return bad;
}

static bool has_thin(void)
{
	scoped_dm struct dm dm = { .fd = -1 };
	unsigned version[3];

	int r = dm_open(&dm);
	if (r == 0)
		r = dm_target_version(&dm, "thin-pool", version);
	if (r < 0)
		printf("skip: driver thin: %s\n", dm_why(r));
	return r == 0;
}

int main(void)
{
	int bad = suite_needs_root();

	if (bad)
		return bad;
	if (!scratch_begin())
		return 99;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		here = &places[i];
		place = here->name;
		if (strcmp(here->driver, "thin") == 0 && !has_thin())
			continue;
		if (here->disk && strcmp(here->disk, "xfs") == 0 && !scratch_can_make("xfs"))
			continue;
		bad |= suite_run(here->name, begin_place, end_place, contract);
	}
	return scratch_end() < 0 || bad;
}
