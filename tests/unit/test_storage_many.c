/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many processes on one pool at once, one that is killed, and the state after a reboot of the host. */
#include "base/file.h"
#include "base/scoped.h"
#include "kern/dm.h"
#include "scratch.h"
#include "suite.h"
#include "test_storage.h"
#include "volumes.h"

#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

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

void test_at_once(void)
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

void test_killed(void)
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

void test_reboot(void)
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

void test_reboot_at_once(void)
{
	int mounts = scratch_count_mounts(), loops = scratch_count_loops();

	reboot();
	CU_ASSERT_EQUAL(run_at_once(8, open_main, NULL), 8);
	CU_ASSERT_EQUAL(scratch_count_mounts(), mounts);
	CU_ASSERT_EQUAL(scratch_count_loops(), loops);
}
