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
 * Whether ids from base on, count ranges of IDMAP_COUNT, are there to be given away: on a host they
 * are: 0. In a user namespace that lacks them, both become what it has beyond its own first range: 1;
 * -EPERM when it has no more than that.
 */
int idmap_fit(uint64_t *base, uint64_t *count);

/* Writes both maps of the user namespace that pid lives in. 0 or -errno. */
int idmap_write(pid_t pid, const struct idmap *map);

/*
 * Becomes root of the user namespace that we are in, once its maps are written; until then, after a
 * clone or setns, we are somebody of the parent's whom the namespace has no name for. Afterwards nobody in there may trace us. 0 or -errno.
 */
int idmap_become_root(void);

/*
 * A new user namespace with that map, as a descriptor, or -errno: made by a short-lived child, for
 * work that needs mapped mounts but no guest.
 */
int idmap_userns(const struct idmap *map);

/* The same for one user and one group alone: what is stored as user shows as to_user. */
struct idmap_pair {
	uint32_t user, to_user, group, to_group;
};
int idmap_userns_pair(const struct idmap_pair *pair);

#endif
