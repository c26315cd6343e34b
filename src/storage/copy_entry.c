/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/copy_entry.h"

#include "base/protection.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/copy_data.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>

/* Attributes of a file system or a security module: kept if the target takes them, no failure if not. */
static const char *const optional[] = { "security.selinux", "security.SMACK64",  "security.ima",
					"security.evm",     "security.apparmor", "btrfs." };

/* Milliseconds between two checks of a lease, and the time for all leases together. */
enum { LEASE_PAUSE = 20, LEASE_PATIENCE = 180000 };

static bool is_optional(const char *name)
{
	for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
		if (text_starts(name, optional[i]))
			return true;
	}
	return false;
}

static int copy_attribute(struct copy *copy, const char *from, const char *to, const char *name)
{
	ssize_t n = lgetxattr(from, name, copy->value, XATTR_SIZE_MAX);

	if (n < 0 && (errno == ENODATA || is_optional(name)))
		return 0;
	if ((n < 0 || lsetxattr(to, name, copy->value, (size_t)n, 0) < 0) && !is_optional(name)) {
		int code = errno;
		snprintf(copy->attribute, sizeof copy->attribute, "attribute %.255s", name);
		return -code;
	}
	return 0;
}

/*
 * The names are below /proc/self/fd: there is no fsetxattr for a symbolic link or a node, and no setxattrat before
 * Linux 6.13.
 */
static int copy_attributes(struct copy *copy, const char *name)
{
	char from[NAME_MAX + 32], to[NAME_MAX + 32];

	snprintf(from, sizeof from, "/proc/self/fd/%d/%s", copy->from, name);
	snprintf(to, sizeof to, "/proc/self/fd/%d/%s", copy->to, name);
	ssize_t n = llistxattr(from, copy->names, XATTR_LIST_MAX);
	if (n < 0)
		return errno == EOPNOTSUPP || errno == ENOENT ? 0 : -errno;
	for (const char *at = copy->names; at < copy->names + n; at += strlen(at) + 1) {
		int r = copy_attribute(copy, from, to, at);
		if (r < 0)
			return r;
	}
	return 0;
}

static void times_of(const struct statx *st, struct timespec times[2])
{
	times[0] = (struct timespec){ st->stx_atime.tv_sec, st->stx_atime.tv_nsec };
	times[1] = (struct timespec){ st->stx_mtime.tv_sec, st->stx_mtime.tv_nsec };
}

/* Last of all. links.c sets these flags on a file with several names, with its last name. */
static int copy_protection(struct copy *copy, const struct statx *st, int to)
{
	int flags = protection_of(st);
	int r = flags ? protection_set(to, flags) : 0;

	if (r < 0)
		snprintf(copy->attribute, sizeof copy->attribute,
			 "flags of chattr(1), immutable or append-only");
	return r;
}

/*
 * Owner first, because a new owner clears set-user-id bits and capabilities; the mode before the ACL that refines it;
 * times last, because all of these are changes.
 */
static int set_by_fd(struct copy *copy, const char *name, const struct statx *st, int from, int to)
{
	struct timespec times[2];

	if (fchown(to, st->stx_uid, st->stx_gid) < 0 || fchmod(to, st->stx_mode & 07777) < 0)
		return -errno;
	/* Most files have none, and this call learns that at the lowest cost. */
	if (flistxattr(from, NULL, 0) > 0) {
		int r = copy_attributes(copy, name);
		if (r < 0)
			return r;
	}
	times_of(st, times);
	return futimens(to, times) < 0 ? -errno : 0;
}

static int set_by_name(struct copy *copy, const char *name, const struct statx *st)
{
	struct timespec times[2];

	if (fchownat(copy->to, name, st->stx_uid, st->stx_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(st->stx_mode) && fchmodat(copy->to, name, st->stx_mode & 07777, 0) < 0)
		return -errno;
	int r = copy_attributes(copy, name);
	if (r < 0)
		return r;
	times_of(st, times);
	return utimensat(copy->to, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/*
 * Breaks a lease: a program that has one on the file (Samba has) is told to release it. A frozen program does not
 * react; the kernel takes the lease after /proc/sys/fs/lease-break-time, 45 s by default.
 */
static int open_patiently(struct copy *copy, const char *name)
{
	const struct timespec pause = { .tv_nsec = LEASE_PAUSE * 1000000L };
	int fd;

	while ((fd = openat(copy->from, name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC)) < 0 &&
	       errno == EWOULDBLOCK) {
		if (copy->waited >= LEASE_PATIENCE)
			return -EBUSY;
		nanosleep(&pause, NULL);
		copy->waited += LEASE_PAUSE;
	}
	return fd < 0 ? -errno : fd;
}

/* -EAGAIN: the file was replaced. */
static int copy_file(struct copy *copy, const char *name, const struct statx *seen)
{
	scoped_fd int from = open_patiently(copy, name);
	struct statx st;

	if (from < 0)
		return from == -ELOOP || from == -ENXIO || from == -ENOENT ? -EAGAIN : from;
	if (statx(from, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
		return -errno;
	if (!S_ISREG(st.stx_mode) || st.stx_ino != seen->stx_ino)
		return -EAGAIN;
	scoped_fd int to =
		openat(copy->to, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	int r = copy_data(copy, from, to, &st);
	if (r == 0)
		r = set_by_fd(copy, name, &st, from, to);
	return r < 0 || st.stx_nlink > 1 ? r : copy_protection(copy, &st, to);
}

static int copy_link(struct copy *copy, const char *name, const struct statx *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(copy->from, name, target, sizeof target - 1);

	if (n < 0)
		return errno == EINVAL || errno == ENOENT ? -EAGAIN : -errno;
	target[n] = '\0';
	if (symlinkat(target, copy->to, name) < 0)
		return -errno;
	return set_by_name(copy, name, st);
}

static int copy_node(struct copy *copy, const char *name, const struct statx *st)
{
	dev_t device = makedev(st->stx_rdev_major, st->stx_rdev_minor);

	if (mknodat(copy->to, name, (st->stx_mode & S_IFMT) | 0600, device) < 0)
		return -errno;
	return set_by_name(copy, name, st);
}

static int copy_kind(struct copy *copy, const char *name, const struct statx *st)
{
	if (S_ISREG(st->stx_mode))
		return copy_file(copy, name, st);
	if (S_ISLNK(st->stx_mode))
		return copy_link(copy, name, st);
	return copy_node(copy, name, st);
}

int copy_entry(struct copy *copy, const char *name, const struct statx *st)
{
	struct statx now = *st;

	/* Programs replace files by rename: it may be another file than the one that was listed. */
	for (int i = 0; i < 5; i++) {
		int r = S_ISDIR(now.stx_mode) ? -ESTALE : copy_kind(copy, name, &now);
		if (r != -EAGAIN)
			return r;
		if (statx(copy->from, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
			  STATX_BASIC_STATS, &now) < 0)
			return errno == ENOENT ? -ESTALE : -errno;
	}
	return -ESTALE;
}

int copy_folder_attributes(struct copy *copy, const struct statx *st)
{
	int r = set_by_fd(copy, ".", st, copy->from, copy->to);

	return r < 0 ? r : copy_protection(copy, st, copy->to);
}

int copy_start(struct copy *copy, int to)
{
	copy->names = malloc(XATTR_LIST_MAX);
	copy->value = malloc(COPY_BUFFER);
	if (!copy->names || !copy->value)
		return -ENOMEM;
	if (fremovexattr(to, "system.posix_acl_default") < 0 && errno != ENODATA &&
	    errno != EOPNOTSUPP)
		return -errno;
	if (fremovexattr(to, "system.posix_acl_access") < 0 && errno != ENODATA &&
	    errno != EOPNOTSUPP)
		return -errno;
	return 0;
}

void copy_end(struct copy *copy)
{
	scoped_close_fd(&copy->from);
	scoped_close_fd(&copy->to);
	free(copy->names);
	free(copy->value);
	*copy = (struct copy){ .from = -1, .to = -1 };
}

const char *copy_why(int code)
{
	switch (-code) {
	case ENOSPC:
		return "the disk is full";
	case EDQUOT:
		return "the disk quota is used up";
	case ESTALE:
		return "it was moved or replaced while it was copied; stop what changes it";
	case EBUSY:
		return "a program has a lease on it and does not give it up; end that program";
	case EOPNOTSUPP:
		return "the file system of the copy cannot hold it";
	case EMLINK:
		return "the file system of the copy allows fewer hard links";
	default:
		return strerror(-code);
	}
}
