/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kern layer against the kernel that runs here: spawn, maps, mounts, groups, terminals, sync. */
#include "base/child.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/cgroup.h"
#include "kern/devices.h"
#include "kern/idmap.h"
#include "kern/library.h"
#include "kern/link.h"
#include "kern/lsm_label.h"
#include "kern/mount.h"
#include "kern/nft.h"
#include "kern/process.h"
#include "kern/pty.h"
#include "kern/seccomp.h"
#include "kern/seccomp_deny.h"
#include "kern/spawn.h"
#include "kern/sync.h"
#include "kern/timed_child.h"
#include "suite.h"
#include <sys/capability.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const struct idmap map = { .base = 1900000000, .count = IDMAP_COUNT };
static char group[64];

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
	err = (struct err){ 0 };
	sync_fail(&guest, &why);
	CU_ASSERT_EQUAL(sync_wait(&host, STEP_GO, NULL, 0, &err), -ENOENT);
	CU_ASSERT_STRING_EQUAL(err.text, "open 'x'");
	err = (struct err){ 0 };
	sync_close(&guest);
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

/* The filter in a namespace as that of a guest: the calls that it refuses, the errors, and the allowed calls. */
static int try_filter(unsigned variant)
{
	if (seccomp_raise(variant, 0) < 0)
		return 1;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
		return 2;
	bool keys = syscall(SYS_keyctl, 0, -3, 0) >= 0 || errno != ENOSYS;
	if (keys != ((variant & SECCOMP_NESTING) != 0))
		return 3;
	if (syscall(SYS_io_uring_setup, 1, NULL) != -1 || errno != ENOSYS)
		return 4;
	if (syscall(SYS_open_by_handle_at, -1, NULL, 0) != -1 || errno != EPERM)
		return 5;
	/* 38 is AF_ALG; the kernel looks at the lower half only. */
	for (uint64_t high = 0; high < 2; high++) {
		if (syscall(SYS_socket, 38 | high << 32, SOCK_SEQPACKET, 0) != -1 ||
		    errno != EAFNOSUPPORT)
			return 6;
	}
	for (size_t i = 0; i < socket_families_count; i++) {
		scoped_fd int fd = socket(socket_families[i], SOCK_RAW, 0);
		if (fd < 0 && errno == EAFNOSUPPORT)
			return 7;
	}
	return 0;
}

/* A capability allows its own calls, and no others. Without it they are refused. */
static int try_openings(void)
{
	if (seccomp_raise(0, (uint64_t)1 << CAP_SYSLOG | (uint64_t)1 << CAP_CHOWN) < 0)
		return 1;
	if (syscall(SYS_syslog, 42, NULL, 0) != -1 || errno != EINVAL)
		return 2;
	if (syscall(SYS_settimeofday, NULL, NULL) != -1 || errno != EPERM)
		return 3;
	if (syscall(SYS_socket, 38, SOCK_SEQPACKET, 0) != -1 || errno != EAFNOSUPPORT)
		return 4;
#ifdef __x86_64__
	/* Number 103 is syslog here, and something else by the x32 entry. */
	if (syscall(0x40000000 | SYS_syslog, 42, NULL, 0) != -1 || errno != ENOSYS)
		return 5;
#endif
	return 0;
}

/* The first is gcc's word for it, the second clang's. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

/* How a child ends that writes a file, and then makes the call. */
static int end_of_confined(long call)
{
	struct spawn spawn = { .cgroup_fd = -1 };
	pid_t pid = spawn_process(&spawn);

	if (pid == 0) {
		int fd = memfd_create("file", MFD_CLOEXEC);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_files_only() < 0)
			_exit(1);
		/* The test does not use fork(3), around which a sanitizer makes calls of its own. */
		if (write(fd, "x", 1) != 1 || fchmod(fd, 0600) < 0 ||
		    syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) >= 0 || errno != EPERM)
			_exit(2);
		_exit(syscall(call, 0, 0, 0, 0) < 0 && errno == ENOSYS ? 0 : 3);
	}
	scoped_fd int pidfd = spawn.pidfd;
	return spawn_wait(pidfd);
}

static void test_files_only(void)
{
	static const long forbidden[] = { SYS_socket,    SYS_execve,  SYS_ptrace,
					  SYS_mount,     SYS_unshare, SYS_setns,
					  SYS_setresuid, SYS_kill,    SYS_bpf };
	/* A file's attributes by a call of Linux 6.17, one that nobody has yet, a way past all others. */
	static const long young[] = { 468, 511, SYS_io_uring_setup };

	/* A sanitizer makes calls of its own, so that its builds go without the filter. */
	if (SANITIZED)
		return;
	CU_ASSERT_EQUAL(end_of_confined(SYS_getpid), 3 << 8);
	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
		int status = end_of_confined(forbidden[i]);
		CU_ASSERT_TRUE(WIFSIGNALED(status));
		CU_ASSERT_EQUAL(WTERMSIG(status), SIGSYS);
	}
	for (size_t i = 0; i < sizeof young / sizeof *young; i++)
		CU_ASSERT_EQUAL(end_of_confined(young[i]), 0);
}

/* The text for the kernel is written to a file in its place, because this host may have no security module. */
static void apply_to_file(enum lsm_module module, const char *text, const char *wanted)
{
	struct lsm_label label = { .module = module, .fd = memfd_create("label", MFD_CLOEXEC) };
	char got[LSM_LABEL_MAX] = "";

	snprintf(label.text, sizeof label.text, "%s", text);
	CU_ASSERT_EQUAL(lsm_label_apply(&label), 0);
	CU_ASSERT_TRUE(pread(label.fd, got, sizeof got - 1, 0) >= 0);
	CU_ASSERT_STRING_EQUAL(got, wanted);
	close(label.fd);
}

static void test_labels(void)
{
	struct lsm_label label = { .module = LSM_APPARMOR, .fd = -1, .text = "nobody" };

	apply_to_file(LSM_NONE, "x", "");
	apply_to_file(LSM_APPARMOR, "a b", "exec a b");
	apply_to_file(LSM_SELINUX, "u:r:container_t:s0:c1,c2", "u:r:container_t:s0:c1,c2");
	CU_ASSERT_EQUAL(lsm_label_apply(&label), -EBADF);
	CU_ASSERT_EQUAL(lsm_label_read(getpid(), &label), 0);
	if (lsm_label_host() == LSM_NONE) {
		CU_ASSERT_EQUAL(label.module, LSM_NONE);
		CU_ASSERT_EQUAL(lsm_label_is_known("u:r:t:s0"), -ENOENT);
		CU_ASSERT_PTR_NOT_NULL(lsm_label_why_none());
		CU_ASSERT_STRING_EQUAL(label.text, "");
	}
}

static void test_seccomp_openings(void)
{
	struct spawn spawn = { .cgroup_fd = -1 };
	pid_t pid = spawn_process(&spawn);

	if (pid == 0)
		_exit(try_openings());
	scoped_fd int pidfd = spawn.pidfd;
	CU_ASSERT_EQUAL(spawn_wait(pidfd), 0);
}

static void test_seccomp(void)
{
	for (unsigned variant = 0; variant < SECCOMP_VARIANTS; variant++) {
		struct spawn spawn = { .namespaces = CLONE_NEWUSER | CLONE_NEWNET,
				       .cgroup_fd = -1,
				       .owner = &map };
		pid_t pid = spawn_process(&spawn);
		if (pid == 0)
			_exit(try_filter(variant));
		scoped_fd int pidfd = spawn.pidfd;
		CU_ASSERT_EQUAL(spawn_wait(pidfd), 0);
	}
}

/* In a cgroup of its own: null can be opened, and a device outside of the list cannot. */
static int try_devices(void)
{
	scoped_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	scoped_fd int full = open("/dev/full", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return 1;
	return full >= 0 || errno != EPERM ? 2 : 0;
}

static void test_devices(void)
{
	static const struct device null = { 1, 3, 3, 0 };
	char path[80];

	snprintf(path, sizeof path, "%s/devices", group);
	scoped_fd int fd = cgroup_make(path);
	CU_ASSERT_TRUE(fd >= 0);
	int r = devices_confine(fd, &null, 1);
	if (r == -EPERM || r == -EINVAL) {
		printf("skip: this kernel takes no device programs\n");
		return;
	}
	CU_ASSERT_EQUAL(r, 0);
	struct spawn spawn = { .cgroup_fd = fd };
	if (spawn_process(&spawn) == 0)
		_exit(try_devices());
	scoped_fd int pidfd = spawn.pidfd;
	CU_ASSERT_EQUAL(spawn_wait(pidfd), 0);
}

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

static void test_timed_child(void)
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
static void test_process(void)
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
static void test_signal_wait(void)
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
