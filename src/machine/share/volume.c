/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A volume for data in a machine. On the disk its files have the ids that the guest sees, from 0 on, as those of a
 * root: the mount has the ids of the machine's range, so that owners stay the same in the next machine, which has
 * another one.
 */
#include "machine/share/share.h"

#include "base/scoped.h"
#include "kern/holder.h"
#include "kern/mount.h"
#include "machine/data/data.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/volume_use.h"
#include "machine/share/target.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

static int map_ids(int mount_fd, const struct share_owner *to, struct err *err)
{
	if (!to->map->count)
		return 0;
	scoped_fd int userns = idmap_userns(to->map);
	int r = userns < 0 ? userns : mount_idmap(mount_fd, userns);
	return r < 0 ? err_set(err, -r, "map its ids: %s",
			       userns < 0 ? strerror(-r) : mount_idmap_why(r))
		     : 0;
}

/* Nodev: as for a root, no device node of the volume may be opened. */
static int make_mount(const struct share_owner *to, const struct attached_config *attached,
		      struct pool *pool, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	scoped_fd int fd = -1;

	data_volume(attached->section.name, volume);
	if (volume_mount(pool, volume,
			 MOUNT_ATTR_NODEV | (attached->readonly ? MOUNT_ATTR_RDONLY : 0), &fd,
			 err) < 0 ||
	    map_ids(fd, to, err) < 0)
		return -err->code;
	return take_fd(&fd);
}

/* A command that was killed at its very end has left volumes that have all their data, and are marked as half made. */
static int open_settled(const struct dirs *dirs, const char *name, struct volume_config *config,
			struct err *err)
{
	struct unfinished mark = data_mark(dirs, name);

	if (unfinished_is(&mark))
		data_sweep(dirs);
	return data_open(dirs, name, config, err);
}

static int add(struct share *share, const struct share_owner *to,
	       const struct attached_config *attached, const char *pool_name, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (pool_open(&pool, to->machine->dirs, pool_name, err) < 0 ||
	    volume_use_begin(to->machine, attached->section.name, &pool, attached->readonly, err) <
		    0)
		return -err->code;
	share->what = "volume";
	share->name = attached->section.name;
	share->folder = true;
	if (text_print(share->target, sizeof share->target, "%s", attached->target) < 0)
		return err_set(err, ENAMETOOLONG, "target '%.80s...' is too long",
			       attached->target);
	share->fd = make_mount(to, attached, &pool, err);
	return share->fd < 0 ? share->fd : 0;
}

static int find_and_add(struct shares *shares, const struct share_owner *to,
			const struct attached_config *attached, struct err *err)
{
	struct volume_config config = { 0 };

	if (open_settled(to->machine->dirs, attached->section.name, &config, err) < 0)
		return -err->code;
	struct share *share = shares_add(shares, err);
	int r = share ? add(share, to, attached, config.pool, err) : -err->code;
	config_free(&volume_schema, &config);
	return r;
}

int share_volume(struct shares *shares, const struct share_owner *to,
		 const struct attached_config *attached, struct err *err)
{
	return find_and_add(shares, to, attached, err) < 0
		       ? err_wrap(err, "volume '%s'", attached->section.name)
		       : 0;
}

/* A volume whose mounts are looked for. */
struct sought {
	bool known;
	struct stat
		root; /* as stat(2) has it in a machine; the device of a volume with a file system of its own */
	bool block;
	char volume[VOLUME_NAME_MAX + 1];
};

static void look_in_pool(struct sought *sought, const struct dirs *dirs, const char *pool_name,
			 const char *name)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err ignored = { 0 };
	char machine[64];
	int fd = -1;

	if (pool_view(&pool, dirs, pool_name, &ignored) < 0 ||
	    volume_mount(&pool, sought->volume, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, &fd,
			 &ignored) < 0)
		return;
	sought->block = pool.ops->can & STORAGE_BLOCK;
	sought->known = fstat(fd, &sought->root) == 0;
	close(fd);
	/* The device of the mount is released here, unless a run does that at its end. */
	if (!volume_use_find(dirs, name, NULL, false, machine))
		volume_deactivate(&pool, sought->volume, &ignored);
}

static void look_at(struct sought *sought, const struct dirs *dirs, const char *name)
{
	struct volume_config config = { 0 };

	*sought = (struct sought){ .known = false };
	data_volume(name, sought->volume);
	if (data_open(dirs, name, &config, &(struct err){ 0 }) < 0)
		return;
	look_in_pool(sought, dirs, config.pool, name);
	config_free(&volume_schema, &config);
}

/* A mount that the machine's root has made or moved, in any of the machine's mount namespaces. */
static bool is_elsewhere(const struct machine *machine, const struct sought *sought, char *where,
			 size_t room)
{
	char cgroup[256];

	run_cgroup(machine, cgroup, sizeof cgroup);
	return holder_find_mount(cgroup, sought->block ? sought->root.st_dev : 0, sought->volume,
				 where, room);
}

bool share_has_volume(const struct machine *machine, const char *name)
{
	struct sought sought;
	char where[400];

	look_at(&sought, machine->dirs, name);
	return !sought.known || is_elsewhere(machine, &sought, where, sizeof where);
}

bool share_shows_volume(const struct machine *machine, const char *name)
{
	return volume_use_noted(machine, name) && share_has_volume(machine, name);
}

/* Sections with a target in the machine, and the words for one that is below a volume. */
struct inner {
	const struct section *first;
	size_t target; /* offset of that member */
	const char *what, *lies, *removal, *verb;
};

/* The cause of a mount that is in use: another one of the machine's below it, or a process. */
static int tell_use(const struct share_target *in, const struct attached_config *attached,
		    const char *why, struct err *err)
{
	const struct machine *machine = in->machine;
	const struct inner inners[] = {
		{ machine->config.volumes, offsetof(struct attached_config, target), "volume",
		  "is mounted in it", "detach", "volume detach" },
		{ machine->config.mounts, offsetof(struct mount_config, target), "mount",
		  "is in it", "unmount", "unmount" },
	};
	const char *name = attached->section.name;
	char cgroup[256], holder[400];

	for (const struct inner *inner = inners; inner < inners + 2; inner++) {
		for (const struct section *at = inner->first; at; at = at->next) {
			const void *member = (const char *)at + inner->target;
			const char *target = *(char *const *)member;
			if (strcmp(target, attached->target) != 0 &&
			    text_is_within(target, attached->target))
				return err_set(err, EBUSY,
					       "volume '%s' cannot be detached from machine '%s': "
					       "%s '%s' %s, at '%s'; %s that first: berth %s %s %s",
					       name, machine->name, inner->what, at->name,
					       inner->lies, target, inner->removal, inner->verb,
					       machine->name, at->name);
		}
	}
	run_cgroup(machine, cgroup, sizeof cgroup);
	if (holder_find_inside(cgroup, in->root_fd, attached->target, holder, sizeof holder))
		return err_set(err, EBUSY,
			       "volume '%s' cannot be detached from machine '%s': %s; end that, "
			       "or stop the machine first",
			       name, machine->name, holder);
	return err_set(err, EBUSY,
		       "volume '%s' cannot be detached from machine '%s': %s, or the machine has "
		       "mounted something below; end that, or stop the machine first",
		       name, machine->name, why);
}

/* Whether a sentence of is_elsewhere names that path. */
static bool names(const char *where, const char *target)
{
	scoped_free char *quoted = text_format("'%s'", target);

	return quoted && strstr(where, quoted);
}

int share_withdraw_volume(const struct share_target *in, const struct attached_config *attached,
			  struct err *err)
{
	const struct machine *machine = in->machine;
	const char *name = attached->section.name;
	struct err why = { 0 };
	struct sought sought;
	char where[400];

	look_at(&sought, machine->dirs, name);
	int r = share_withdraw(attached->target, sought.known ? &sought.root : NULL, in->pidfd,
			       in->own_ids, &why);
	if (r == -EBUSY)
		return tell_use(in, attached, why.text, err);
	if (r < 0 && r != -ENOENT)
		return err_set(err, -r, "%s", why.text);
	bool elsewhere = is_elsewhere(machine, &sought, where, sizeof where);
	if (elsewhere && r == -ENOENT && names(where, attached->target))
		return err_set(err, EBUSY,
			       "volume '%s' cannot be detached from machine '%s': the machine has "
			       "mounted something else over it, at '%s'; unmount that there, or "
			       "stop the machine first",
			       name, machine->name, attached->target);
	if (elsewhere)
		return err_set(err, EBUSY,
			       "volume '%s' cannot be detached from machine '%s': %s; unmount it "
			       "there, or stop the machine first",
			       name, machine->name, where);
	volume_use_end(machine, name);
	return r < 0 ? err_set(err, -r, "%s", why.text) : 0;
}
