/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/template/incoming.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "image/template/app.h"
#include "image/template/root.h"
#include "image/template/template.h"
#include "storage/inventory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

static const char prefix[] = "incoming.template.";
static const char command_key[] = "app.command";

struct sweep {
	struct pool *pool;
	struct text names; /* volumes that may be leftovers, each with its NUL */
	unsigned count;
};

static int note_volume(void *context, const struct volume_info *info)
{
	struct sweep *sweep = context;

	text_add_bytes(&sweep->names, info->name, strlen(info->name) + 1);
	sweep->count++;
	return 0;
}

/* A failure is not reported: the next command tries again, and this one may still succeed. */
static void sweep_volume(struct pool *pool, const char *volume)
{
	const char *name = volume + strlen(prefix);
	struct err err = { 0 };

	if (text_label_fault(name))
		return;
	scoped_fd int lock = template_lock(pool->dirs, name, 0, &err);
	if (lock >= 0)
		volume_destroy(pool, volume, &err);
}

static int sweep_pool(struct pool *pool, struct err *err)
{
	struct sweep sweep = { .pool = pool };
	int r = volume_list(pool, prefix, note_volume, &sweep, err);

	if (r == 0 && sweep.names.failed)
		r = err_set(err, ENOMEM, "out of memory");
	const char *volume = text_str(&sweep.names);
	for (; r == 0 && sweep.count > 0; sweep.count--, volume += strlen(volume) + 1)
		sweep_volume(pool, volume);
	text_free(&sweep.names);
	return r;
}

/* A template's root is never removed as a leftover: it may be all that is left of the template. */
static int refuse_volume(const struct incoming *incoming, struct err *err)
{
	return err_set(
		err, EEXIST,
		"pool '%s' holds a root 'template.%s' already, of a template that has lost its "
		"settings: make it a template again: berth template adopt %s; or delete it: "
		"berth template delete --force %s",
		incoming->pool->name, incoming->name, incoming->name, incoming->name);
}

/* Gives the volume its name, which is free then. */
static int claim_volume(struct incoming *incoming, struct err *err)
{
	char finished[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	template_volume(incoming->name, finished);
	if (!incoming->replaces &&
	    volume_info(incoming->pool, finished, &info, &(struct err){ 0 }) == 0)
		return refuse_volume(incoming, err);
	snprintf(incoming->volume, sizeof incoming->volume, "%s%s", prefix, incoming->name);
	/* The lock makes it ours: the volume that a killed command has left under this name. */
	return volume_destroy(incoming->pool, incoming->volume, err);
}

/* The roots are exchanged, which one pool can do. */
static int check_pool(struct incoming *incoming, const struct template_config *old, struct err *err)
{
	if (strcmp(old->pool, incoming->pool->name) != 0)
		return err_set(
			err, EXDEV,
			"template '%s' is in pool '%s', and is replaced only there; leave out "
			"--pool, or delete it first: berth template delete %s",
			incoming->name, old->pool, incoming->name);
	incoming->replaces = true;
	return 0;
}

/* Under the lock of its name: no volume has it, and nothing of it is left; or it is whole, and may be replaced. */
static int check_absent(struct incoming *incoming, bool replace, struct err *err)
{
	const char *name = incoming->name;
	struct template_config config = { 0 };
	struct err why = { 0 };
	int r = template_open(incoming->dirs, name, &config, &why);

	if (r == 0 && replace)
		check_pool(incoming, &config, err);
	config_free(&template_schema, &config);
	if (r == -ENOENT || (r == 0 && replace))
		return -err->code;
	if (r == -ENODATA)
		return err_set(err, EEXIST, "%s", why.text);
	return err_set(
		err, EEXIST,
		"template '%s' is there already; choose another name or delete it with 'berth "
		"template delete %s'",
		name, name);
}

int incoming_claim(struct incoming *incoming, const struct dirs *dirs, struct pool *pool,
		   const char *name, bool replace, struct err *err)
{
	const char *fault = text_label_fault(name);

	*incoming = (struct incoming){ .dirs = dirs, .pool = pool, .name = name, .lock_fd = -1 };
	if (fault)
		return err_set(err, EINVAL, "template name '%s' %s", name, fault);
	template_sweep(dirs);
	if (sweep_pool(pool, err) < 0)
		return -err->code;
	/* The deadline is one second, because processes of a killed command may still be about to end. */
	int fd = template_lock(dirs, name, 1, err);
	if (fd < 0)
		return fd;
	incoming->lock_fd = fd;
	return check_absent(incoming, replace, err) < 0 ? -err->code : claim_volume(incoming, err);
}

int incoming_begin(struct incoming *incoming, const struct dirs *dirs, struct pool *pool,
		   const char *name, struct err *err)
{
	if (incoming_claim(incoming, dirs, pool, name, false, err) < 0)
		return -err->code;
	return volume_create(pool, incoming->volume, 0, err);
}

int incoming_copy(struct incoming *incoming, struct pool *from, const char *volume, struct err *err)
{
	incoming->copied = true;
	if (strcmp(from->name, incoming->pool->name) == 0)
		return volume_snapshot(from, volume, incoming->volume, err);
	return volume_copy(from, volume, incoming->pool, incoming->volume, err);
}

void incoming_end(struct incoming *incoming)
{
	if (incoming->volume[0])
		volume_destroy(incoming->pool, incoming->volume, &(struct err){ 0 });
	incoming->volume[0] = '\0';
	scoped_free char *folder =
		incoming->lock_fd >= 0
			? dirs_state_path(incoming->dirs, "templates/%s", incoming->name)
			: NULL;
	if (folder && access(folder, F_OK) < 0)
		template_lock_forget(incoming->dirs, incoming->name);
	scoped_close_fd(&incoming->lock_fd);
}

/* The program that guest-init runs in machines of it; NULL: they boot the init of the root. Borrowed. */
static const char *command_of(const struct incoming *incoming)
{
	const char *command = NULL;

	if (incoming->app)
		command = config_label(incoming->app->presets, command_key);
	if (!command && incoming->model)
		command = config_label(incoming->model->presets, command_key);
	return command && *command ? command : NULL;
}

/* Reads the received data and flushes it: a rename must not outlive its contents. */
static int inspect(struct incoming *incoming, struct root_facts *facts, struct err *err)
{
	int fd = -1;

	if (volume_mount(incoming->pool, incoming->volume,
			 MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &fd, err) < 0)
		return -err->code;
	scoped_fd int mount_fd = fd;
	scoped_fd int root_fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_set(err, errno, "open the volume: %s", strerror(errno));
	int r = root_inspect(root_fd, "", facts, err);
	if (r < 0)
		return r;
	if (incoming->app &&
	    !app_is_run(config_label(incoming->app->presets, command_key), root_fd, facts))
		incoming->app = NULL;
	bool runs = command_of(incoming) != NULL;
	if (runs)
		facts->init = INIT_NONE;
	if (facts->init == INIT_NONE && !facts->has_shell && !runs)
		return err_set(err, EINVAL,
			       "it has neither /sbin/init nor /bin/sh: that is not the root file "
			       "system of a machine");
	if (syncfs(root_fd) < 0)
		return err_set(err, errno, "write the volume back: %s", strerror(errno));
	return 0;
}

static void remark(const struct incoming *incoming, const struct root_facts *facts,
		   struct text *notes)
{
	struct utsname host;

	const char *command = command_of(incoming);

	if (command)
		text_add(notes, "berth's own init, guest-init, will run its command: %s\n",
			 command);
	else if (facts->init == INIT_NONE)
		text_add(notes, "it has no init: berth's own, guest-init, will serve\n");
	if (!root_runs_here(facts) && uname(&host) == 0)
		text_add(notes, "it was made for %s and cannot be launched here, on %s\n",
			 facts->arch, host.machine);
}

/* Fills one text field of the settings; the struct owns a copy. */
static void set_text(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
}

/*
 * A tree that was just written is counted while it is in memory; a copy, which costs nothing, is not. Called before the
 * volume is deactivated: a thin pool knows the figure of an active volume only. 0: unknown.
 */
static uint64_t measure_root(const struct incoming *incoming)
{
	struct volume_info info = { 0 };
	uint64_t used = 0;

	if (incoming->copied)
		volume_info(incoming->pool, incoming->volume, &info, &(struct err){ 0 });
	else
		volume_measure(incoming->pool, incoming->volume, &used, &(struct err){ 0 });
	return incoming->copied ? info.used : used;
}

/* Borrowed texts become copies that the struct owns. */
static int set_pulled(struct template_config *config, const struct pulled_image *image,
		      struct err *err)
{
	const struct {
		char **field;
		const char *value;
	} fields[] = {
		{ &config->image_aliases, image->aliases },
		{ &config->image_product, image->product },
		{ &config->image_remote, image->remote },
		{ &config->image_serial, image->serial },
		{ &config->image_sha256, image->sha256 },
		{ &config->image_url, image->url },
	};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (text_take(fields[i].field, strdup(fields[i].value)) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

static int fill_config(struct template_config *config, const struct incoming *incoming,
		       const struct root_facts *facts, const char *description, struct err *err)
{
	scoped_free char *uuid = NULL;

	if (config_defaults(&template_schema, config, err) < 0)
		return -err->code;
	ssize_t n = file_read(AT_FDCWD, "/proc/sys/kernel/random/uuid", 64, &uuid);
	if (n < 0)
		return err_set(err, (int)-n, "read '/proc/sys/kernel/random/uuid': %s",
			       strerror((int)-n));
	set_text(&config->uuid, text_trim(uuid));
	set_text(&config->description, description);
	set_text(&config->origin, incoming->origin ? incoming->origin : "");
	set_text(&config->pool, incoming->pool->name);
	set_text(&config->distribution, facts->distribution);
	set_text(&config->release, facts->release);
	set_text(&config->arch, facts->arch);
	set_text(&config->init, init_row(facts->init)->name);
	config->created = (uint64_t)time(NULL);
	config->size = incoming->used;
	config->cached = incoming->cached;
	if (!config->uuid || !config->description || !config->origin || !config->pool ||
	    !config->distribution || !config->release || !config->arch || !config->init)
		return err_set(err, ENOMEM, "out of memory");
	if (incoming->model) {
		config->image_entrypoint = incoming->model->image_entrypoint;
		if (config_copy_presets(config, incoming->model, err) < 0)
			return -err->code;
	}
	if (incoming->app) {
		config->image_entrypoint = incoming->app->image_entrypoint;
		if (config_copy_presets(config, incoming->app, err) < 0)
			return -err->code;
	}
	return incoming->pulled ? set_pulled(config, incoming->pulled, err) : 0;
}

/* The mark comes before the volume's name, so that a leftover is recognized. */
static int begin_config(const struct unfinished *mark, const struct template_config *config,
			struct err *err)
{
	scoped_free char *folder = dirs_state_path(mark->dirs, "templates/%s", mark->name);

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (config_begin(&template_schema, mark, config, err) < 0)
		return -err->code;
	return file_make_dirs(folder, 0755, err);
}

static int publish(struct incoming *incoming, const struct template_config *config, struct err *err)
{
	struct unfinished mark = template_mark(incoming->dirs, incoming->name);
	char finished[VOLUME_NAME_MAX + 1];

	template_volume(incoming->name, finished);
	int r = begin_config(&mark, config, err);
	if (r == 0)
		r = volume_rename(incoming->pool, incoming->volume, finished, err);
	if (r < 0) {
		/* A volume with the final name belongs to somebody else. */
		scoped_free char *folder =
			dirs_state_path(incoming->dirs, "templates/%s", incoming->name);
		if (folder && (rmdir(folder) == 0 || errno == ENOENT))
			unfinished_drop(&mark, &(struct err){ 0 });
		return r;
	}
	incoming->volume[0] = '\0';
	r = unfinished_finish(&mark, err);
	if (r < 0)
		template_erase(incoming->dirs, incoming->name, false, &(struct err){ 0 });
	else
		pool_backup_mark_stale();
	return r;
}

/*
 * The roots change places, then the settings. After a kill in between, the new root has the old description and
 * defaults: both are whole. The next command that makes a template removes the old root.
 */
static int replace(struct incoming *incoming, const struct template_config *config, struct err *err)
{
	scoped_free char *path =
		dirs_state_path(incoming->dirs, "templates/%s/template.conf", incoming->name);
	char finished[VOLUME_NAME_MAX + 1];
	const char *const volumes[] = { finished, NULL };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	template_volume(incoming->name, finished);
	/* A copy of the old root is waited for. */
	if (volumes_unused(incoming->pool, volumes, err) < 0 ||
	    volume_lock(incoming->pool, finished, VOLUME_LOCK_CHANGE, err) < 0)
		return -err->code;
	fault_point("template-exchange");
	if (volume_exchange(incoming->pool, incoming->volume, finished, err) < 0)
		return -err->code;
	fault_point("template-exchanged");
	if (config_save(&template_schema, path, config, err) < 0) {
		volume_exchange(incoming->pool, incoming->volume, finished, &(struct err){ 0 });
		return -err->code;
	}
	pool_backup_mark_stale();
	return 0;
}

int incoming_commit(struct incoming *incoming, const char *description, struct text *notes,
		    struct err *err)
{
	struct template_config config = { 0 };
	struct root_facts facts;

	if (inspect(incoming, &facts, err) < 0)
		return -err->code;
	incoming->used = measure_root(incoming);
	if (volume_deactivate(incoming->pool, incoming->volume, err) < 0)
		return -err->code;
	int r = fill_config(&config, incoming, &facts, description, err);
	if (r == 0)
		r = incoming->replaces ? replace(incoming, &config, err)
				       : publish(incoming, &config, err);
	config_free(&template_schema, &config);
	if (r == 0 && notes)
		remark(incoming, &facts, notes);
	return r;
}

/* The pool's copy of its settings, if it is usable. */
static bool find_kept(const struct incoming *incoming, struct template_config *config)
{
	scoped_free char *file = text_format("templates/%s/template.conf", incoming->name);
	scoped_text struct text kept = { 0 }, settings = { 0 };
	struct err ignored = { 0 };

	if (!file || pool_backup_read(incoming->dirs, incoming->pool->name, &kept) < 0 ||
	    pool_backup_find(&kept, file, &settings) < 0 ||
	    config_parse(&template_schema, file, text_str(&settings), settings.length, config,
			 &ignored) < 0)
		return false;
	return text_take(&config->pool, strdup(incoming->pool->name)) == 0;
}

/* If there is no copy of its settings, the root itself is examined. */
static int adopt_from(struct incoming *incoming, struct err *err)
{
	struct template_config config = { 0 };
	struct root_facts facts;
	scoped_free char *folder = dirs_state_path(incoming->dirs, "templates/%s", incoming->name);
	scoped_free char *path = text_format("%s/template.conf", folder ? folder : "");

	if (!folder || !path)
		return err_set(err, ENOMEM, "out of memory");
	if (inspect(incoming, &facts, err) < 0)
		return -err->code;
	bool kept = find_kept(incoming, &config);
	if (!kept)
		incoming->used = measure_root(incoming);
	int r = volume_deactivate(incoming->pool, incoming->volume, err);
	if (r == 0 && !kept)
		r = fill_config(&config, incoming, &facts, "adopted", err);
	if (r == 0)
		r = file_make_dirs(folder, 0755, err);
	if (r == 0)
		r = config_save(&template_schema, path, &config, err);
	config_free(&template_schema, &config);
	if (r == 0)
		pool_backup_mark_stale();
	return r;
}

int template_adopt(const struct dirs *dirs, const char *name, const char *wanted, struct err *err)
{
	scoped_inventory struct inventory inventory = { .dirs = dirs, .attach = true };
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct incoming incoming = { .dirs = dirs, .pool = &pool, .name = name };
	scoped_free char *path = dirs_state_path(dirs, "templates/%s/template.conf", name);
	scoped_free char *holder = NULL;
	const char *fault = text_label_fault(name);

	if (fault)
		return err_set(err, EINVAL, "template name '%s' %s", name, fault);
	template_sweep(dirs);
	scoped_fd int lock = template_lock(dirs, name, 1, err);
	if (lock < 0)
		return lock;
	if (path && access(path, F_OK) == 0)
		return err_set(err, EEXIST,
			       "template '%s' has its settings, '%s': there is nothing to adopt; "
			       "if they are useless, move them away first",
			       name, path);
	template_volume(name, incoming.volume);
	if (inventory_holder(&inventory, wanted, incoming.volume, &holder, err) < 0 ||
	    pool_open(&pool, dirs, holder, err) < 0)
		return -err->code;
	return adopt_from(&incoming, err);
}
