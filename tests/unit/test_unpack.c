/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives, honest and hostile, into an empty folder. */
#include "base/child.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/unpack/unpack.h"
#include "kern/mount.h"
#include "suite.h"
#include "tarball.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>

static const struct idmap map = { .base = 1900000000, .count = IDMAP_COUNT };

static char folder[64]; /* all of this run */

static int begin(void)
{
	snprintf(folder, sizeof folder, "/var/tmp/berth-test-unpack-%d", (int)getpid());
	return mkdir(folder, 0755) < 0 || chdir(folder) < 0 ||
	       setenv("BERTH_LIBEXEC", TEST_LIBEXEC, 1) < 0;
}

static int end(void)
{
	return chdir("/") < 0 || remove_tree(AT_FDCWD, folder) < 0;
}

/* Into a new folder "root"; what it returned is in report and err. */
static int unpack(const char *archive, struct unpack_report *report, struct err *err)
{
	remove_tree(AT_FDCWD, "root");
	*err = (struct err){ 0 };
	if (mkdir("root", 0700) < 0)
		return err_set(err, errno, "mkdir");
	scoped_fd int mount_fd = mount_clone(AT_FDCWD, "root", 0);
	mount_private(mount_fd);
	scoped_fd int archive_fd = open(archive, O_RDONLY | O_CLOEXEC);
	return unpack_run(mount_fd, &(struct unpack_input){ archive_fd, -1, -1, NULL }, &map,
			  report, err);
}

static int unpack_members(const struct member *members, size_t count, struct unpack_report *report,
			  struct err *err)
{
	FILE *f = fopen("test.tar", "w");

	for (size_t i = 0; f && i < count; i++)
		tarball_add(f, &members[i]);
	tarball_end(f);
	fclose(f);
	return unpack("test.tar", report, err);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_unpack_honest(void)
{
	/* VFS_CAP_REVISION_2 with the effective flag, cap_net_raw permitted. */
	static const char capability[20] = { 1, 0, 0, 2, 0, 32 };
	static const struct member members[] = {
		{ .name = "./", .type = '5', .mode = 0700 },
		{ .name = "./bin/", .type = '5', .mode = 0755 },
		{ .name = "./bin/su", .type = '0', .mode = 04755, .data = "su" },
		{ .name = "./bin/su2", .type = '1', .link = "./bin/su" },
		{ .name = "./home/u/", .type = '5', .mode = 0750, .uid = 65535 },
		{ .name = "./tmp/", .type = '5', .mode = 01777 },
		{ .name = "./init", .type = '2', .link = "/bin/su" },
		{ .name = "./bin/up", .type = '2', .link = "../init" },
		{ .name = "./pipe", .type = '6', .mode = 0600 },
		{ .name = "./dev/null", .type = '3', .mode = 0666 },
		{ .name = "./dev/null2", .type = '1', .link = "./dev/null" },
		{ .name = "./dev/sda", .type = '4', .mode = 0660 },
	};
	struct unpack_report report;
	struct err err = { 0 };
	struct stat st;
	char value[64];
	FILE *f = fopen("test.tar", "w");

	for (size_t i = 0; f && i < COUNT(members); i++)
		tarball_add(f, &members[i]);
	tarball_pax(f, "SCHILY.xattr.security.capability", capability, sizeof capability);
	tarball_add(f, &(struct member){ .name = "ping", .type = '0', .mode = 0755, .data = "p" });
	tarball_pax(f, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	tarball_add(f, &(struct member){ .name = "attr", .type = '0', .data = "a" });
	tarball_end(f);
	fclose(f);
	CU_ASSERT_EQUAL(unpack("test.tar", &report, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_EQUAL(report.entries, COUNT(members) + 2);
	CU_ASSERT_EQUAL(report.nodes, 3);
	CU_ASSERT_EQUAL(report.attributes, 1);

	/* Ids on the disk are those of the archive, with any map. */
	CU_ASSERT_TRUE(stat("root", &st) == 0 && st.st_uid == 0 && (st.st_mode & 07777) == 0755);
	CU_ASSERT_TRUE(stat("root/bin/su", &st) == 0 && st.st_uid == 0 && st.st_nlink == 2 &&
		       (st.st_mode & 07777) == 04755 && st.st_mtime == 1700000000);
	CU_ASSERT_TRUE(stat("root/home/u", &st) == 0 && st.st_uid == 65535 && st.st_gid == 65535 &&
		       (st.st_mode & 07777) == 0750 && st.st_mtime == 1700000000);
	CU_ASSERT_TRUE(stat("root/tmp", &st) == 0 && (st.st_mode & 07777) == 01777);
	CU_ASSERT_TRUE(lstat("root/init", &st) == 0 && S_ISLNK(st.st_mode));
	CU_ASSERT_TRUE(lstat("root/pipe", &st) == 0 && S_ISFIFO(st.st_mode));
	CU_ASSERT_TRUE(lstat("root/dev/null", &st) < 0);
	/* The host's root must read the capability without a rootid of the map. */
	CU_ASSERT_EQUAL(getxattr("root/ping", "security.capability", value, sizeof value), 20);
	CU_ASSERT_EQUAL(memcmp(value, capability, sizeof capability), 0);
	CU_ASSERT_TRUE(getxattr("root/attr", "trusted.overlay.opaque", value, sizeof value) < 0);
}

/* Lists come as attributes with numbers, or as text, in which GNU tar has names that say nothing. */
static void test_unpack_acl(void)
{
	static const unsigned char raw[] = {
		2,   0,   0,   0,   1,   0,   6,   0,   255, 255, 255, 255,
		2,   0,   6,   0,   210, 4,   0,   0, /* user 1234 */
		4,   0,   4,   0,   255, 255, 255, 255, 16,  0,   6,   0,
		255, 255, 255, 255, 32,  0,   4,   0,   255, 255, 255, 255,
	};
	static const char text[] =
		"user::rw-\nuser:somebody:rw-\ngroup::r--\nmask::rw-\nother::r--";
	const struct member member = { .name = "f", .type = '0', .mode = 0664, .data = "f" };
	struct unpack_report report;
	struct err err = { 0 };
	char value[128];
	FILE *f = fopen("test.tar", "w");

	tarball_pax(f, "SCHILY.xattr.system.posix_acl_access", raw, sizeof raw);
	tarball_add(f, &member);
	tarball_end(f);
	fclose(f);
	CU_ASSERT_EQUAL(unpack("test.tar", &report, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_EQUAL(report.attributes, 0);
	CU_ASSERT_EQUAL(getxattr("root/f", "system.posix_acl_access", value, sizeof value),
			sizeof raw);
	CU_ASSERT_EQUAL(memcmp(value, raw, sizeof raw), 0);

	f = fopen("test.tar", "w");
	tarball_pax(f, "SCHILY.acl.access", text, sizeof text - 1);
	tarball_add(f, &member);
	tarball_end(f);
	fclose(f);
	CU_ASSERT_EQUAL(unpack("test.tar", &report, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_EQUAL(report.attributes, 1);
	/* The group's own right must not become what was the limit of all. */
	CU_ASSERT_EQUAL(getxattr("root/f", "system.posix_acl_access", value, sizeof value),
			4 + 4 * 8);
	CU_ASSERT_EQUAL(memcmp(value + 12, raw + 20, 8), 0);
}

static void test_unpack_layouts(void)
{
	static const struct member incus[] = {
		{ .name = "metadata.yaml", .type = '0', .data = "architecture: x86_64\n" },
		{ .name = "templates/hostname.tpl", .type = '0', .data = "x" },
		{ .name = "rootfs/", .type = '5', .mode = 0755 },
		{ .name = "rootfs/etc/", .type = '5', .mode = 0755 },
		{ .name = "rootfs/etc/x", .type = '0', .data = "x" },
		{ .name = "rootfs/rootfs", .type = '0', .data = "mine" },
		{ .name = "rootfs/etc/y", .type = '1', .link = "rootfs/etc/x" },
	};
	static const struct member one[] = {
		{ .name = "debian-12/etc/x", .type = '0', .data = "x" },
		{ .name = "debian-12/usr/bin/y", .type = '0', .data = "y" },
	};
	static const struct member usr[] = {
		{ .name = "usr/bin/x", .type = '0', .data = "x" },
		{ .name = "usr/sbin/x", .type = '0', .data = "x" },
		{ .name = "usr/etc/x", .type = '0', .data = "x" },
	};
	struct unpack_report report;
	struct err err;
	struct stat st;

	CU_ASSERT_EQUAL(unpack_members(incus, COUNT(incus), &report, &err), 0);
	CU_ASSERT_STRING_EQUAL(report.folder, "rootfs");
	CU_ASSERT_TRUE(stat("root/etc/y", &st) == 0 && st.st_nlink == 2);
	CU_ASSERT_TRUE(stat("root/rootfs", &st) == 0 && S_ISREG(st.st_mode));
	CU_ASSERT_TRUE(stat("root/metadata.yaml", &st) < 0 && stat("root/templates", &st) < 0);
	CU_ASSERT_TRUE(stat("root/.berth-root", &st) < 0);

	CU_ASSERT_EQUAL(unpack_members(one, COUNT(one), &report, &err), 0);
	CU_ASSERT_STRING_EQUAL(report.folder, "debian-12");
	CU_ASSERT_TRUE(stat("root/usr/bin/y", &st) == 0);

	CU_ASSERT_EQUAL(unpack_members(usr, COUNT(usr), &report, &err), 0);
	CU_ASSERT_STRING_EQUAL(report.folder, "");
	CU_ASSERT_TRUE(stat("root/usr/bin/x", &st) == 0);
}

static char long_name[6000];

/* Each archive is refused with a sentence that has these words, and changes nothing outside of the root. */
static void test_unpack_hostile(void)
{
	static const struct {
		struct member members[3];
		const char *says;
	} archives[] = {
		{ { { .name = "/etc/x", .type = '0', .data = "x" } }, "'/etc/x' has an absolute" },
		{ { { .name = "../x", .type = '0', .data = "x" } }, "'../x' has '..'" },
		{ { { .name = "a/../../x", .type = '0' } }, "'a/../../x' has '..'" },
		{ { { .name = "a/..", .type = '5' } }, "has '..'" },
		{ { { .name = "h", .type = '1', .link = "/etc/passwd" } },
		  "'h' is a link that leads out" },
		{ { { .name = "h", .type = '1', .link = "../canary" } },
		  "'h' is a link that leads out" },
		{ { { .name = "a/l", .type = '2', .link = "../../canary" } }, "leads out" },
		{ { { .name = "l", .type = '2', .link = "x/../../canary" } }, "leads out" },
		{ { { .name = "l", .type = '2', .link = "/etc" }, { .name = "l/x", .type = '0' } },
		  "through symlink" },
		{ { { .name = "usr/x", .type = '0', .data = "x" },
		    { .name = "l", .type = '2', .link = "usr" },
		    { .name = "l/x", .type = '0' } },
		  "through symlink" },
		{ { { .name = "l", .type = '2', .link = "/" }, { .name = "l/etc/", .type = '5' } },
		  "through symlink" },
		{ { { .name = "h", .type = '1', .link = "nowhere" } }, "'h'" },
		{ { { .name = "./", .type = '2', .link = "/etc" } },
		  "is the root, and not a folder" },
		{ { { .name = ".", .type = '0', .data = "x" } }, "is the root, and not a folder" },
		{ { { .name = "x", .type = '0', .uid = 65536 } },
		  "'x' has an owner that no machine" },
		{ { { .name = "x", .type = '0', .uid = 4294967295 } }, "ids are 0 to 65535" },
		{ { { .name = "x", .type = '0', .claim = 1ULL << 40 } }, "not complete" },
		{ { { .name = "a\033[2Jb", .type = '0', .uid = 70000 } }, "'a?[2Jb' has an owner" },
		{ { { .name = "a'\n'b", .type = '0', .uid = 70000 } }, "'a'?'b' has an owner" },
	};
	struct unpack_report report;
	struct err err;
	struct stat st;

	CU_ASSERT_EQUAL(file_replace("canary", "alive", 5, 0644, NULL), 0);
	for (size_t i = 0; i < COUNT(archives); i++) {
		size_t n = 0;
		while (n < 3 && archives[i].members[n].name)
			n++;
		int r = unpack_members(archives[i].members, n, &report, &err);
		if (r == 0 || !strstr(err.text, archives[i].says))
			printf("\n  archive %zu: %d '%s', wanted '%s'", i, r, err.text,
			       archives[i].says);
		CU_ASSERT_TRUE(r < 0 && strstr(err.text, archives[i].says));
		CU_ASSERT_TRUE(stat("canary", &st) == 0 && st.st_size == 5 && st.st_nlink == 1);
		CU_ASSERT_TRUE(stat("x", &st) < 0);
	}
	memset(long_name, 'n', sizeof long_name - 1);
	const struct member too_long = { .name = long_name, .type = '0' };
	CU_ASSERT_TRUE(unpack_members(&too_long, 1, &report, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "nnnn"));
}

static int unpack_bytes(const void *bytes, size_t n, struct err *err)
{
	struct unpack_report report;
	FILE *f = fopen("test.tar", "w");

	fwrite(bytes, 1, n, f);
	fclose(f);
	return unpack("test.tar", &report, err);
}

static void test_unpack_broken(void)
{
	static const struct member members[] = {
		{ .name = "etc/one", .type = '0', .data = "one" },
		{ .name = "etc/two", .type = '0', .data = "two" },
	};
	static const char text[] = "this is no archive, and long enough to be looked at twice\n";
	static char zeros[1024], whole[4096];
	struct unpack_report report;
	struct err err;

	CU_ASSERT_TRUE(unpack_bytes("", 0, &err) < 0);
	CU_ASSERT_STRING_EQUAL(err.text, "it is empty");
	CU_ASSERT_TRUE(unpack_bytes(zeros, sizeof zeros, &err) < 0);
	CU_ASSERT_STRING_EQUAL(err.text, "it is empty");
	CU_ASSERT_TRUE(unpack_bytes(text, sizeof text, &err) < 0);
	CU_ASSERT_TRUE(text_starts(err.text, "it is not a tar archive;"));

	CU_ASSERT_EQUAL(unpack_members(members, 2, &report, &err), 0);
	FILE *f = fopen("test.tar", "r");
	size_t n = f ? fread(whole, 1, sizeof whole, f) : 0;
	fclose(f);
	CU_ASSERT_EQUAL(n, 3072);
	/* Cut within a file, within a header, and between two files, where nothing seems amiss. */
	for (size_t cut = 700; cut > 0; cut = cut == 700 ? 1300 : cut == 1300 ? 1024 : 0) {
		CU_ASSERT_TRUE(unpack_bytes(whole, cut, &err) < 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not complete"));
	}
	CU_ASSERT_EQUAL(unpack_bytes(whole, 2048 + 512, &err), 0);
}

static void test_unpack_compressed(void)
{
	static const struct member members[] = {
		{ .name = "etc/one", .type = '0', .data = "one" },
		{ .name = "usr/two", .type = '0', .data = "two" },
	};
	const char *const gzip[] = { "gzip", "-kf", "test.tar", NULL };
	struct unpack_report report;
	struct child_io io = { 0 };
	struct err err = { 0 };
	struct stat st;

	CU_ASSERT_EQUAL(unpack_members(members, 2, &report, &err), 0);
	if (child_run(gzip, &io, &err) < 0) {
		suite_leaves_out("there is no gzip program");
		return;
	}
	CU_ASSERT_EQUAL(unpack("test.tar.gz", &report, &err), 0);
	CU_ASSERT_EQUAL(report.entries, 2);
	CU_ASSERT_TRUE(stat("root/usr/two", &st) == 0);
	CU_ASSERT_TRUE(stat("test.tar.gz", &st) == 0 &&
		       truncate("test.tar.gz", st.st_size - 9) == 0);
	CU_ASSERT_TRUE(unpack("test.tar.gz", &report, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not complete"));
}

/* Later members of the same name win, as with every tar; a link is replaced, not followed. */
static void test_unpack_twice(void)
{
	static const struct member members[] = {
		{ .name = "etc/x", .type = '2', .link = "/canary" },
		{ .name = "etc/x", .type = '0', .data = "second", .mode = 0600 },
		{ .name = "etc/x", .type = '0', .data = "the third", .mode = 0640 },
		{ .name = "usr/", .type = '5', .mode = 0700 },
		{ .name = "usr/", .type = '5', .mode = 0755 },
	};
	struct unpack_report report;
	struct err err;
	struct stat st;

	CU_ASSERT_EQUAL(unpack_members(members, COUNT(members), &report, &err), 0);
	CU_ASSERT_TRUE(lstat("root/etc/x", &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 9 &&
		       (st.st_mode & 0777) == 0640);
	CU_ASSERT_TRUE(stat("root/usr", &st) == 0 && (st.st_mode & 0777) == 0755);
}

static void test_unpack_many(void)
{
	enum { MANY = 20000 };
	struct unpack_report report;
	struct err err;
	struct stat st;
	char name[64];
	FILE *f = fopen("test.tar", "w");

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "d%d/e%d/", i / 100, i);
		tarball_add(f, &(struct member){ .name = name, .type = '5', .mode = 0755 });
	}
	tarball_end(f);
	fclose(f);
	CU_ASSERT_EQUAL(unpack("test.tar", &report, &err), 0);
	CU_ASSERT_EQUAL(report.entries, MANY);
	CU_ASSERT_TRUE(stat("root/d199/e19999", &st) == 0);
}

/* No descriptor stays open after any kind of end. */
static unsigned count_fds(void)
{
	scoped_dir DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	return n;
}

static void test_unpack_fds(void)
{
	unsigned before = count_fds();
	struct unpack_report report;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(file_replace("none.tar", "", 0, 0644, NULL), 0);
	CU_ASSERT_TRUE(unpack("none.tar", &report, &err) < 0);
	setenv("BERTH_LIBEXEC", "/no/such/folder", 1);
	CU_ASSERT_TRUE(unpack("none.tar", &report, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/no/such/folder/berth-unpack"));
	setenv("BERTH_LIBEXEC", TEST_LIBEXEC, 1);
	CU_ASSERT_EQUAL(count_fds(), before);
}

/* The process whose parent is `parent`, once there is one; 0: it did not come. */
static pid_t child_of(pid_t parent)
{
	struct timespec pause = { .tv_nsec = 2000000 };
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
	for (int i = 0; i < 60000; i++) {
		scoped_free char *text = NULL;
		if (file_read(AT_FDCWD, path, 256, &text) > 0)
			return (pid_t)strtol(text, NULL, 10);
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* A file of /proc/PID has this text, sooner or later: the process is still giving up rights. */
static bool proc_says(pid_t pid, const char *name, const char *wanted)
{
	struct timespec pause = { .tv_nsec = 2000000 };
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	for (int i = 0; i < 60000; i++) {
		scoped_free char *text = NULL;
		if (file_read(AT_FDCWD, path, 1 << 16, &text) > 0 && strstr(text, wanted))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static bool namespace_shared(pid_t pid, const char *name)
{
	char path[64], ours[64], theirs[64];

	snprintf(path, sizeof path, "/proc/self/ns/%s", name);
	ssize_t n = readlink(path, ours, sizeof ours);
	snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
	ssize_t m = readlink(path, theirs, sizeof theirs);
	return n <= 0 || m <= 0 || (n == m && memcmp(ours, theirs, (size_t)n) == 0);
}

static void check_confined(pid_t pid)
{
	static const char *const namespaces[] = { "user", "mnt", "pid",   "net",
						  "ipc",  "uts", "cgroup" };
	scoped_free char *mounts = NULL;
	char path[64];

	/* CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETFCAP, of its own user namespace. */
	CU_ASSERT_TRUE(proc_says(pid, "status", "CapEff:\t000000008000001b"));
	CU_ASSERT_TRUE(proc_says(pid, "status", "CapPrm:\t000000008000001b"));
	CU_ASSERT_TRUE(proc_says(pid, "status", "CapInh:\t0000000000000000"));
	CU_ASSERT_TRUE(proc_says(pid, "status", "NoNewPrivs:\t1"));
	CU_ASSERT_TRUE(proc_says(pid, "status", "Uid:\t1900000000\t1900000000\t1900000000"));
	for (size_t i = 0; i < COUNT(namespaces); i++)
		CU_ASSERT_FALSE(namespace_shared(pid, namespaces[i]));
	/* The only mount is its root, and only the archive, the report and the settings are open. */
	snprintf(path, sizeof path, "/proc/%d/mountinfo", (int)pid);
	CU_ASSERT_TRUE(file_read(AT_FDCWD, path, 1 << 16, &mounts) > 0);
	CU_ASSERT_TRUE(mounts && strchr(mounts, '\n') == strrchr(mounts, '\n'));
	CU_ASSERT_TRUE(mounts && strstr(mounts, " / rw,nosuid,nodev,noexec"));
	for (int fd = UNPACK_FACTS + 1; fd < 64; fd++) {
		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
		CU_ASSERT_TRUE(faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0);
	}
}

/* Reads an archive that never comes, in a process of its own. */
static __attribute__((noreturn)) void unpack_nothing(int archive_fd)
{
	struct unpack_report report;
	struct err err = { 0 };
	int mount_fd = mount_clone(AT_FDCWD, "root", 0);

	mount_private(mount_fd);
	mount_attributes(mount_fd, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, 0);
	_exit(unpack_run(mount_fd, &(struct unpack_input){ archive_fd, -1, -1, NULL }, &map,
			 &report, &err) < 0);
}

/* The program that reads hostile bytes has no access to the host, and dies with its parent. */
static void test_unpack_confined(void)
{
	int ends[2];

	remove_tree(AT_FDCWD, "root");
	CU_ASSERT_EQUAL(mkdir("root", 0700), 0);
	CU_ASSERT_EQUAL(pipe2(ends, O_CLOEXEC), 0);
	scoped_fd int reading = ends[0];
	scoped_fd int writing = ends[1];
	pid_t pid = fork();
	if (pid == 0)
		unpack_nothing(reading);
	pid_t helper = child_of(pid);
	pid_t confined = child_of(helper);
	CU_ASSERT_TRUE(confined > 0);
	if (confined > 0)
		check_confined(confined);
	kill(pid, SIGKILL);
	child_wait(pid);
	char path[64];
	snprintf(path, sizeof path, "/proc/%d", (int)confined);
	struct timespec pause = { .tv_nsec = 2000000 };
	for (int i = 0; i < 60000 && access(path, F_OK) == 0; i++)
		nanosleep(&pause, NULL);
	CU_ASSERT_TRUE(access(path, F_OK) < 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an honest archive", test_unpack_honest },
		{ "access control lists", test_unpack_acl },
		{ "roots below a folder", test_unpack_layouts },
		{ "hostile archives", test_unpack_hostile },
		{ "broken archives", test_unpack_broken },
		{ "compressed archives", test_unpack_compressed },
		{ "names that come twice", test_unpack_twice },
		{ "many entries", test_unpack_many },
		{ "unpacking is confined", test_unpack_confined },
		{ "no descriptor is left", test_unpack_fds },
		CU_TEST_INFO_NULL,
	};
	int skip = suite_needs_root();

	return skip ? skip : suite_run("unpack", begin, end, tests);
}
