/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounts: flags that are the host's, and file systems that are not for guests. */
#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char place[] = "/berth-attack-place";
static const char init[] = "/run/host/guest-init";

/* Remounts without the flag, looks, and puts it back. */
static enum verdict clear(const char *path, unsigned long keep, unsigned long flag)
{
	int r = mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | keep, NULL);
	enum verdict verdict = judge(r, 0);

	if (r == 0)
		mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | keep | flag, NULL);
	return verdict;
}

static enum verdict clear_nodev(void)
{
	return clear("/", 0, MS_NODEV);
}

static enum verdict clear_readonly(void)
{
	return clear(init, MS_NOSUID | MS_NODEV, MS_RDONLY);
}

static enum verdict clear_nosuid(void)
{
	return clear(init, MS_RDONLY | MS_NODEV, MS_NOSUID);
}

/* A copy of the mount, whose flags might be forgotten. */
static enum verdict clear_copy(void)
{
	mkdir(place, 0700);
	if (mount("/", place, NULL, MS_BIND, NULL) < 0) {
		say("bind: %s", strerror(errno));
		return ABSENT;
	}
	enum verdict verdict = clear(place, 0, MS_NODEV);
	umount2(place, MNT_DETACH);
	rmdir(place);
	return verdict;
}

/* The file of a helper, a program of the host's. It runs as init, so "text file busy" means that it was reached. */
static enum verdict overwrite_init(void)
{
	mount(NULL, init, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL);
	int fd = open(init, O_WRONLY | O_CLOEXEC);
	enum verdict verdict = judge(fd, ETXTBSY);
	if (fd >= 0)
		close(fd);
	mount(NULL, init, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_RDONLY, NULL);
	return verdict;
}

/* A file system with bytes of ours in it, read by the host's kernel: only that no bytes are named. */
static enum verdict image(const char *type)
{
	int fd = fsopen(type, FSOPEN_CLOEXEC);

	if (fd < 0)
		return judge(fd, 0);
	enum verdict verdict = judge(fsconfig(fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0), EINVAL);
	close(fd);
	return verdict;
}

static enum verdict ext4(void)
{
	return image("ext4");
}

static enum verdict btrfs(void)
{
	return image("btrfs");
}

/* The mount is in a namespace of its own, which ends at once. */
static enum verdict special(const char *type, const char *options)
{
	mkdir(place, 0700);
	int r = mount("none", place, type, 0, options);
	enum verdict verdict = judge(r, 0);
	if (r == 0)
		umount2(place, MNT_DETACH);
	rmdir(place);
	return verdict;
}

static enum verdict devtmpfs(void)
{
	return special("devtmpfs", NULL);
}

static enum verdict debugfs(void)
{
	return special("debugfs", NULL);
}

static enum verdict tracefs(void)
{
	return special("tracefs", NULL);
}

static enum verdict securityfs(void)
{
	return special("securityfs", NULL);
}

/* A host with version 1 beside version 2: its hierarchy can be mounted, its knobs are the host's. */
/* Only the first cgroup namespace may mount a hierarchy that is not mounted. */
static enum verdict judge_hierarchy(void)
{
	enum verdict verdict = judge(-1, 0);

	if (walls_down && verdict == CONTAINED) {
		say("the host has no such hierarchy");
		return ABSENT;
	}
	return verdict;
}

static enum verdict release_agent(void)
{
	char path[64];

	mkdir(place, 0700);
	if (mount("none", place, "cgroup", 0, "memory") < 0) {
		enum verdict verdict = judge_hierarchy();
		rmdir(place);
		return verdict;
	}
	snprintf(path, sizeof path, "%s/release_agent", place);
	enum verdict verdict = judge_open(path, O_WRONLY);
	umount2(place, MNT_DETACH);
	rmdir(place);
	return verdict;
}

static enum verdict own_limits(void)
{
	return judge_open("/sys/fs/cgroup/cgroup.max.descendants", O_WRONLY);
}

static enum verdict freeze_host(void)
{
	mkdir(place, 0700);
	if (mount("none", place, "cgroup", 0, "freezer") < 0) {
		enum verdict verdict = judge_hierarchy();
		rmdir(place);
		return verdict;
	}
	char path[64];
	snprintf(path, sizeof path, "%s/cgroup.procs", place);
	enum verdict verdict = judge_open(path, O_WRONLY);
	umount2(place, MNT_DETACH);
	rmdir(place);
	return verdict;
}

const struct attack attacks_mounts[] = {
	{ "clear-nodev", "CVE-2014-5206, CVE-2014-5207", "userns", clear_nodev },
	{ "clear-readonly", "CVE-2014-5206, CVE-2014-5207", "userns", clear_readonly },
	{ "clear-nosuid", "CVE-2014-5206, CVE-2014-5207", "userns", clear_nosuid },
	{ "clear-copy", "the same of a copy of the mount", "userns", clear_copy },
	{ "overwrite-init", "CVE-2019-5736", "userns", overwrite_init },
	{ "image-ext4", "CVE-2025-40167: a hostile file system", "userns", ext4 },
	{ "image-btrfs", "a hostile file system", "userns", btrfs },
	{ "devtmpfs", "all devices of the host", "userns", devtmpfs },
	{ "debugfs", "the kernel's inside", "userns", debugfs },
	{ "tracefs", "the kernel's inside", "userns", tracefs },
	{ "securityfs", "security modules' settings", "userns", securityfs },
	{ "release-agent", "CVE-2022-0492", "userns", release_agent },
	{ "cgroup-v1", "moves processes of the host", "userns", freeze_host },
	{ "own-limits", "cgroups(7): the limits of our own group", "userns", own_limits },
	{ 0 },
};
