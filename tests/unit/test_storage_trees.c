/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contents that a guest has made hard to remove: subvolumes, deep folders, protected files. */
#include "base/file.h"
#include "base/protection.h"
#include "base/scoped.h"
#include "scratch.h"
#include "storage/subvol.h"
#include "suite.h"
#include "test_storage.h"
#include "volumes.h"

#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/resource.h>

static bool nest(int fd, const char *name)
{
	return subvol_create(fd, name) == 0;
}

/* Actions of a guest on btrfs: subvolumes in subvolumes, in folders, and many of them. */
void test_nested(void)
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
void test_deep_destroy(void)
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
void test_immutable(void)
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
void test_immutable_elsewhere(void)
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
