/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kern layer against the kernel that runs here: spawn, maps, mounts, groups, terminals, sync. */
#include "test_kern.h"
#include "base/child.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "kern/cgroup.h"
#include "kern/library.h"
#include "kern/link.h"
#include "kern/mount.h"
#include "kern/nft.h"
#include "kern/pty.h"
#include "kern/spawn.h"
#include "kern/sync.h"
#include "suite.h"

#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

const struct idmap map = { .base = 1900000000, .count = IDMAP_COUNT };
char group[64];

static int begin(void)
{
	snprintf(group, sizeof group, "berth-test-kern-%d", (int)getpid());
	return unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
		       ? -1
		       : 0;
}

static int end(void)
{
	return cgroup_remove(group);
}

/* Checks the namespaces from inside. The exit status has a bit for each fault. */
static int look_around(int ready)
{
	scoped_free char *uptime = NULL;
	char byte;
	int wrong = 0;

	if (read(ready, &byte, 1) != 1)
		return 64;
	if (getpid() != 1)
		wrong |= 1;
	if (setresuid(0, 0, 0) < 0 || setresgid(0, 0, 0) < 0 || getuid() != 0)
		wrong |= 2;
	if (file_read(AT_FDCWD, "/proc/uptime", 100, &uptime) < 0 || atof(uptime) > 30)
		wrong |= 4;
	if (sethostname("inside", 6) < 0)
		wrong |= 8;
	return wrong;
}

static void test_spawn(void)
{
	int ready[2];
	struct spawn spawn = {
		.namespaces =
			CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWNET,
		.cgroup_fd = -1,
		.owner = &map,
		.reset_clocks = 1,
	};
	char before[64] = "", after[64] = "";

	CU_ASSERT_EQUAL(pipe2(ready, O_CLOEXEC), 0);
	CU_ASSERT_TRUE(readlink("/proc/self/ns/time_for_children", before, sizeof before - 1) > 0);
	pid_t pid = spawn_process(&spawn);
	if (pid == 0)
		_exit(look_around(ready[0]));
	CU_ASSERT_TRUE(pid > 0);
	CU_ASSERT_EQUAL(idmap_write(pid, &map), 0);
	CU_ASSERT_EQUAL(write(ready[1], "x", 1), 1);
	CU_ASSERT_EQUAL(spawn_wait(spawn.pidfd), 0);
	CU_ASSERT_EQUAL(geteuid(), 0);
	CU_ASSERT_TRUE(readlink("/proc/self/ns/time_for_children", after, sizeof after - 1) > 0);
	CU_ASSERT_STRING_EQUAL(before, after);
	close(spawn.pidfd);
	close(ready[0]);
	close(ready[1]);
}

/* Born among the processes of another; those that come later are ours again. */
static void test_spawn_among(void)
{
	struct spawn init = { .namespaces = CLONE_NEWUSER | CLONE_NEWPID, .cgroup_fd = -1 };
	pid_t pid = spawn_process(&init);

	if (pid == 0) {
		pause();
		_exit(0);
	}
	struct spawn second = { .cgroup_fd = -1, .pids_of = init.pidfd };
	pid = spawn_process(&second);
	if (pid == 0)
		_exit(getpid() == 2 ? 0 : 1);
	CU_ASSERT_EQUAL(spawn_wait(second.pidfd), 0);
	struct spawn third = { .cgroup_fd = -1 };
	pid = spawn_process(&third);
	if (pid == 0)
		_exit(getpid() == 3 ? 1 : 0);
	CU_ASSERT_EQUAL(spawn_wait(third.pidfd), 0);
	syscall(SYS_pidfd_send_signal, init.pidfd, SIGKILL, NULL, 0);
	spawn_wait(init.pidfd);
	close(init.pidfd);
	close(second.pidfd);
	close(third.pidfd);
}

/* late: it is tied once its parent has ended. It has told of its life by a byte, if it was not killed. */
static ssize_t life_of_tied(uint64_t namespaces, bool late)
{
	struct spawn spawn = { .namespaces = namespaces, .cgroup_fd = -1 };
	int ends[2], tied[2];
	char byte;

	CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
	CU_ASSERT_EQUAL_FATAL(pipe2(tied, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int parent = child_parent();
		struct pollfd gone = { .fd = parent, .events = POLLIN };
		pid = spawn_process(&spawn);
		if (pid != 0)
			_exit(pid < 0 || (!late && read(tied[0], &byte, 1) != 1));
		if (!late && (child_tie(parent, SIGKILL) < 0 || write(tied[1], "x", 1) < 0))
			_exit(1);
		poll(&gone, 1, -1);
		if (late)
			child_tie(parent, SIGKILL);
		/* The signal may come after the end that it tells. */
		poll(NULL, 0, late ? 0 : 60000);
		_exit(write(ends[1], "x", 1) < 0);
	}
	CU_ASSERT_EQUAL(child_wait(pid), 0);
	close(ends[1]);
	close(tied[0]);
	close(tied[1]);
	ssize_t n = read(ends[0], &byte, 1);
	close(ends[0]);
	return n;
}

static void test_tied(void)
{
	for (int late = 0; late < 2; late++) {
		CU_ASSERT_EQUAL(life_of_tied(0, late), 0);
		CU_ASSERT_EQUAL(life_of_tied(CLONE_NEWPID, late), 0);
		CU_ASSERT_EQUAL(life_of_tied(CLONE_NEWUSER | CLONE_NEWPID, late), 0);
	}
}

/* Whatever fs.suid_dumpable says: a call that changes no ids leaves a process as traceable as it was. */
static void test_untraceable(void)
{
	struct spawn of = { .namespaces = CLONE_NEWUTS, .cgroup_fd = -1 },
		     root = { .cgroup_fd = -1 }, other = { .cgroup_fd = -1 };

	if (spawn_process(&of) == 0) {
		pause();
		_exit(0);
	}
	if (spawn_process(&other) == 0) {
		prctl(PR_SET_DUMPABLE, 1);
		_exit(spawn_enter(of.pidfd, CLONE_NEWUTS) < 0 ? 2 : prctl(PR_GET_DUMPABLE));
	}
	CU_ASSERT_EQUAL(spawn_wait(other.pidfd), 0);
	if (spawn_process(&root) == 0) {
		prctl(PR_SET_DUMPABLE, 1);
		_exit(idmap_become_root() < 0 ? 2 : prctl(PR_GET_DUMPABLE));
	}
	CU_ASSERT_EQUAL(spawn_wait(root.pidfd), 0);
	syscall(SYS_pidfd_send_signal, of.pidfd, SIGKILL, NULL, 0);
	spawn_wait(of.pidfd);
	close(of.pidfd);
	close(root.pidfd);
	close(other.pidfd);
}

static void test_wait_status(void)
{
	struct spawn spawn = { .cgroup_fd = -1 };
	pid_t pid = spawn_process(&spawn);

	if (pid == 0)
		_exit(7);
	int status = spawn_wait(spawn.pidfd);
	CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	close(spawn.pidfd);
	pid = spawn_process(&spawn);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	kill(pid, SIGTERM);
	status = spawn_wait(spawn.pidfd);
	CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	close(spawn.pidfd);
}

/* The test is on a disk: tmpfs has id maps only since Linux 6.3, and detached mounts can be copied only since 6.15. */
static void test_mapped_mount(void)
{
	char folder[] = "/var/tmp/berth-test-kern.XXXXXX";
	struct stat st;
	scoped_fd int userns = idmap_userns(&map);

	CU_ASSERT_PTR_NOT_NULL(mkdtemp(folder));
	scoped_fd int copy = mount_clone(AT_FDCWD, folder, 0);
	CU_ASSERT_TRUE(userns >= 0 && copy >= 0);
	int file = openat(copy, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE(file >= 0);
	close(file);
	CU_ASSERT_EQUAL(mount_idmap(copy, userns), 0);
	CU_ASSERT_EQUAL(fstatat(copy, "file", &st, 0), 0);
	CU_ASSERT_EQUAL(st.st_uid, map.base);
	CU_ASSERT_EQUAL(remove_tree(AT_FDCWD, folder), 0);
}

static void test_mounts(void)
{
	scoped_fd int tmpfs = mount_make("tmpfs", NULL, "mode=711,size=1m", MOUNT_ATTR_NOSUID);

	CU_ASSERT_TRUE(tmpfs >= 0);
	int file = openat(tmpfs, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE(file >= 0);
	close(file);
	CU_ASSERT_EQUAL(mount_attributes(tmpfs, MOUNT_ATTR_RDONLY, 0, 0), 0);
	CU_ASSERT_TRUE(openat(tmpfs, "other", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0);
	CU_ASSERT_EQUAL(mount_make("no-such-file-system", NULL, NULL, 0), -ENODEV);
	CU_ASSERT_EQUAL(mount_make("tmpfs", NULL, "no-such-option=1", 0), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(mount_why(-ENODEV), "no such file system"));
}

static void test_cgroup(void)
{
	char below[80];
	struct spawn spawn = { 0 };

	snprintf(below, sizeof below, "%s/a/guest", group);
	scoped_fd int fd = cgroup_make(below);
	CU_ASSERT_TRUE(fd >= 0);
	CU_ASSERT_FALSE(cgroup_populated(fd));
	CU_ASSERT_EQUAL(cgroup_delegate(fd, map.base), 0);
	spawn.cgroup_fd = fd;
	pid_t pid = spawn_process(&spawn);
	if (pid == 0) {
		for (;;)
			pause();
	}
	CU_ASSERT_TRUE(pid > 0);
	CU_ASSERT_TRUE(cgroup_populated(fd));
	CU_ASSERT_EQUAL(cgroup_wait_empty(fd, 10), -ETIMEDOUT);
	CU_ASSERT_TRUE(cgroup_remove(group) < 0);
	CU_ASSERT_EQUAL(cgroup_kill(fd), 0);
	spawn_wait(spawn.pidfd);
	close(spawn.pidfd);
	CU_ASSERT_EQUAL(cgroup_wait_empty(fd, 10000), 0);
	CU_ASSERT_EQUAL(cgroup_remove(group), 0);
	CU_ASSERT_EQUAL(cgroup_remove(group), 0);
}

static void test_pty(void)
{
	struct pty pty = { -1, -1, 0 };
	scoped_fd int pts = mount_make("devpts", NULL, "newinstance,ptmxmode=0666,mode=620", 0);
	scoped_fd int other = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char byte = 0;

	CU_ASSERT_EQUAL(pty_open(pts, &pty), 0);
	CU_ASSERT_EQUAL(pty.number, 0);
	CU_ASSERT_EQUAL(write(pty.slave, "x", 1), 1);
	CU_ASSERT_EQUAL(read(pty.master, &byte, 1), 1);
	CU_ASSERT_EQUAL(byte, 'x');
	scoped_close_fd(&pty.master);
	scoped_close_fd(&pty.slave);
	CU_ASSERT_EQUAL(pty_open(other, &pty), -ENOENT);
}

/* A folder in which somebody put a plain file, or another device, where ptmx should be. */
static void test_pty_forged(void)
{
	struct pty pty = { -1, -1, 0 };
	scoped_fd int forged = mount_make("tmpfs", NULL, NULL, 0);

	scoped_fd int file = openat(forged, "ptmx", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_EQUAL(pty_open(forged, &pty), -ENOTTY);
	unlinkat(forged, "ptmx", 0);
	CU_ASSERT_EQUAL(symlinkat("/dev/ptmx", forged, "ptmx"), 0);
	CU_ASSERT_EQUAL(pty_open(forged, &pty), -ELOOP);
}

static void test_sync(void)
{
	struct sync host = { .fd = -1 }, guest = { .fd = -1 };
	struct err err = { 0 }, why = { .code = ENOENT, .text = "open 'x'" };
	int fds[2] = { STDIN_FILENO, STDOUT_FILENO }, got[2] = { -1, -1 };

	CU_ASSERT_EQUAL(sync_pair(&host, &guest, &err), 0);
	CU_ASSERT_EQUAL(sync_post(&guest, STEP_ROOT_READY, fds, 2, &err), 0);
	CU_ASSERT_EQUAL(sync_wait(&host, STEP_ROOT_READY, got, 2, &err), 0);
	CU_ASSERT_TRUE(got[0] > 2 && got[1] > 2 && got[0] != got[1]);
	close(got[0]);
	close(got[1]);
	CU_ASSERT_EQUAL(sync_post(&guest, STEP_CLONED, NULL, 0, &err), 0);
	CU_ASSERT_EQUAL(sync_wait(&host, STEP_GO, NULL, 0, &err), -EPROTO);
	err = (struct err){ .code = ESRCH, .text = "ours" };
	sync_explain(&host, &err);
	CU_ASSERT_STRING_EQUAL(err.text, "ours");
	sync_fail(&guest, &why);
	sync_explain(&host, &err);
	CU_ASSERT_STRING_EQUAL(err.text, "open 'x'");
	err = (struct err){ 0 };
	sync_fail(&guest, &why);
	CU_ASSERT_EQUAL(sync_wait(&host, STEP_GO, NULL, 0, &err), -ENOENT);
	CU_ASSERT_STRING_EQUAL(err.text, "open 'x'");
	err = (struct err){ 0 };
	sync_close(&guest);
	err = (struct err){ .code = ESRCH, .text = "ours" };
	sync_explain(&host, &err);
	CU_ASSERT_STRING_EQUAL(err.text, "ours");
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(sync_wait(&host, STEP_GO, NULL, 0, &err), -EPIPE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "go"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(sync_wait_exec(&host, &err), 0);
	sync_close(&host);
}

/* The last words of a side that is gone are heard even by who only wants to speak. */
static void test_sync_last_words(void)
{
	struct sync host = { .fd = -1 }, guest = { .fd = -1 };
	struct err err = { 0 }, why = { .code = ENOSPC, .text = "disk full" };

	CU_ASSERT_EQUAL(sync_pair(&host, &guest, &err), 0);
	sync_fail(&guest, &why);
	sync_close(&guest);
	CU_ASSERT_EQUAL(sync_post(&host, STEP_GO, NULL, 0, &err), -ENOSPC);
	CU_ASSERT_STRING_EQUAL(err.text, "disk full");
	sync_close(&host);
}

/* After library_seal, a library that was not loaded before stays unloaded: it could be the guest's. */
static void test_sealed(void)
{
	const struct nft_table table = { .name = "sealed" };
	struct link_socket *links = NULL;
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		library_seal();
		_exit(link_open(&links) == -ELIBACC && nft_remove(&table) == -ELIBACC &&
				      strstr(nft_why(-ELIBACC), "libnftnl")
			      ? 0
			      : 1);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a sealed process loads no library", test_sealed },
		{ "namespaces, owner and clocks", test_spawn },
		{ "born among others", test_spawn_among },
		{ "a child that ends with its parent", test_tied },
		{ "untraceable once it has entered", test_untraceable },
		{ "wait statuses", test_wait_status },
		{ "what a process takes", test_process },
		{ "a wait for a signal is seen", test_signal_wait },
		{ "mapped mounts", test_mapped_mount },
		{ "detached mounts", test_mounts },
		{ "cgroups", test_cgroup },
		{ "a pseudo-terminal of an instance", test_pty },
		{ "a forged ptmx", test_pty_forged },
		{ "steps, descriptors and failures", test_sync },
		{ "last words", test_sync_last_words },
		{ "the filter of system calls", test_seccomp },
		{ "calls that a capability opens", test_seccomp_openings },
		{ "a program that only writes files", test_files_only },
		{ "the wall of devices", test_devices },
		{ "labels of security modules", test_labels },
		{ "work that may hang", test_timed_child },
		CU_TEST_INFO_NULL,
	};
	int skip = suite_needs_root();

	return skip ? skip : suite_run("kern", begin, end, tests);
}
