/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of what of the host's a machine is shown beside its root: folders and files (folder.c) and devices
 * (device.c), each made whole on the host as one detached mount, and then attached in the guest. Here is what
 * all of them share; mounts.h is what users add and take away. The root itself is start/'s.
 */
#ifndef BERTH_MACHINE_SHARE_SHARE_H
#define BERTH_MACHINE_SHARE_SHARE_H

#include "kern/devices.h"
#include "kern/idmap.h"
#include "kern/sync.h"
#include "machine/state/machine.h"

#include <sys/stat.h>

struct share {
	const char *what,
		*name;     /* "mount" or "device" and its section's name, for sentences; borrowed */
	char target[4096]; /* absolute, in the machine */
	const char *within; /* the entry of the mount that is shown; NULL: all of it */
	bool folder;        /* the mount's root is one */
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

/* For whom: the machine's ids (count 0: it is privileged), its root to look up users in. */
struct share_owner {
	const struct machine *machine;
	const struct idmap *map;
	int root_fd; /* -1: names of its users are not looked up now */
};

/* One more, with fd -1; NULL: err says that there are too many. */
struct share *shares_add(struct shares *shares, struct err *err);
void shares_free(struct shares *shares);

/*
 * Adds the folder or file of a mount section, mapped, nosuid, nodev and private, after all that can be
 * wrong with it has been looked at. -ENOENT: there is no source.
 */
int share_folder(struct shares *shares, const struct share_owner *to,
		 const struct mount_config *mount, struct err *err);

/* What a mount section is of; -errno. */
int share_look(const struct mount_config *mount, struct stat *st);

/* Adds the node, or all nodes of the folder, of a device section. -ENOENT: the host has none. */
int share_device(struct shares *shares, const struct share_owner *to,
		 const struct device_config *device, struct err *err);

/* All sections of a machine, by target; what is optional and missing is left out and told in skipped. */
int share_all(struct shares *shares, const struct share_owner *to, struct text *skipped,
	      struct err *err);

/* The rows for walls_confine: at most DEVICES_MAX - 16. */
size_t shares_devices(const struct shares *shares, struct device *rows, size_t room);

/*
 * Locks the flags of a share's mount for the user namespace of the guest, whose pidfd that is; with
 * own_ids false there is none. From here on share.within is the mount's root.
 */
int share_lock(struct share *share, int pidfd, bool own_ids, struct err *err);

/* By the guest's root, or as such: makes what is missing of the target and attaches the mount there. */
int share_attach(int root_fd, const struct share *share, struct err *err);

/* On a running machine: locks the mount, enters the guest's namespaces and attaches it there. */
int share_show(struct share *share, int pidfd, bool own_ids, struct err *err);

/*
 * The other way, if what is mounted there is that file or folder, or a node of that device; what NULL:
 * whatever it is. -ENOENT when it is not. A device's place goes as well.
 */
int share_hide(const char *target, const struct stat *what, int pidfd, bool own_ids,
	       struct err *err);

/* A file's or folder's parent, opened without any link on the way, and its name in path; -errno. */
int share_open_parent(const char *path, const char **name);

#endif
