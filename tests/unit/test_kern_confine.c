/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls, files and devices that the kernel refuses to a process, and the labels of security modules. */
#include "base/child.h"
#include "base/scoped.h"
#include "kern/cgroup.h"
#include "kern/devices.h"
#include "kern/lsm_label.h"
#include "kern/seccomp.h"
#include "kern/seccomp_deny.h"
#include "kern/spawn.h"
#include "suite.h"
#include "test_kern.h"

#include <sched.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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

void test_files_only(void)
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

void test_labels(void)
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

void test_seccomp_openings(void)
{
	struct spawn spawn = { .cgroup_fd = -1 };
	pid_t pid = spawn_process(&spawn);

	if (pid == 0)
		_exit(try_openings());
	scoped_fd int pidfd = spawn.pidfd;
	CU_ASSERT_EQUAL(spawn_wait(pidfd), 0);
}

void test_seccomp(void)
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

void test_devices(void)
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
