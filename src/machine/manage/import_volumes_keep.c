/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes that have come in the stream of their machine: made, or brought up to date, and what belongs together noted. */
#include "machine/manage/import_volumes.h"

#include "machine/data/joint.h"
#include "machine/life/volume_use.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <stdlib.h>
#include <string.h>

/* ---- What was taken at one moment */

/* The snapshot of the volume that came with one of the machine. */
static const struct arrived *came_with(struct coming_volume *one, const char *snapshot)
{
	const struct arrival *arrival = coming_volume_arrival(one);

	for (size_t i = 0; i < arrival->count; i++) {
		const struct stream_volume *volume = &arrival->list[i].volume;
		if (*volume->snapshot && strcmp(volume->with, snapshot) == 0)
			return &arrival->list[i];
	}
	return NULL;
}

/* pool: of the volume. in_part: it has the name of a volume in the making. */
static int add_part(const struct import_volumes *volumes, const struct coming_volume *one,
		    const struct arrived *arrived, struct joint *joint, struct err *err)
{
	const bool here = one->is_here;
	struct pool *pool = here ? (struct pool *)(uintptr_t)&one->here.pool : volumes->pool;
	struct joint_part *part = &joint->parts[joint->count];
	struct volume_info info;
	char volume[VOLUME_NAME_MAX + 1];

	text_print(part->volume, sizeof part->volume, "%s", coming_volume_name(one));
	text_print(part->uuid, sizeof part->uuid, "%s", here ? one->here.uuid : one->arrival.uuid);
	text_print(part->snapshot, sizeof part->snapshot, "%s", arrived->volume.snapshot);
	data_snapshot_volume(part->volume, part->snapshot, volume);
	if (pool->ops->info(pool, here ? arrived->partial.name : volume, &info, err) < 0)
		return -err->code;
	part->created = info.created;
	joint->count++;
	return 0;
}

/* The parts of other volumes that the record has from before. */
static int keep_others(const struct import_volumes *volumes, const char *snapshot,
		       struct joint *joint, struct err *err)
{
	scoped_joint struct joint was = { 0 };

	if (!volumes->adds)
		return 0;
	if (joint_read(volumes->machine, snapshot, &was, err) < 0)
		return -err->code;
	struct joint_part *parts =
		reallocarray(joint->parts, joint->count + was.count + 1, sizeof *parts);
	if (!parts)
		return err_set(err, ENOMEM, "out of memory");
	joint->parts = parts;
	const size_t count = joint->count;
	for (size_t i = 0; i < was.count; i++) {
		bool other = true;
		for (size_t j = 0; j < count; j++)
			other = other && strcmp(parts[j].uuid, was.parts[i].uuid) != 0;
		if (other)
			parts[joint->count++] = was.parts[i];
	}
	return 0;
}

static int record(const struct import_volumes *volumes, const char *snapshot, struct err *err)
{
	scoped_joint struct joint joint = {
		.parts = calloc(volumes->count + 1, sizeof *joint.parts),
	};

	if (!joint.parts)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < volumes->count; i++) {
		const struct arrived *arrived = came_with(volumes->list[i], snapshot);
		if (arrived && add_part(volumes, volumes->list[i], arrived, &joint, err) < 0)
			return -err->code;
	}
	if (!joint.count || keep_others(volumes, snapshot, &joint, err) < 0)
		return -err->code;
	return joint_write(volumes->machine, snapshot, &joint, err);
}

/* A record for each snapshot of the machine that has come with volumes. */
static int record_all(const struct import_volumes *volumes, struct err *err)
{
	for (size_t i = 0; i < volumes->count; i++) {
		const struct arrival *arrival = coming_volume_arrival(volumes->list[i]);
		for (size_t j = 0; j < arrival->count; j++) {
			const char *with = arrival->list[j].volume.with;
			if (*arrival->list[j].volume.snapshot && *with &&
			    record(volumes, with, err) < 0)
				return -err->code;
		}
	}
	return 0;
}

/* ---- Making them */

static int make_one(struct import_volumes *volumes, struct coming_volume *one, bool drawn,
		    struct text *notes, struct err *err)
{
	struct arrival *arrival = &one->arrival.arrival;
	const struct data_spec spec = { .maker = volumes->machine, .lock = &one->lock };
	struct volume_config config = { 0 };

	/* A snapshot may be the last state of a chain. */
	if (!arrival_root(arrival) && volumes->spec->chain_count &&
	    arrival_make_root(arrival, err) < 0)
		return -err->code;
	if (drawn)
		arrival_drop(arrival, 1);
	if (volume_arrival_make(&one->arrival, &spec, drawn, notes, err) < 0)
		return -err->code;
	/* It is half made, and only its mark has the settings. */
	struct unfinished mark = data_mark(volumes->machine->dirs, one->arrival.name);
	scoped_free char *path = unfinished_path(&mark);
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (config_load(&volume_schema, path, &config, err) < 0)
		return -err->code;
	text_print(one->arrival.uuid, sizeof one->arrival.uuid, "%s", config.uuid);
	config_free(&volume_schema, &config);
	return 0;
}

int import_volumes_make(struct import_volumes *volumes, bool drawn, struct text *notes,
			struct err *err)
{
	if (volumes->spec->no_volumes)
		return 0;
	for (size_t i = 0; i < volumes->count; i++) {
		if (volumes->list[i]->is_here)
			continue;
		if (make_one(volumes, volumes->list[i], drawn, notes, err) < 0)
			return -err->code;
		fault_point("travel-volume");
	}
	return volumes->adds ? 0 : record_all(volumes, err);
}

int import_volumes_end(struct import_volumes *volumes, bool made, struct err *err)
{
	const struct dirs *dirs = volumes->machine->dirs;

	for (size_t i = 0; i < volumes->count; i++) {
		struct coming_volume *one = volumes->list[i];
		if (one->lock < 0)
			continue;
		if (made && data_finish(dirs, one->arrival.name, err) < 0)
			return -err->code;
		if (!made && data_erase(dirs, one->arrival.name, false, &(struct err){ 0 }) == 0)
			data_lock_forget(dirs, one->arrival.name);
		fault_point("travel-volume-ended");
	}
	return 0;
}

/* ---- Of an increment */

static int open_here(void *context, const char *was, const char *uuid, struct err *err)
{
	struct import_volumes *volumes = context;
	const struct dirs *dirs = volumes->machine->dirs;
	char name[64];

	if (import_volumes_with(volumes, uuid) || import_volumes_named(volumes, was))
		return err_set(err, EBADMSG, "its head has volume '%s' twice", was);
	struct coming_volume *one = import_volumes_add(volumes, was, uuid, err);
	if (!one)
		return -err->code;
	one->listed = true;
	if (volumes->spec->no_volumes)
		return 0;
	int r = data_with_uuid(dirs, uuid, name, err);
	if (r <= 0)
		return r;
	one->is_here = true;
	const struct attached_config attached = { .section = { .name = name } };
	if (data_open_locked(&one->here, dirs, name, err) < 0 ||
	    data_check_attach(dirs, volumes->machine->name, &attached, NULL, err) < 0)
		return -err->code;
	one->subject = data_subject(&one->here, dirs);
	one->increment =
		(struct increment){ .subject = &one->subject,
				    .pool = &one->here.pool,
				    .force = volumes->spec->force || volumes->spec->arriving };
	volume_use_find(dirs, name, NULL, false, one->increment.user);
	increment_begin(&one->increment, volumes->spec->trust);
	return 0;
}

int import_volumes_find(struct import_volumes *volumes, const struct stream_head *head,
			struct err *err)
{
	/* Remains of a killed command may have the names. */
	if (*head->volumes)
		data_sweep(volumes->machine->dirs);
	return travel_each_volume(head->volumes, open_here, volumes, err);
}

int import_volumes_check_restored(struct import_volumes *volumes, struct err *err)
{
	for (size_t i = 0; i < volumes->count; i++) {
		struct coming_volume *one = volumes->list[i];
		if (one->is_here && increment_check_restored(&one->increment, err) < 0)
			return err_wrap(err, "volume '%s'", one->was);
	}
	return 0;
}

int import_volumes_keep(struct import_volumes *volumes, struct err *err)
{
	if (volumes->spec->no_volumes)
		return 0;
	if (record_all(volumes, err) < 0)
		return -err->code;
	fault_point("travel-recorded");
	for (size_t i = 0; i < volumes->count; i++) {
		struct coming_volume *one = volumes->list[i];
		if (one->is_here && increment_keep(&one->increment, err) < 0)
			return -err->code;
	}
	return 0;
}

bool import_volumes_replace_any(const struct import_volumes *volumes)
{
	for (size_t i = 0; i < volumes->count; i++) {
		if (volumes->list[i]->is_here && arrival_root(&volumes->list[i]->increment.arrival))
			return true;
	}
	return false;
}

int import_volumes_replace(struct import_volumes *volumes, struct err *err)
{
	for (size_t i = 0; i < volumes->count; i++) {
		struct coming_volume *one = volumes->list[i];
		if (one->is_here && increment_replace(&one->increment, err) < 0)
			return -err->code;
		fault_point("travel-replaced");
	}
	return 0;
}
