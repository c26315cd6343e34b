/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/dir_limit.h"

#include "base/text.h"
#include "kern/project.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statfs.h>
#include <unistd.h>

/* Others count from 1, from 10000 or from the ids of users: docker, lxd, /etc/projects. */
enum { ID_BASE = 0x20000000, ID_MASK = 0x1fffffff, DRAWS = 20 };

bool dir_limit_counts(int fd)
{
	struct project_quota quota;

	return project_quota_look(fd, &quota) == 0 && quota.counted;
}

/* The project that new entries of a folder get; 0: none. */
static uint32_t project_below(int folder)
{
	uint32_t id = 0;
	bool inherited = false;

	return project_of(folder, &id, &inherited) == 0 && inherited ? id : 0;
}

/* 0: the volume has no project, or one that it has from the folder around it, whose limit is not berth's. */
static uint32_t id_of(int root)
{
	uint32_t id = project_below(root);

	return (id & ~(uint32_t)ID_MASK) == ID_BASE ? id : 0;
}

/* An id that no file has, and no limit. 0: there is none. */
static uint32_t draw(int fd)
{
	struct project_use use;
	uint32_t id;

	for (unsigned i = 0; i < DRAWS; i++) {
		if (getrandom(&id, sizeof id, 0) != sizeof id)
			return 0;
		id = ID_BASE + (id & ID_MASK);
		if (project_use(fd, id, &use) < 0)
			return 0;
		if (!use.files && !use.limit && !use.used)
			return id;
	}
	return 0;
}

/*
 * If the folder has a project itself, its administrator limits all of the pool by that. Another process may have drawn
 * the same id in the same moment: then both see more than one folder in it, and draw again.
 */
void dir_limit_begin(int folder, int root)
{
	struct project_use use;

	if (!dir_limit_counts(folder) || project_below(folder))
		return;
	for (unsigned i = 0; i < DRAWS; i++) {
		uint32_t id = draw(root);
		if (!id || project_assign(root, id) < 0)
			return;
		if (project_use(root, id, &use) < 0 || use.files <= 1)
			return;
	}
}

/* The remedy depends on the kind of file system. */
static int refuse(int folder, const char *path, struct err *err)
{
	struct statfs fs = { 0 };

	fstatfs(folder, &fs);
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
		return err_set(err, EOPNOTSUPP,
			       "a size needs project quotas, which the ext4 of '%s' does not "
			       "have on; unmount it, turn them on, and mount it with the option "
			       "prjquota: tune2fs -O project,quota -Q prjquota DEVICE",
			       path);
	case XFS_SUPER_MAGIC:
		return err_set(err, EOPNOTSUPP,
			       "a size needs project quotas, which the xfs of '%s' does not "
			       "have on; unmount it, and mount it with the option prjquota",
			       path);
	case BTRFS_SUPER_MAGIC:
		return err_set(err, EOPNOTSUPP,
			       "a size needs a pool that limits volumes, and driver dir cannot "
			       "do that on btrfs, where '%s' is; make a pool of driver btrfs: "
			       "berth pool create --driver btrfs --set quota=yes NAME",
			       path);
	default:
		return err_set(err, EOPNOTSUPP,
			       "a size needs a pool that limits volumes, and driver dir does "
			       "that only on ext4 and xfs with project quotas, where '%s' is not; "
			       "use such a file system, or a pool of driver thin",
			       path);
	}
}

int dir_limit_check(int folder, const char *path, struct err *err)
{
	struct project_quota quota;
	uint32_t id;

	if (project_quota_look(folder, &quota) == -EPERM)
		return err_set(err, EOPNOTSUPP,
			       "a size needs project quotas, which no machine may use, and this "
			       "host is one; set disk.size of this machine on its host");
	if (!quota.counted)
		return refuse(folder, path, err);
	if (!quota.enforced)
		return err_set(err, EOPNOTSUPP,
			       "a size needs limits of projects, which the file system of '%s' "
			       "does not enforce; mount it with the option prjquota",
			       path);
	id = project_below(folder);
	return id ? err_set(err, EOPNOTSUPP,
			    "a size needs a project for each volume, and folder '%s' as a whole "
			    "has project %u; remove that, for new volumes: chattr -P -p 0 '%s'",
			    path, id, path)
		  : 0;
}

static int refuse_below(uint64_t used, struct err *err)
{
	char human[32];

	text_human_size(used, human, sizeof human);
	return err_set(err, EINVAL, "it has %s already; remove files first", human);
}

int dir_limit_set(int root, uint64_t bytes, struct err *err)
{
	struct project_use use;
	uint32_t id = id_of(root);

	if (bytes == 0 && (!id || !dir_limit_counts(root)))
		return 0;
	if (!id)
		return err_set(err, ENODATA,
			       "it was made when its file system counted no projects; a copy of it "
			       "is counted, so give its machine one: berth snapshot MACHINE NAME, "
			       "berth restore MACHINE NAME");
	int r = project_use(root, id, &use);
	if (r == 0 && bytes && use.used > bytes)
		return refuse_below(use.used, err);
	if (r == 0)
		r = project_limit(root, id, bytes);
	/* A limit is in no folder, so that no fsync commits it. */
	if (r == 0 && syncfs(root) < 0)
		r = -errno;
	return r < 0 ? err_set(err, -r, "limit it: %s", strerror(-r)) : 0;
}

void dir_limit_look(int root, struct dir_limit *limit)
{
	struct project_quota quota;
	struct project_use use;
	uint32_t id;

	*limit = (struct dir_limit){ 0 };
	if (project_quota_look(root, &quota) < 0 || !quota.counted || !(id = id_of(root)) ||
	    project_use(root, id, &use) < 0)
		return;
	*limit = (struct dir_limit){ .counted = true,
				     .limit = quota.enforced ? use.limit : 0,
				     .used = use.used };
}

void dir_limit_forget(int root)
{
	struct project_use use;
	uint32_t id = dir_limit_counts(root) ? id_of(root) : 0;

	if (id && project_use(root, id, &use) == 0 && use.limit)
		project_limit(root, id, 0);
}
