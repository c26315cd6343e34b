/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies of settings in pools. A pool has a copy of the settings of its machines, templates and volumes, and of its own
 * catalogue, for a host that is installed again. A command that has changed settings leaves a process, which waits a
 * moment for other changes and then writes the copy.
 */
#include "machine/manage/settings_backup.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/renaming.h"
#include "base/scoped.h"
#include "image/template/template.h"
#include "machine/data/data.h"
#include "machine/state/machine.h"
#include "storage/storage.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GATHER_MS = 1000, WRITE_SECONDS = 60 };

/* ---- What is kept */

struct kind {
	const char *folder, *file, *what, *volume;
	const struct schema *schema;
	size_t pool; /* place of the pool's name in its settings */
	mode_t mode; /* mode of the folder above */
};

static const struct kind kinds[] = {
	{ "machines", "machine.conf", "machine", "machine", &machine_schema,
	  offsetof(struct machine_config, pool), 0711 },
	{ "templates", "template.conf", "template", "template", &template_schema,
	  offsetof(struct template_config, pool), 0755 },
	{ "volumes", "volume.conf", "volume", "data", &volume_schema,
	  offsetof(struct volume_config, pool), 0711 },
};

/* "machines/NAME/machine.conf": its kind and name; NULL: another path. */
static const struct kind *kind_of(const char *path, char name[64])
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		char wanted[200];
		const char *slash = strchr(path, '/');
		const char *end = slash ? strchr(slash + 1, '/') : NULL;
		if (!end || end - slash > 64)
			continue;
		snprintf(name, 64, "%.*s", (int)(end - slash - 1), slash + 1);
		snprintf(wanted, sizeof wanted, "%s/%s/%s", kinds[i].folder, name, kinds[i].file);
		if (strcmp(path, wanted) == 0 && !text_label_fault(name))
			return &kinds[i];
	}
	return NULL;
}

/* ---- Written */

struct gathering {
	const struct dirs *dirs;
	const char *pool;
	struct text *files;
	char **names; /* owned, of those in files */
	size_t count;
};

static int note_name(struct gathering *gathering, const char *name)
{
	char **names = realloc(gathering->names, (gathering->count + 1) * sizeof *names);

	if (!names)
		return -ENOMEM;
	gathering->names = names;
	names[gathering->count] = strdup(name);
	return names[gathering->count] ? (gathering->count++, 0) : -ENOMEM;
}

static void forget_names(struct gathering *gathering)
{
	while (gathering->count > 0)
		free(gathering->names[--gathering->count]);
	free(gathering->names);
}

/* name: of the file; as: the name of the record. */
static int add_file(struct gathering *gathering, const char *name, const char *as)
{
	scoped_free char *path = text_format("%s/%s", gathering->dirs->state, name);
	scoped_free char *bytes = NULL;

	ssize_t n = path ? file_read(AT_FDCWD, path, POOL_BACKUP_MAX, &bytes) : -ENOMEM;
	if (n < 0)
		return 0;
	int r = pool_backup_add(gathering->files, as, bytes, (size_t)n);
	return r < 0 ? r : note_name(gathering, as);
}

/*
 * A root that has not followed to the new name of its object yet: the record has the name of the root, by which a host
 * without other settings finds it.
 */
static char *record_name(const struct gathering *gathering, const struct kind *kind,
			 const char *name)
{
	struct renaming renaming;
	bool late = renaming_find_to(&renaming, gathering->dirs, kind->folder, name);

	return text_format("%s/%s/%s", kind->folder, late ? renaming.from : name, kind->file);
}

/* Unreadable settings are of no use in a copy. */
static int add_machine(void *context, const char *machine)
{
	struct gathering *gathering = context;
	scoped_free char *name = text_format("machines/%s/machine.conf", machine);
	scoped_free char *path = text_format("%s/%s", gathering->dirs->state, name ? name : "");
	struct machine_config config;
	struct err ignored = { 0 };

	if (!name || !path || config_load(&machine_schema, path, &config, &ignored) < 0)
		return 0;
	bool ours = strcmp(config.pool, gathering->pool) == 0;
	config_free(&machine_schema, &config);
	scoped_free char *as = ours ? record_name(gathering, &kinds[0], machine) : NULL;
	return as ? add_file(gathering, name, as) : 0;
}

static int add_template(void *context, const char *template, const struct template_config *config,
			const struct err *fault)
{
	struct gathering *gathering = context;
	scoped_free char *name = text_format("templates/%s/template.conf", template);

	(void)fault;
	if (!name || !config || strcmp(config->pool, gathering->pool) != 0)
		return 0;
	scoped_free char *as = record_name(gathering, &kinds[1], template);
	return as ? add_file(gathering, name, as) : 0;
}

static int add_data(void *context, const char *volume, const struct volume_config *config,
		    const struct err *fault)
{
	struct gathering *gathering = context;
	scoped_free char *name = text_format("volumes/%s/volume.conf", volume);

	(void)fault;
	return name && config && strcmp(config->pool, gathering->pool) == 0
		       ? add_file(gathering, name, name)
		       : 0;
}

/* ---- Kept though nobody has it here any more */

struct retaining {
	struct gathering *gathering;
	struct pool *pool;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Keeps the record of a machine whose volume exists and whose settings are lost: the copy is all that is left. */
static int retain(void *context, const char *record, const char *path, const char *bytes,
		  size_t length)
{
	const struct retaining *retaining = context;
	const struct gathering *gathering = retaining->gathering;
	char name[64], volume[VOLUME_NAME_MAX + 1];
	struct err ignored = { 0 };
	struct volume_info info;

	(void)record;
	const struct kind *kind = kind_of(path, name);
	if (!kind || (gathering->count > 0 && bsearch(&path, gathering->names, gathering->count,
						      sizeof *gathering->names, by_name)))
		return 0;
	if (!retaining->pool->ops &&
	    pool_view(retaining->pool, gathering->dirs, gathering->pool, &ignored) < 0)
		return -ignored.code;
	snprintf(volume, sizeof volume, "%s.%s", kind->volume, name);
	return volume_info(retaining->pool, volume, &info, &ignored) < 0
		       ? 0
		       : pool_backup_add(gathering->files, path, bytes, length);
}

static int retain_lost(struct gathering *gathering, const struct text *kept)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct retaining retaining = { gathering, &pool };

	if (gathering->count > 0)
		qsort(gathering->names, gathering->count, sizeof *gathering->names, by_name);
	return pool_backup_each(kept, retain, &retaining);
}

/* ---- What is told of a copy that could not be written, until one is */

static char *fault_path(const struct dirs *dirs, const char *pool)
{
	return dirs_run_path(dirs, "backup-faults/%s", pool);
}

static void note_fault(const struct dirs *dirs, const char *pool, const struct err *fault)
{
	scoped_free char *folder = dirs_run_path(dirs, "backup-faults");
	scoped_free char *path = fault_path(dirs, pool);
	struct err ignored = { 0 };

	if (folder && path && file_make_dirs(folder, 0711, &ignored) == 0)
		file_replace(path, fault->text, strlen(fault->text), 0600, &ignored);
}

void settings_backup_forget(const struct dirs *dirs, const char *pool)
{
	scoped_free char *path = fault_path(dirs, pool);

	if (path)
		unlink(path);
}

bool settings_backup_fault(const struct dirs *dirs, const char *pool, struct err *fault)
{
	scoped_free char *path = fault_path(dirs, pool);
	scoped_free char *text = NULL;

	if (!path || file_read(AT_FDCWD, path, sizeof fault->text, &text) <= 0)
		return false;
	err_set(fault, EIO, "%s", text);
	return true;
}

/* ---- Written, all of it */

/* Called under the lock of the writers. 1: the pool is not attached. */
static int gather_and_write(const struct dirs *dirs, const char *pool, struct err *err)
{
	scoped_text struct text files = { 0 }, kept = { 0 };
	__attribute__((cleanup(forget_names))) struct gathering gathering = { .dirs = dirs,
									      .pool = pool,
									      .files = &files };
	struct err ignored = { 0 };

	pool_backup_read(dirs, pool, &kept);
	if (machine_list(dirs, add_machine, &gathering, &ignored) < 0 ||
	    template_list(dirs, add_template, &gathering, &ignored) < 0 ||
	    data_list(dirs, add_data, &gathering, &ignored) < 0 ||
	    retain_lost(&gathering, &kept) < 0)
		return err_set(
			err, EIO,
			"pool '%s': what its copy of settings should have cannot be read%s%s", pool,
			ignored.code ? ": " : "", ignored.text);
	return pool_backup_write(dirs, pool, &files, err);
}

static bool is_gone(const struct dirs *dirs, const char *pool)
{
	scoped_free char *path = dirs_state_path(dirs, "pools/%s/pool.conf", pool);

	return path && access(path, F_OK) < 0 && errno == ENOENT;
}

/* A pool that is gone, perhaps during the write, has no copy that could be out of date. */
static int write_pool(const struct dirs *dirs, const char *pool, struct err *err)
{
	int r = gather_and_write(dirs, pool, err);

	if (r == 0 || r == -ENOENT || (r < 0 && is_gone(dirs, pool)))
		settings_backup_forget(dirs, pool);
	else if (r < 0)
		note_fault(dirs, pool, err);
	return r;
}

static int lock_writing(const struct dirs *dirs, struct err *err)
{
	return dirs_lock(dirs, "backup.writes", WRITE_SECONDS, "the copies of settings", err);
}

int settings_backup_write(const struct dirs *dirs, const char *pool, struct err *err)
{
	scoped_fd int writing = lock_writing(dirs, err);

	return writing < 0 ? writing : write_pool(dirs, pool, err);
}

static int write_one(void *context, const char *pool)
{
	struct err ignored = { 0 };

	write_pool(context, pool, &ignored);
	return 0;
}

static int lock_waiting(const struct dirs *dirs, struct err *err)
{
	return dirs_lock(dirs, "backup.waits", 0, "the copies of settings", err);
}

/* A process that finds the lock taken by this check ends at once; this command then starts another one. */
bool settings_backup_awaited(const struct dirs *dirs)
{
	struct err ignored = { 0 };
	scoped_fd int waiting = lock_waiting(dirs, &ignored);

	return waiting < 0 && (ignored.code == EBUSY || ignored.code == EWOULDBLOCK);
}

/* A process that still waits will see our change; one that is already writing may not have. */
int settings_backup_write_all(const struct dirs *dirs, struct err *err)
{
	const struct timespec pause = { .tv_nsec = GATHER_MS * 1000000L - 1 };
	scoped_fd int waiting = lock_waiting(dirs, err);

	if (waiting < 0)
		return err->code == EBUSY || err->code == EWOULDBLOCK
			       ? (*err = (struct err){ 0 }, 0)
			       : waiting;
	nanosleep(&pause, NULL);
	/* All state was removed meanwhile, and a lock file would create it again. */
	scoped_free char *run = dirs_run_path(dirs, "locks");
	if (run && access(run, F_OK) < 0)
		return 0;
	scoped_fd int writing = lock_writing(dirs, err);
	if (writing < 0)
		return writing;
	scoped_close_fd(&waiting);
	return pool_list(dirs, write_one, (void *)(uintptr_t)dirs, err);
}

/* ---- Read back */

struct taking {
	const struct dirs *dirs;
	struct pool *pool;
	struct text *report;
	struct err *err;
	unsigned machines, templates, volumes;
};

union any {
	struct machine_config machine;
	struct template_config template;
	struct volume_config volume;
};

/* Writes its settings into a folder that no command sees yet. */
static int put_aside(struct taking *taking, const struct kind *kind, const char *folder,
		     const char *bytes, size_t length, struct err *err)
{
	scoped_free char *path = text_format("%s/%s", folder, kind->file);
	char *pool = strdup(taking->pool->name);
	union any config;

	if (!path || !pool || remove_tree(AT_FDCWD, folder) < 0) {
		free(pool);
		return err_set(err, EIO, "make '%s'", folder);
	}
	int r = file_make_dirs(folder, kind->mode == 0711 ? 0700 : 0755, err);
	if (r == 0)
		r = file_replace(path, bytes, length, 0600, err);
	if (r == 0)
		r = config_load(kind->schema, path, &config, err);
	if (r < 0) {
		free(pool);
		return r;
	}
	char **field = (char **)(void *)((char *)&config + kind->pool);
	free(*field);
	*field = pool;
	/* The rest stays as it was written. */
	r = config_record(kind->schema, path, &config, (const char *const[]){ "pool", NULL }, err);
	config_free(kind->schema, &config);
	return r;
}

static int take(struct taking *taking, const struct kind *kind, const char *name, const char *bytes,
		size_t length, struct err *err)
{
	scoped_free char *parent = dirs_state_path(taking->dirs, "%s", kind->folder);
	scoped_free char *aside = text_format("%s/.import.%s", parent ? parent : "", name);
	scoped_free char *folder = text_format("%s/%s", parent ? parent : "", name);

	if (!parent || !aside || !folder)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(parent, kind->mode, err) < 0 ||
	    put_aside(taking, kind, aside, bytes, length, err) < 0)
		return -err->code;
	int r = rename(aside, folder) < 0 ? -errno : file_sync_dir(parent);
	return r < 0 ? err_set(err, -r, "rename '%s' to '%s': %s", aside, folder, strerror(-r)) : 0;
}

static bool is_known(const struct taking *taking, const struct kind *kind, const char *name)
{
	scoped_free char *folder = dirs_state_path(taking->dirs, "%s/%s", kind->folder, name);

	return folder && access(folder, F_OK) == 0;
}

/* A record that cannot be taken is reported, and the others are taken. */
static int visit(void *context, const char *record, const char *path, const char *bytes,
		 size_t length)
{
	struct taking *taking = context;
	char name[64], volume[VOLUME_NAME_MAX + 1];
	struct err err = { 0 }, ignored = { 0 };
	struct volume_info info;

	(void)record;
	const struct kind *kind = kind_of(path, name);
	if (!kind)
		return 0;
	snprintf(volume, sizeof volume, "%s.%s", kind->volume, name);
	if (is_known(taking, kind, name))
		text_add(taking->report, "%s '%s' is here already, and its settings stay\n",
			 kind->what, name);
	else if (volume_info(taking->pool, volume, &info, &ignored) < 0)
		text_add(taking->report,
			 "%s '%s' had settings, but the pool has no volume '%s': left out\n",
			 kind->what, name, volume);
	else if (take(taking, kind, name, bytes, length, &err) < 0)
		text_add(taking->report, "%s '%s' could not be taken: %s\n", kind->what, name,
			 err.text);
	else if (kind == &kinds[0])
		taking->machines++;
	else if (kind == &kinds[1])
		taking->templates++;
	else
		taking->volumes++;
	return 0;
}

int settings_backup_restore(const struct dirs *dirs, const char *name, const struct text *kept,
			    struct text *report, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct taking taking = { .dirs = dirs, .pool = &pool, .report = report, .err = err };

	if (pool_open(&pool, dirs, name, err) < 0)
		return -err->code;
	pool_backup_each(kept, visit, &taking);
	pool_backup_mark_stale();
	text_add(report, "%u machine%s and %u template%s", taking.machines,
		 taking.machines == 1 ? "" : "s", taking.templates,
		 taking.templates == 1 ? "" : "s");
	if (taking.volumes)
		text_add(report, " and %u volume%s", taking.volumes,
			 taking.volumes == 1 ? "" : "s");
	text_add(report, " taken from its copy of settings\n");
	return 0;
}
