/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts of a root: its init, its distribution, and roots that were made to deceive. */
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/template/root.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static char folder[64]; /* all of this run */

static int begin(void)
{
	snprintf(folder, sizeof folder, "/var/tmp/berth-test-root-%d", (int)getpid());
	return mkdir(folder, 0755) < 0 || chdir(folder) < 0;
}

static int end(void)
{
	return chdir("/") < 0 || remove_tree(AT_FDCWD, folder) < 0;
}

/* A file of that text in the root, with its folders. */
static void put(const char *path, const char *text, mode_t mode)
{
	scoped_free char *copy = strdup(path);

	*strrchr(copy, '/') = '\0';
	CU_ASSERT_EQUAL(file_make_dirs(copy, 0755, NULL), 0);
	scoped_file FILE *f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fchmod(fileno(f), mode) < 0)
		CU_FAIL("cannot write a test's file");
}

/* An ELF header of that machine; enough for what looks at it. */
static void put_elf(const char *path, unsigned char class, unsigned char data, uint16_t machine)
{
	unsigned char header[64] = { 0x7f, 'E', 'L', 'F', class, data, 1 };

	put(path, "", 0755);
	header[data == 1 ? 18 : 19] = (unsigned char)machine;
	header[data == 1 ? 19 : 18] = (unsigned char)(machine >> 8);
	scoped_file FILE *f = fopen(path, "w");
	if (!f || fwrite(header, sizeof header, 1, f) != 1)
		CU_FAIL("cannot write a test's program");
}

static int inspect(const char *root, const char *init, struct root_facts *facts, struct err *err)
{
	scoped_fd int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*err = (struct err){ 0 };
	return root_inspect(fd, init, facts, err);
}

static void test_root_systemd(void)
{
	struct root_facts facts;
	struct err err;

	put_elf("sd/usr/lib/systemd/systemd", 2, 1, 183);
	put("sd/usr/lib/aarch64-linux-gnu/systemd/libsystemd-shared-252.so", "", 0644);
	put("sd/usr/sbin/x", "", 0644);
	put("sd/etc/os-release",
	    "NAME=\"D\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n", 0644);
	CU_ASSERT_EQUAL(symlink("usr/lib", "sd/lib"), 0);
	CU_ASSERT_EQUAL(symlink("usr/sbin", "sd/sbin"), 0);
	CU_ASSERT_EQUAL(symlink("/lib/systemd/systemd", "sd/usr/sbin/init"), 0);
	CU_ASSERT_EQUAL(inspect("sd", "", &facts, &err), 0);
	CU_ASSERT_EQUAL(facts.init, INIT_SYSTEMD);
	CU_ASSERT_STRING_EQUAL(facts.init_path, "/sbin/init");
	CU_ASSERT_EQUAL(facts.systemd_version, 252);
	CU_ASSERT_STRING_EQUAL(facts.arch, "aarch64");
	CU_ASSERT_STRING_EQUAL(facts.distribution, "debian");
	CU_ASSERT_STRING_EQUAL(facts.release, "bookworm");
	CU_ASSERT_FALSE(facts.has_shell);
	CU_ASSERT_FALSE(root_runs_here(&facts) && strcmp(facts.arch, "aarch64") != 0);
}

static void test_root_busybox(void)
{
	struct root_facts facts;
	struct err err;

	put_elf("bb/bin/busybox", 1, 1, 40);
	put("bb/etc/os-release", "ID='alpine'\nVERSION_ID=3.20\n", 0644);
	CU_ASSERT_EQUAL(mkdir("bb/sbin", 0755), 0);
	CU_ASSERT_EQUAL(symlink("../bin/busybox", "bb/sbin/init"), 0);
	CU_ASSERT_EQUAL(symlink("busybox", "bb/bin/sh"), 0);
	CU_ASSERT_EQUAL(inspect("bb", "", &facts, &err), 0);
	CU_ASSERT_EQUAL(facts.init, INIT_BUSYBOX);
	CU_ASSERT_STRING_EQUAL(facts.arch, "armv7l");
	CU_ASSERT_STRING_EQUAL(facts.distribution, "alpine");
	CU_ASSERT_STRING_EQUAL(facts.release, "3.20");
	CU_ASSERT_TRUE(facts.has_shell);
}

/* Gettys are for screens unless inittab has one for the console; some inits need no telling. */
static void test_root_screen(void)
{
	struct root_facts facts;
	struct err err;

	put("screen/sbin/init", "..INIT_VERSION=sysvinit-3.06..", 0755);
	CU_ASSERT_EQUAL(inspect("screen", "", &facts, &err), 0);
	CU_ASSERT_TRUE(facts.wants_screen);
	put("screen/etc/inittab", "1:23:respawn:/sbin/getty tty1\n # getty console\n", 0644);
	CU_ASSERT_EQUAL(inspect("screen", "", &facts, &err), 0);
	CU_ASSERT_TRUE(facts.wants_screen);
	put("screen/etc/inittab", "1:23:respawn:/sbin/getty tty1\nc:2:respawn:getty console", 0644);
	CU_ASSERT_EQUAL(inspect("screen", "", &facts, &err), 0);
	CU_ASSERT_FALSE(facts.wants_screen);
	put("screen2/lib/systemd/systemd", "systemd 252", 0755);
	CU_ASSERT_EQUAL(inspect("screen2", "", &facts, &err), 0);
	CU_ASSERT_FALSE(facts.wants_screen);
}

static void test_root_by_content(void)
{
	static const struct {
		const char *text;
		enum init_kind kind;
	} files[] = {
		{ "..INIT_VERSION=sysvinit-3.06..", INIT_SYSVINIT },
		{ "..BusyBox v1.36.1..", INIT_BUSYBOX },
		{ "..OpenRC init version %s..", INIT_OPENRC },
		{ "../run/runit.stopit../sbin/runit..", INIT_RUNIT },
		{ "../etc/runit/stopit../sbin/runit..", INIT_RUNIT_ORIGINAL },
		{ "../run/runit/stopit../sbin/runit..", INIT_RUNIT_ORIGINAL },
		{ "#!/bin/sh\nexec s6-linux-init -c /etc/s6 \"$@\"\n", INIT_S6 },
		{ "#!/bin/sh\nsleep 1000\n", INIT_OTHER },
	};
	struct root_facts facts;
	struct err err;

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		put("content/sbin/init", files[i].text, 0755);
		CU_ASSERT_EQUAL(inspect("content", "", &facts, &err), 0);
		CU_ASSERT_EQUAL(facts.init, files[i].kind);
	}
	put("content/sbin/init", "..systemd 219..\n+PAM", 0755);
	CU_ASSERT_EQUAL(rename("content/sbin/init", "content/systemd"), 0);
	put("content/lib/systemd/systemd", "..\nsystemd 219\n+PAM", 0755);
	CU_ASSERT_EQUAL(inspect("content", "", &facts, &err), 0);
	CU_ASSERT_EQUAL(facts.init, INIT_SYSTEMD);
	CU_ASSERT_EQUAL(facts.systemd_version, 219);
}

/* Files that are no programs, links in circles and links that climb: none may block the look. */
static void test_root_hostile(void)
{
	struct root_facts facts;
	struct err err;

	put("bad/etc/os-release", "ID=\033[31mx\nVERSION_ID=$(reboot)'\"\n", 0644);
	CU_ASSERT_EQUAL(mkdir("bad/sbin", 0755), 0);
	CU_ASSERT_EQUAL(mkdir("bad/bin", 0755), 0);
	CU_ASSERT_EQUAL(mkfifo("bad/sbin/init", 0755), 0);
	CU_ASSERT_EQUAL(symlink("init", "bad/init"), 0);
	CU_ASSERT_EQUAL(symlink("../../../../../../bin/sh", "bad/bin/sh"), 0);
	CU_ASSERT_EQUAL(mknod("bad/bin/init", S_IFCHR | 0755, makedev(5, 2)), 0);
	put("bad/etc/init", "not executable", 0644);
	CU_ASSERT_EQUAL(inspect("bad", "", &facts, &err), 0);
	CU_ASSERT_EQUAL(facts.init, INIT_NONE);
	CU_ASSERT_STRING_EQUAL(facts.init_path, "");
	CU_ASSERT_FALSE(facts.has_shell);
	CU_ASSERT_STRING_EQUAL(facts.arch, "");
	CU_ASSERT_STRING_EQUAL(facts.distribution, "31mx");
	CU_ASSERT_STRING_EQUAL(facts.release, "reboot");

	CU_ASSERT_EQUAL(inspect("bad", "/no/init", &facts, &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/no/init"));
	CU_ASSERT_TRUE(inspect("bad", "/etc/init", &facts, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not a program"));
}

static void test_init_table(void)
{
	for (int kind = INIT_NONE; kind <= INIT_OTHER; kind++) {
		const struct init_row *row = init_row((enum init_kind)kind);
		CU_ASSERT_EQUAL((int)row->kind, kind);
		CU_ASSERT_TRUE(text_starts(row->halt, "SIG") && text_starts(row->reboot, "SIG"));
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a root with systemd", test_root_systemd },
		{ "a root with busybox", test_root_busybox },
		{ "a root made for screens", test_root_screen },
		{ "inits told by their content", test_root_by_content },
		{ "a hostile root", test_root_hostile },
		{ "the table of inits is whole", test_init_table },
		CU_TEST_INFO_NULL,
	};
	int skip = suite_needs_root();

	return skip ? skip : suite_run("root", begin, end, tests);
}
