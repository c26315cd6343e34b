/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The calls of ext4 serve for xfs too: the kernel translates them. */
#include "kern/project.h"

#include <errno.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KIB = 1024 };

static int call(int fd, int command, uint32_t id, void *data)
{
	return syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), id, data) < 0 ? -errno : 0;
}

int project_quota_look(int fd, struct project_quota *quota)
{
	struct fs_quota_statv state = { .qs_version = FS_QSTATV_VERSION1 };
	int r = call(fd, Q_XGETQSTATV, 0, &state);

	*quota = (struct project_quota){ 0 };
	if (r < 0)
		return r == -EPERM ? r : 0;
	quota->counted = state.qs_flags & FS_QUOTA_PDQ_ACCT;
	quota->enforced = quota->counted && state.qs_flags & FS_QUOTA_PDQ_ENFD;
	return 0;
}

int project_of(int fd, uint32_t *id, bool *inherited)
{
	struct fsxattr attributes;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0)
		return -errno;
	*id = attributes.fsx_projid;
	*inherited = attributes.fsx_xflags & FS_XFLAG_PROJINHERIT;
	return 0;
}

int project_assign(int fd, uint32_t id)
{
	struct fsxattr attributes;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0)
		return -errno;
	attributes.fsx_projid = id;
	attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	return ioctl(fd, FS_IOC_FSSETXATTR, &attributes) < 0 ? -errno : 0;
}

int project_use(int fd, uint32_t id, struct project_use *use)
{
	struct if_dqblk block = { 0 };
	int r = call(fd, Q_GETQUOTA, id, &block);

	*use = (struct project_use){ 0 };
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	use->limit = block.dqb_bhardlimit * KIB;
	use->used = block.dqb_curspace;
	use->files = block.dqb_curinodes;
	return 0;
}

int project_limit(int fd, uint32_t id, uint64_t bytes)
{
	/* A soft limit would become a hard one after a week. */
	struct if_dqblk block = {
		.dqb_bhardlimit = (bytes + KIB - 1) / KIB,
		.dqb_valid = QIF_BLIMITS,
	};

	return call(fd, Q_SETQUOTA, id, &block);
}
