/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for a lock: several processes at once, served in the order in which they came. */
#include "base/child.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "suite.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MANY = 16, LONG = 120 };

static char folder[] = "/tmp/berth-lock.XXXXXX";
static char path[64];

/* Data that the processes of a test share. */
static struct {
	unsigned served;      /* number of processes that had the lock so far */
	unsigned order[MANY]; /* in which they got it */
	bool held, failed;
} * shared;

static int begin(void)
{
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED || !mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/lock", folder);
	return 0;
}

static int end(void)
{
	return remove_tree(AT_FDCWD, folder) < 0;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* The number of waiters, as in proc_locks(5). */
static unsigned count_waiting(void)
{
	scoped_free char *text = NULL;
	char inode[32];
	struct stat st;
	unsigned count = 0;

	if (stat(path, &st) < 0 || file_read(AT_FDCWD, "/proc/locks", 1 << 20, &text) < 0)
		return 0;
	snprintf(inode, sizeof inode, ":%ju ", (uintmax_t)st.st_ino);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		count += strstr(line, "->") && strstr(line, inode);
	return count;
}

static bool await_waiting(unsigned wanted)
{
	for (int i = 0; i < 60000; i++) {
		if (count_waiting() == wanted)
			return true;
		pause_ms(2);
	}
	return false;
}

/* A process that takes its turn once and writes down when it had it. */
static pid_t start_one(unsigned number)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	/* A copied descriptor of the lock would hold the lock too. */
	close_range(3, ~0U, 0);
	int fd = file_lock_within(path, LONG);
	if (fd < 0)
		_exit(1);
	shared->order[shared->served++] = number;
	_exit(0);
}

static bool ended_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void test_order(void)
{
	pid_t pids[MANY];

	memset(shared, 0, sizeof *shared);
	scoped_fd int lock = file_lock(path, FILE_LOCK_TRY);
	CU_ASSERT_TRUE(lock >= 0);
	for (unsigned i = 0; i < MANY; i++) {
		pids[i] = start_one(i);
		CU_ASSERT_TRUE(await_waiting(i + 1));
	}
	scoped_close_fd(&lock);
	for (unsigned i = 0; i < MANY; i++)
		CU_ASSERT_TRUE(ended_well(pids[i]));
	CU_ASSERT_EQUAL(shared->served, MANY);
	for (unsigned i = 0; i < MANY; i++)
		CU_ASSERT_EQUAL(shared->order[i], i);
}

/* Killed with no word, while it waits and while it holds. */
static void test_killed(void)
{
	memset(shared, 0, sizeof *shared);
	pid_t holder = fork();
	if (holder == 0) {
		int fd = file_lock(path, FILE_LOCK_TRY);
		shared->failed = fd < 0;
		__atomic_store_n(&shared->held, true, __ATOMIC_SEQ_CST);
		for (;;)
			pause();
	}
	while (!__atomic_load_n(&shared->held, __ATOMIC_SEQ_CST))
		pause_ms(1);
	CU_ASSERT_FALSE(shared->failed);
	pid_t one = start_one(1);
	CU_ASSERT_TRUE(await_waiting(1));
	pid_t two = start_one(2);
	CU_ASSERT_TRUE(await_waiting(2));
	pid_t three = start_one(3);
	CU_ASSERT_TRUE(await_waiting(3));
	kill(two, SIGKILL);
	waitpid(two, NULL, 0);
	CU_ASSERT_TRUE(await_waiting(2));
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	CU_ASSERT_TRUE(ended_well(one) && ended_well(three));
	CU_ASSERT_EQUAL(shared->served, 2);
	CU_ASSERT_EQUAL(shared->order[0], 1);
	CU_ASSERT_EQUAL(shared->order[1], 3);
}

/* The time is over: nothing is left, neither a process nor a descriptor nor a place in the queue. */
static void test_deadline(void)
{
	struct timespec before, after;
	sigset_t pending;

	scoped_fd int lock = file_lock(path, FILE_LOCK_TRY);
	CU_ASSERT_TRUE(lock >= 0);
	int next = dup(lock);
	close(next);
	clock_gettime(CLOCK_MONOTONIC, &before);
	CU_ASSERT_EQUAL(file_lock_within(path, 0), -EWOULDBLOCK);
	CU_ASSERT_EQUAL(file_lock_within(path, 1), -EWOULDBLOCK);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CU_ASSERT_TRUE(after.tv_sec > before.tv_sec);
	CU_ASSERT_TRUE(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD);
	sigpending(&pending);
	CU_ASSERT_FALSE(sigismember(&pending, SIGCHLD));
	CU_ASSERT_EQUAL(count_waiting(), 0);
	int same = dup(lock);
	CU_ASSERT_EQUAL(same, next);
	close(same);
}

/* The folder of the lock is gone, and another one has its name now. */
static void test_made_anew(void)
{
	memset(shared, 0, sizeof *shared);
	scoped_fd int lock = file_lock(path, FILE_LOCK_TRY);
	pid_t pid = start_one(7);
	CU_ASSERT_TRUE(await_waiting(1));
	unlink(path);
	scoped_fd int other = file_lock(path, FILE_LOCK_TRY);
	CU_ASSERT_TRUE(other >= 0);
	scoped_close_fd(&lock);
	CU_ASSERT_TRUE(await_waiting(1));
	CU_ASSERT_EQUAL(shared->served, 0);
	scoped_close_fd(&other);
	CU_ASSERT_TRUE(ended_well(pid));
	CU_ASSERT_EQUAL(shared->served, 1);
}

static void test_shared(void)
{
	scoped_fd int one = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int two = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int three = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CU_ASSERT_EQUAL(lock_wait(one, LOCK_SH, 1), 0);
	CU_ASSERT_EQUAL(lock_wait(two, LOCK_SH, 1), 0);
	CU_ASSERT_EQUAL(lock_wait(three, LOCK_EX, 1), -EWOULDBLOCK);
	scoped_close_fd(&one);
	scoped_close_fd(&two);
	CU_ASSERT_EQUAL(lock_wait(three, LOCK_EX, 1), 0);
	CU_ASSERT_EQUAL(lock_wait(-1, LOCK_EX, 1), -EBADF);
}

/* A grandchild that lives on has no part in its starter's lock. */
static void test_detached(void)
{
	int life[2];
	char byte;

	CU_ASSERT_EQUAL_FATAL(pipe2(life, O_CLOEXEC), 0);
	scoped_fd int lock = file_lock(path, FILE_LOCK_TRY);
	CU_ASSERT_TRUE(lock >= 0);
	int r = child_detach(lock);
	if (r == 0) {
		close(life[1]);
		_exit(read(life[0], &byte, 1) < 0);
	}
	CU_ASSERT_EQUAL(r, 1);
	CU_ASSERT_EQUAL(file_lock_within(path, 0), -EWOULDBLOCK);
	scoped_close_fd(&lock);
	scoped_fd int next = file_lock_within(path, 0);
	CU_ASSERT_TRUE(next >= 0);
	close(life[1]);
	close(life[0]);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "one after the other", test_order },
		{ "the killed do not stand in the way", test_killed },
		{ "a deadline leaves nothing", test_deadline },
		{ "a lock file made anew", test_made_anew },
		{ "a shared lock", test_shared },
		{ "a lock and a grandchild", test_detached },
		CU_TEST_INFO_NULL,
	};

	return suite_run("lock", begin, end, tests);
}
