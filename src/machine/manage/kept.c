/*
 * A pool keeps a copy of the settings of its machines and templates, beside that of its own books, so that
 * its disk brings them along to a host that is installed anew. A command that has changed something leaves a
 * process behind for that, which waits a moment for others to do the same.
 */
#include "machine/manage/kept.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "image/template.h"
#include "machine/state/machine.h"
#include "storage/storage.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GATHER_MS = 1000, WRITE_SECONDS = 60 };

/* ---- Written */

struct gathering {
	const struct site *site;
	const char *pool;
	struct text *files;
};

static int add_file(struct gathering *gathering, const char *name)
{
	scoped_free char *path = text_format("%s/%s", gathering->site->state, name);
	scoped_free char *bytes = NULL;

	ssize_t n = path ? file_read(AT_FDCWD, path, POOL_KEPT_MAX, &bytes) : -ENOMEM;
	return n < 0 ? 0 : pool_kept_add(gathering->files, name, bytes, (size_t)n);
}

/* One whose settings cannot be read has none that would be of use. */
static int add_machine(void *context, const char *machine)
{
	struct gathering *gathering = context;
	scoped_free char *name = text_format("machines/%s/machine.conf", machine);
	scoped_free char *path = text_format("%s/%s", gathering->site->state, name ? name : "");
	struct machine_config config;
	struct err ignored = { 0 };

	if (!name || !path || config_load(&machine_schema, path, &config, &ignored) < 0)
		return 0;
	bool ours = strcmp(config.pool, gathering->pool) == 0;
	config_free(&machine_schema, &config);
	return ours ? add_file(gathering, name) : 0;
}

static int add_template(void *context, const char *template, const struct template_config *config,
			const struct err *fault)
{
	struct gathering *gathering = context;
	scoped_free char *name = text_format("templates/%s/template.conf", template);

	(void)fault;
	return name && config && strcmp(config->pool, gathering->pool) == 0
		       ? add_file(gathering, name)
		       : 0;
}

int kept_write(const struct site *site, const char *pool, struct err *err)
{
	scoped_text struct text files = { 0 };
	struct gathering gathering = { site, pool, &files };
	struct err ignored = { 0 };

	machine_list(site, add_machine, &gathering, &ignored);
	template_list(site, add_template, &gathering, &ignored);
	return pool_keep(site, pool, &files, err);
}

static int write_one(void *context, const char *pool)
{
	struct err ignored = { 0 };

	kept_write(context, pool, &ignored);
	return 0;
}

/* Who still waits sees what we have changed; who writes by now may not have. */
int kept_write_all(const struct site *site, struct err *err)
{
	const struct timespec pause = { .tv_nsec = GATHER_MS * 1000000L - 1 };
	scoped_fd int waiting = site_lock(site, "kept.waits", 0, "the copies of settings", err);

	if (waiting < 0)
		return err->code == EBUSY || err->code == EWOULDBLOCK
			       ? (*err = (struct err){ 0 }, 0)
			       : waiting;
	nanosleep(&pause, NULL);
	scoped_fd int writing =
		site_lock(site, "kept.writes", WRITE_SECONDS, "the copies of settings", err);
	if (writing < 0)
		return writing;
	scoped_close_fd(&waiting);
	return pool_list(site, write_one, (void *)(uintptr_t)site, err);
}

/* ---- Read back */

struct taking {
	const struct site *site;
	struct pool *pool;
	struct text *report;
	struct err *err;
	unsigned machines, templates;
};

struct kind {
	const char *folder, *file, *what, *volume;
	const struct schema *schema;
	size_t pool; /* where the pool's name is in its settings */
	mode_t mode; /* of the folder above */
};

static const struct kind kinds[] = {
	{ "machines", "machine.conf", "machine", "machine", &machine_schema,
	  offsetof(struct machine_config, pool), 0711 },
	{ "templates", "template.conf", "template", "template", &template_schema,
	  offsetof(struct template_config, pool), 0755 },
};

/* "machines/NAME/machine.conf": which kind, and its name; NULL: neither. */
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

union any {
	struct machine_config machine;
	struct template_config template;
};

/* Its settings as a file of ours, in a folder that shows under no name yet. */
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
	/* The rest stays as somebody wrote it. */
	r = config_record(kind->schema, path, &config, (const char *const[]){ "pool", NULL }, err);
	config_free(kind->schema, &config);
	return r;
}

static int take(struct taking *taking, const struct kind *kind, const char *name, const char *bytes,
		size_t length, struct err *err)
{
	scoped_free char *parent = site_state_path(taking->site, "%s", kind->folder);
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
	scoped_free char *folder = site_state_path(taking->site, "%s/%s", kind->folder, name);

	return folder && access(folder, F_OK) == 0;
}

/* What cannot be taken is told, and keeps none of the others. */
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
	else
		taking->templates++;
	return 0;
}

int kept_take(const struct site *site, const char *name, const struct text *kept,
	      struct text *report, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct taking taking = { .site = site, .pool = &pool, .report = report, .err = err };

	if (pool_open(&pool, site, name, err) < 0)
		return -err->code;
	pool_kept_each(kept, visit, &taking);
	text_add(report, "%u machine%s and %u template%s taken from its copy of settings\n",
		 taking.machines, taking.machines == 1 ? "" : "s", taking.templates,
		 taking.templates == 1 ? "" : "s");
	return 0;
}
