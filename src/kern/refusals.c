#include "kern/refusals.h"

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

const struct refusal refusals[] = {
	{ "_sysctl", ENOSYS, 0, OBSOLETE },
	{ "acct", EPERM, 0, "writes into a file about every process of the host" },
	{ "add_key", ENOSYS, REFUSAL_UNLESS_NESTING, KEYRING },
	{ "afs_syscall", ENOSYS, 0, OBSOLETE },
	{ "bdflush", ENOSYS, 0, OBSOLETE },
	{ "bpf", EPERM, 0, "programs in the host's kernel; its verifier is the host's wall" },
	{ "clock_settime", EPERM, 0, "the clock is the host's" },
	{ "create_module", ENOSYS, 0, OBSOLETE },
	{ "delete_module", EPERM, 0, MODULE },
	{ "epoll_ctl_old", ENOSYS, 0, OBSOLETE },
	{ "epoll_wait_old", ENOSYS, 0, OBSOLETE },
	{ "finit_module", EPERM, 0, MODULE },
	{ "get_kernel_syms", ENOSYS, 0, OBSOLETE },
	{ "getpmsg", ENOSYS, 0, OBSOLETE },
	{ "init_module", EPERM, 0, MODULE },
	{ "io_uring_enter", ENOSYS, 0, RING },
	{ "io_uring_register", ENOSYS, 0, RING },
	{ "io_uring_setup", ENOSYS, 0, RING },
	{ "ioperm", EPERM, 0, "ports of the host's hardware" },
	{ "iopl", EPERM, 0, "ports of the host's hardware" },
	{ "kexec_file_load", EPERM, 0, "another kernel for the host" },
	{ "kexec_load", EPERM, 0, "another kernel for the host" },
	{ "keyctl", ENOSYS, REFUSAL_UNLESS_NESTING, KEYRING },
	{ "lookup_dcookie", ENOSYS, 0, "tells paths of the host; gone since Linux 6.7" },
	{ "modify_ldt", ENOSYS, REFUSAL_UNLESS_COMPAT,
	  "segments, for 16-bit and old 32-bit programs" },
	{ "nfsservctl", ENOSYS, 0, OBSOLETE },
	{ "open_by_handle_at", EPERM, 0, "opens files by number, past every folder and mount" },
	{ "pciconfig_iobase", EPERM, 0, "the host's hardware" },
	{ "pciconfig_read", EPERM, 0, "the host's hardware" },
	{ "pciconfig_write", EPERM, 0, "the host's hardware" },
	{ "perf_event_open", EPERM, 0,
	  "counts what others do; many faults, and a clock for attacks" },
	{ "putpmsg", ENOSYS, 0, OBSOLETE },
	{ "query_module", ENOSYS, 0, OBSOLETE },
	{ "quotactl", EPERM, 0, "quotas are kept for whole file systems, which are the host's" },
	{ "quotactl_fd", EPERM, 0, "quotas are kept for whole file systems, which are the host's" },
	{ "request_key", ENOSYS, REFUSAL_UNLESS_NESTING,
	  "has the host run a program to make a key" },
	{ "security", ENOSYS, 0, OBSOLETE },
	{ "settimeofday", EPERM, 0, "the clock is the host's" },
	{ "stime", EPERM, 0, "the clock is the host's" },
	{ "swapoff", EPERM, 0, "memory is the host's to manage" },
	{ "swapon", EPERM, 0, "memory is the host's to manage" },
	{ "sysfs", ENOSYS, 0, OBSOLETE },
	{ "syslog", EPERM, 0, "the kernel's log is the host's, with addresses in it" },
	{ "tuxcall", ENOSYS, 0, OBSOLETE },
	{ "uselib", ENOSYS, 0, OBSOLETE },
	{ "userfaultfd", EPERM, 0,
	  "holds the kernel still in the middle of an access: makes races won" },
	{ "ustat", ENOSYS, 0, OBSOLETE },
	{ "vm86", ENOSYS, 0, OBSOLETE },
	{ "vm86old", ENOSYS, 0, OBSOLETE },
	{ "vserver", ENOSYS, 0, OBSOLETE },
};
const size_t refusals_count = sizeof refusals / sizeof *refusals;

const int socket_families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET };
const size_t socket_families_count = sizeof socket_families / sizeof *socket_families;
