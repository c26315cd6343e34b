/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Holders of a file system: in this mount namespace, in another one, or by an open file. */
#include "kern/holder.h"
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int begin(void)
{
	return unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
		       ? -1
		       : 0;
}

/* A tmpfs on /mnt that shows in a namespace of the child's, or in none and has a file that is open. */
static __attribute__((noreturn)) void hold_tmpfs(int told, bool hidden)
{
	struct stat st = { 0 };

	prctl(PR_SET_NAME, "holds\t(it)");
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/mnt", "tmpfs", 0, NULL) < 0 ||
	    stat("/mnt", &st) < 0)
		_exit(1);
	if (hidden && (open("/mnt/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600) < 0 ||
		       umount2("/mnt", MNT_DETACH) < 0))
		_exit(1);
	if (write(told, &st.st_dev, sizeof st.st_dev) != sizeof st.st_dev)
		_exit(1);
	for (;;)
		pause();
}

static void check_holder(bool hidden, const char *how)
{
	char wanted[100], holder[300] = "";
	int told[2], status;
	dev_t device = 0;

	CU_ASSERT_EQUAL(pipe2(told, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		hold_tmpfs(told[1], hidden);
	close(told[1]);
	CU_ASSERT_EQUAL(read(told[0], &device, sizeof device), sizeof device);
	close(told[0]);
	CU_ASSERT_TRUE(holder_find(device, holder, sizeof holder));
	snprintf(wanted, sizeof wanted, "process %d (holds?(it)) has it %s", (int)pid, how);
	CU_ASSERT_STRING_EQUAL(holder, wanted);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	/* Another program's mount may have got the number of the device at once. */
	CU_ASSERT_FALSE(holder_find(device, holder, sizeof holder) && strstr(holder, "holds?(it)"));
}

static void test_elsewhere(void)
{
	check_holder(false, "mounted on '/mnt'");
	check_holder(true, "open");
}

static void test_here(void)
{
	char holder[300] = "";
	dev_t device = 0;
	struct stat st;

	CU_ASSERT_EQUAL(mount("none", "/mnt", "tmpfs", 0, NULL), 0);
	CU_ASSERT_EQUAL(stat("/mnt", &st), 0);
	CU_ASSERT_EQUAL(holder_device("/mnt", &device), 0);
	CU_ASSERT_EQUAL(device, st.st_dev);
	CU_ASSERT_TRUE(holder_find(device, holder, sizeof holder));
	CU_ASSERT_STRING_EQUAL(holder, "it is mounted on '/mnt'");
	umount("/mnt");
	CU_ASSERT_EQUAL(holder_device("/mnt", &device), -ENOENT);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "elsewhere", test_elsewhere },
		{ "here", test_here },
		CU_TEST_INFO_NULL,
	};
	int skip = suite_needs_root();

	return skip ? skip : suite_run("holder", begin, NULL, tests);
}
