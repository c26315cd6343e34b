/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One ioctl of device-mapper, with room for its data. Only the files of kern/dm use it. */
#ifndef BERTH_KERN_DM_REQUEST_H
#define BERTH_KERN_DM_REQUEST_H

#include <stddef.h>

struct dm;
struct dm_ioctl;

/*
 * Prepares an ioctl for the device of that name or uuid (either may be NULL), with room bytes for data; dm->request()
 * makes it. The caller frees it. -ENAMETOOLONG, -ENOMEM.
 */
int dm_request_make(struct dm_ioctl **out, size_t room, const char *name, const char *uuid);

/* The data of an ioctl: arguments before, results after. Part of the request's memory. */
void *dm_request_data(struct dm_ioctl *io);

/* Makes an ioctl without data in either direction. */
int dm_request_plain(struct dm *dm, unsigned long number, const char *name, unsigned flags);

/* Makes an ioctl that returns data, and repeats it with more room until they fit. The caller frees *out. */
int dm_request_answer(struct dm *dm, unsigned long number, const char *name, unsigned flags,
		      struct dm_ioctl **out);

#endif
