/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User and group id maps of user namespaces. */
#ifndef BERTH_KERN_IDMAP_H
#define BERTH_KERN_IDMAP_H

#include <stdint.h>
#include <sys/types.h>

/* Ids 0 to count-1 inside are base to base+count-1 outside, for users and groups alike. */
struct idmap {
	uint32_t base;
	uint32_t count;
};

enum { IDMAP_COUNT = 65536 };

/*
 * Fits a range of ids, count blocks of IDMAP_COUNT from base on, to the current user namespace. 0: all of them are
 * mapped here, as on a host. 1: they are not, and base and count were changed to the ids beyond the namespace's own
 * first block. -EPERM: it has no more than that block.
 */
int idmap_fit(uint64_t *base, uint64_t *count);

/* Writes both maps of the user namespace that pid lives in. 0 or -errno. */
int idmap_write(pid_t pid, const struct idmap *map);

/*
 * Becomes root of the current user namespace, after its maps were written; before that, after clone or setns, our ids
 * have no mapping. Afterwards no process in the namespace may trace us. 0 or -errno.
 */
int idmap_become_root(void);

/*
 * Makes a user namespace with that map by a short-lived child, for mapped mounts without a guest. A descriptor or
 * -errno.
 */
int idmap_userns(const struct idmap *map);

/* The same for one user and one group: files owned by `user` appear as `to_user`'s. */
struct idmap_pair {
	uint32_t user, to_user, group, to_group;
};
int idmap_userns_pair(const struct idmap_pair *pair);

#endif
