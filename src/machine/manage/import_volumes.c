/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/import_volumes.h"

#include "machine/manage/clone_volumes.h"

#include "base/scoped.h"

#include <string.h>

/* ---- The list */

struct coming_volume *import_volumes_with(const struct import_volumes *volumes, const char *uuid)
{
	for (size_t i = 0; i < volumes->count; i++) {
		if (strcmp(volumes->list[i]->uuid, uuid) == 0)
			return volumes->list[i];
	}
	return NULL;
}

struct coming_volume *import_volumes_add(struct import_volumes *volumes, const char *name,
					 const char *uuid, struct err *err)
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

struct arrival *coming_volume_arrival(struct coming_volume *one)
{
	return one->is_here ? &one->increment.arrival : &one->arrival.arrival;
}

const char *coming_volume_name(const struct coming_volume *one)
{
	return one->is_here ? one->here.name : one->arrival.name;
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

int travel_each_volume(const char *list,
		       int (*visit)(void *context, const char *name, const char *uuid,
				    struct err *err),
		       void *context, struct err *err)
{
	scoped_free char *words = strdup(list);
	char *rest = words;

	if (!words)
		return err_set(err, ENOMEM, "out of memory");
	for (char *name; (name = strsep(&rest, " ")) && *name;) {
		const char *uuid = strsep(&rest, " ");
		if (!uuid || text_label_fault(name) || strlen(uuid) != UUID_TEXT - 1)
			return err_set(err, EBADMSG, "its head does not name its volumes rightly");
		if (visit(context, name, uuid, err) < 0)
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
	if ((!volumes->adds && volumes->streams <= volumes->spec->chain_count) ||
	    volume_arrival_check(&one->arrival, err) == 0 || err->code != EEXIST)
		return -err->code;
	return err_wrap(
		err,
		"the stream has a volume '%s' of the machine, and --volumes-as PREFIX gives "
		"it another name, or --no-volumes leaves it out",
		one->was);
}

static int expect(void *context, const char *was, const char *uuid, struct err *err)
{
	struct import_volumes *volumes = context;
	struct coming_volume *one = import_volumes_with(volumes, uuid);
	const bool is_new = !one;
	char name[64];

	if (is_new)
		one = import_volumes_add(volumes, was, uuid, err);
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

int import_volumes_expect_new(struct import_volumes *volumes, struct err *err)
{
	for (size_t i = 0; i < volumes->count && !volumes->spec->no_volumes; i++) {
		struct coming_volume *one = volumes->list[i];
		char name[64];
		if (one->is_here)
			continue;
		if (name_here(volumes, one->was, name, err) < 0 ||
		    volume_arrival_begin(&one->arrival, volumes->pool, name, one->uuid, err) < 0 ||
		    check_name(volumes, one, err) < 0)
			return -err->code;
		one->arrival.arrival.trusted = volumes->spec->trust;
	}
	return 0;
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
	if (travel_each_volume(head->volumes, expect, volumes, err) < 0)
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
	struct coming_volume *one = import_volumes_with(volumes, volume->data_uuid);
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
	if (one->is_here)
		return arrival_take(&one->increment.arrival, volume, in, err) < 0
			       ? err_wrap(err, "volume '%s'", was)
			       : 0;
	if (volumes->adds && *volume->base && !one->arrival.arrival.count) {
		stream_volume_free(volume);
		return err_set(
			err, ENOENT,
			"it has an increment of volume '%s', which is not here; --no-volumes "
			"leaves it out",
			was);
	}
	text_take(&one->arrival.description, take_ptr(&description));
	/* A stream of which parts may stay is no chain. */
	if (!one->arrival.arrival.stay)
		make_way(one, volume);
	return arrival_take(&one->arrival.arrival, volume, in, err) < 0
		       ? err_wrap(err, "volume '%s'", was)
		       : 0;
}

static struct arrival *arrival_of(void *context, const char *uuid)
{
	const struct import_volumes *volumes = context;
	struct coming_volume *one = import_volumes_with(volumes, uuid);

	return one && one->listed && !volumes->spec->no_volumes ? coming_volume_arrival(one) : NULL;
}

static int finish_stream(void *context, struct err *err)
{
	const struct import_volumes *volumes = context;

	if (volumes->spec->no_volumes)
		return 0;
	for (size_t i = 0; i < volumes->count; i++) {
		struct coming_volume *one = volumes->list[i];
		struct arrival *arrival = coming_volume_arrival(one);
		const struct arrived *root = arrival_root(arrival);
		/* All of it may have come with an earlier stream. */
		if (root && !one->arrival.description &&
		    text_take(&one->arrival.description, strdup(root->volume.description)) < 0)
			return err_set(err, ENOMEM, "out of memory");
		if (arrival_finish(arrival, err) < 0)
			return err_wrap(err, "volume '%s'", one->was);
		/* The last state of a chain is the only one that is kept. */
		if (!one->is_here && volumes->spec->chain_count && !arrival_root(arrival))
			arrival_drop(arrival, 1);
	}
	return 0;
}

void import_volumes_begin(struct import_volumes *volumes, struct machine *machine,
			  struct pool *pool, const struct import_spec *spec, bool adds)
{
	*volumes = (struct import_volumes){
		.machine = machine, .pool = pool, .spec = spec, .adds = adds
	};
	volumes->others = (struct arrival_others){
		.begin = begin_stream,
		.take = take,
		.finish = finish_stream,
		.of = arrival_of,
		.context = volumes,
	};
}

/* ---- The sections */

const struct coming_volume *import_volumes_named(const struct import_volumes *volumes,
						 const char *was)
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
		if (!import_volumes_named(volumes, one->name)) {
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
