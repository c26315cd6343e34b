/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/seccomp_deny.h"

#include <errno.h>
#include <sys/socket.h>

/*
 * A user namespace already refuses most of these. The filter takes away the kernel code behind them, so
 * that one forgotten check there is not a way out. EPERM where programs know it as "not yours here";
 * ENOSYS where they know how to do without; what the kernel itself says in either case.
 *
 * Looked at and left: reboot (ends the pid namespace only), mount and its kin, unshare, clone3, setns
 * (service managers and nested sandboxes live on them), ptrace and pidfd_getfd (checked against the
 * user namespace), adjtimex and clock_adjtime (reading is what time services do; changing wants a
 * capability of the host), ioctl TIOCSTI (a guest has no terminal but its own, and every ioctl would
 * pay), fanotify (limited to the user namespace's own), name_to_handle_at (harmless without its other
 * half), sethostname, personality.
 */
#define KEYRING  "keys of other machines and of the host are a lookup away; the code leaks often"
#define OBSOLETE "nothing has called it for decades; not every kernel has taken it out well"
#define MODULE   "modules are the host's kernel"
#define RING     "does what other calls do behind this filter's back, sockets among it"

const struct denied_syscall seccomp_deny[] = {
	{ "_sysctl", ENOSYS, 0, OBSOLETE, NULL },
	{ "acct", EPERM, 0, "writes into a file about every process of the host", "sys_pacct" },
	{ "add_key", ENOSYS, DENY_UNLESS_NESTING, KEYRING, NULL },
	{ "afs_syscall", ENOSYS, 0, OBSOLETE, NULL },
	{ "bdflush", ENOSYS, 0, OBSOLETE, NULL },
	{ "bpf", EPERM, 0, "programs in the host's kernel; its verifier is the host's wall", NULL },
	{ "clock_settime", EPERM, 0, "the clock is the host's", "sys_time" },
	{ "create_module", ENOSYS, 0, OBSOLETE, NULL },
	{ "delete_module", EPERM, 0, MODULE, "sys_module" },
	{ "epoll_ctl_old", ENOSYS, 0, OBSOLETE, NULL },
	{ "epoll_wait_old", ENOSYS, 0, OBSOLETE, NULL },
	{ "finit_module", EPERM, 0, MODULE, "sys_module" },
	{ "get_kernel_syms", ENOSYS, 0, OBSOLETE, NULL },
	{ "getpmsg", ENOSYS, 0, OBSOLETE, NULL },
	{ "init_module", EPERM, 0, MODULE, "sys_module" },
	{ "io_uring_enter", ENOSYS, 0, RING, NULL },
	{ "io_uring_register", ENOSYS, 0, RING, NULL },
	{ "io_uring_setup", ENOSYS, 0, RING, NULL },
	{ "ioperm", EPERM, 0, "ports of the host's hardware", "sys_rawio" },
	{ "iopl", EPERM, 0, "ports of the host's hardware", "sys_rawio" },
	{ "kexec_file_load", EPERM, 0, "another kernel for the host", NULL },
	{ "kexec_load", EPERM, 0, "another kernel for the host", NULL },
	{ "keyctl", ENOSYS, DENY_UNLESS_NESTING, KEYRING, NULL },
	{ "lookup_dcookie", ENOSYS, 0, "tells paths of the host; gone since Linux 6.7", NULL },
	{ "modify_ldt", ENOSYS, DENY_UNLESS_COMPAT, "segments, for 16-bit and old 32-bit programs",
	  NULL },
	{ "nfsservctl", ENOSYS, 0, OBSOLETE, NULL },
	{ "open_by_handle_at", EPERM, 0, "opens files by number, past every folder and mount",
	  NULL },
	{ "pciconfig_iobase", EPERM, 0, "the host's hardware", NULL },
	{ "pciconfig_read", EPERM, 0, "the host's hardware", NULL },
	{ "pciconfig_write", EPERM, 0, "the host's hardware", NULL },
	{ "perf_event_open", EPERM, 0,
	  "counts what others do; many faults, and a clock for attacks", NULL },
	{ "putpmsg", ENOSYS, 0, OBSOLETE, NULL },
	{ "query_module", ENOSYS, 0, OBSOLETE, NULL },
	{ "quotactl", EPERM, 0, "quotas are kept for whole file systems, which are the host's",
	  NULL },
	{ "quotactl_fd", EPERM, 0, "quotas are kept for whole file systems, which are the host's",
	  NULL },
	{ "request_key", ENOSYS, DENY_UNLESS_NESTING, "has the host run a program to make a key",
	  NULL },
	{ "security", ENOSYS, 0, OBSOLETE, NULL },
	{ "settimeofday", EPERM, 0, "the clock is the host's", "sys_time" },
	{ "stime", EPERM, 0, "the clock is the host's", "sys_time" },
	{ "swapoff", EPERM, 0, "memory is the host's to manage", NULL },
	{ "swapon", EPERM, 0, "memory is the host's to manage", NULL },
	{ "sysfs", ENOSYS, 0, OBSOLETE, NULL },
	{ "syslog", EPERM, 0, "the kernel's log is the host's, with addresses in it", "syslog" },
	{ "tuxcall", ENOSYS, 0, OBSOLETE, NULL },
	{ "uselib", ENOSYS, 0, OBSOLETE, NULL },
	{ "userfaultfd", EPERM, 0,
	  "holds the kernel still in the middle of an access: makes races won", NULL },
	{ "ustat", ENOSYS, 0, OBSOLETE, NULL },
	{ "vm86", ENOSYS, 0, OBSOLETE, NULL },
	{ "vm86old", ENOSYS, 0, OBSOLETE, NULL },
	{ "vserver", ENOSYS, 0, OBSOLETE, NULL },
};
const size_t seccomp_deny_count = sizeof seccomp_deny / sizeof *seccomp_deny;

const int socket_families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET };
const size_t socket_families_count = sizeof socket_families / sizeof *socket_families;
