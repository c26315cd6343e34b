/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Adoption of a root that has lost its machine. The root is complete: nothing is marked as half made, and a kill leaves
 * the machine as broken as it was.
 */
#include "machine/manage/manage.h"
#include "machine/state/private.h"
#include "storage/inventory.h"

#include "base/file.h"
#include "base/scoped.h"

#include <string.h>
#include <sys/stat.h>

static int fill_new(struct machine *machine, struct err *err)
{
	struct machine_config *config = &machine->config;
	struct berth_config settings = { 0 };

	if (config_defaults(&machine_schema, config, err) < 0 ||
	    config_load_berth(machine->dirs, &settings, err) < 0)
		return -err->code;
	free(config->network);
	config->network = take_ptr(&settings.network);
	config_free(&berth_schema, &settings);
	return 0;
}

/* settings: the pool's copy of them. 1: there is no copy, and they are those of a new machine. */
static int fill_kept(struct machine *machine, const char *pool, struct text *settings,
		     struct err *err)
{
	scoped_free char *file = text_format("machines/%s/machine.conf", machine->name);
	scoped_text struct text kept = { 0 };

	if (!file)
		return err_set(err, ENOMEM, "out of memory");
	if (pool_backup_read(machine->dirs, pool, &kept) < 0 ||
	    pool_backup_find(&kept, file, settings) < 0)
		return fill_new(machine, err) < 0 ? -err->code : 1;
	if (config_parse(&machine_schema, file, text_str(settings), settings->length,
			 &machine->config, err) == 0)
		return 0;
	struct err why = *err;
	*err = (struct err){ 0 };
	return err_set(err, why.code,
		       "the copy of its settings in pool '%s' is of no use: %s; give a backup of "
		       "them, or an empty file: berth adopt --conf FILE %s",
		       pool, why.text, machine->name);
}

/* Settings from a backup, or as fill_kept; takes over pool. settings: the text to write, if it may stay as it is. */
static int fill_settings(struct machine *machine, const char *conf, char **pool,
			 struct text *settings, struct err *err)
{
	struct machine_config *config = &machine->config;

	int r = conf ? config_load(&machine_schema, conf, config, err)
		     : fill_kept(machine, *pool, settings, err);
	if (r < 0)
		return r;
	if (strcmp(config->pool, *pool) != 0 || !*config->uuid)
		text_free(settings);
	free(config->pool);
	config->pool = take_ptr(pool);
	if (!*config->uuid && machine_draw_identity(config, err) < 0)
		return -err->code;
	return config_check_machine(config, err) < 0 ? -err->code : r;
}

/* The lock of its name is held from here on. */
static int claim_rest(const struct machine *machine, struct err *err)
{
	struct unfinished mark = machine_mark(machine);
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	scoped_free char *conf = machine_path(machine, mark.file);

	if (lock < 0)
		return lock;
	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	if (access(conf, F_OK) == 0)
		return err_set(err, EEXIST,
			       "machine '%s' has its settings, '%s': there is nothing to adopt; if "
			       "they are useless, move them away first",
			       machine->name, conf);
	if (unfinished_is(&mark))
		return err_set(err, EBUSY,
			       "machine '%s' is half made or half removed; the next create or "
			       "delete removes its rest",
			       machine->name);
	return take_fd(&lock);
}

int machine_adopt(const struct dirs *dirs, const char *name, const char *pool, const char *conf,
		  struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_text struct text settings = { 0 };
	scoped_free char *holder = NULL;

	if (machine_paths(&machine, dirs, name, err) < 0)
		return -err->code;
	scoped_free char *path = machine_path(&machine, "machine.conf");
	scoped_fd int lock = claim_rest(&machine, err);
	scoped_inventory struct inventory inventory = { .dirs = dirs, .attach = true };
	char volume[VOLUME_NAME_MAX + 1];
	machine_volume(name, volume);
	if (lock < 0 || inventory_holder(&inventory, pool, volume, &holder, err) < 0)
		return -err->code;
	int r = fill_settings(&machine, conf, &holder, &settings, err);
	if (r < 0)
		return r;
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(machine.folder, 0711, err) < 0)
		return -err->code;
	if (chmod(machine.folder, 0700) < 0)
		return err_set(err, errno, "open '%s': %s", machine.folder, strerror(errno));
	if (settings.length ? file_replace(path, settings.data, settings.length, 0600, err) < 0
			    : config_save(&machine_schema, path, &machine.config, err) < 0)
		return -err->code;
	pool_backup_mark_stale();
	machine_tell(&machine, &(struct event){ .name = "adopted", .pool = machine.config.pool });
	return r;
}
