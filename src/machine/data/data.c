/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/data/data.h"

#include "base/renaming.h"
#include "base/scoped.h"
#include "machine/life/volume_use.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static int load(const struct dirs *dirs, const char *name, void *to, struct err *err)
{
	struct volume_config *config = to;
	scoped_free char *path = dirs_state_path(dirs, "volumes/%s/volume.conf", name);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_load(&volume_schema, path, config, err);
	if (r == -ENOENT && data_load_unnamed(dirs, name, config)) {
		*err = (struct err){ 0 };
		r = 0;
	}
	if (r < 0 || *config->pool)
		return r;
	config_free(&volume_schema, config);
	return err_set(err, EUCLEAN,
		       "'%s' does not say in which pool the data are: it was emptied or truncated; "
		       "bring it back from a backup",
		       path);
}

const struct object_kind data_kind = {
	.kind = DATA_KIND,
	.file = DATA_FILE,
	.word = "volume",
	.maker = "create",
	.holds = "data",
	.anew = "make it anew",
	.order = versionsort,
	.volume = data_volume,
	.load = load,
};

char *data_folder(const struct dirs *dirs, const char *name)
{
	return dirs_state_path(dirs, "volumes/%s", name);
}

static void name_lock(const char *name, char lock[80], char what[80])
{
	snprintf(lock, 80, "data.%s", name);
	snprintf(what, 80, "volume '%s'", name);
}

int data_lock(const struct dirs *dirs, const char *name, unsigned seconds, struct err *err)
{
	struct volume_config config = { 0 };
	char lock[80], what[80];

	name_lock(name, lock, what);
	scoped_fd int fd = dirs_lock(dirs, lock, seconds, what, err);
	if (fd < 0)
		return fd;
	if (data_load_unnamed(dirs, name, &config)) {
		config_free(&volume_schema, &config);
		data_finish(dirs, name, &(struct err){ 0 });
	}
	return take_fd(&fd);
}

void data_lock_forget(const struct dirs *dirs, const char *name)
{
	char lock[80], what[80];

	name_lock(name, lock, what);
	dirs_lock_forget(dirs, lock);
	volume_use_forget(dirs, name);
}

int data_open(const struct dirs *dirs, const char *name, struct volume_config *config,
	      struct err *err)
{
	return object_open(&data_kind, dirs, name, config, err);
}

int data_has_volume(struct inventory *inventory, const char *name,
		    const struct volume_config *config, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct renaming renaming;

	data_volume(name, volume);
	int r = inventory_volume(inventory, config->pool, volume, err);
	/* The data follow last to a new name. */
	if (r != -ENOENT || !renaming_find_to(&renaming, inventory->dirs, data_kind.kind, name))
		return r;
	*err = (struct err){ 0 };
	data_volume(renaming.from, volume);
	return inventory_volume(inventory, config->pool, volume, err);
}

void data_lost(const char *name, const struct err *why, struct err *fault)
{
	err_set(fault, why->code,
		"volume '%s' has lost its data: %s; bring them back, or delete the volume: berth "
		"volume delete --force %s",
		name, why->text, name);
}

int data_list(const struct dirs *dirs,
	      int (*visit)(void *, const char *name, const struct volume_config *config,
			   const struct err *fault),
	      void *context, struct err *err)
{
	scoped_free char *folder = dirs_state_path(dirs, "volumes");
	struct dirent **found = NULL;
	int r = 0;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	int count = object_names(folder, versionsort, &found);
	if (count < 0)
		return err_set(err, -count, "read '%s': %s", folder, strerror(-count));
	for (int i = 0; r == 0 && i < count; i++) {
		struct volume_config config = { 0 };
		struct err fault = { 0 };
		if (text_label_fault(found[i]->d_name))
			continue;
		int opened = data_open(dirs, found[i]->d_name, &config, &fault);
		if (opened == 0)
			r = visit(context, found[i]->d_name, &config, NULL);
		else if (opened != -ENOENT) /* it is being made, or was just deleted */
			r = visit(context, found[i]->d_name, NULL, &fault);
		if (opened == 0)
			config_free(&volume_schema, &config);
	}
	object_free_names(found, count);
	return r;
}

struct search {
	const char *uuid;
	char *name; /* 64 bytes */
};

static int compare(void *context, const char *name, const struct volume_config *config,
		   const struct err *fault)
{
	const struct search *search = context;

	(void)fault;
	if (!config || strcmp(config->uuid, search->uuid) != 0)
		return 0;
	text_print(search->name, 64, "%s", name);
	return 1;
}

int data_with_uuid(const struct dirs *dirs, const char *uuid, char name[64], struct err *err)
{
	struct search search = { uuid, name };

	*name = '\0';
	return data_list(dirs, compare, &search, err);
}
