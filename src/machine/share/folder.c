/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A shared folder, or a single file. The descriptor that is checked is the one that is mounted, so that nobody can
 * replace the source meanwhile.
 */
#include "config/values.h"
#include "machine/share/share.h"

#include "base/file.h"
#include "base/scoped.h"
#include "kern/mount.h"
#include "machine/confine/confine.h"
#include "machine/share/user.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

struct source {
	const char *path; /* borrowed */
	int parent, fd;   /* owned */
	struct stat st;
};

static void source_close(struct source *source)
{
	scoped_close_fd(&source->parent);
	scoped_close_fd(&source->fd);
}

static int open_source(struct source *source, const char *path, struct err *err)
{
	const char *name;
	int r = 0;

	*source = (struct source){ .path = path, .parent = -1, .fd = -1 };
	source->parent = share_open_parent(path, &name);
	if (source->parent < 0)
		r = source->parent;
	else {
		source->fd =
			openat(source->parent, *name ? name : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (source->fd < 0 || fstat(source->fd, &source->st) < 0)
			r = -errno;
	}
	if (r == 0 && S_ISLNK(source->st.st_mode))
		r = -ELOOP;
	return r < 0 ? err_set(err, -r, "there is no source '%s': %s", path,
			       r == -ELOOP ? "it is a symbolic link, or its path has one; give a "
					     "path without links, see realpath(1)"
					   : strerror(-r))
		     : 0;
}

/* Walks from a folder up to the root; true if the visitor says so for one of them, the first included. */
static bool upwards(int from, bool (*visit)(const struct stat *, const void *), const void *context)
{
	scoped_fd int fd = openat(from, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat here, above;

	if (fd < 0 || fstat(fd, &here) < 0)
		return false;
	for (;;) {
		if (visit(&here, context))
			return true;
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			return false;
		close(fd);
		fd = up;
		if (fstat(fd, &above) < 0 || file_is_same(&above, &here))
			return false;
		here = above;
	}
}

static bool is_it(const struct stat *st, const void *context)
{
	return file_is_same(st, context);
}

static bool is_closed(const struct stat *st, const void *context)
{
	(void)context;
	return st->st_uid == 0 && (st->st_mode & 077) == 0;
}

/* A machine with access to berth's own files controls the host. */
static int check_place(const struct source *source, const struct dirs *dirs, struct err *err)
{
	const char *const own[] = { dirs->state, dirs->run, dirs->etc };

	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		scoped_fd int fd = open(own[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		struct stat st;
		if (fd < 0 || fstat(fd, &st) < 0)
			continue;
		if (file_is_same(&st, &source->st) || upwards(source->parent, is_it, &st))
			return err_set(err, EPERM,
				       "source '%s' is in '%s', which is berth's own; share a "
				       "folder elsewhere",
				       source->path, own[i]);
		if (S_ISDIR(source->st.st_mode) && upwards(fd, is_it, &source->st))
			return err_set(err, EPERM,
				       "source '%s' has '%s' in it, which is berth's own; share a "
				       "folder below it",
				       source->path, own[i]);
	}
	return 0;
}

static int host_user(const char *name, uint32_t *user, struct err *err)
{
	uint64_t number;

	if (text_to_u64(name, 0, UINT32_MAX - 1, &number) == 0) {
		*user = (uint32_t)number;
		return 0;
	}
	const struct passwd *entry = getpwnam(name);
	if (!entry)
		return err_set(err, ENOKEY, "owner names user '%s', who does not exist on the host",
			       name);
	*user = entry->pw_uid;
	return 0;
}

/* The mapping of owners; the groups are the source's group and the user's primary group. */
static int find_pair(const struct source *source, const struct share_owner *to,
		     const struct config_owner *owner, struct idmap_pair *pair, struct err *err)
{
	scoped_free struct user *user = calloc(1, sizeof *user);
	uint32_t count = to->map->count ? to->map->count : UINT32_MAX;

	if (!user)
		return err_set(err, ENOMEM, "out of memory");
	*pair = (struct idmap_pair){ .user = source->st.st_uid, .group = source->st.st_gid };
	if (*owner->host && host_user(owner->host, &pair->user, err) < 0)
		return -err->code;
	if (*owner->guest && to->root_fd >= 0 &&
	    user_look_up(user, to->root_fd, owner->guest, err) < 0)
		return -err->code;
	if (user->uid >= count || user->gid >= count)
		return err_set(err, ERANGE, "owner names user %u of the machine, which has only %u",
			       user->uid, count);
	pair->to_user = to->map->base + user->uid;
	pair->to_group = to->map->base + user->gid;
	return 0;
}

/*
 * Files that the machine creates there belong to the owner on the host, with all their bits: if the owner is root, a
 * set-user-ID program is root's for every user who reaches it.
 */
static int check_root(const struct source *source, const struct mount_config *mount,
		      const struct idmap_pair *pair, struct err *err)
{
	if (mount->readonly || (pair->user && pair->group) ||
	    upwards(source->parent, is_closed, NULL))
		return 0;
	return err_set(err, EPERM,
		       "source '%.120s' belongs to the host's %s, and so would a set-ID program "
		       "that the machine puts there, for every user of the host; give it to "
		       "another with chown, keep others out with a folder of mode 700 above it, "
		       "share it read-only, or allow it with owner root: --owner root",
		       source->path, pair->user ? "group root" : "root");
}

static int map_ids(int mount_fd, const struct source *source, const struct share_owner *to,
		   const struct mount_config *mount, struct err *err)
{
	struct config_owner owner;
	struct idmap_pair pair;

	if (config_owner(mount->owner, &owner, err) < 0)
		return -err->code;
	/* Root of the host needs no mapping. */
	if (!to->map->count && (owner.all || !*mount->owner))
		return 0;
	if (!owner.all && find_pair(source, to, &owner, &pair, err) < 0)
		return -err->code;
	if (!owner.all && !*owner.host && check_root(source, mount, &pair, err) < 0)
		return -err->code;
	scoped_fd int userns = owner.all ? idmap_userns(to->map) : idmap_userns_pair(&pair);
	int r = userns < 0 ? userns : mount_idmap(mount_fd, userns);
	if (r == -EINVAL)
		return err_set(err, EINVAL,
			       "the file system of source '%s' cannot map ids (ext4, btrfs, xfs "
			       "and, from Linux 6.3 on, tmpfs can; see: berth doctor)",
			       source->path);
	return r < 0 ? err_set(err, -r, "map the ids of source '%s': %s", source->path,
			       r == -EPERM ? "it is mounted with mapped ids already" : mount_why(r))
		     : 0;
}

static int make_mount(const struct source *source, const struct share_owner *to,
		      const struct mount_config *mount, struct err *err)
{
	uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

	if (mount->readonly)
		attributes |= MOUNT_ATTR_RDONLY;
	scoped_fd int fd = mount_clone(source->fd, "", 0);
	int r = fd < 0 ? fd : confine_left_out("propagation") ? 0 : mount_private(fd);
	if (r == 0)
		r = mount_attributes(fd, attributes, 0, 0);
	if (r < 0)
		return err_set(err, -r, "mount source '%s': %s", source->path, mount_why(r));
	return map_ids(fd, source, to, mount, err) < 0 ? -err->code : take_fd(&fd);
}

static int check_kind(const struct source *source, struct err *err)
{
	mode_t mode = source->st.st_mode;

	if (S_ISDIR(mode) || S_ISREG(mode) || S_ISSOCK(mode) || S_ISFIFO(mode))
		return 0;
	return err_set(err, EINVAL,
		       "source '%s' is neither a folder nor a file; for a device see: berth device",
		       source->path);
}

static int add_folder(struct shares *shares, const struct share_owner *to,
		      const struct mount_config *mount, struct source *source, struct err *err)
{
	if (open_source(source, mount->source, err) < 0 || check_kind(source, err) < 0 ||
	    check_place(source, to->machine->dirs, err) < 0)
		return -err->code;
	struct share *share = shares_add(shares, err);
	if (!share)
		return -err->code;
	share->what = "mount";
	share->name = mount->section.name;
	share->folder = S_ISDIR(source->st.st_mode);
	if (text_print(share->target, sizeof share->target, "%s", mount->target) < 0)
		return err_set(err, ENAMETOOLONG, "target '%.80s...' is too long", mount->target);
	share->fd = make_mount(source, to, mount, err);
	return share->fd < 0 ? -err->code : 0;
}

int share_look(const struct mount_config *mount, struct stat *st)
{
	struct source source;
	int r = open_source(&source, mount->source, &(struct err){ 0 });

	*st = source.st;
	source_close(&source);
	return r;
}

int share_folder(struct shares *shares, const struct share_owner *to,
		 const struct mount_config *mount, struct err *err)
{
	struct source source;
	int r = add_folder(shares, to, mount, &source, err);

	source_close(&source);
	return r < 0 ? err_wrap(err, "mount '%s'", mount->section.name) : 0;
}
