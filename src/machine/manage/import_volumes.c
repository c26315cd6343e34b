/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/import_volumes.h"

#include "machine/data/joint.h"
#include "machine/life/volume_use.h"
#include "machine/manage/clone_volumes.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <string.h>

/* ---- The list */

static struct coming_volume *find(const struct import_volumes *volumes, const char *uuid)
{
	for (size_t i = 0; i < volumes->count; i++) {
		if (strcmp(volumes->list[i]->uuid, uuid) == 0)
			return volumes->list[i];
	}
	return NULL;
}

static struct coming_volume *add(struct import_volumes *volumes, const char *name, const char *uuid,
				 struct err *err)
{
	struct coming_volume **list =
		reallocarray(volumes->list, volumes->count + 1, sizeof(struct coming_volume *));
	struct coming_volume *one = list ? calloc(1, sizeof *one) : NULL;

	if (list)
		volumes->list = list;
	if (!one) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	*one = (struct coming_volume){ .lock = -1, .here = { .pool.use_fd = -1, .lock = -1 } };
	text_print(one->was, sizeof one->was, "%s", name);
	text_print(one->uuid, sizeof one->uuid, "%s", uuid);
	list[volumes->count++] = one;
	return one;
}

static void free_one(struct coming_volume *one)
{
	volume_arrival_end(&one->arrival);
	arrival_end(&one->increment.arrival);
	data_opened_close(&one->here);
	scoped_close_fd(&one->lock);
	free(one);
}

void import_volumes_close(struct import_volumes *volumes)
{
	for (size_t i = 0; i < volumes->count; i++)
		free_one(volumes->list[i]);
	free(volumes->list);
	*volumes = (struct import_volumes){ .list = NULL };
}

/* Calls visit with each name and uuid of the head. 0 or -code. */
static int each(struct import_volumes *volumes, const struct stream_head *head,
		int (*visit)(struct import_volumes *volumes, const char *name, const char *uuid,
			     struct err *err),
		struct err *err)
{
	scoped_free char *words = strdup(head->volumes);
	char *rest = words;

	if (!words)
		return err_set(err, ENOMEM, "out of memory");
	for (char *name; (name = strsep(&rest, " ")) && *name;) {
		const char *uuid = strsep(&rest, " ");
		if (!uuid || text_label_fault(name) || strlen(uuid) != UUID_TEXT - 1)
			return err_set(err, EBADMSG, "its head does not name its volumes rightly");
		if (visit(volumes, name, uuid, err) < 0)
			return -err->code;
	}
	return 0;
}

/* ---- Of a new machine */

static int name_here(const struct import_volumes *volumes, const char *was, char name[64],
		     struct err *err)
{
	const char *as = volumes->spec->volumes_as;

	if (!as)
		return text_print(name, 64, "%s", was) < 0 ? -ENAMETOOLONG : 0;
	return volume_copy_name(was, volumes->machine->name, as, name) < 0
		       ? err_set(err, ENAMETOOLONG,
				 "volume '%s' would have the name '%.20s-%.20s', which is too "
				 "long; "
				 "give --volumes-as a shorter one",
				 was, as, was)
		       : 0;
}

/* The last stream of a chain tells which volumes are made, and by which names. */
static int check_name(const struct import_volumes *volumes, struct coming_volume *one,
		      struct err *err)
{
	if (volumes->streams <= volumes->spec->chain_count ||
	    volume_arrival_check(&one->arrival, err) == 0 || err->code != EEXIST)
		return -err->code;
	return err_wrap(
		err,
		"the stream has a volume '%s' of the machine, and --volumes-as PREFIX gives "
		"it another name, or --no-volumes leaves it out",
		one->was);
}

static int expect(struct import_volumes *volumes, const char *was, const char *uuid,
		  struct err *err)
{
	struct coming_volume *one = find(volumes, uuid);
	const bool is_new = !one;
	char name[64];

	if (is_new)
		one = add(volumes, was, uuid, err);
	if (!one || name_here(volumes, was, name, err) < 0)
		return -err->code;
	one->listed = true;
	text_print(one->was, sizeof one->was, "%s", was);
	if (volumes->spec->no_volumes)
		return 0;
	int r = is_new ? volume_arrival_begin(&one->arrival, volumes->pool, name, uuid, err)
		       : volume_arrival_rename(&one->arrival, name, err);
	one->arrival.arrival.trusted = volumes->spec->trust;
	return r < 0 ? r : check_name(volumes, one, err);
}

static int check_names(const struct import_volumes *volumes, struct err *err)
{
	for (size_t i = 1; i < volumes->count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(volumes->list[i]->was, volumes->list[j]->was) == 0)
				return err_set(err, EBADMSG, "its head has volume '%s' twice",
					       volumes->list[i]->was);
		}
	}
	return 0;
}

int import_volumes_expect(struct import_volumes *volumes, const struct stream_head *head,
			  struct err *err)
{
	size_t kept = 0;

	/* Remains of a killed command may have the names. */
	if (volumes->streams++ == 0 && *head->volumes)
		data_sweep(volumes->machine->dirs);
	for (size_t i = 0; i < volumes->count; i++)
		volumes->list[i]->listed = false;
	if (each(volumes, head, expect, err) < 0)
		return -err->code;
	/* A later stream of a chain has no volume any more that the machine had lost by then. */
	for (size_t i = 0; i < volumes->count; i++) {
		if (volumes->list[i]->listed)
			volumes->list[kept++] = volumes->list[i];
		else
			free_one(volumes->list[i]);
	}
	volumes->count = kept;
	return check_names(volumes, err);
}

static int begin_stream(void *context, const struct stream_head *head, struct err *err)
{
	return import_volumes_expect(context, head, err);
}

/* A volume that comes as a whole again replaces what came before; a root on which nothing is built goes. */
static void make_way(struct coming_volume *one, const struct stream_volume *volume)
{
	struct arrival *arrival = one->arrival.arrival.subject ? &one->arrival.arrival : NULL;
	struct arrival fresh;

	if (!arrival || !arrival->count)
		return;
	if (!*volume->base) {
		fresh = (struct arrival){ .pool = arrival->pool,
					  .subject = arrival->subject,
					  .trusted = arrival->trusted };
		arrival_end(arrival);
		*arrival = fresh;
	} else if (arrival_root(arrival)) {
		arrival_drop_one(arrival, arrival->count - 1);
	}
}

static int take(void *context, struct stream_volume *volume, struct stream_in *in, struct err *err)
{
	const struct import_volumes *volumes = context;
	struct coming_volume *one = find(volumes, volume->data_uuid);
	scoped_free char *description = strdup(volume->description);
	char was[64];

	text_print(was, sizeof was, "%s", volume->data);
	if (!one || !one->listed || !description || volumes->spec->no_volumes) {
		stream_volume_free(volume);
		return !description         ? err_set(err, ENOMEM, "out of memory")
		       : one && one->listed ? stream_skip(in, err)
					    : err_set(err, EBADMSG,
						      "it has volume '%s', which its head does not "
						      "name",
						      was);
	}
	if (!volumes->pool)
		return arrival_take(&one->increment.arrival, volume, in, err) < 0
			       ? err_wrap(err, "volume '%s'", was)
			       : 0;
	text_take(&one->arrival.description, take_ptr(&description));
	make_way(one, volume);
	return arrival_take(&one->arrival.arrival, volume, in, err) < 0
		       ? err_wrap(err, "volume '%s'", was)
		       : 0;
}

static int finish_stream(void *context, struct err *err)
{
	const struct import_volumes *volumes = context;

	if (volumes->spec->no_volumes)
		return 0;
	for (size_t i = 0; i < volumes->count; i++) {
		struct coming_volume *one = volumes->list[i];
		struct arrival *arrival =
			volumes->pool ? &one->arrival.arrival : &one->increment.arrival;
		if (arrival_finish(arrival, err) < 0)
			return err_wrap(err, "volume '%s'", one->was);
		/* The last state of a chain is the only one that is kept. */
		if (volumes->pool && volumes->spec->chain_count && !arrival_root(arrival))
			arrival_drop(arrival, 1);
	}
	return 0;
}

void import_volumes_begin(struct import_volumes *volumes, struct machine *machine,
			  struct pool *pool, const struct import_spec *spec)
{
	*volumes = (struct import_volumes){ .machine = machine, .pool = pool, .spec = spec };
	volumes->others = (struct arrival_others){
		.begin = begin_stream, .take = take, .finish = finish_stream, .context = volumes
	};
}

/* ---- The sections */

static const struct coming_volume *named(const struct import_volumes *volumes, const char *was)
{
	for (size_t i = 0; i < volumes->count; i++) {
		if (strcmp(volumes->list[i]->was, was) == 0)
			return volumes->list[i];
	}
	return NULL;
}

struct section *import_volumes_take_sections(const struct import_volumes *volumes,
					     struct machine_config *config)
{
	struct section *taken = NULL, **last = &taken;

	for (struct section **at = (struct section **)(void *)&config->volumes; *at;) {
		struct section *one = *at;
		if (!named(volumes, one->name)) {
			at = &one->next;
			continue;
		}
		*at = one->next;
		one->next = NULL;
		*last = one;
		last = &one->next;
	}
	return taken;
}

int import_volumes_give_sections(const struct import_volumes *volumes,
				 struct machine_config *config, struct section *sections,
				 struct text *notes, struct err *err)
{
	struct section **last = (struct section **)(void *)&config->volumes;

	while (*last)
		last = &(*last)->next;
	*last = sections;
	for (size_t i = 0; i < volumes->count; i++) {
		const struct coming_volume *one = volumes->list[i];
		struct section *section = config_section(config->volumes, one->was);
		if (!section)
			return err_set(err, EBADMSG,
				       "it has volume '%s', which its settings do not name",
				       one->was);
		if (volumes->spec->no_volumes) {
			text_add(notes, "volume '%s' of the stream is left out\n", one->was);
			config_drop_section(&attached_schema, config, one->was);
		} else if (text_take(&section->name, strdup(one->arrival.name)) < 0) {
			return err_set(err, ENOMEM, "out of memory");
		}
	}
	return 0;
}

/* ---- What was taken at one moment */

static const char *name_of(const struct import_volumes *volumes, const struct coming_volume *one)
{
	return volumes->pool ? one->arrival.name : one->here.name;
}

/* The snapshot of the volume that came with one of the machine. */
static const struct arrived *came_with(const struct import_volumes *volumes,
				       const struct coming_volume *one, const char *snapshot)
{
	const struct arrival *arrival =
		volumes->pool ? &one->arrival.arrival : &one->increment.arrival;

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
	const bool here = !volumes->pool;
	struct pool *pool = here ? (struct pool *)(uintptr_t)&one->here.pool : volumes->pool;
	struct joint_part *part = &joint->parts[joint->count];
	struct volume_info info;
	char volume[VOLUME_NAME_MAX + 1];

	text_print(part->volume, sizeof part->volume, "%s", name_of(volumes, one));
	text_print(part->uuid, sizeof part->uuid, "%s", here ? one->here.uuid : one->arrival.uuid);
	text_print(part->snapshot, sizeof part->snapshot, "%s", arrived->volume.snapshot);
	data_snapshot_volume(part->volume, part->snapshot, volume);
	if (pool->ops->info(pool, here ? arrived->partial.name : volume, &info, err) < 0)
		return -err->code;
	part->created = info.created;
	joint->count++;
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
		const struct arrived *arrived = came_with(volumes, volumes->list[i], snapshot);
		if (arrived && add_part(volumes, volumes->list[i], arrived, &joint, err) < 0)
			return -err->code;
	}
	return joint.count ? joint_write(volumes->machine, snapshot, &joint, err) : 0;
}

/* A record for each snapshot of the machine that has come with volumes. */
static int record_all(const struct import_volumes *volumes, struct err *err)
{
	for (size_t i = 0; i < volumes->count; i++) {
		const struct coming_volume *one = volumes->list[i];
		const struct arrival *arrival =
			volumes->pool ? &one->arrival.arrival : &one->increment.arrival;
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
		if (make_one(volumes, volumes->list[i], drawn, notes, err) < 0)
			return -err->code;
		fault_point("travel-volume");
	}
	return record_all(volumes, err);
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

static int open_here(struct import_volumes *volumes, const char *was, const char *uuid,
		     struct err *err)
{
	const struct dirs *dirs = volumes->machine->dirs;
	char name[64];

	if (find(volumes, uuid))
		return err_set(err, EBADMSG, "its head has volume '%s' twice", was);
	struct coming_volume *one = add(volumes, was, uuid, err);
	if (!one)
		return -err->code;
	one->listed = true;
	if (volumes->spec->no_volumes)
		return 0;
	int r = data_with_uuid(dirs, uuid, name, err);
	if (r == 0)
		return err_set(
			err, ENOENT,
			"it has an increment of volume '%s', which is not here; --no-volumes "
			"leaves it out",
			was);
	if (r < 0 || data_open_locked(&one->here, dirs, name, err) < 0)
		return -err->code;
	one->subject = data_subject(&one->here, dirs);
	one->increment = (struct increment){ .subject = &one->subject, .pool = &one->here.pool };
	volume_use_find(dirs, name, NULL, false, one->increment.user);
	increment_begin(&one->increment, volumes->spec->trust);
	return 0;
}

int import_volumes_find(struct import_volumes *volumes, const struct stream_head *head,
			struct err *err)
{
	return each(volumes, head, open_here, err);
}

int import_volumes_keep(struct import_volumes *volumes, struct err *err)
{
	if (volumes->spec->no_volumes)
		return 0;
	if (record_all(volumes, err) < 0)
		return -err->code;
	fault_point("travel-recorded");
	for (size_t i = 0; i < volumes->count; i++) {
		if (increment_keep(&volumes->list[i]->increment, err) < 0)
			return -err->code;
	}
	return 0;
}
