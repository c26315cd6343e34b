/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes that are made with a machine: they are marked as half made until the machine is there. If the command is killed
 * behind that moment, such a volume has all its data, and lacks only its name.
 */
#include "machine/data/data.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "machine/state/move.h"

#include <string.h>

struct unfinished data_mark(const struct dirs *dirs, const char *name)
{
	return (struct unfinished){
		.dirs = dirs, .kind = DATA_KIND, .name = name, .file = DATA_FILE
	};
}

void data_tell(const struct dirs *dirs, const char *name, const struct event *event)
{
	struct event told = *event;

	told.volume = name;
	events_append(dirs, &told);
}

/*
 * Whether the machine that it is made with has come into being, with this volume among its settings. It may have got
 * another name since.
 */
static bool find_maker(struct machine *machine, const struct dirs *dirs, const char *name,
		       const char *maker)
{
	scoped_free char *uuid = strndup(maker, strcspn(maker, " "));
	struct err ignored = { 0 };
	char now[64];

	return uuid && *uuid && machine_with_uuid(dirs, uuid, now, &ignored) == 1 &&
	       machine_read(machine, dirs, now, &ignored) == 0 &&
	       config_section(machine->config.volumes, name);
}

static bool maker_is_there(const struct dirs *dirs, const char *name, const char *maker)
{
	scoped_machine struct machine machine = { 0 };

	return find_maker(&machine, dirs, name, maker);
}

bool data_load_unnamed(const struct dirs *dirs, const char *name, struct volume_config *config)
{
	struct unfinished mark = data_mark(dirs, name);
	scoped_free char *path = unfinished_is(&mark) ? unfinished_path(&mark) : NULL;

	if (!path || config_load(&volume_schema, path, config, &(struct err){ 0 }) < 0)
		return false;
	if (*config->maker && maker_is_there(dirs, name, config->maker))
		return true;
	config_free(&volume_schema, config);
	return false;
}

bool data_goes_with(const struct machine *machine)
{
	struct move_mark mark;

	return machine->config.ephemeral ||
	       (move_read(machine, &mark, &(struct err){ 0 }) == 0 &&
		(mark.phase == MOVE_ARRIVING || (mark.phase == MOVE_MOVED && !mark.volumes_stay)));
}

static bool goes_with_maker(const struct dirs *dirs, const char *name, const char *maker)
{
	scoped_machine struct machine machine = { 0 };

	return find_maker(&machine, dirs, name, maker) && data_goes_with(&machine);
}

/* The settings come first: from then on the volume is there, and who made it may say nothing any more. */
int data_finish(const struct dirs *dirs, const char *name, struct err *err)
{
	struct unfinished mark = data_mark(dirs, name);
	scoped_free char *path = dirs_state_path(dirs, "volumes/%s/%s", name, mark.file);
	struct volume_config config = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (unfinished_finish(&mark, err) < 0)
		return -err->code;
	fault_point("volume-finished");
	pool_backup_mark_stale();
	if (config_load(&volume_schema, path, &config, err) < 0)
		return -err->code;
	data_tell(dirs, name, &(struct event){ .name = "volume-created", .pool = config.pool });
	int r = 0;
	bool goes = goes_with_maker(dirs, name, config.maker);
	if (!goes && text_take(&config.maker, strdup("")) < 0)
		r = err_set(err, ENOMEM, "out of memory");
	else if (!goes)
		r = config_record(&volume_schema, path, &config,
				  (const char *const[]){ "maker", NULL }, err);
	config_free(&volume_schema, &config);
	return r;
}
