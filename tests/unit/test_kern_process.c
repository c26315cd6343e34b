/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work in a child that may hang, and what is seen of a process: its signals, and whether it waits for one. */
#include "base/file.h"
#include "base/scoped.h"
#include "kern/process.h"
#include "kern/spawn.h"
#include "kern/timed_child.h"
#include "suite.h"
#include "test_kern.h"

#include <sys/mount.h>
#include <sys/wait.h>

static int fetch_null(void *context, int *fds, struct err *err)
{
	(void)context;
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fds[0] < 0 ? err_set(err, errno, "no null") : 0;
}

static int fail_there(void *context, int *fds, struct err *err)
{
	(void)fds;
	return err_set(err, EIO, "%s is broken", (const char *)context);
}

static int hang_there(void *context, int *fds, struct err *err)
{
	(void)context;
	(void)fds;
	pause();
	return err_set(err, EINTR, "woken");
}

static int die_there(void *context, int *fds, struct err *err)
{
	(void)context;
	(void)fds;
	kill(getpid(), SIGKILL);
	return err_set(err, EINTR, "survived");
}

void test_timed_child(void)
{
	struct timed_child child = { .work = fetch_null, .count = 1, .timeout_ms = 60000 };
	struct err err = { 0 };
	struct stat st;
	char it[] = "it";
	int got = -1;

	CU_ASSERT_EQUAL(timed_child_run(&child, &got, &err), 0);
	scoped_fd int null = got;
	CU_ASSERT_TRUE(fstat(null, &st) == 0 && S_ISCHR(st.st_mode));

	child = (struct timed_child){ .work = fail_there, .context = it, .timeout_ms = 60000 };
	CU_ASSERT_EQUAL(timed_child_run(&child, NULL, &err), -EIO);
	CU_ASSERT_STRING_EQUAL(err.text, "it is broken");

	err = (struct err){ 0 };
	child = (struct timed_child){ .work = die_there, .timeout_ms = 60000 };
	CU_ASSERT_EQUAL(timed_child_run(&child, NULL, &err), -ECHILD);
	CU_ASSERT_STRING_EQUAL(err.text, "its child process was killed by SIGKILL");

	err = (struct err){ 0 };
	child = (struct timed_child){ .work = hang_there, .timeout_ms = 20, .late = "too late" };
	CU_ASSERT_EQUAL(timed_child_run(&child, NULL, &err), -ETIMEDOUT);
	CU_ASSERT_STRING_EQUAL(err.text, "too late");
	CU_ASSERT_TRUE(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void ignore_it(int number)
{
	(void)number;
}

/* A child that catches one signal, blocks another that then waits for it, and minds no third. */
void test_process(void)
{
	struct spawn spawn = { .cgroup_fd = -1 };
	struct process process;
	sigset_t set;
	char byte;
	int ready[2];

	CU_ASSERT_EQUAL(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = spawn_process(&spawn);
	if (pid == 0) {
		signal(SIGTERM, ignore_it);
		sigemptyset(&set);
		sigaddset(&set, SIGRTMIN + 3);
		sigprocmask(SIG_BLOCK, &set, NULL);
		kill(getpid(), SIGRTMIN + 3);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
	CU_ASSERT_EQUAL(process_of_pidfd(spawn.pidfd), pid);
	CU_ASSERT_EQUAL(process_look(pid, &process), 0);
	CU_ASSERT_EQUAL(process.uid, geteuid());
	CU_ASSERT_TRUE((process.caught & process_bit(SIGTERM)) != 0);
	CU_ASSERT_TRUE((process.blocked & process_bit(SIGTERM)) == 0);
	CU_ASSERT_TRUE((process.blocked & process_bit(SIGRTMIN + 3)) != 0);
	CU_ASSERT_TRUE((process.pending & process_bit(SIGRTMIN + 3)) != 0);
	CU_ASSERT_TRUE(((process.caught | process.blocked) & process_bit(SIGUSR1)) == 0);
	kill(pid, SIGKILL);
	spawn_wait(spawn.pidfd);
	CU_ASSERT_EQUAL(process_look(pid, &process), -ENOENT);
	CU_ASSERT_TRUE(process_of_pidfd(spawn.pidfd) < 0);
	close(spawn.pidfd);
	close(ready[0]);
	close(ready[1]);
	char cut[] = "Uid:\t0\t0\t0\t0\nSigCgt:\t0000000000000000\n";
	CU_ASSERT_EQUAL(process_parse(cut, &process), -EPROTO);
}

static bool comes_to(pid_t pid, bool waits)
{
	for (int i = 0; i < 12000; i++) {
		if (process_waits_for_signal(pid) == waits)
			return true;
		usleep(10000);
	}
	return false;
}

/* A child that waits for a signal in sigtimedwait(2), and then for none. */
void test_signal_wait(void)
{
	struct spawn spawn = { .cgroup_fd = -1 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pid_t pid = spawn_process(&spawn);
	if (pid == 0) {
		sigprocmask(SIG_BLOCK, &set, NULL);
		sigwaitinfo(&set, NULL);
		for (;;)
			pause();
	}
	CU_ASSERT_TRUE(comes_to(pid, true));
	kill(pid, SIGTERM);
	CU_ASSERT_TRUE(comes_to(pid, false));
	kill(pid, SIGKILL);
	spawn_wait(spawn.pidfd);
	CU_ASSERT_FALSE(process_waits_for_signal(pid));
	close(spawn.pidfd);
}
