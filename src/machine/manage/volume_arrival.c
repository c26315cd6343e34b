/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/volume_arrival.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "storage/driver.h"

#include <string.h>

int volume_arrival_check(const struct volume_arrival *incoming, struct err *err)
{
	return data_check_absent(incoming->arrival.pool, incoming->name, "", err);
}

int volume_arrival_rename(struct volume_arrival *incoming, const char *name, struct err *err)
{
	free(incoming->folder);
	incoming->folder = data_folder(incoming->arrival.pool->dirs, name);
	incoming->subject.folder = incoming->folder;
	text_print(incoming->name, sizeof incoming->name, "%s", name);
	return incoming->folder ? 0 : err_set(err, ENOMEM, "out of memory");
}

int volume_arrival_begin(struct volume_arrival *incoming, struct pool *pool, const char *name,
			 const char *uuid, struct err *err)
{
	*incoming = (struct volume_arrival){ .arrival = { .pool = pool,
							  .subject = &incoming->subject } };
	text_print(incoming->uuid, sizeof incoming->uuid, "%s", uuid);
	incoming->subject = (struct subject){ .dirs = pool->dirs,
					      .name = incoming->name,
					      .uuid = incoming->uuid };
	return volume_arrival_rename(incoming, name, err);
}

/* Snapshots get their names under the mark of a volume in the making, which takes them along if it never is. */
static int fill(void *context, struct pool *pool, const char *volume, struct err *err)
{
	struct volume_arrival *incoming = context;
	struct arrival *arrival = &incoming->arrival;

	(void)pool;
	for (size_t i = 0; i + 1 < arrival->count; i++) {
		if (arrival_keep_snapshot(arrival, &arrival->list[i], false, err) < 0)
			return -err->code;
		fault_point("travel-data-snapshot");
	}
	return arrival_keep_as(arrival, arrival_root(arrival), volume, err);
}

/* The limit that its data had, if this pool has limits. */
static uint64_t limit_of(struct volume_arrival *incoming, struct text *notes)
{
	struct pool *pool = incoming->arrival.pool;
	uint64_t size = arrival_root(&incoming->arrival)->volume.size;
	char text[32];

	if (!size || volumes_limited(pool, &(struct err){ 0 }) == 0)
		return size;
	text_human_size(size, text, sizeof text);
	text_add(notes, "volume '%s' has no limit here, where it was %s: pool '%s' has no limits\n",
		 incoming->name, text, pool->name);
	return 0;
}

int volume_arrival_make(struct volume_arrival *incoming, const struct data_spec *given, bool fresh,
			struct text *notes, struct err *err)
{
	struct pool *pool = incoming->arrival.pool;
	struct data_spec spec = *given;
	char twin[64];

	if (!arrival_root(&incoming->arrival))
		return err_set(err, EBADMSG, "it has not what volume '%s' was at last",
			       incoming->name);
	int r = data_with_uuid(pool->dirs, incoming->uuid, twin, err);
	if (r < 0)
		return r;
	spec.pool = pool->name;
	spec.uuid = fresh || r > 0 ? NULL : incoming->uuid;
	spec.description = incoming->description;
	spec.size = limit_of(incoming, notes);
	spec.fill = fill;
	spec.context = incoming;
	return data_create(pool->dirs, incoming->name, &spec, err);
}

void volume_arrival_end(struct volume_arrival *incoming)
{
	arrival_end(&incoming->arrival);
	free(incoming->folder);
	free(incoming->description);
	*incoming = (struct volume_arrival){ .folder = NULL };
}
