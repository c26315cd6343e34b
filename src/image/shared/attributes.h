/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Selects the extended attributes and ACLs of an archived entry that a new root gets. */
#ifndef BERTH_IMAGE_SHARED_ATTRIBUTES_H
#define BERTH_IMAGE_SHARED_ATTRIBUTES_H

#include <archive_entry.h>
#include <stdint.h>

enum { ATTRIBUTES_ID_MAX = 65535 }; /* the highest user and group id of a machine */

/*
 * Removes from an entry all attributes but user.* and capabilities, and ACL entries for users whose number is not in
 * the archive. The rest of an ACL stays: without its mask the group would get the rights that the mask limits. ACLs
 * archived as attributes become ACLs. Returns the number of removed items, or -ENOMEM.
 */
int64_t attributes_settle(struct archive_entry *entry);

#endif
