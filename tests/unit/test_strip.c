/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removal of identity from a root, by right and wrong lists, from honest and hostile roots. */
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/template/strip.h"
#include "image/template/strip_list.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char folder[64]; /* all of this run */
static struct dirs dirs;

static void put(const char *path, const char *text)
{
	scoped_free char *copy = strdup(path);

	*strrchr(copy, '/') = '\0';
	CU_ASSERT_EQUAL(file_make_dirs(copy, 0755, NULL), 0);
	scoped_file FILE *f = fopen(path, "w");
	if (!f || fputs(text, f) < 0)
		CU_FAIL("cannot write a test's file");
}

static bool there(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether a file has that text. */
static bool has(const char *path, const char *text)
{
	scoped_free char *now = NULL;

	return file_read(AT_FDCWD, path, 1000, &now) >= 0 && strcmp(now, text) == 0;
}

static int begin(void)
{
	snprintf(folder, sizeof folder, "/var/tmp/berth-test-strip-%d", (int)getpid());
	if (mkdir(folder, 0755) < 0 || chdir(folder) < 0 || mkdir("templates", 0755) < 0 ||
	    setenv("BERTH_TEMPLATES", "templates", 1) < 0)
		return -1;
	return dirs_open(&dirs, folder, &(struct err){ 0 });
}

static int end(void)
{
	dirs_close(&dirs);
	return chdir("/") < 0 || remove_tree(AT_FDCWD, folder) < 0;
}

static int strip(const char *list, bool publish, struct err *err)
{
	put("templates/identity.d/a.conf", list);
	scoped_fd int fd = open("root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*err = (struct err){ 0 };
	return strip_root(&dirs, fd, publish, &(struct strip_identity){ "web", "0-1-2" }, err);
}

static void test_verbs(void)
{
	struct err err;

	put("root/etc/id", "old");
	put("root/etc/machine-id", "old");
	put("root/var/a/1.key", "x");
	put("root/var/b/2.key", "x");
	put("root/var/b/.3.key", "x");
	put("root/log/x/syslog", "text");
	put("root/log/x/syslog.1", "text");
	put("root/log/x/2.gz", "text");
	put("root/log/x/y.old", "text");
	put("root/log/btmp", "text");
	const char *list =
		"# note\n\nidentity write /etc/id a %u b %n%u%\nidentity empty /etc/machine-id\n"
		"identity write /etc/absent text\nidentity remove /var/*/*.key\n"
		"publish clear /log\n";
	CU_ASSERT_EQUAL(strip(list, false, &err), 0);
	CU_ASSERT_TRUE(has("root/etc/id", "a 0-1-2 b web0-1-2%\n") &&
		       has("root/etc/machine-id", ""));
	CU_ASSERT_FALSE(there("root/etc/absent") || there("root/var/a/1.key") ||
			there("root/var/b/2.key"));
	CU_ASSERT_TRUE(there("root/var/b/.3.key") && has("root/log/x/syslog", "text"));
	CU_ASSERT_EQUAL(strip(list, true, &err), 0);
	CU_ASSERT_TRUE(has("root/log/x/syslog", "") && has("root/log/btmp", ""));
	CU_ASSERT_FALSE(there("root/log/x/syslog.1") || there("root/log/x/2.gz") ||
			there("root/log/x/y.old"));
}

static void test_folders_of_lists(void)
{
	struct err err;

	put("etc/identity.d/a.conf", "identity remove /of-site\n");
	put("etc/identity.d/.hidden.conf", "wrong\n");
	put("etc/identity.d/other", "wrong\n");
	put("root/of-site", "x");
	put("root/shipped", "x");
	CU_ASSERT_EQUAL(strip("identity remove /shipped\n", false, &err), 0);
	CU_ASSERT_TRUE(!there("root/of-site") && there("root/shipped"));
	CU_ASSERT_EQUAL(remove_tree(AT_FDCWD, "etc/identity.d"), 0);
	CU_ASSERT_EQUAL(strip("identity remove /shipped\n", false, &err), 0);
	CU_ASSERT_FALSE(there("root/shipped"));
	CU_ASSERT_EQUAL(remove_tree(AT_FDCWD, "templates/identity.d"), 0);
	scoped_fd int fd = open("root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CU_ASSERT_TRUE(strip_root(&dirs, fd, false, &(struct strip_identity){ "web", "u" }, &err) <
		       0);
}

static void test_wrong_lines(void)
{
	static const char *const wrong[] = {
		"identity",
		"identity remove",
		"sometimes remove /a",
		"identity shred /a",
		"identity remove a",
		"identity remove /",
		"identity remove /a/../b",
		"identity remove /./a",
		"identity remove /a/",
		"identity remove /a b",
		"identity write /a",
	};
	struct err err;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		scoped_free char *list = text_format("\n%s\n", wrong[i]);
		CU_ASSERT_EQUAL(strip(list, false, &err), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "a.conf:2: "));
	}
}

/* Links lead out of no root, a fifo holds nobody up, and a tree without end ends. */
static void test_hostile(void)
{
	struct err err;
	char path[200];

	put("victim/file", "safe");
	put("root/x/y", "");
	CU_ASSERT_EQUAL(mkfifo("root/x/fifo", 0644), 0);
	snprintf(path, sizeof path, "%s/victim", folder);
	CU_ASSERT_EQUAL(symlink(path, "root/x/absolute"), 0);
	CU_ASSERT_EQUAL(symlink("../../victim", "root/x/climbs"), 0);
	CU_ASSERT_EQUAL(symlink("../../victim/file", "root/x/to-file"), 0);
	CU_ASSERT_EQUAL(symlink("loop", "root/x/loop"), 0);
	CU_ASSERT_EQUAL(strip("publish remove /x/*/file\npublish empty /x/*\npublish write /x/* w\n"
			      "publish clear /x/climbs\npublish clear /x\npublish clear /x/y\n",
			      true, &err),
			0);
	CU_ASSERT_TRUE(has("victim/file", "safe"));
	CU_ASSERT_EQUAL(strip("identity remove /x/*\n", true, &err), 0);
	CU_ASSERT_FALSE(there("root/x/fifo") || there("root/x/absolute"));
	CU_ASSERT_TRUE(has("victim/file", "safe"));
	for (int i = 0; i < 40; i++)
		snprintf(path + 2 * i, sizeof path - 2 * (size_t)i, "/d");
	scoped_free char *deep = text_format("root/deep%s/f", path);
	put(deep, "x");
	CU_ASSERT_EQUAL(strip("publish clear /deep\n", true, &err), -E2BIG);
	CU_ASSERT_EQUAL(strip("publish remove /deep\n", true, &err), 0);
	CU_ASSERT_FALSE(there("root/deep"));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "verbs", test_verbs },
		{ "folders of lists", test_folders_of_lists },
		{ "wrong lines", test_wrong_lines },
		{ "hostile roots", test_hostile },
		CU_TEST_INFO_NULL,
	};

	int skip = suite_needs_root();

	return skip ? skip : suite_run("strip", begin, end, tests);
}
