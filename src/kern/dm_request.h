/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One call to device-mapper, with room for its data. For the files of kern/dm alone. */
#ifndef BERTH_KERN_DM_REQUEST_H
#define BERTH_KERN_DM_REQUEST_H

#include <stddef.h>

struct dm;
struct dm_ioctl;

/*
 * A call about the device of that name or uuid (either may be NULL), with room for data behind it;
 * dm->request() makes it. The caller frees it. -ENAMETOOLONG, -ENOMEM.
 */
int dm_request_make(struct dm_ioctl **out, size_t room, const char *name, const char *uuid);

/* The data of a call, which lives as long as it: what is put in before, and what came back after. */
void *dm_request_data(struct dm_ioctl *io);

/* Makes a call that neither takes nor gives data. */
int dm_request_plain(struct dm *dm, unsigned long number, const char *name, unsigned flags);

/* Makes a call that answers with data, again with more room until it fits. The caller frees it. */
int dm_request_answer(struct dm *dm, unsigned long number, const char *name, unsigned flags,
		      struct dm_ioctl **out);

#endif
