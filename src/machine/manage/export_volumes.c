/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/export_volumes.h"

#include "machine/manage/joint_drop.h"

#include "base/scoped.h"

#include <string.h>

static struct exported_volume *add(struct export_volumes *volumes)
{
	struct exported_volume *one = &volumes->list[volumes->count++];

	*one = (struct exported_volume){ .from = { .pool.use_fd = -1, .lock = -1 } };
	return one;
}

static int make_room(struct export_volumes *volumes, size_t count, struct err *err)
{
	*volumes = (struct export_volumes){ .list = calloc(count + 1, sizeof *volumes->list) };
	return volumes->list ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* The snapshot of it that was taken with the one that the machine's increment builds on. */
static int find_since(struct exported_volume *one, const struct export_chain *machine,
		      struct err *err)
{
	const struct export_spec *spec = machine->spec;
	scoped_joint struct joint joint = { 0 };

	if (!spec->since)
		return 0;
	if (joint_read(machine->subject->machine, spec->since, &joint, err) < 0)
		return -err->code;
	for (size_t i = 0; i < joint.count; i++) {
		char volume[VOLUME_NAME_MAX + 1];
		struct volume_info info;
		if (strcmp(joint.parts[i].uuid, one->subject.uuid) != 0)
			continue;
		subject_volume(&one->subject, joint.parts[i].snapshot, volume);
		if (volume_info(one->chain.pool, volume, &info, &(struct err){ 0 }) == 0 &&
		    info.created == joint.parts[i].created)
			text_print(one->since, sizeof one->since, "%s", joint.parts[i].snapshot);
	}
	return *one->since || spec->volumes_anew
		       ? 0
		       : err_set(err, ENOENT,
				 "snapshot '%s' of machine '%s' was taken without volume '%s'; "
				 "leave "
				 "out --since or --volumes",
				 spec->since, machine->subject->name, one->subject.name);
}

/* The states of a volume that are written are those of the machine, by the names of the volume's own snapshots. */
static int begin(struct export_volumes *volumes, struct exported_volume *one,
		 const struct data_opened *from, const struct export_chain *machine,
		 struct err *err)
{
	const struct export_spec *spec = machine->spec;
	bool whole;

	one->subject = data_subject(from, machine->subject->dirs);
	one->spec = *spec;
	one->spec.snapshots = false;
	one->spec.since_is_older = true;
	one->chain = (struct export_chain){ .subject = &one->subject,
					    .spec = &one->spec,
					    .pool = (struct pool *)(uintptr_t)&from->pool,
					    .out = machine->out,
					    .description = from->description };
	if (spec->blocks && !from->pool.ops->blocks)
		return err_set(
			err, EOPNOTSUPP,
			"volume '%s' is in pool '%s' of driver %s, which has no blocks; leave "
			"out --blocks or --volumes",
			from->name, from->pool.name, from->pool.ops->name);
	if (find_since(one, machine, err) < 0)
		return -err->code;
	whole = spec->since && !*one->since;
	one->spec.since = *one->since ? one->since : NULL;
	one->spec.snapshot = spec->snapshot ? one->snapshot : NULL;
	one->spec.root = spec->root ? one->snapshot : NULL;
	/* Where the machine's snapshot stays one, that of the volume does, so that increments can build on both. */
	bool stays = spec->snapshot && (spec->keep || spec->snapshots || whole);
	one->spec.keep = stays ? one->snapshot : NULL;
	one->chain.with = spec->snapshot ? spec->snapshot : spec->root;
	text_add(&volumes->head, "%s%s %s", volumes->head.length ? " " : "", from->name,
		 from->uuid);
	if (volumes->head.length >= CONFIG_LINE_MAX - 64)
		return err_set(err, E2BIG,
			       "it has more volumes than a stream can name; leave out "
			       "--volumes");
	return export_chain_open(&one->chain, err);
}

static int open_part(struct export_volumes *volumes, const struct joint_part *part,
		     const struct export_chain *machine, struct err *err)
{
	const struct subject *subject = machine->subject;
	struct exported_volume *one = add(volumes);
	char name[64], volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	int r = joint_find_volume(subject->dirs, part, name, err);
	if (r == 0)
		r = data_open_locked(&one->from, subject->dirs, name, err);
	if (r == 0) {
		data_snapshot_volume(name, part->snapshot, volume);
		r = volume_info(&one->from.pool, volume, &info, err);
	}
	if (r == -ENOENT || (r == 0 && info.created != part->created)) {
		*err = (struct err){ 0 };
		return err_set(err, ENOENT,
			       "what volume '%s' was with that snapshot of machine '%s' is gone; "
			       "leave out --volumes",
			       part->volume, subject->name);
	}
	text_print(one->snapshot, sizeof one->snapshot, "%s", part->snapshot);
	return r < 0 ? r : begin(volumes, one, &one->from, machine, err);
}

int export_volumes_open(struct export_volumes *volumes, const struct export_chain *machine,
			struct err *err)
{
	const struct export_spec *spec = machine->spec;
	scoped_joint struct joint joint = { 0 };

	if (joint_read(machine->subject->machine, spec->root ? spec->root : spec->snapshot, &joint,
		       err) < 0 ||
	    make_room(volumes, joint.count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < joint.count; i++) {
		if (open_part(volumes, &joint.parts[i], machine, err) < 0)
			return -err->code;
	}
	return 0;
}

int export_volumes_taken(struct export_volumes *volumes, struct joint_taking *taking,
			 const struct export_chain *machine, struct err *err)
{
	if (make_room(volumes, taking->count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < taking->count; i++) {
		struct exported_volume *one = add(volumes);
		one->now = taking->volumes[i].taken.partial.name;
		if (begin(volumes, one, &taking->volumes[i].from, machine, err) < 0)
			return -err->code;
	}
	return 0;
}

int export_volumes_hold(struct export_volumes *volumes, struct err *err)
{
	for (size_t i = 0; i < volumes->count; i++) {
		if (export_chain_hold(&volumes->list[i].chain, err) < 0)
			return -err->code;
		scoped_close_fd(&volumes->list[i].from.lock);
	}
	return 0;
}

int export_volumes_write(struct export_volumes *volumes, struct err *err)
{
	for (size_t i = 0; i < volumes->count; i++) {
		struct exported_volume *one = &volumes->list[i];
		if (export_chain_write(&one->chain, one->now, err) < 0)
			return err_wrap(err, "volume '%s'", one->subject.name);
	}
	return 0;
}

void export_volumes_close(struct export_volumes *volumes)
{
	for (size_t i = 0; i < volumes->count; i++) {
		export_chain_close(&volumes->list[i].chain);
		data_opened_close(&volumes->list[i].from);
	}
	free(volumes->list);
	text_free(&volumes->head);
	*volumes = (struct export_volumes){ .list = NULL };
}
