/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree-copy: a tree with one of everything, compared attribute by attribute. */
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "sample_tree.h"
#include "scratch.h"
#include "storage/copy.h"
#include "suite.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

static int copy_paths(const char *from, const char *to, struct err *err)
{
	scoped_fd int from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CU_ASSERT_FATAL(from_fd >= 0 && to_fd >= 0);
	return copy_tree(from_fd, to_fd, err);
}

static bool same_file(const char *one, const char *other)
{
	struct stat a, b;

	return lstat(one, &a) == 0 && lstat(other, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_nlink == b.st_nlink;
}

static nlink_t links_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_nlink : 0;
}

static void check_links(const char *to)
{
	scoped_free char *plain = text_format("%s/plain", to);
	scoped_free char *two = text_format("%s/dir/plain-too", to);
	scoped_free char *three = text_format("%s/dir/setgid/plain-three", to);
	scoped_free char *fifo = text_format("%s/fifo", to);
	scoped_free char *half = text_format("%s/half", to);

	CU_ASSERT(same_file(plain, two) && same_file(plain, three));
	CU_ASSERT_EQUAL(links_of(plain), 3);
	CU_ASSERT_EQUAL(links_of(fifo), 2);
	CU_ASSERT_EQUAL(links_of(half), 1);
}

static void copy_and_compare(const char *from, const char *to)
{
	struct err err = { 0 };
	int fds = scratch_count_fds();

	CU_ASSERT_EQUAL_FATAL(mkdir(to, 0700), 0);
	int r = copy_paths(from, to, &err);
	if (r < 0)
		fprintf(stderr, "\n  %s", err.text);
	CU_ASSERT_EQUAL(r, 0);
	CU_ASSERT_EQUAL(sample_differences(from, to), 0);
	check_links(to);
	CU_ASSERT_EQUAL(scratch_count_fds(), fds);
}

static void test_everything(void)
{
	sample_tree(scratch_path("everything"));
	copy_and_compare(scratch_path("everything"), scratch_path("everything.copy"));
	/* A copy of the copy would show defects of the copy itself. */
	copy_and_compare(scratch_path("everything.copy"), scratch_path("everything.again"));
}

static uint64_t used_at(const char *path)
{
	struct statvfs fs = { 0 };
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	CU_ASSERT(syncfs(fd) == 0 && fstatvfs(fd, &fs) == 0);
	return (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize;
}

static void test_shared_data(void)
{
	struct err err = { 0 };

	if (!scratch_mount("btrfs", "b", 256)) {
		suite_leaves_out("no btrfs can be made and mounted here");
		return;
	}
	sample_tree(scratch_path("b/tree"));
	copy_and_compare(scratch_path("b/tree"), scratch_path("b/copy"));
	CU_ASSERT_EQUAL(mkdir(scratch_path("b/big"), 0755), 0);
	CU_ASSERT_EQUAL(mkdir(scratch_path("b/clone"), 0755), 0);
	sample_big_file(scratch_path("b/big/file"), 64);
	uint64_t before = used_at(scratch_path("b"));
	CU_ASSERT_EQUAL(copy_paths(scratch_path("b/big"), scratch_path("b/clone"), &err), 0);
	CU_ASSERT(used_at(scratch_path("b")) < before + (16 << 20));
	/* Two file systems cannot share blocks. */
	copy_and_compare(scratch_path("b/tree"), scratch_path("from-btrfs"));
	scratch_unmount("b");
}

static void limit_fds(rlim_t soft)
{
	struct rlimit limit;

	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = soft;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static const int depth = 1200;
static const char long_name[] =
	"a-folder-whose-name-is-so-long-that-the-paths-soon-exceed-PATH_MAX";

static int go_down(int fd, bool make)
{
	for (int i = 0; i < depth; i++) {
		if (make && mkdirat(fd, long_name, 0755) < 0)
			return -errno;
		int next = openat(fd, long_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			return -errno;
		close(fd);
		fd = next;
	}
	return fd;
}

static void test_deep(void)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(mkdir(scratch_path("deep"), 0755), 0);
	CU_ASSERT_EQUAL(mkdir(scratch_path("deep.copy"), 0755), 0);
	scoped_fd int bottom =
		go_down(open(scratch_path("deep"), O_RDONLY | O_DIRECTORY | O_CLOEXEC), true);
	CU_ASSERT(bottom >= 0);
	CU_ASSERT_EQUAL(mkdirat(bottom, "bottom", 0711), 0);
	limit_fds(24);
	CU_ASSERT_EQUAL(copy_paths(scratch_path("deep"), scratch_path("deep.copy"), &err), 0);
	limit_fds(1024);
	scoped_fd int copied =
		go_down(open(scratch_path("deep.copy"), O_RDONLY | O_DIRECTORY | O_CLOEXEC), false);
	CU_ASSERT(copied >= 0);
	CU_ASSERT_EQUAL(faccessat(copied, "bottom", F_OK, 0), 0);
	limit_fds(256);
	CU_ASSERT_EQUAL(scratch_remove(scratch_path("deep")), 0);
	CU_ASSERT_EQUAL(scratch_remove(scratch_path("deep.copy")), 0);
	limit_fds(1024);
	CU_ASSERT_NOT_EQUAL(access(scratch_path("deep"), F_OK), 0);
}

/* Folders that a default ACL was set on hand it to what is made in them. */
static void test_inherited_acl(void)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(mkdir(scratch_path("bare"), 0755), 0);
	CU_ASSERT_EQUAL(mkdir(scratch_path("bare/sub"), 0755), 0);
	sample_file(scratch_path("bare/sub/file"), "x");
	CU_ASSERT_EQUAL(mkdir(scratch_path("generous"), 0755), 0);
	sample_attribute(scratch_path("generous"), "system.posix_acl_default", sample_acl,
			 sizeof sample_acl);
	CU_ASSERT_EQUAL(mkdir(scratch_path("generous/to"), 0755), 0);
	CU_ASSERT_EQUAL(copy_paths(scratch_path("bare"), scratch_path("generous/to"), &err), 0);
	CU_ASSERT_EQUAL(sample_differences(scratch_path("bare"), scratch_path("generous/to")), 0);
}

static void test_mounts_are_not_entered(void)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(mkdir(scratch_path("host"), 0755), 0);
	CU_ASSERT(scratch_mount("tmpfs", "host/mnt", 1));
	sample_file(scratch_path("host/mnt/secret"), "secret\n");
	CU_ASSERT_EQUAL(mkdir(scratch_path("host.copy"), 0755), 0);
	CU_ASSERT_EQUAL(copy_paths(scratch_path("host"), scratch_path("host.copy"), &err), 0);
	CU_ASSERT_EQUAL(access(scratch_path("host.copy/mnt"), F_OK), 0);
	CU_ASSERT_NOT_EQUAL(access(scratch_path("host.copy/mnt/secret"), F_OK), 0);
	/* Nor is what somebody has mounted there removed with the tree. */
	CU_ASSERT_EQUAL(scratch_remove(scratch_path("host")), -EBUSY);
	CU_ASSERT_EQUAL(access(scratch_path("host/mnt/secret"), F_OK), 0);
	scratch_unmount("host/mnt");
}

static void test_full_disk(void)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(mkdir(scratch_path("large"), 0755), 0);
	CU_ASSERT_EQUAL(mkdir(scratch_path("large/in"), 0755), 0);
	sample_big_file(scratch_path("large/in/a\x1b[31mfile"), 4);
	CU_ASSERT(scratch_mount("tmpfs", "small", 2));
	int fds = scratch_count_fds();
	CU_ASSERT_EQUAL(copy_paths(scratch_path("large"), scratch_path("small"), &err), -ENOSPC);
	CU_ASSERT_STRING_EQUAL(err.text, "copy 'in/a?[31mfile': the disk is full");
	CU_ASSERT_EQUAL(scratch_count_fds(), fds);
	scratch_unmount("small");
}

static void make_racing_tree(void)
{
	CU_ASSERT_EQUAL(mkdir(scratch_path("race"), 0755), 0);
	CU_ASSERT_EQUAL(mkdir(scratch_path("race/d"), 0755), 0);
	sample_file(scratch_path("race/d/name"), "harmless\n");
	sample_file(scratch_path("race/f"), "harmless\n");
	CU_ASSERT_EQUAL(mkdir(scratch_path("elsewhere"), 0755), 0);
	sample_file(scratch_path("elsewhere/name"), "secret\n");
	CU_ASSERT_EQUAL(symlink(scratch_path("elsewhere"), scratch_path("race/d.link")), 0);
	CU_ASSERT_EQUAL(symlink(scratch_path("elsewhere/name"), scratch_path("race/f.link")), 0);
}

static pid_t start_swapping(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (;;) {
		renameat2(AT_FDCWD, scratch_path("race/d"), AT_FDCWD, scratch_path("race/d.link"),
			  RENAME_EXCHANGE);
		renameat2(AT_FDCWD, scratch_path("race/f"), AT_FDCWD, scratch_path("race/f.link"),
			  RENAME_EXCHANGE);
	}
}

static bool holds_secret(const char *path)
{
	struct stat st;
	scoped_free char *data = NULL;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
	    file_read(AT_FDCWD, path, 100, &data) < 0)
		return false;
	return strcmp(data, "secret\n") == 0;
}

/* A guest exchanges folders and links while it is copied: nothing from outside may get in. */
static void test_no_escape(void)
{
	int escaped = 0;

	make_racing_tree();
	pid_t pid = start_swapping();
	CU_ASSERT(pid > 0);
	for (int i = 0; i < 400; i++) {
		struct err err = { 0 };

		CU_ASSERT_EQUAL(mkdir(scratch_path("race.copy"), 0755), 0);
		int r = copy_paths(scratch_path("race"), scratch_path("race.copy"), &err);
		CU_ASSERT(r == 0 || r == -ESTALE);
		escaped += holds_secret(scratch_path("race.copy/f")) +
			   holds_secret(scratch_path("race.copy/f.link"));
		for (int j = 0; j < 2; j++) {
			const char *d = scratch_path(j ? "race.copy/d.link" : "race.copy/d");
			struct stat st;
			if (lstat(d, &st) == 0 && S_ISDIR(st.st_mode))
				escaped += access(scratch_path(j ? "race.copy/d.link/name"
								 : "race.copy/d/name"),
						  F_OK) == 0 &&
					   holds_secret(scratch_path(j ? "race.copy/d.link/name"
								       : "race.copy/d/name"));
		}
		scratch_remove(scratch_path("race.copy"));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CU_ASSERT_EQUAL(escaped, 0);
}

/* A process has a lease, as Samba does, and gives it up some time after it was asked to. */
static pid_t start_leasing(const char *path)
{
	sigset_t asked;
	int ready[2], signal_number;

	CU_ASSERT_FATAL(pipe(ready) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		sigemptyset(&asked);
		sigaddset(&asked, SIGIO);
		sigprocmask(SIG_BLOCK, &asked, NULL);
		bool leased = fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
		if (write(ready[1], leased ? "1" : "0", 1) != 1 ||
		    sigwait(&asked, &signal_number) != 0)
			_exit(1);
		nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
		fcntl(fd, F_SETLEASE, F_UNLCK);
		_exit(0);
	}
	char byte = 0;
	CU_ASSERT(read(ready[0], &byte, 1) == 1 && byte == '1');
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void test_lease(void)
{
	struct err err = { 0 };
	int status;

	CU_ASSERT_EQUAL(mkdir(scratch_path("leased"), 0755), 0);
	CU_ASSERT_EQUAL(mkdir(scratch_path("leased.copy"), 0755), 0);
	sample_file(scratch_path("leased/file"), "shared\n");
	CU_ASSERT_EQUAL(mkfifo(scratch_path("leased/fifo"), 0600), 0);
	pid_t pid = start_leasing(scratch_path("leased/file"));
	CU_ASSERT_EQUAL(copy_paths(scratch_path("leased"), scratch_path("leased.copy"), &err), 0);
	if (err.code)
		fprintf(stderr, "\n  %s", err.text);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CU_ASSERT_EQUAL(sample_differences(scratch_path("leased"), scratch_path("leased.copy")), 0);
}

static void test_many_files(void)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(mkdir(scratch_path("many"), 0755), 0);
	CU_ASSERT_EQUAL(mkdir(scratch_path("many.copy"), 0755), 0);
	for (int i = 0; i < 40; i++) {
		CU_ASSERT_EQUAL(mkdir(scratch_path("many/%d", i), 0755), 0);
		for (int j = 0; j < 50; j++)
			sample_file(scratch_path("many/%d/%d", i, j), "x");
	}
	CU_ASSERT_EQUAL(copy_paths(scratch_path("many"), scratch_path("many.copy"), &err), 0);
	CU_ASSERT_EQUAL(sample_differences(scratch_path("many"), scratch_path("many.copy")), 0);
}

/* The copy must never have a name more than its origin: that may have as many as there can be. */
static void test_many_links(void)
{
	struct err err = { 0 };
	int made = 1;

	CU_ASSERT_EQUAL(mkdir(scratch_path("links"), 0755), 0);
	CU_ASSERT_EQUAL(mkdir(scratch_path("links/d"), 0755), 0);
	CU_ASSERT_EQUAL(mkdir(scratch_path("links.copy"), 0755), 0);
	sample_file(scratch_path("links/0"), "x");
	while (made < 1000 && link(scratch_path("links/0"),
				   scratch_path(made % 2 ? "links/d/%d" : "links/%d", made)) == 0)
		made++;
	CU_ASSERT(made > 100);
	CU_ASSERT_EQUAL(copy_paths(scratch_path("links"), scratch_path("links.copy"), &err), 0);
	CU_ASSERT_EQUAL(links_of(scratch_path("links.copy/d/1")), (nlink_t)made);
	CU_ASSERT_EQUAL(sample_entries(scratch_path("links.copy")),
			sample_entries(scratch_path("links")));
}

static CU_TestInfo tests[] = {
	{ "everything there is", test_everything },
	{ "data is shared where it can be", test_shared_data },
	{ "deeper than paths and descriptors reach", test_deep },
	{ "a default ACL is not inherited", test_inherited_acl },
	{ "mounts are not entered", test_mounts_are_not_entered },
	{ "a full disk", test_full_disk },
	{ "no escape from a changing tree", test_no_escape },
	{ "a leased file", test_lease },
	{ "many files", test_many_files },
	{ "many links", test_many_links },
	CU_TEST_INFO_NULL,
};

int main(void)
{
	int skip = suite_needs_root();

	if (skip)
		return skip;
	return scratch_begin() ? suite_run("copy", NULL, scratch_end, tests) : 99;
}
