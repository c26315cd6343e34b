/*
 * Machines come and go. machine.conf is the commit point both ways: a folder that has pending.conf
 * instead is being made or deleted, or was left so by a kill, and is then finished off.
 */
#include "machine/check.h"
#include "machine/private.h"
#include "machine/rootsize.h"
#include "machine/run.h"
#include "machine/still.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/uuid.h"
#include "image/root.h"
#include "image/template.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

void machine_volume(const char *name, char volume[VOLUME_NAME_MAX + 1])
{
	text_print(volume, VOLUME_NAME_MAX + 1, "machine.%s", name);
}

void restoring_volume(const char *name, char volume[VOLUME_NAME_MAX + 1])
{
	text_print(volume, VOLUME_NAME_MAX + 1, "restoring.%s", name);
}

void snapshot_volume(const char *name, const char *snapshot, char volume[VOLUME_NAME_MAX + 1])
{
	text_print(volume, VOLUME_NAME_MAX + 1, "snapshot.%s.%s", name, snapshot);
}

static int replace_text(char **field, char *value)
{
	if (!value)
		return -ENOMEM;
	free(*field);
	*field = value;
	return 0;
}

static char *random_uuid(void)
{
	char uuid[UUID_TEXT];

	return uuid_draw(uuid) < 0 ? NULL : strdup(uuid);
}

/* From the uuid, so that it is the machine's as long as the machine is itself. */
static char *mac_of(const char *uuid)
{
	uint64_t hash = text_hash(uuid);

	return text_format("10:66:6a:%02x:%02x:%02x", (unsigned)(hash >> 16) & 0xff,
			   (unsigned)(hash >> 8) & 0xff, (unsigned)hash & 0xff);
}

/* What makes it another machine than any before. */
static int give_identity(struct machine_config *config, struct err *err)
{
	struct utsname host;

	config->created = (uint64_t)time(NULL);
	if (uname(&host) < 0 || replace_text(&config->uuid, random_uuid()) < 0 ||
	    replace_text(&config->mac, mac_of(config->uuid)) < 0 ||
	    replace_text(&config->address, strdup("")) < 0 ||
	    (!*config->arch && replace_text(&config->arch, strdup(host.machine)) < 0))
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

static int apply_word(struct machine_config *config, const char *word, struct err *err)
{
	scoped_free char *name = strdup(word);
	char *value = name ? strchr(name, '=') : NULL;

	if (!value)
		return err_set(err, EINVAL, "setting '%s' is not KEY=VALUE", word);
	*value++ = '\0';
	const struct key *key = config_find(&machine_schema, name, err);
	if (!key)
		return -err->code;
	if (key->flags & KEY_FIXED)
		return err_set(err, EPERM, "key '%s' is made by berth and not set by hand", name);
	return config_set(&machine_schema, config, key, value, err);
}

static int apply_settings(struct machine_config *config, const struct settings *settings,
			  struct err *err)
{
	for (size_t i = 0; settings && i < settings->count; i++) {
		if (apply_word(config, settings->words[i], err) < 0)
			return -err->code;
	}
	return config_check_machine(config, err);
}

/* pending.conf, before anything that needs it to be found again. */
static int begin(struct machine *machine, struct err *err)
{
	scoped_free char *pending = machine_path(machine, "pending.conf");
	scoped_free char *parent = site_state_path(machine->site, "machines");

	if (!pending || !parent)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(parent, 0711, err) < 0)
		return -err->code;
	if (mkdir(machine->folder, 0700) < 0)
		return err_set(err, errno, "make '%s': %s", machine->folder, strerror(errno));
	return config_save(&machine_schema, pending, &machine->config, err);
}

/* owner as in machine_spec. */
static int commit(struct machine *machine, int *owner, struct err *err)
{
	scoped_free char *pending = machine_path(machine, "pending.conf");
	scoped_free char *conf = machine_path(machine, "machine.conf");
	scoped_free char *fresh = machine_path(machine, "fresh");
	scoped_free char *parent = site_state_path(machine->site, "machines");

	if (!pending || !conf || !fresh || !parent)
		return err_set(err, ENOMEM, "out of memory");
	if (owner && machine->config.ephemeral && run_claim(machine, owner, err) < 0)
		return -err->code;
	scoped_fd int fd = open(fresh, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int r = fd < 0 || rename(pending, conf) < 0 ? -errno : file_sync_dir(machine->folder);
	if (r == 0)
		r = file_sync_dir(parent);
	return r < 0 ? err_set(err, -r, "write '%s': %s", conf, strerror(-r)) : 0;
}

/* Makes the volume by what the caller says, between begin and commit; on failure nothing stays. */
static int make_machine(struct machine *machine, struct pool *from, const char *origin,
			struct pool *to, int *owner, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	int r = begin(machine, err);

	if (r < 0 && access(machine->folder, F_OK) < 0)
		return r;
	machine_volume(machine->name, volume);
	/* Without a folder there was no such machine: a volume of that name is of one half deleted. */
	if (r == 0)
		r = volume_destroy(to, volume, err);
	if (r == 0)
		r = strcmp(from->name, to->name) == 0 ? volume_snapshot(to, origin, volume, err)
						      : volume_copy(from, origin, to, volume, err);
	if (r == 0)
		r = check_new_root(machine, to, volume, err);
	if (r == 0)
		r = rootsize_fit(to, volume, machine->config.disk_size, err);
	if (r == 0)
		r = commit(machine, owner, err);
	if (r < 0)
		machine_erase(machine, &(struct err){ 0 });
	return r;
}

/* Under the name's lock from here on. */
static int claim_name(struct machine *machine, struct err *err)
{
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	scoped_free char *conf = machine_path(machine, "machine.conf");

	if (lock < 0)
		return lock;
	if (conf && access(conf, F_OK) == 0)
		return err_set(err, EEXIST,
			       "machine '%s' exists already; choose another name or delete it",
			       machine->name);
	if (access(machine->folder, F_OK) == 0 && machine_erase(machine, err) < 0)
		return -err->code;
	return take_fd(&lock);
}

static int refuse_foreign(const char *template, const char *arch, struct err *err)
{
	struct utsname host;

	if (uname(&host) < 0 || !*arch || strcmp(arch, host.machine) == 0 ||
	    (strcmp(host.machine, "x86_64") == 0 && strcmp(arch, "i686") == 0))
		return 0;
	return err_set(err, ENOEXEC,
		       "template '%s' is for %s and this host is %s; import one for %s", template,
		       arch, host.machine, host.machine);
}

static int fill_new(struct machine *machine, const struct machine_spec *spec, const char *pool,
		    const struct template_config *template, struct err *err)
{
	struct site_config site = { 0 };
	struct machine_config *config = &machine->config;

	if (config_load_site(machine->site, &site, err) < 0 ||
	    config_defaults(&machine_schema, config, err) < 0)
		return -err->code;
	int r = replace_text(&config->template, strdup(spec->template));
	if (r == 0)
		r = replace_text(&config->arch, strdup(template->arch));
	if (r == 0)
		r = replace_text(&config->network, strdup(site.network));
	if (r == 0)
		r = replace_text(&config->pool, strdup(pool ? pool : site.pool));
	config_free(&site_schema, &site);
	if (r < 0)
		return err_set(err, -r, "out of memory");
	if (give_identity(config, err) < 0)
		return -err->code;
	return apply_settings(config, &spec->settings, err) < 0 ? -err->code
								: check_new(machine, err);
}

static int create_from(struct machine *machine, const struct machine_spec *spec,
		       const struct template_config *template, struct err *err)
{
	scoped_pool struct pool from = { 0 };
	scoped_pool struct pool to = { 0 };
	char origin[VOLUME_NAME_MAX + 1];
	scoped_fd int lock = claim_name(machine, err);

	if (lock < 0 || refuse_foreign(spec->template, template->arch, err) < 0 ||
	    fill_new(machine, spec, spec->pool, template, err) < 0 ||
	    pool_open(&from, machine->site, template->pool, err) < 0 ||
	    pool_open(&to, machine->site, machine->config.pool, err) < 0)
		return -err->code;
	template_volume(spec->template, origin);
	int r = make_machine(machine, &from, origin, &to, spec->owner, err);
	if (r == 0)
		machine_tell(machine,
			     &(struct event){ .name = "created", .template = spec->template });
	return r;
}

int machine_create(const struct site *site, const char *name, const struct machine_spec *spec,
		   struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct template_config template = { 0 };

	if (machine_paths(&machine, site, name, err) < 0 ||
	    template_open(site, spec->template, &template, err) < 0)
		return -err->code;
	int r = create_from(&machine, spec, &template, err);
	config_free(&template_schema, &template);
	return r;
}

static bool has_settings(const struct machine *machine)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");

	return conf && access(conf, F_OK) == 0;
}

/* By another command, since ours has opened it. */
static int deleted_meanwhile(const struct machine *machine, struct err *err)
{
	*err = (struct err){ 0 };
	return err_set(err, ENOENT, "no machine '%s': it has just been deleted", machine->name);
}

/* The settings of the one it is made from, under a new identity. */
static int copy_settings(struct machine *to, const struct machine *from,
			 const struct settings *settings, struct err *err)
{
	scoped_free char *conf = machine_path(from, "machine.conf");

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_load(&machine_schema, conf, &to->config, err);
	if (r == -ENOENT)
		return deleted_meanwhile(from, err);
	if (r < 0 || give_identity(&to->config, err) < 0)
		return -err->code;
	return apply_settings(&to->config, settings, err) < 0 ? -err->code : check_new(to, err);
}

/* Of one moment: a snapshot is, and a root is held so. A copy that was not leaves no machine. */
static int clone_still(struct machine *from, struct machine *to, struct pool *pool, struct err *err)
{
	char origin[VOLUME_NAME_MAX + 1];
	struct still still;

	machine_volume(from->name, origin);
	if (still_begin(&still, from, pool, -1, err) < 0)
		return -err->code;
	int r = make_machine(to, pool, origin, pool, NULL, err);
	struct err moved = { 0 };
	if (still_end(&still, from, &moved) < 0 && r == 0) {
		machine_erase(to, &(struct err){ 0 });
		*err = moved;
		r = -err->code;
	}
	return r;
}

static int clone_to(struct machine *from, struct machine *to, const char *snapshot,
		    const struct settings *settings, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	char origin[VOLUME_NAME_MAX + 1];
	int r;
	scoped_fd int lock = claim_name(to, err);

	if (lock < 0 || copy_settings(to, from, settings, err) < 0 ||
	    pool_open(&pool, from->site, from->config.pool, err) < 0)
		return -err->code;
	if (snapshot) {
		snapshot_volume(from->name, snapshot, origin);
		r = make_machine(to, &pool, origin, &pool, NULL, err);
	} else {
		r = clone_still(from, to, &pool, err);
	}
	if (r == 0)
		machine_tell(to, &(struct event){ .name = "cloned",
						  .from = from->name,
						  .snapshot = snapshot });
	return r;
}

int machine_clone(const struct site *site, const char *from, const char *snapshot, const char *name,
		  const struct settings *settings, struct err *err)
{
	scoped_machine struct machine source = { 0 };
	scoped_machine struct machine machine = { 0 };

	if (machine_open(&source, site, from, err) < 0 || machine_check(&source, err) < 0)
		return -err->code;
	if (snapshot && snapshot_exists(&source, snapshot, err) < 0)
		return -err->code;
	if (machine_paths(&machine, site, name, err) < 0)
		return -err->code;
	return clone_to(&source, &machine, snapshot, settings, err);
}

static int destroy_one(void *context, const struct volume_info *info)
{
	return volume_destroy(context, info->name, &(struct err){ 0 });
}

static int destroy_in_pool(struct machine *machine, const char *name, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	char volume[VOLUME_NAME_MAX + 1];
	int r = pool_open(&pool, machine->site, name, err);

	if (r < 0)
		return r;
	snapshot_volume(machine->name, "", volume);
	r = volume_list(&pool, volume, destroy_one, &pool, err);
	restoring_volume(machine->name, volume);
	if (r < 0 || volume_destroy(&pool, volume, err) < 0)
		return r < 0 ? r : -err->code;
	machine_volume(machine->name, volume);
	return volume_destroy(&pool, volume, err);
}

/* An unreadable pool keeps a volume, if it has one: that must not keep the others. */
static int visit_pool(void *context, const char *name)
{
	destroy_in_pool(context, name, &(struct err){ 0 });
	return 0;
}

/* By its settings, or, when nobody can read them, wherever something of its name is. */
static int release_holdings(struct machine *machine, bool known, struct err *err)
{
	int r;

	/* Also where it was before, if its settings name another by now. */
	machine_leave_networks(machine, NULL);
	if (!known)
		return pool_list(machine->site, visit_pool, machine, err);
	r = destroy_in_pool(machine, machine->config.pool, err);
	if (r == -ENOENT) {
		/* The pool went before its machine: there is nothing left to destroy. */
		*err = (struct err){ 0 };
		return 0;
	}
	return r;
}

int machine_erase(struct machine *machine, struct err *err)
{
	scoped_free char *pending = machine_path(machine, "pending.conf");
	scoped_free char *conf = machine_path(machine, "machine.conf");
	int r = 0;

	if (!pending || !conf)
		return err_set(err, ENOMEM, "out of memory");
	if (rename(conf, pending) == 0) {
		r = file_sync_dir(machine->folder);
		/* Now: from here on no command finds it, and whoever is first clears it away. */
		machine_tell(machine, &(struct event){ .name = "deleted" });
	}
	if (r < 0)
		return err_set(err, -r, "write '%s': %s", pending, strerror(-r));
	/* Without any settings it was killed between folder and file: nothing else is there. */
	if (access(pending, F_OK) == 0) {
		config_free(&machine_schema, &machine->config);
		bool known = config_load(&machine_schema, pending, &machine->config,
					 &(struct err){ 0 }) == 0;
		r = release_holdings(machine, known, err);
	}
	if (r < 0)
		return r;
	r = remove_tree(AT_FDCWD, machine->folder);
	return r < 0 ? err_set(err, -r, "remove '%s': %s", machine->folder, strerror(-r)) : 0;
}

static int hold_one(void *context, const struct volume_info *info)
{
	struct err err = { 0 };

	return volume_hold(context, info->name, VOLUME_CHANGE, &err) == -EBUSY ? -EBUSY : 0;
}

/*
 * Whoever copies its root or a snapshot must have come to its end before anything goes. The look whether
 * anybody copies at all is what costs little.
 */
static int hold_holdings(struct machine *machine, struct pool *pool, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct err ignored = { 0 };

	if (machine->fault.code || !pool_is_copied(machine->site, machine->config.pool) ||
	    pool_open(pool, machine->site, machine->config.pool, &ignored) < 0)
		return 0;
	machine_volume(machine->name, volume);
	int r = volume_hold(pool, volume, VOLUME_CHANGE, err);
	if (r == -EBUSY)
		return r;
	*err = (struct err){ 0 };
	snapshot_volume(machine->name, "", volume);
	r = volume_list(pool, volume, hold_one, pool, &ignored);
	if (r != -EBUSY)
		return 0;
	return err_set(err, EBUSY,
		       "a snapshot of machine '%s' is being copied by another berth command; try "
		       "again when that ends",
		       machine->name);
}

int machine_delete(struct machine *machine, bool force, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	enum stop_outcome outcome;

	if (run_alive(machine) && !force)
		return err_set(err, EBUSY,
			       "machine '%s' is running; stop it first, or delete it with --force",
			       machine->name);
	if (machine_stop(machine, true, 0, &outcome, err) < 0)
		return -err->code;
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	if (lock < 0)
		return lock;
	if (run_alive(machine))
		return err_set(err, EBUSY, "machine '%s' was started meanwhile; delete it again",
			       machine->name);
	if (hold_holdings(machine, &pool, err) < 0)
		return -err->code;
	bool there = has_settings(machine);
	if (access(machine->folder, F_OK) == 0 && machine_erase(machine, err) < 0)
		return -err->code;
	/* An ephemeral machine went with its guest; of two that delete one, one has done it. */
	return there || machine->config.ephemeral ? 0 : deleted_meanwhile(machine, err);
}
