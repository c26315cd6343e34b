/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resources of the host or of others that a user may use up. They are released when this process ends. */
#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static enum verdict realtime(void)
{
	struct sched_param fifo = { .sched_priority = 1 }, normal = { 0 };
	enum verdict verdict = judge(sched_setscheduler(0, SCHED_FIFO, &fifo), 0);

	sched_setscheduler(0, SCHED_OTHER, &normal);
	return verdict;
}

static enum verdict nicer(void)
{
	enum verdict verdict = judge(setpriority(PRIO_PROCESS, 0, -5), 0);

	setpriority(PRIO_PROCESS, 0, 0);
	return verdict;
}

static enum verdict io_realtime(void)
{
	return judge(syscall(SYS_ioprio_set, 1, 0, 1 << 13), 0);
}

/* Root of a host that is itself confined may be without. */
static bool nobody_may(int capability)
{
	if (!walls_down || prctl(PR_CAPBSET_READ, capability) == 1)
		return false;
	say("the host's root may not either");
	return true;
}

static enum verdict raise_limit(void)
{
	struct rlimit limit;

	if (nobody_may(CAP_SYS_RESOURCE))
		return ABSENT;
	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_max == RLIM_INFINITY) {
		say("there is none");
		return ABSENT;
	}
	limit.rlim_max += 4096;
	return judge(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
}

static enum verdict never_killed(void)
{
	if (nobody_may(CAP_SYS_RESOURCE))
		return ABSENT;
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	enum verdict verdict = judge(fd < 0 ? -1 : write(fd, "-1000", 5), 0);

	if (fd >= 0) {
		if (write(fd, "0", 1) < 0)
			say("%s", strerror(errno));
		close(fd);
	}
	return verdict;
}

static enum verdict watch_files(void)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	enum verdict verdict = judge(fd, 0);

	if (fd >= 0)
		close(fd);
	return verdict;
}

static enum verdict trusted_attribute(void)
{
	int fd = open("/berth-attack-file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	enum verdict verdict = judge(fsetxattr(fd, "trusted.berth", "x", 1, 0), 0);

	close(fd);
	unlink("/berth-attack-file");
	return verdict;
}

static enum verdict immutable(void)
{
	int fd = open("/berth-attack-file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int flags = FS_IMMUTABLE_FL, none = 0;
	enum verdict verdict = judge(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);

	ioctl(fd, FS_IOC_SETFLAGS, &none);
	close(fd);
	unlink("/berth-attack-file");
	return verdict;
}

/* The whole file system's metadata, other machines' names and all. */
static enum verdict btrfs_tree(void)
{
	struct btrfs_ioctl_search_args args = { .key = { .tree_id = 1,
							 .max_objectid = -1ULL,
							 .max_offset = -1ULL,
							 .max_transid = -1ULL,
							 .max_type = 255,
							 .nr_items = 16 } };
	int fd = open("/", O_RDONLY | O_CLOEXEC);
	int r = ioctl(fd, BTRFS_IOC_TREE_SEARCH, &args);
	int code = errno;

	close(fd);
	errno = code;
	if (r < 0 && errno == ENOTTY) {
		say("the root is not on btrfs");
		return ABSENT;
	}
	return judge(r, 0);
}

/* The process cannot change back, so it is a child. The id is far beyond those of any machine. */
static enum verdict foreign_id(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(syscall(SYS_setresuid, 2000000000, 2000000000, 2000000000) == 0 ? 0 : errno);
	waitpid(pid, &status, 0);
	if (WEXITSTATUS(status) == 0) {
		say("became 2000000000");
		return ESCAPED;
	}
	say("%s", strerror(WEXITSTATUS(status)));
	return CONTAINED;
}

static enum verdict capabilities(void)
{
	static const int dropped[] = { CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_TIME, CAP_SYSLOG,
				       CAP_MAC_ADMIN };

	for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
		if (prctl(PR_CAPBSET_READ, dropped[i]) == 1) {
			say("%d is within bounds", dropped[i]);
			return ESCAPED;
		}
	}
	say("out of bounds");
	return CONTAINED;
}

/* 7 is the number at which the test has a file of the host's open. */
static enum verdict leaked_file(void)
{
	char text[64] = "";
	ssize_t n = pread(7, text, sizeof text - 1, 0);

	if (n < 0 && errno == EBADF) {
		say("not open");
		return CONTAINED;
	}
	enum verdict verdict = judge(n, 0);
	say("read: %s", text);
	return verdict;
}

/* Folder in folder, until the host's tools run out of something; taken away again. */
static unsigned nest(int dir_fd, unsigned depth)
{
	if (depth == 300 || mkdirat(dir_fd, "deep", 0755) < 0)
		return depth;
	int fd = openat(dir_fd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned reached = fd < 0 ? depth : nest(fd, depth + 1);
	if (fd >= 0)
		close(fd);
	unlinkat(dir_fd, "deep", AT_REMOVEDIR);
	return reached;
}

static enum verdict deep_groups(void)
{
	int fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned depth = fd < 0 ? 0 : nest(fd, 0);

	if (fd >= 0)
		close(fd);
	say("%u groups deep", depth);
	return depth >= 300 ? ESCAPED : depth ? CONTAINED : ABSENT;
}

const struct attack attacks_limits[] = {
	{ "realtime", "sched(7): a loop that nothing interrupts", "userns", realtime },
	{ "nice", "setpriority(2)", "userns", nicer },
	{ "io-realtime", "ioprio_set(2)", "userns", io_realtime },
	{ "raise-limit", "setrlimit(2)", "userns", raise_limit },
	{ "never-killed", "oom_score_adj: the host dies first", "userns", never_killed },
	{ "watch-files", "fanotify(7): holds up every opener", "userns", watch_files },
	{ "trusted-attribute", "CVE-2021-3493 and kin", "userns", trusted_attribute },
	{ "immutable", "a file that no host tool deletes", "userns", immutable },
	{ "btrfs-tree", "names and files of other volumes", "userns", btrfs_tree },
	{ "foreign-id", "user_namespaces(7); CVE-2018-18955", "userns", foreign_id },
	{ "deep-groups", "seen here: a machine that could not be started again", "groups",
	  deep_groups },
	{ "capabilities", "capabilities(7)", "caps", capabilities },
	{ "leaked-file", "CVE-2024-21626", "fds", leaked_file },
	{ 0 },
};
