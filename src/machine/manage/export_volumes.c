/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/export_volumes.h"

#include "machine/manage/joint_drop.h"
#include "machine/state/content.h"

#include "base/scoped.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static struct exported_volume *add(struct export_volumes *volumes)
{
	struct exported_volume *one = &volumes->list[volumes->count++];

	*one = (struct exported_volume){ .from = { .pool.use_fd = -1, .lock = -1 } };
	return one;
}

/* ---- Snapshots that belong together */

static int note_record(struct export_volumes *volumes, const char *with,
		       const struct joint_part *part, struct err *err)
{
	struct export_record *list =
		reallocarray(volumes->records, volumes->record_count + 1, sizeof *list);

	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	volumes->records = list;
	list[volumes->record_count] = (struct export_record){ .part = *part };
	text_print(list[volumes->record_count++].with, sizeof list->with, "%s", with);
	return 0;
}

/* The records of all snapshots of the machine. */
static int read_records(struct export_volumes *volumes, const struct machine *machine,
			struct err *err)
{
	scoped_dir DIR *dir = opendir(machine->folder);

	for (struct dirent *e; dir && (e = readdir(dir));) {
		const char *with = joint_snapshot_of(e->d_name);
		scoped_joint struct joint joint = { 0 };
		if (!with)
			continue;
		if (joint_read(machine, with, &joint, err) < 0)
			return -err->code;
		for (size_t i = 0; i < joint.count; i++) {
			if (note_record(volumes, with, &joint.parts[i], err) < 0)
				return -err->code;
		}
	}
	return 0;
}

static const char *with_of(const void *context, const struct snapshot_entry *entry)
{
	const struct exported_volume *one = context;

	for (size_t i = 0; i < one->all->record_count; i++) {
		const struct export_record *record = &one->all->records[i];
		if (strcmp(record->part.uuid, one->subject.uuid) == 0 &&
		    strcmp(record->part.snapshot, entry->name) == 0 &&
		    record->part.created == entry->volume_made)
			return record->with;
	}
	return NULL;
}

static int make_room(struct export_volumes *volumes, const struct export_chain *machine,
		     size_t count, struct err *err)
{
	*volumes = (struct export_volumes){ .list = calloc(count + 1, sizeof *volumes->list) };
	if (!volumes->list)
		return err_set(err, ENOMEM, "out of memory");
	return machine->spec->volumes_snapshots
		       ? read_records(volumes, machine->subject->machine, err)
		       : 0;
}

/* ---- What is written of one */

/* Whether the reader has that snapshot of it too. A volume of which it has others only would have to give way there. */
static int ask_reader(struct exported_volume *one, const struct joint_part *part, struct err *err)
{
	const struct export_reader *reader = one->spec.reader;
	struct content content;

	if (reader && part &&
	    (content_find(one->subject.folder, part->snapshot, part->created, &content,
			  &(struct err){ 0 }) < 0 ||
	     !reader->has_content(reader->context, content.files)))
		part = NULL;
	if (part)
		text_print(one->since, sizeof one->since, "%s", part->snapshot);
	if (part || !reader || !reader->has_volume(reader->context, one->subject.uuid))
		return 0;
	return err_set(err, EEXIST,
		       "host '%s' has volume '%s', and no snapshot in common with it that could be "
		       "built on: delete it there, or leave the volumes out: --no-volumes",
		       reader->name, one->subject.name);
}

/* The snapshot of it that was taken with the one that the machine's increment builds on. */
static int find_since(struct exported_volume *one, const struct export_chain *machine,
		      struct err *err)
{
	const struct export_spec *spec = machine->spec;
	const struct joint_part *part = NULL;
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
			part = &joint.parts[i];
	}
	if (ask_reader(one, part, err) < 0)
		return -err->code;
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
	one->spec.snapshots = spec->volumes_snapshots;
	one->spec.since_is_older = true;
	one->spec.behind = NULL;
	one->all = volumes;
	one->chain = (struct export_chain){ .subject = &one->subject,
					    .spec = &one->spec,
					    .pool = (struct pool *)(uintptr_t)&from->pool,
					    .out = machine->out,
					    .with_of = spec->volumes_snapshots ? with_of : NULL,
					    .with_context = one,
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
	bool stays = (spec->snapshot && (spec->snapshots || whole)) ||
		     ((spec->snapshot || spec->root) && spec->keep);
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

static int section_uuid(const struct dirs *dirs, const char *name, char uuid[UUID_TEXT],
			struct err *err)
{
	struct volume_config config = { 0 };

	if (data_open(dirs, name, &config, err) < 0)
		return -err->code;
	text_print(uuid, UUID_TEXT, "%s", config.uuid);
	config_free(&volume_schema, &config);
	return 0;
}

static bool is_wanted(const struct export_spec *spec, const struct section *at)
{
	return spec->volumes_read || !((const struct attached_config *)at)->readonly;
}

/* A root that is sent with its volumes must have been kept with all of them. */
static int check_kept(const struct export_chain *machine, const struct joint *joint,
		      struct err *err)
{
	const struct subject *subject = machine->subject;
	char uuid[UUID_TEXT];

	for (const struct section *at = subject->machine->config.volumes; at; at = at->next) {
		bool found = false;
		if (!is_wanted(machine->spec, at))
			continue;
		if (section_uuid(subject->dirs, at->name, uuid, err) < 0)
			return -err->code;
		for (size_t i = 0; i < joint->count; i++)
			found = found || strcmp(joint->parts[i].uuid, uuid) == 0;
		if (!found)
			return err_set(
				err, ENOENT,
				"snapshot '%s' of machine '%s' was taken without volume '%s'",
				machine->spec->root, subject->name, at->name);
	}
	return 0;
}

int export_volumes_open(struct export_volumes *volumes, const struct export_chain *machine,
			struct err *err)
{
	const struct export_spec *spec = machine->spec;
	scoped_joint struct joint joint = { 0 };

	if (joint_read(machine->subject->machine, spec->root ? spec->root : spec->snapshot, &joint,
		       err) < 0 ||
	    make_room(volumes, machine, joint.count, err) < 0 ||
	    (spec->root && check_kept(machine, &joint, err) < 0))
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
	if (make_room(volumes, machine, taking->count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < taking->count; i++) {
		struct exported_volume *one = add(volumes);
		one->now = taking->volumes[i].taken.partial.name;
		if (begin(volumes, one, &taking->volumes[i].from, machine, err) < 0)
			return -err->code;
	}
	return 0;
}

/* Names in the order of their locks, which all commands take so. */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_sections(const struct machine *machine, const struct export_spec *spec,
			 const char ***names, size_t *count, struct err *err)
{
	for (const struct section *at = machine->config.volumes; at; at = at->next)
		++*count;
	*names = calloc(*count + 1, sizeof **names);
	if (!*names)
		return err_set(err, ENOMEM, "out of memory");
	*count = 0;
	for (const struct section *at = machine->config.volumes; at; at = at->next) {
		if (is_wanted(spec, at))
			(*names)[(*count)++] = at->name;
	}
	qsort(*names, *count, sizeof **names, by_name);
	return 0;
}

int export_volumes_still(struct export_volumes *volumes, const struct export_chain *machine,
			 struct err *err)
{
	const struct subject *subject = machine->subject;
	scoped_free const char **names = NULL;
	size_t count = 0;

	if (list_sections(subject->machine, machine->spec, &names, &count, err) < 0 ||
	    make_room(volumes, machine, count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		struct exported_volume *one = add(volumes);
		if (data_open_locked(&one->from, subject->dirs, names[i], err) < 0 ||
		    begin(volumes, one, &one->from, machine, err) < 0 ||
		    moment_begin(&one->moment, &one->subject, NULL, &one->from.pool, false, err) <
			    0)
			return -err->code;
		one->is_still = true;
		one->now = one->moment.volume;
	}
	return 0;
}

uint64_t export_volumes_pass(struct export_volumes *volumes, uint64_t count)
{
	for (size_t i = 0; i < volumes->count; i++)
		count = export_chain_pass(&volumes->list[i].chain, count);
	return count;
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

int export_volumes_plan(struct export_volumes *volumes, struct text *plan, struct err *err)
{
	for (size_t i = 0; i < volumes->count; i++) {
		text_add(plan, "volume\n");
		if (export_chain_plan(&volumes->list[i].chain, plan, err) < 0)
			return -err->code;
	}
	return 0;
}

void export_volumes_close(struct export_volumes *volumes)
{
	for (size_t i = 0; i < volumes->count; i++) {
		struct exported_volume *one = &volumes->list[i];
		export_chain_close(&one->chain);
		if (one->is_still)
			moment_end(&one->moment, &(struct err){ 0 });
		data_opened_close(&one->from);
	}
	free(volumes->list);
	free(volumes->records);
	text_free(&volumes->head);
	*volumes = (struct export_volumes){ .list = NULL };
}

static int add_name(const struct dirs *dirs, const char *name, struct text *volumes,
		    struct err *err)
{
	char uuid[UUID_TEXT];

	if (section_uuid(dirs, name, uuid, err) < 0)
		return -err->code;
	text_add(volumes, "%s%s %s", volumes->length ? " " : "", name, uuid);
	return volumes->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

int machine_export_volumes(const struct machine *machine, const struct export_spec *spec,
			   struct text *volumes, struct err *err)
{
	scoped_joint struct joint joint = { 0 };
	scoped_free const char **names = NULL;
	size_t count = 0;
	char name[64];

	if (!spec->volumes)
		return 0;
	if (spec->snapshot && joint_read(machine, spec->snapshot, &joint, err) < 0)
		return -err->code;
	for (size_t i = 0; i < joint.count; i++) {
		if (joint_find_volume(machine->dirs, &joint.parts[i], name, err) == 0 &&
		    add_name(machine->dirs, name, volumes, err) < 0)
			return -err->code;
	}
	if (err->code || spec->snapshot || list_sections(machine, spec, &names, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		if (add_name(machine->dirs, names[i], volumes, err) < 0)
			return -err->code;
	}
	return 0;
}
