/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of what of the host's a machine is shown beside its root: folders and files (folder.c), devices (device.c)
 * and volumes for data (volume.c), each made whole on the host as one detached mount, and then attached in the guest.
 * Here is what all of them share; mounts.h is what users add and take away. The root itself is start/'s.
 */
#ifndef BERTH_MACHINE_SHARE_SHARE_H
#define BERTH_MACHINE_SHARE_SHARE_H

#include "kern/devices.h"
#include "kern/idmap.h"
#include "kern/sync.h"
#include "machine/state/machine.h"

#include <sys/stat.h>

struct share_target;

struct share {
	const char *what,
		*name; /* "mount", "device" or "volume" and its section's name, for sentences; borrowed */
	char target[4096];  /* absolute, in the machine */
	const char *within; /* the entry of the mount that is shown; NULL: all of it */
	bool folder;        /* the mount's root is a folder */
	bool is_device;
	struct device device;
	int fd; /* owned: the detached mount */
};

enum { SHARES_MAX = SYNC_FDS };

struct shares {
	struct share *list; /* owned array */
	size_t count;
	bool covers_sys; /* some of them lie in /sys: views.h */
};

/* The machine that is shown them: its ids (count 0: it is privileged), and its root, in which users are looked up. */
struct share_owner {
	const struct machine *machine;
	const struct idmap *map;
	int root_fd; /* -1: names of users are not looked up now */
};

/* Adds an entry, with fd -1; NULL with err: there are too many. */
struct share *shares_add(struct shares *shares, struct err *err);
void shares_free(struct shares *shares);

/*
 * Adds the folder or file of a mount section, with mapped ids, nosuid, nodev and private, after everything that can
 * be wrong with it was checked. -ENOENT: the source does not exist.
 */
int share_folder(struct shares *shares, const struct share_owner *to,
		 const struct mount_config *mount, struct err *err);

/* The source of a mount section, as stat(2) has it; -errno. */
int share_look(const struct mount_config *mount, struct stat *st);

/*
 * Adds a volume for data, with the machine's ids, for the guest of a machine whose run folder exists: the use is noted
 * there first. -EBUSY: another machine that runs may write to it. data_check_attach finds what can be wrong with it
 * before.
 */
int share_volume(struct shares *shares, const struct share_owner *to,
		 const struct attached_config *attached, struct err *err);
/*
 * Unmounts a volume in a running machine, and releases it. -EBUSY: a process in the machine uses it, or the machine has
 * mounted it elsewhere as well; -ENOENT, released all the same: the machine no longer had it at its target.
 */
int share_withdraw_volume(const struct share_target *in, const struct attached_config *attached,
			  struct err *err);

/*
 * Whether a running machine has a volume mounted, at its target or elsewhere, in any of its mount namespaces. Where
 * that cannot be seen, as without its pool: true.
 */
bool share_has_volume(const struct machine *machine, const char *name);

/*
 * The same for a command that only looks: nothing is activated for it, and a volume that the run does not note is not
 * mounted.
 */
bool share_shows_volume(const struct machine *machine, const char *name);

/* Adds the node of a device section, or all nodes if its path is a folder. -ENOENT: the host has none. */
int share_device(struct shares *shares, const struct share_owner *to,
		 const struct device_config *device, struct err *err);

/*
 * Lets a running machine use the devices of these settings (NULL-terminated), except one that is removed (NULL: none
 * is).
 */
int share_allow_devices(const struct share_owner *to, const struct machine_config *const *configs,
			const struct section *gone, struct err *err);

/* Adds all sections of a machine, sorted by target. An optional one that is missing is left out and told in skipped. */
int share_all(struct shares *shares, const struct share_owner *to, struct text *skipped,
	      struct err *err);

/* Fills in the rows for confine_cgroup: at most DEVICES_MAX - 16. Returns how many. */
size_t shares_devices(const struct shares *shares, struct device *rows, size_t room);

/*
 * Locks the flags of a share's mount for the user namespace of the guest of that pidfd; own_ids false: the guest has
 * no user namespace of its own. From here on share.within is the mount's root.
 */
int share_lock(struct share *share, int pidfd, bool own_ids, struct err *err);

/* Run as the guest's root: makes what is missing of the target and attaches the mount there. */
int share_attach(int root_fd, const struct share *share, struct err *err);

/*
 * Whether a share of a folder could be attached at its target, the first skip bytes of which are the folder root_fd.
 * Quiet -ENOENT: a part of it is missing, and would be made.
 */
int share_probe(int root_fd, const struct share *share, size_t skip, struct err *err);

/*
 * -ENOTEMPTY: the folder that is the target has files, which the share hides; err says so. What cannot be seen is none.
 * share_covers_inside: the same in a running machine.
 */
int share_covers(int root_fd, const struct share *share, size_t skip, struct err *err);
int share_covers_inside(struct share *share, int pidfd, bool own_ids, struct err *err);

/*
 * Checks the target of a volume in a machine that is stopped, whose lock the caller has: in the root, or in the volume
 * or mount that it lies in; and those that lie in the volume. What is missing is made by a start, so it is no fault.
 * warning: a line about files that the volume hides is added.
 */
int share_check_place(const struct machine *machine, const struct attached_config *attached,
		      struct text *warning, struct err *err);

/* Shows the share to a running machine: locks the mount, enters the guest's namespaces and attaches it there. */
int share_show(struct share *share, int pidfd, bool own_ids, struct err *err);

/*
 * Unmounts target in a running machine if that file or folder, or a node of that device, is mounted there; what NULL:
 * whatever it is. -ENOENT if something else is. The file on which a device's node was mounted is removed too.
 */
int share_hide(const char *target, const struct stat *what, int pidfd, bool own_ids,
	       struct err *err);

/* The same as share_hide, but only of what nobody uses: -EBUSY, quiet. */
int share_withdraw(const char *target, const struct stat *what, int pidfd, bool own_ids,
		   struct err *err);

/* The path of the file with the sections that last as long as the guest; the caller owns it; NULL: out of memory. */
char *share_temporary_path(const struct machine *machine);
/* Gives a section a name that is made of a path, and that no section of both lists has. */
int share_make_up_name(struct section *section, const char *path, const struct section *a,
		       const struct section *b, struct err *err);

/* Opens the parent folder of path without following any link; *name is the last component, within path. -errno. */
int share_open_parent(const char *path, const char **name);

#endif
