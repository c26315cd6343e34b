/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls that reach the host's kernel itself. Arguments are such that nothing happens. */
#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static enum verdict kexec_load(void)
{
	return judge(syscall(SYS_kexec_load, 0, 0, NULL, 0x8000), EINVAL);
}

static enum verdict kexec_file(void)
{
	return judge(syscall(SYS_kexec_file_load, -1, -1, 0, NULL, 0x8000), EINVAL);
}

static enum verdict init_module(void)
{
	return judge(syscall(SYS_init_module, NULL, 0, ""), ENOEXEC);
}

static enum verdict finit_module(void)
{
	return judge(syscall(SYS_finit_module, -1, "", 0), EBADF);
}

static enum verdict delete_module(void)
{
	return judge(syscall(SYS_delete_module, "berth_no_such", O_NONBLOCK), ENOENT);
}

static enum verdict bpf_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};
	long fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
	enum verdict verdict = judge(fd, 0);

	if (fd >= 0)
		close((int)fd);
	return verdict;
}

/* Measures the events of all processes on processor 0. */
static enum verdict perf(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof attr,
					.config = PERF_COUNT_SW_CONTEXT_SWITCHES };
	long fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
	enum verdict verdict = judge(fd, 0);

	if (fd >= 0)
		close((int)fd);
	return verdict;
}

static enum verdict userfault(void)
{
	long fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	enum verdict verdict = judge(fd, 0);

	if (fd >= 0)
		close((int)fd);
	return verdict;
}

static enum verdict uring(void)
{
	struct io_uring_params params = { 0 };
	long fd = syscall(SYS_io_uring_setup, 1, &params);
	enum verdict verdict = judge(fd, 0);

	if (fd >= 0)
		close((int)fd);
	return verdict;
}

static enum verdict add_key(void)
{
	return judge(syscall(SYS_add_key, "user", "berth-attack-own", "x", 1,
			     KEY_SPEC_PROCESS_KEYRING),
		     0);
}

/* The test has put it into the session keyring of who called berth. */
static enum verdict session_key(void)
{
	char data[64] = "";
	long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user",
			   "berth-attack", 0);

	if (key < 0 && errno == ENOKEY) {
		say("no such key");
		return CONTAINED;
	}
	if (key >= 0)
		key = syscall(SYS_keyctl, KEYCTL_READ, key, data, sizeof data - 1);
	enum verdict verdict = judge(key, 0);
	if (key >= 0)
		say("read the caller's key: %s", data);
	return verdict;
}

/* Sets only the time zone, to its most common value. */
static enum verdict set_clock(void)
{
	struct timezone zone = { 0 };

	return judge(syscall(SYS_settimeofday, NULL, &zone), 0);
}

static enum verdict swap_on(void)
{
	return judge(swapon("/berth-no-such", 0), ENOENT);
}

static enum verdict accounting(void)
{
	return judge(acct("/berth-no-such"), ENOENT);
}

static enum verdict kernel_log(void)
{
	char text[64];

	return judge(klogctl(3, text, sizeof text), 0);
}

#ifdef SYS_iopl
static enum verdict ports(void)
{
	return judge(syscall(SYS_iopl, 3), 0);
}
#endif

#ifdef SYS_modify_ldt
static enum verdict segments(void)
{
	char table[8];

	return judge(syscall(SYS_modify_ldt, 0, table, sizeof table), 0);
}
#endif

#ifdef SYS_sysfs
static enum verdict old_call(void)
{
	return judge(syscall(SYS_sysfs, 3), 0);
}
#endif

#ifdef __x86_64__
static enum verdict x32(void)
{
	return judge(syscall(0x40000000 | SYS_getpid), 0);
}

/* getpid, as a 32-bit program calls it. */
static enum verdict entry32(void)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
	if ((int)r < 0) {
		errno = -(int)r;
		r = -1;
	}
	return judge(r, 0);
}
#endif

const struct attack attacks_calls[] = {
	{ "kexec-load", "kexec_load(2)", "userns seccomp", kexec_load },
	{ "kexec-file-load", "kexec_file_load(2)", "userns seccomp", kexec_file },
	{ "init-module", "init_module(2)", "userns seccomp caps", init_module },
	{ "finit-module", "finit_module(2)", "userns seccomp caps", finit_module },
	{ "delete-module", "delete_module(2)", "userns seccomp caps", delete_module },
	{ "bpf", "CVE-2021-3490 and kin: a program in the kernel", "userns seccomp", bpf_map },
	{ "perf", "CVE-2013-2094; watching others", "userns seccomp", perf },
	{ "userfaultfd", "CVE-2016-6516 and kin: winning races", "userns seccomp", userfault },
	{ "io-uring", "CVE-2022-29582; calls behind the filter", "seccomp", uring },
	{ "add-key", "CVE-2016-0728; runc#726", "seccomp", add_key },
	{ "session-key", "keyrings(7): the caller's keys come along", "seccomp keyring",
	  session_key },
	{ "set-clock", "settimeofday(2)", "userns seccomp caps", set_clock },
	{ "swapon", "swapon(2)", "userns seccomp", swap_on },
	{ "acct", "acct(2): a log of the host's processes", "userns seccomp caps", accounting },
	{ "kernel-log", "syslog(2)", "userns seccomp caps", kernel_log },
#ifdef SYS_iopl
	{ "iopl", "iopl(2)", "userns seccomp caps", ports },
#endif
#ifdef SYS_modify_ldt
	{ "modify-ldt", "CVE-2015-5157, CVE-2017-17053", "seccomp", segments },
#endif
#ifdef SYS_sysfs
	{ "sysfs-call", "calls of long ago", "seccomp", old_call },
#endif
#ifdef __x86_64__
	{ "x32", "CVE-2014-0038", "seccomp", x32 },
	{ "entry-32", "CVE-2010-3301: the second table of calls", "seccomp", entry32 },
#endif
	{ 0 },
};
