/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sample_tree.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "scratch.h"
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

void sample_file(const char *path, const char *data)
{
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_FATAL(write(fd, data, strlen(data)) == (ssize_t)strlen(data));
}

/* Random bytes, so that no file system finds zeros to leave out. */
void sample_big_file(const char *path, size_t mebibytes)
{
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	scoped_fd int random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	static char block[1 << 20];

	CU_ASSERT_FATAL(fd >= 0 && read(random, block, sizeof block) == sizeof block);
	for (size_t i = 0; i < mebibytes; i++) {
		block[i % sizeof block]++;
		CU_ASSERT_FATAL(write(fd, block, sizeof block) == sizeof block);
	}
}

static void set_times(const char *path, long seconds)
{
	const struct timespec times[2] = { { seconds, 123456789 }, { seconds + 1, 987654321 } };

	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

void sample_attribute(const char *path, const char *name, const void *value, size_t n)
{
	CU_ASSERT_EQUAL(lsetxattr(path, name, value, n, 0), 0);
}

/* setcap cap_net_raw+ep: revision 2, effective bit, permitted 1 << 13. */
static const unsigned char capability[20] = { 1, 0, 0, 2, 0, 0x20, 0, 0 };

/* user::rwx user:1234:r-- group::r-x mask::r-x other::---, as the kernel stores it. */
const unsigned char sample_acl[SAMPLE_ACL_SIZE] = {
	2, 0,    0,    0,    1,    0,    7,    0, 0xff, 0xff, 0xff, 0xff, 2,    0,    4,
	0, 0xd2, 4,    0,    0,    4,    0,    5, 0,    0xff, 0xff, 0xff, 0xff, 0x10, 0,
	5, 0,    0xff, 0xff, 0xff, 0xff, 0x20, 0, 0,    0,    0xff, 0xff, 0xff, 0xff
};

static void make_holes(const char *path)
{
	scoped_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char block[65536];

	memset(block, 'x', sizeof block);
	CU_ASSERT_EQUAL(pwrite(fd, block, sizeof block, 1 << 20), sizeof block);
	CU_ASSERT_EQUAL(pwrite(fd, block, sizeof block, 8 << 20), sizeof block);
	CU_ASSERT_EQUAL(ftruncate(fd, 16 << 20), 0);
}

static void make_socket(const char *path)
{
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
}

static void make_files(void)
{
	sample_file("plain", "plain\n");
	sample_file("empty", "");
	sample_file("suid", "#!/bin/sh\n");
	CU_ASSERT_EQUAL(chown("suid", 1000, 2000), 0);
	CU_ASSERT_EQUAL(chmod("suid", 06755), 0);
	sample_file("none", "nobody may\n");
	CU_ASSERT_EQUAL(chmod("none", 0), 0);
	sample_file("capable", "x");
	sample_attribute("capable", "security.capability", capability, sizeof capability);
	sample_file("acl", "x");
	sample_attribute("acl", "system.posix_acl_access", sample_acl, sizeof sample_acl);
	sample_file("noted", "x");
	sample_attribute("noted", "user.note", "a\0b", 3);
	sample_attribute("noted", "trusted.note", "", 0);
	sample_file("line\nbreak \x1b[31m \xff", "odd name\n");
	make_holes("holes");
	sample_big_file("big", 3);
}

static void make_others(void)
{
	CU_ASSERT_EQUAL(mkfifo("fifo", 0640), 0);
	make_socket("socket");
	CU_ASSERT_EQUAL(mknod("char", S_IFCHR | 0660, makedev(1, 3)), 0);
	CU_ASSERT_EQUAL(mknod("block", S_IFBLK | 0660, makedev(259, 4711)), 0);
	CU_ASSERT_EQUAL(chown("block", 0, 6), 0);
	CU_ASSERT_EQUAL(symlink("/etc/passwd", "absolute"), 0);
	CU_ASSERT_EQUAL(symlink("nowhere/at/all", "dangling"), 0);
	CU_ASSERT_EQUAL(lchown("dangling", 4294967294, 65534), 0);
	CU_ASSERT_EQUAL(mkdir("dir", 01777), 0);
	CU_ASSERT_EQUAL(chmod("dir", 01777), 0);
	CU_ASSERT_EQUAL(mkdir("dir/setgid", 0755), 0);
	CU_ASSERT_EQUAL(chown("dir/setgid", 5, 6), 0);
	CU_ASSERT_EQUAL(chmod("dir/setgid", 02770), 0);
	sample_attribute("dir/setgid", "system.posix_acl_default", sample_acl, sizeof sample_acl);
	sample_file("dir/setgid/inside", "inside\n");
	CU_ASSERT_EQUAL(mkdir("dir/empty", 0), 0);
	CU_ASSERT_EQUAL(link("plain", "dir/plain-too"), 0);
	CU_ASSERT_EQUAL(link("plain", "dir/setgid/plain-three"), 0);
	CU_ASSERT_EQUAL(link("fifo", "dir/fifo-too"), 0);
	CU_ASSERT_EQUAL(link("dangling", "dir/dangling-too"), 0);
	sample_file("../outside", "linked from outside\n");
	CU_ASSERT_EQUAL(link("../outside", "half"), 0);
}

static void set_all_times(void)
{
	static const char *const names[] = {
		"plain",  "empty",      "suid",      "none",
		"acl",    "noted",      "holes",     "fifo",
		"socket", "char",       "absolute",  "dangling",
		"half",   "capable",    "block",     "dir/setgid/inside",
		"big",    "dir/setgid", "dir/empty", "dir",
		"."
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		set_times(names[i], 1000000000 + (long)i * 1000);
}

void sample_tree(const char *path)
{
	CU_ASSERT_EQUAL_FATAL(mkdir(path, 0750), 0);
	CU_ASSERT_EQUAL_FATAL(chdir(path), 0);
	make_files();
	make_others();
	CU_ASSERT_EQUAL(chown(".", 10, 20), 0);
	sample_attribute(".", "user.top", "1", 1);
	set_all_times();
	CU_ASSERT_EQUAL_FATAL(chdir("/"), 0);
}

static int differences;

static void differ(const char *path, const char *what)
{
	fprintf(stderr, "\n  '%s' differs in its %s", path, what);
	differences++;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Attribute names of a file, sorted, as one text. */
static void list_attributes(const char *path, struct text *out)
{
	char names[8192], *sorted[64];
	ssize_t n = llistxattr(path, names, sizeof names);
	size_t count = 0;

	for (char *at = names; n > 0 && at < names + n && count < 64; at += strlen(at) + 1)
		sorted[count++] = at;
	if (count > 0)
		qsort(sorted, count, sizeof *sorted, by_text);
	for (size_t i = 0; i < count; i++)
		text_add(out, "%s\n", sorted[i]);
}

static void compare_attributes(const char *one, const char *other)
{
	scoped_text struct text a = { 0 };
	scoped_text struct text b = { 0 };
	char x[4096], y[4096];

	list_attributes(one, &a);
	list_attributes(other, &b);
	if (strcmp(text_str(&a), text_str(&b)) != 0) {
		differ(other, "attributes' names");
		return;
	}
	for (char *name = a.data ? strtok(a.data, "\n") : NULL; name; name = strtok(NULL, "\n")) {
		ssize_t n = lgetxattr(one, name, x, sizeof x);
		if (n != lgetxattr(other, name, y, sizeof y) || n < 0 ||
		    memcmp(x, y, (size_t)n) != 0)
			differ(other, name);
	}
}

static void compare_data(const char *one, const char *other)
{
	scoped_free char *a = NULL;
	scoped_free char *b = NULL;
	ssize_t n = file_read(AT_FDCWD, one, 64 << 20, &a);

	if (n < 0 || n != file_read(AT_FDCWD, other, 64 << 20, &b) || memcmp(a, b, (size_t)n) != 0)
		differ(other, "data");
}

static void compare_links(const char *one, const char *other)
{
	char a[PATH_MAX] = "", b[PATH_MAX] = "";

	if (readlink(one, a, sizeof a - 1) < 0 || readlink(other, b, sizeof b - 1) < 0 ||
	    strcmp(a, b) != 0)
		differ(other, "target");
}

static void compare_stat(const char *other, const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode)
		differ(other, "mode");
	if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		differ(other, "owner");
	if (!S_ISDIR(a->st_mode) && a->st_size != b->st_size)
		differ(other, "size");
	if (a->st_rdev != b->st_rdev)
		differ(other, "device number");
	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec)
		differ(other, "modification time");
	/* The copying itself changes the times of folders. */
	if (!S_ISDIR(a->st_mode) &&
	    (a->st_atim.tv_sec != b->st_atim.tv_sec || a->st_atim.tv_nsec != b->st_atim.tv_nsec))
		differ(other, "access time");
	if (b->st_blocks > a->st_blocks + 256)
		differ(other, "holes");
}

int sample_entries(const char *path)
{
	scoped_dir DIR *dir = opendir(path);
	int n = 0;

	while (dir && readdir(dir))
		n++;
	return n;
}

static void compare_trees(const char *one, const char *other);

static void compare_folders(const char *one, const char *other)
{
	scoped_dir DIR *dir = opendir(one);

	if (sample_entries(one) != sample_entries(other))
		differ(other, "number of entries");
	for (struct dirent *e; dir && (e = readdir(dir));) {
		scoped_free char *a = text_format("%s/%s", one, e->d_name);
		scoped_free char *b = text_format("%s/%s", other, e->d_name);
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			compare_trees(a, b);
	}
}

static void compare_trees(const char *one, const char *other)
{
	struct stat a, b;

	if (lstat(one, &a) < 0 || lstat(other, &b) < 0) {
		differ(other, "being there");
		return;
	}
	compare_stat(other, &a, &b);
	compare_attributes(one, other);
	if (S_ISREG(a.st_mode))
		compare_data(one, other);
	else if (S_ISLNK(a.st_mode))
		compare_links(one, other);
	else if (S_ISDIR(a.st_mode))
		compare_folders(one, other);
}

int sample_differences(const char *one, const char *other)
{
	differences = 0;
	compare_trees(one, other);
	return differences;
}
