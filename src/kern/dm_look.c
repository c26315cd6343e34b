/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The existing device-mapper devices, and the status of each. */
#include "base/scoped.h"
#include "base/text.h"
#include "kern/dm.h"
#include "kern/dm_request.h"

#include <linux/dm-ioctl.h>
#include <string.h>
#include <sys/ioctl.h>

static void take_info(const struct dm_ioctl *io, struct dm_info *info)
{
	*info = (struct dm_info){
		.dev = (dev_t)io->dev,
		.suspended = io->flags & DM_SUSPEND_FLAG,
		.read_only = io->flags & DM_READONLY_FLAG,
		.live = io->flags & DM_ACTIVE_PRESENT_FLAG,
		.inactive = io->flags & DM_INACTIVE_PRESENT_FLAG,
		.leaving = io->flags & DM_DEFERRED_REMOVE,
		.open_count = io->open_count > 0 ? (unsigned)io->open_count : 0,
		.event_nr = io->event_nr,
	};
	memcpy(info->name, io->name, sizeof info->name - 1);
	memcpy(info->uuid, io->uuid, sizeof info->uuid - 1);
}

static int look(struct dm *dm, const char *name, const char *uuid, dev_t dev, struct dm_info *info)
{
	scoped_free struct dm_ioctl *io = NULL;
	int r = dm_request_make(&io, 0, name, uuid);

	if (r < 0)
		return r;
	io->dev = dev;
	r = dm->request(dm, DM_DEV_STATUS, io);
	if (r == 0)
		take_info(io, info);
	return r;
}

int dm_info(struct dm *dm, const char *name, struct dm_info *info)
{
	return look(dm, name, NULL, 0, info);
}

int dm_info_uuid(struct dm *dm, const char *uuid, struct dm_info *info)
{
	return look(dm, NULL, uuid, 0, info);
}

int dm_info_dev(struct dm *dm, dev_t dev, struct dm_info *info)
{
	return look(dm, NULL, NULL, dev, info);
}

/* Only newer kernels list uuids, so each device is asked; one may vanish meanwhile. */
int dm_list(struct dm *dm, const char *uuid_prefix,
	    int (*visit)(void *context, const struct dm_info *info), void *context)
{
	scoped_free struct dm_ioctl *io = NULL;
	int r = dm_request_answer(dm, DM_LIST_DEVICES, NULL, 0, &io);

	if (r < 0)
		return r;
	const char *at = dm_request_data(io);
	for (const struct dm_name_list *entry = (const void *)at; entry->dev;
	     entry = (const void *)at) {
		struct dm_info info;
		r = dm_info_dev(dm, (dev_t)entry->dev, &info);
		if (r < 0 && r != -ENXIO)
			return r;
		if (r == 0 && text_starts(info.uuid, uuid_prefix)) {
			r = visit(context, &info);
			if (r != 0)
				return r;
		}
		if (!entry->next)
			break;
		at += entry->next;
	}
	return 0;
}

static int first_line(struct dm *dm, const char *name, unsigned flags, struct dm_line *line)
{
	scoped_free struct dm_ioctl *io = NULL;
	int r = dm_request_answer(dm, DM_TABLE_STATUS, name, flags, &io);

	if (r < 0)
		return r;
	if (io->target_count == 0)
		return -ENODATA;
	const struct dm_target_spec *spec = dm_request_data(io);
	line->start = spec->sector_start;
	line->length = spec->length;
	if (text_print(line->type, sizeof line->type, "%s", spec->target_type) < 0 ||
	    text_print(line->params, sizeof line->params, "%s", (const char *)(spec + 1)) < 0)
		return -ENAMETOOLONG;
	return 0;
}

int dm_table(struct dm *dm, const char *name, struct dm_line *line)
{
	return first_line(dm, name, DM_STATUS_TABLE_FLAG, line);
}

int dm_status(struct dm *dm, const char *name, unsigned flags, struct dm_line *line)
{
	return first_line(dm, name, flags & DM_WITH_FLUSH ? 0 : DM_NOFLUSH_FLAG, line);
}
