/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of an archived entry's extended attributes and access control lists a new root gets. */
#ifndef BERTH_IMAGE_ATTRIBUTES_H
#define BERTH_IMAGE_ATTRIBUTES_H

#include <archive_entry.h>
#include <stdint.h>

enum { ATTRIBUTES_ID_MAX = 65535 }; /* the last user and group that a machine has */

/*
 * Takes out what means nothing here, or cannot be told here: attributes but user.* and capabilities,
 * and entries of access control lists for users whose number the archive does not say. The rest of
 * such a list stays, since without it the group would have what is meant as the limit of all. Lists
 * that are archived as attributes become lists. Returns how many were taken out, or -ENOMEM.
 */
int64_t attributes_settle(struct archive_entry *entry);

#endif
