/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of /proc, /sys and /dev that are the host's, and its disks. */
#include "attack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static enum verdict sysrq(void)
{
	return judge_open("/proc/sysrq-trigger", O_WRONLY);
}

static enum verdict kcore(void)
{
	return judge_open("/proc/kcore", O_RDONLY);
}

static enum verdict kmsg(void)
{
	return judge_open("/proc/kmsg", O_RDONLY);
}

/* Writes what stands there. */
static enum verdict rewrite(const char *path)
{
	char text[PATH_MAX];
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	enum verdict verdict = judge(n < 0 ? -1 : pwrite(fd, text, (size_t)n, 0), 0);

	if (fd >= 0)
		close(fd);
	return verdict;
}

static enum verdict core_pattern(void)
{
	return rewrite("/proc/sys/kernel/core_pattern");
}

static enum verdict modprobe(void)
{
	return rewrite("/proc/sys/kernel/modprobe");
}

static enum verdict poweroff(void)
{
	return rewrite("/proc/sys/kernel/poweroff_cmd");
}

static enum verdict hotplug(void)
{
	return judge_open("/sys/kernel/uevent_helper", O_WRONLY);
}

static enum verdict timers(void)
{
	return judge_open("/proc/timer_list", O_RDONLY);
}

static enum verdict memory_map(void)
{
	return judge_open("/proc/vmallocinfo", O_RDONLY);
}

static enum verdict page_flags(void)
{
	return judge_open("/proc/kpageflags", O_RDONLY);
}

static enum verdict addresses(void)
{
	char line[256] = "";
	FILE *file = fopen("/proc/kallsyms", "re");
	unsigned long long address = 0;

	if (!file || !fgets(line, sizeof line, file)) {
		say("%s", strerror(errno));
		return ABSENT;
	}
	/* The first ones may be at zero by right, being of no processor. */
	for (int i = 0; i < 500 && address == 0 && fgets(line, sizeof line, file); i++)
		address = strtoull(line, NULL, 16);
	fclose(file);
	say("an address of the kernel's is %llx", address);
	return address ? ESCAPED : CONTAINED;
}

/* Settings that belong to a namespace, which is the guest's own. */
static bool own_setting(const char *path)
{
	static const char *const prefixes[] = {
		"/proc/sys/net/",
		"/proc/sys/user/",
		"/proc/sys/fs/mqueue/",
		"/proc/sys/kernel/shm",
		"/proc/sys/kernel/msg",
		"/proc/sys/kernel/sem",
		"/proc/sys/kernel/auto_msg",
		"/proc/sys/kernel/host",
		"/proc/sys/kernel/domain",
		"/proc/sys/kernel/ns_last",
		"/proc/sys/kernel/pid_max",
		"/sys/fs/cgroup/",
		"/proc/sys/fs/binfmt_misc/",
	};

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return strncmp(path, "/sys/", 5) == 0 && strstr(path, "/net/");
}

/* The first file below that opens for writing: opened and closed, never written. */
static bool find_writable(const char *folder, char found[PATH_MAX], unsigned *seen)
{
	DIR *dir = opendir(folder);
	bool is = false;

	for (struct dirent *e; dir && !is && (e = readdir(dir));) {
		char path[PATH_MAX];
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path ||
		    own_setting(path))
			continue;
		if (e->d_type == DT_DIR) {
			is = find_writable(path, found, seen);
		} else if (e->d_type == DT_REG) {
			int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
			++*seen;
			is = fd >= 0;
			if (is) {
				close(fd);
				snprintf(found, PATH_MAX, "%s", path);
			}
		}
	}
	if (dir)
		closedir(dir);
	return is;
}

static enum verdict any_writable(const char *folder)
{
	char found[PATH_MAX] = "";
	unsigned seen = 0;

	if (find_writable(folder, found, &seen)) {
		say("opened for writing: %.400s", found);
		return ESCAPED;
	}
	say("none of %u files opens for writing", seen);
	return seen ? CONTAINED : ABSENT;
}

static enum verdict settings(void)
{
	return any_writable("/proc/sys");
}

static enum verdict sys_files(void)
{
	mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL);
	enum verdict verdict = any_writable("/sys");
	mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
	return verdict;
}

/* The node is made in /dev, the only file system of a guest that may have devices. */
static enum verdict node(mode_t type, unsigned high, unsigned low)
{
	static const char path[] = "/dev/berth-attack";

	unlink(path);
	if (mknod(path, type | 0600, makedev(high, low)) < 0)
		return judge(-1, 0);
	enum verdict verdict = judge_open(path, O_RDONLY);
	unlink(path);
	return verdict;
}

static enum verdict disk_node(void)
{
	return node(S_IFBLK, disk_major, disk_minor);
}

static enum verdict memory_node(void)
{
	return node(S_IFCHR, 1, 1);
}

static enum verdict loop_node(void)
{
	return node(S_IFCHR, 10, 237);
}

/* A file that the test has put into the volume from the host, as an image could contain it. */
static enum verdict ready(const char *path)
{
	mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL);
	enum verdict verdict = judge_open(path, O_RDONLY);
	mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL);
	return verdict;
}

static enum verdict ready_disk(void)
{
	return ready("/berth-attack-disk");
}

/* The cgroup allows this device, so only nodev is in the way. */
static enum verdict ready_zero(void)
{
	return ready("/berth-attack-zero");
}

/* Inode 2 is the root of an ext4, which any mount of it can open by handle. guest-init is a file of the host's. */
static enum verdict by_handle(void)
{
	struct {
		struct file_handle head;
		unsigned inode, generation;
	} handle = { .head = { .handle_bytes = 8, .handle_type = 1 }, .inode = 2 };
	char text[128] = "";
	int mount_fd = open("/run/host/guest-init", O_RDONLY | O_CLOEXEC);
	int root =
		mount_fd < 0 ? -1 : open_by_handle_at(mount_fd, &handle.head, O_RDONLY | O_CLOEXEC);
	enum verdict verdict = judge(root, ESTALE);

	if (mount_fd >= 0)
		close(mount_fd);
	if (root < 0)
		return verdict;
	int fd = openat(root, host_secret + (*host_secret == '/'), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n > 0)
		say("the root of the host's file system is open, and read: %s", text);
	else
		say("the root of the host's file system is open");
	close(fd);
	close(root);
	return verdict;
}

/*
 * Attacks commands of the test: for a moment, a process that enters is a program of the host. If its program file were
 * visible, it could be traced, and would give away its open files.
 */
static enum verdict entering(void)
{
	struct stat own;
	unsigned looks = 0;

	stat("/proc/self/exe", &own);
	/* The test sends its commands from now on. */
	close(open("/berth-attack-begun", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	for (alarm(240); looks < 60000; looks++) {
		DIR *proc = opendir("/proc");
		for (struct dirent *e; proc && (e = readdir(proc));) {
			char path[300];
			struct stat st;
			if (e->d_name[0] < '0' || e->d_name[0] > '9' || strcmp(e->d_name, "1") == 0)
				continue;
			snprintf(path, sizeof path, "/proc/%s/exe", e->d_name);
			if (stat(path, &st) < 0 || st.st_dev == own.st_dev)
				continue;
			char name[PATH_MAX] = "";
			if (readlink(path, name, sizeof name - 1) < 0)
				continue;
			say("caught a program of the host's: %.200s", name);
			closedir(proc);
			return ESCAPED;
		}
		if (proc)
			closedir(proc);
		if (access("/berth-attack-stop", F_OK) == 0)
			break;
	}
	say("caught none in %u looks", looks);
	return CONTAINED;
}

const struct attack attacks_files[] = {
	{ "sysrq", "proc(5): sysrq-trigger", "userns", sysrq },
	{ "kcore", "proc(5): kcore", "userns caps", kcore },
	{ "kmsg", "proc(5): kmsg", "userns caps", kmsg },
	{ "core-pattern", "core(5): a program of ours run by the host", "userns", core_pattern },
	{ "modprobe-path", "a program of ours run by the host", "userns", modprobe },
	{ "poweroff-cmd", "a program of ours run by the host", "userns", poweroff },
	{ "uevent-helper", "a program of ours run by the host", "userns", hotplug },
	{ "timer-list", "CVE-2017-5967", "userns", timers },
	{ "vmallocinfo", "addresses of the kernel", "userns", memory_map },
	{ "kpageflags", "rowhammer's map of memory", "userns", page_flags },
	{ "kallsyms", "addresses of the kernel", "userns caps", addresses },
	{ "proc-sys", "CVE-2025-31133, CVE-2025-52881: any setting of the host's", "userns",
	  settings },
	{ "sys-files", "CVE-2023-25809: any file of /sys", "userns", sys_files },
	{ "disk-node", "mknod(2): the host's disk", "userns devices", disk_node },
	{ "memory-node", "mknod(2): the host's memory", "userns devices caps", memory_node },
	{ "loop-node", "mknod(2): the host's loop devices", "userns devices", loop_node },
	{ "ready-disk", "CVE-2016-1572 and kin: a node that an image brings", "userns devices",
	  ready_disk },
	{ "ready-zero", "the same, after clearing nodev", "userns", ready_zero },
	{ "by-handle", "shocker: open_by_handle_at(2)", "userns seccomp", by_handle },
	{ "entering", "CVE-2016-9962, CVE-2016-8649, CVE-2019-5736", "userns", entering },
	{ 0 },
};
