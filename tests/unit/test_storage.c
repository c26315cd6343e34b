/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract of storage.h, held against every driver in every kind of place. */
#include "test_storage.h"
#include "base/file.h"
#include "base/scoped.h"
#include "kern/dm.h"
#include "scratch.h"
#include "suite.h"
#include "volumes.h"

#include <sys/mount.h>
#include <sys/statvfs.h>
#include <time.h>

static const struct place places[] = {
	{ "thin on a loop file", "thin", NULL, 512 << 20 }, /* left out without device-mapper */
	{ "btrfs on a loop file", "btrfs", NULL, 512 << 20 },
	{ "btrfs in a folder", "btrfs", "btrfs", 0 },
	{ "dir", "dir", NULL, 0 },
	{ "dir on btrfs", "dir", "btrfs", 0 },
	{ "dir on tmpfs", "dir", "tmpfs", 0 },
	{ "dir on xfs", "dir", "xfs", 0 }, /* left out without xfsprogs */
};

const struct place *here;
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
