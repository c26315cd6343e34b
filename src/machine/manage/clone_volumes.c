/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/clone_volumes.h"

#include "machine/manage/joint_drop.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct cloned_volume *)a)->was,
		      ((const struct cloned_volume *)b)->was);
}

static const char *rest_of(const char *was, const char *from)
{
	size_t n = strlen(from);

	return text_starts(was, from) && was[n] == '-' && was[n + 1] ? was + n + 1 : was;
}

int volume_copy_name(const char *was, const char *from, const char *to, char name[64])
{
	return text_print(name, 64, "%s-%s", to, rest_of(was, from)) < 0 || text_label_fault(name)
		       ? -ENAMETOOLONG
		       : 0;
}

static int name_copy(struct cloned_volume *one, const char *from, const char *to, struct err *err)
{
	const char *rest = rest_of(one->was, from);

	if (volume_copy_name(one->was, from, to, one->name) < 0)
		return err_set(
			err, ENAMETOOLONG,
			"the copy of volume '%s' would have the name '%.20s...-%.20s', which "
			"is too long; give the clone a shorter one, or leave its volumes: "
			"--no-volumes",
			one->was, to, rest);
	return 0;
}

/* A copy that cannot be made is refused before anything is. */
static int check_free(const struct dirs *dirs, const struct cloned_volume *one, const char *from,
		      struct err *err)
{
	struct volume_config config = { 0 };
	int r = data_open(dirs, one->name, &config, &(struct err){ 0 });

	config_free(&volume_schema, &config);
	if (r == -ENOENT)
		return 0;
	return err_set(
		err, EEXIST,
		"the copy of volume '%s' of machine '%s' would be '%s', which exists already; "
		"choose another name for the clone, leave its volumes: --no-volumes, or delete "
		"what is there: berth volume delete %s",
		one->was, from, one->name, one->name);
}

/* The name of what is copied in its pool. */
static void name_origin(const struct cloned_volume *one, char origin[VOLUME_NAME_MAX + 1])
{
	if (*one->snapshot)
		data_snapshot_volume(one->was, one->snapshot, origin);
	else
		data_volume(one->was, origin);
}

static int lock_all(struct cloned_volumes *volumes, const struct machine *from, struct err *err)
{
	if (volumes->count > 0)
		qsort(volumes->list, volumes->count, sizeof *volumes->list, by_name);
	for (size_t i = 0; i < volumes->count; i++) {
		struct cloned_volume *one = &volumes->list[i];
		char origin[VOLUME_NAME_MAX + 1];
		struct volume_info info;
		name_origin(one, origin);
		if (data_open_locked(&one->from, from->dirs, one->was, err) < 0 ||
		    volume_info(&one->from.pool, origin, &info, err) < 0)
			return err_wrap(
				err,
				"volume '%s' of machine '%s' cannot be copied; to leave it: "
				"--no-volumes",
				one->was, from->name);
		if (check_free(from->dirs, one, from->name, err) < 0)
			return -err->code;
	}
	return 0;
}

static int add(struct cloned_volumes *volumes, const struct machine *from, struct machine *to,
	       struct section *section, struct err *err)
{
	struct cloned_volume *list = realloc(volumes->list, (volumes->count + 1) * sizeof *list);

	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	volumes->list = list;
	struct cloned_volume *one = &list[volumes->count++];
	*one = (struct cloned_volume){ .from = { .pool.use_fd = -1, .lock = -1 },
				       .to = to,
				       .lock = -1 };
	text_print(one->was, sizeof one->was, "%s", section->name);
	if (name_copy(one, from->name, to->name, err) < 0)
		return -err->code;
	return text_take(&section->name, strdup(one->name)) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

/* The snapshot of the volume that was taken with that of the source. False: there is none. */
static bool find_kept(const struct dirs *dirs, const struct joint *joint, const char *volume,
		      char snapshot[64])
{
	for (size_t i = 0; i < joint->count; i++) {
		char name[64];
		if (joint_find_volume(dirs, &joint->parts[i], name, &(struct err){ 0 }) < 0 ||
		    strcmp(name, volume) != 0)
			continue;
		text_print(snapshot, 64, "%s", joint->parts[i].snapshot);
		return true;
	}
	return false;
}

struct planning {
	struct cloned_volumes *volumes;
	const struct machine *from;
	struct machine *to;
	const struct clone_spec *spec;
	struct joint joint; /* owned; of the snapshot that is cloned */
	struct text *notes;
};

static int copy_one(struct planning *planning, struct section *section, const char *snapshot,
		    struct err *err)
{
	struct cloned_volumes *volumes = planning->volumes;

	if (add(volumes, planning->from, planning->to, section, err) < 0)
		return -err->code;
	struct cloned_volume *one = &volumes->list[volumes->count - 1];
	text_print(one->snapshot, sizeof one->snapshot, "%s", snapshot);
	text_add(planning->notes, "volume '%s%s%s' of '%s' is copied to '%s'%s\n", one->was,
		 *snapshot ? "@" : "", snapshot, planning->from->name, one->name,
		 planning->to->config.ephemeral ? ", which goes with it" : "");
	return 0;
}

/* A volume that the source only reads is shared in any case: nothing of the clone could differ. */
static int plan_one(struct planning *planning, struct section *section, struct err *err)
{
	struct attached_config *attached = (struct attached_config *)section;
	const char *from = planning->from->name;
	const struct clone_spec *spec = planning->spec;
	char snapshot[64] = "";

	if (spec->volumes == CLONE_VOLUMES_SHARE ||
	    (spec->volumes == CLONE_VOLUMES_COPY && attached->readonly)) {
		attached->readonly = true;
		text_add(planning->notes, "volume '%s' is shared with '%s', which reads it only\n",
			 section->name, planning->to->name);
		return 0;
	}
	if (spec->volumes == CLONE_VOLUMES_COPY &&
	    (!spec->snapshot ||
	     find_kept(planning->from->dirs, &planning->joint, section->name, snapshot)))
		return copy_one(planning, section, snapshot, err);
	if (spec->volumes == CLONE_VOLUMES_COPY)
		text_add(planning->notes,
			 "volume '%s' stays with '%s': snapshot '%s' was taken without it\n",
			 section->name, from, spec->snapshot);
	else
		text_add(planning->notes, "volume '%s' stays with '%s'\n", section->name, from);
	config_drop_section(&attached_schema, &planning->to->config, section->name);
	return 0;
}

int clone_volumes_plan(struct cloned_volumes *volumes, const struct machine *from,
		       struct machine *to, const struct clone_spec *spec, struct text *notes,
		       struct err *err)
{
	struct planning planning = {
		.volumes = volumes, .from = from, .to = to, .spec = spec, .notes = notes
	};
	struct section *next;
	int r = 0;

	*volumes = (struct cloned_volumes){ 0 };
	if (!to->config.volumes)
		return 0;
	data_sweep(from->dirs);
	if (spec->snapshot && joint_read(from, spec->snapshot, &planning.joint, err) < 0)
		return -err->code;
	for (struct section *at = to->config.volumes; r == 0 && at; at = next) {
		next = at->next;
		r = plan_one(&planning, at, err);
	}
	joint_free(&planning.joint);
	return r < 0 ? r : lock_all(volumes, from, err);
}

static int fill(void *context, struct pool *pool, const char *volume, struct err *err)
{
	struct cloned_volume *one = context;
	char origin[VOLUME_NAME_MAX + 1];

	name_origin(one, origin);
	return volume_copy(&one->from.pool, origin, pool, volume, err);
}

static int make_one(struct cloned_volume *one, struct err *err)
{
	scoped_free char *origin =
		text_format("volume %s%s%s", one->was, *one->snapshot ? "@" : "", one->snapshot);
	const struct data_spec spec = {
		.pool = one->from.pool.name,
		.origin = origin,
		.size = data_limit(&one->from),
		.fill = fill,
		.context = one,
		.maker = one->to,
		.lock = &one->lock,
	};

	return origin ? data_create(one->to->dirs, one->name, &spec, err)
		      : err_set(err, ENOMEM, "out of memory");
}

int clone_volumes_make(struct cloned_volumes *volumes, struct err *err)
{
	for (size_t i = 0; i < volumes->count; i++) {
		if (make_one(&volumes->list[i], err) < 0)
			return -err->code;
		fault_point("clone-volume");
	}
	return 0;
}

int clone_volumes_end(struct cloned_volumes *volumes, bool made, struct err *err)
{
	for (size_t i = 0; i < volumes->count; i++) {
		struct cloned_volume *one = &volumes->list[i];
		if (one->lock < 0)
			continue;
		if (made && data_finish(one->to->dirs, one->name, err) < 0)
			return -err->code;
		if (!made && data_erase(one->to->dirs, one->name, false, &(struct err){ 0 }) == 0)
			data_lock_forget(one->to->dirs, one->name);
		fault_point("clone-volume-ended");
	}
	return 0;
}

void clone_volumes_close(struct cloned_volumes *volumes)
{
	for (size_t i = 0; i < volumes->count; i++) {
		scoped_close_fd(&volumes->list[i].lock);
		data_opened_close(&volumes->list[i].from);
	}
	free(volumes->list);
	*volumes = (struct cloned_volumes){ 0 };
}
