/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices for a machine: nodes of its own, with the owner and mode that the machine is to see, because nodes of the
 * host's /dev cannot have them.
 */
#include "machine/share/share.h"

#include "base/scoped.h"
#include "kern/cgroup.h"
#include "kern/mount.h"
#include "machine/confine/confine.h"
#include "machine/life/run_cgroup.h"
#include "machine/share/user.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define NODE "node"

/* Refused devices by number, with the reason. */
static const struct danger {
	unsigned major, first, last;
	const char *why;
} dangers[] = {
	{ 1, 1, 2, "the host's memory is in it" },
	{ 1, 4, 4, "the host's ports are in it" },
	{ 1, 6, 6, "the host's memory is in it" },
	{ 1, 10, UINT32_MAX, "the host's kernel log is in it" },
	{ 4, 0, 63, "it is a screen of the host's" },
	{ 5, 1, 1, "it is the host's console" },
	{ 7, 0, UINT32_MAX, "it is a screen of the host's" },
	{ 10, 130, 130, "it can reset the host" },
	{ 10, 144, 144, "it holds the host's boot settings" },
	{ 10, 223, 223, "it can type on the host's keyboard" },
	{ 10, 231, 231, "it holds an image of the host's memory" },
	{ 10, 234, 237, "it manages disks of the host's" },
	{ 21, 0, UINT32_MAX, "it is a disk of the host's" },
	{ 202, 0, UINT32_MAX, "it holds registers of the host's processors" },
};

/* Refused devices by name: the kernel chooses their numbers. */
static const struct danger_name {
	const char *prefix, *why;
} danger_names[] = {
	{ "/dev/bsg/", "it is a disk of the host's" },
	{ "/dev/ipmi", "it can reset the host" },
	{ "/dev/ng", "it is a disk of the host's" },
	{ "/dev/nvme", "it is a disk of the host's" },
	{ "/dev/rtc", "it is the host's clock" },
	{ "/dev/watchdog", "it can reset the host" },
};

static const char *why_not(const char *path, const struct stat *st)
{
	unsigned int number = minor(st->st_rdev);

	if (S_ISBLK(st->st_mode))
		return "it is a disk of the host's";
	for (size_t i = 0; i < sizeof dangers / sizeof *dangers; i++) {
		const struct danger *danger = &dangers[i];
		if (major(st->st_rdev) == danger->major && number >= danger->first &&
		    number <= danger->last)
			return danger->why;
	}
	for (size_t i = 0; i < sizeof danger_names / sizeof *danger_names; i++) {
		if (text_starts(path, danger_names[i].prefix))
			return danger_names[i].why;
	}
	return NULL;
}

/* Owner and mode in the machine; the default is root with the host's mode. */
struct rights {
	uid_t uid;
	gid_t gid;
	unsigned mode;
	bool mode_given;
};

static int find_rights(struct rights *rights, const struct share_owner *to,
		       const struct device_config *device, struct err *err)
{
	scoped_free struct user *user = calloc(1, sizeof *user);
	uint32_t count = to->map->count ? to->map->count : UINT32_MAX;

	if (!user)
		return err_set(err, ENOMEM, "out of memory");
	if (*device->owner && to->root_fd >= 0 &&
	    user_look_up(user, to->root_fd, device->owner, err) < 0)
		return -err->code;
	rights->uid = user->uid;
	rights->gid = 0;
	if (*device->group && to->root_fd >= 0 &&
	    user_group(to->root_fd, device->group, &rights->gid, err) < 0)
		return -err->code;
	if (rights->uid >= count || rights->gid >= count)
		return err_set(err, ERANGE, "the machine has only %u users and groups", count);
	rights->mode_given = *device->mode;
	rights->mode = (unsigned)strtoul(device->mode, NULL, 8);
	return 0;
}

/* A file system with that one node in it. */
static int make_node(const struct share_owner *to, const struct rights *rights,
		     const struct stat *st)
{
	scoped_fd int fd = mount_make("tmpfs", "berth", "mode=755,size=16k,nr_inodes=4",
				      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	mode_t mode = rights->mode_given ? rights->mode : st->st_mode & 0777;

	if (fd < 0)
		return fd;
	if (mknodat(fd, NODE, (st->st_mode & S_IFMT) | mode, st->st_rdev) < 0 ||
	    fchmodat(fd, NODE, mode, 0) < 0 ||
	    fchownat(fd, NODE, to->map->base + rights->uid, to->map->base + rights->gid, 0) < 0)
		return -errno;
	return take_fd(&fd);
}

static int add_node(struct shares *shares, const struct share_owner *to,
		    const struct device_config *device, const struct rights *rights,
		    const char *path, const struct stat *st, struct err *err)
{
	const char *why = to->machine->config.privileged ? NULL : why_not(path, st);

	if (why)
		return err_set(err, EPERM,
			       "device '%s' is refused: %s; only a machine with "
			       "security.privileged can have it",
			       path, why);
	struct share *share = shares_add(shares, err);
	if (!share)
		return -err->code;
	share->what = "device";
	share->name = device->section.name;
	share->within = NODE;
	share->folder = share->is_device = true;
	share->device = (struct device){ major(st->st_rdev), minor(st->st_rdev), minor(st->st_rdev),
					 S_ISBLK(st->st_mode) };
	if (text_print(share->target, sizeof share->target, "%s", path) < 0)
		return err_set(err, ENAMETOOLONG, "'%.80s...' is too long", path);
	share->fd = make_node(to, rights, st);
	return share->fd < 0 ? err_set(err, -share->fd, "make a node for '%s': %s", path,
				       mount_why(share->fd))
			     : 0;
}

static int add_nodes(struct shares *shares, const struct share_owner *to,
		     const struct device_config *device, const struct rights *rights,
		     struct err *err)
{
	scoped_dir DIR *dir = opendir(device->path);
	size_t before = shares->count;
	char path[4096];
	struct stat st;

	if (!dir)
		return err_set(err, errno, "open '%s': %s", device->path, strerror(errno));
	for (struct dirent *e; (e = readdir(dir));) {
		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
			continue;
		if (text_print(path, sizeof path, "%s/%s", device->path, e->d_name) < 0 ||
		    add_node(shares, to, device, rights, path, &st, err) < 0)
			return err->code ? -err->code : err_set(err, ENAMETOOLONG, "too long");
	}
	return shares->count > before
		       ? 0
		       : err_set(err, ENOENT, "there are no devices in '%s'", device->path);
}

static int add_device(struct shares *shares, const struct share_owner *to,
		      const struct device_config *device, struct err *err)
{
	struct rights rights;
	struct stat st;

	if (stat(device->path, &st) < 0)
		return err_set(err, errno,
			       "the host has no '%s': %s; it may lack the hardware or the module",
			       device->path, strerror(errno));
	if (find_rights(&rights, to, device, err) < 0)
		return -err->code;
	if (S_ISDIR(st.st_mode))
		return add_nodes(shares, to, device, &rights, err);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, ENODEV, "'%s' is no device", device->path);
	return add_node(shares, to, device, &rights, device->path, &st, err);
}

int share_device(struct shares *shares, const struct share_owner *to,
		 const struct device_config *device, struct err *err)
{
	return add_device(shares, to, device, err) < 0
		       ? err_wrap(err, "device '%s'", device->section.name)
		       : 0;
}

int share_allow_devices(const struct share_owner *to, const struct machine_config *const *configs,
			const struct section *gone, struct err *err)
{
	struct device rows[SHARES_MAX];
	struct shares all = { 0 };
	char group[256];

	for (; *configs; configs++) {
		for (const struct section *at = (*configs)->devices; at; at = at->next) {
			if (!gone || strcmp(at->name, gone->name) != 0)
				share_device(&all, to, (const struct device_config *)at,
					     &(struct err){ 0 });
		}
	}
	size_t count = shares_devices(&all, rows, SHARES_MAX);
	shares_free(&all);
	run_cgroup(to->machine, group, sizeof group);
	scoped_fd int cgroup = cgroup_make(group);
	if (cgroup < 0)
		return err_set(err, -cgroup, "open cgroup '%s': %s", group, strerror(-cgroup));
	/* A kernel without such programs is no error, as at a start. */
	return confine_cgroup(cgroup, rows, count, err) < 0 ? -err->code : 0;
}
