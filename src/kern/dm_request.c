/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/dm_request.h"

#include "base/scoped.h"
#include "base/text.h"
#include "kern/dm.h"

#include <linux/dm-ioctl.h>

enum {
	FIRST_ROOM = 4096,
	LAST_ROOM = 1 << 24,
	HEAD = sizeof(struct dm_ioctl),
};

/*
 * Flags of libdevmapper for udev's rules, in the upper half of the cookie: no rules of subsystems, disks or others, and
 * this event comes from the device's creator. The lower half, the number of a semaphore, stays zero.
 */
enum { UDEV_LEAVE_ALONE = (0x02 | 0x04 | 0x08 | 0x40) << 16 };

int dm_request_make(struct dm_ioctl **out, size_t room, const char *name, const char *uuid)
{
	struct dm_ioctl *io = calloc(1, HEAD + room);

	if (!io)
		return -ENOMEM;
	io->version[0] = DM_VERSION_MAJOR;
	io->data_start = HEAD;
	io->data_size = (unsigned)(HEAD + room);
	if ((name && text_print(io->name, sizeof io->name, "%s", name) < 0) ||
	    (uuid && text_print(io->uuid, sizeof io->uuid, "%s", uuid) < 0)) {
		free(io);
		return -ENAMETOOLONG;
	}
	*out = io;
	return 0;
}

void *dm_request_data(struct dm_ioctl *io)
{
	return (char *)io + HEAD;
}

int dm_request_plain(struct dm *dm, unsigned long number, const char *name, unsigned flags)
{
	scoped_free struct dm_ioctl *io = NULL;
	int r = dm_request_make(&io, 0, name, NULL);

	if (r < 0)
		return r;
	io->flags = flags;
	io->event_nr = UDEV_LEAVE_ALONE;
	return dm->request(dm, number, io);
}

int dm_request_answer(struct dm *dm, unsigned long number, const char *name, unsigned flags,
		      struct dm_ioctl **out)
{
	for (size_t room = FIRST_ROOM; room <= LAST_ROOM; room *= 4) {
		scoped_free struct dm_ioctl *io = NULL;
		int r = dm_request_make(&io, room, name, NULL);
		if (r < 0)
			return r;
		io->flags = flags;
		r = dm->request(dm, number, io);
		if (r < 0)
			return r;
		if (!(io->flags & DM_BUFFER_FULL_FLAG)) {
			*out = take_ptr(&io);
			return 0;
		}
	}
	return -EFBIG;
}
