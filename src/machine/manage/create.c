/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creation of machines, from templates and from other machines. */
#include "machine/manage/birth.h"
#include "machine/manage/check.h"
#include "machine/manage/clone_volumes.h"
#include "machine/manage/manage.h"
#include "machine/manage/quiesce.h"
#include "machine/manage/rootsize.h"
#include "machine/state/fresh.h"
#include "machine/state/parts.h"
#include "machine/state/private.h"

#include "base/scoped.h"
#include "image/template/root.h"
#include "image/template/template.h"

#include <string.h>
#include <sys/utsname.h>

static int make_volume(const struct machine *machine, struct pool *from, const char *origin,
		       struct pool *to, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];

	machine_volume(machine->name, volume);
	int r = strcmp(from->name, to->name) == 0 ? volume_snapshot(to, origin, volume, err)
						  : volume_copy(from, origin, to, volume, err);
	if (r == -EEXIST)
		return birth_refuse_volume(machine, to, err);
	/* ENODATA tells a lost origin from any other missing object. */
	if (r == -ENOENT)
		err->code = ENODATA;
	return r == -ENOENT ? -ENODATA : r;
}

/* Makes the volume by the caller's function, between begin and commit; after a failure nothing is left. */
static int make_machine(struct machine *machine, struct pool *from, const char *origin,
			struct pool *to, const struct birth *birth, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];

	if (birth_check_free(machine, to, err) < 0)
		return -err->code;
	int r = birth_begin(machine, err);
	if (r == 0)
		r = make_volume(machine, from, origin, to, err);
	if (r < 0) {
		birth_forget(machine);
		return r;
	}
	machine_volume(machine->name, volume);
	r = check_new_root(machine, to, volume, err);
	if (r == 0)
		r = volume_check_limit(to, volume, machine->config.disk_size, err) < 0
			    ? err_wrap(err, "disk.size of machine '%s'", machine->name)
			    : rootsize_fit(to, volume, machine->config.disk_size, err);
	if (r == 0 && birth->volumes)
		r = clone_volumes_make(birth->volumes, err);
	if (r == 0)
		r = birth_commit(machine, birth, err);
	if (r == 0)
		return 0;
	machine_erase(machine, false, &(struct err){ 0 });
	if (birth->volumes)
		clone_volumes_end(birth->volumes, false, &(struct err){ 0 });
	return r;
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
	struct berth_config settings = { 0 };
	struct machine_config *config = &machine->config;

	if (config_load_berth(machine->dirs, &settings, err) < 0 ||
	    config_defaults(&machine_schema, config, err) < 0)
		return -err->code;
	int r = text_take(&config->template, strdup(spec->template ? spec->template : ""));
	if (r == 0)
		r = text_take(&config->arch, strdup(template->arch));
	if (r == 0)
		r = text_take(&config->network, strdup(settings.network));
	if (r == 0)
		r = text_take(&config->pool, strdup(pool ? pool : settings.pool));
	config_free(&berth_schema, &settings);
	if (r < 0)
		return err_set(err, -r, "out of memory");
	if (machine_draw_identity(config, err) < 0)
		return -err->code;
	if (config_apply_presets(template, config, err) < 0)
		return err_wrap(err, "template '%s'", spec->template);
	if (birth_apply(config, &spec->settings, err) < 0)
		return -err->code;
	machine->origin = template;
	r = check_new(machine, err);
	machine->origin = NULL;
	return r;
}

/* The volume of the template is missing: deleted since the check, or lost. */
static int lost_template(const struct dirs *dirs, const char *name, const char *pool,
			 struct err *err)
{
	struct template_config config = { 0 };

	*err = (struct err){ 0 };
	if (template_open(dirs, name, &config, err) < 0)
		return -err->code;
	config_free(&template_schema, &config);
	return err_set(err, ENODATA,
		       "template '%s' has lost its root: there is no volume 'template.%s' in pool "
		       "'%s'; bring it back, or delete the template: berth template delete %s",
		       name, name, pool, name);
}

static int create_claimed(struct machine *machine, const struct machine_spec *spec,
			  const struct template_config *template, struct err *err)
{
	scoped_pool struct pool from = { 0 };
	scoped_pool struct pool to = { 0 };
	char origin[VOLUME_NAME_MAX + 1];

	if (refuse_foreign(spec->template, template->arch, err) < 0 ||
	    fill_new(machine, spec, spec->pool, template, err) < 0 ||
	    pool_open(&from, machine->dirs, template->pool, err) < 0 ||
	    pool_open(&to, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	template_volume(spec->template, origin);
	const struct birth birth = { .owner = spec->owner };
	int r = make_machine(machine, &from, origin, &to, &birth, err);
	if (r == -ENODATA)
		return lost_template(machine->dirs, spec->template, template->pool, err);
	if (r == 0)
		machine_tell(machine,
			     &(struct event){ .name = "created", .template = spec->template });
	return r;
}

/* The init that settings name has to be in the root that the machine will get. */
static int check_template_init(const struct machine *machine, const char *name,
			       const struct template_config *template, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	char volume[VOLUME_NAME_MAX + 1];

	if (!*machine->config.init)
		return 0;
	template_volume(name, volume);
	if (pool_open(&pool, machine->dirs, template->pool, err) < 0)
		return -err->code;
	return check_new_root(machine, &pool, volume, err);
}

static int create_from(struct machine *machine, const struct machine_spec *spec,
		       const struct template_config *template, struct err *err)
{
	scoped_fd int lock = birth_claim(machine, err);
	int r = lock < 0 ? lock : create_claimed(machine, spec, template, err);

	/* The lock of a name that no machine got would stay for ever. */
	if (lock >= 0 && r < 0 && access(machine->folder, F_OK) < 0)
		machine_lock_forget(machine);
	return r;
}

int machine_create_check(const struct dirs *dirs, const char *name, const struct machine_spec *spec,
			 struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct template_config template = { 0 };

	if (machine_paths(&machine, dirs, name, err) < 0)
		return -err->code;
	int r = spec->template ? template_open(dirs, spec->template, &template, err)
			       : config_defaults(&template_schema, &template, err);
	if (r < 0)
		return r;
	if (spec->template)
		r = refuse_foreign(spec->template, template.arch, err);
	if (r == 0)
		r = fill_new(&machine, spec, spec->pool, &template, err);
	if (r == 0 && spec->template)
		r = check_template_init(&machine, spec->template, &template, err);
	config_free(&template_schema, &template);
	return r;
}

int machine_create(const struct dirs *dirs, const char *name, const struct machine_spec *spec,
		   struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct template_config template = { 0 };

	machine_sweep(dirs);
	if (machine_paths(&machine, dirs, name, err) < 0 ||
	    template_open(dirs, spec->template, &template, err) < 0)
		return -err->code;
	int r = create_from(&machine, spec, &template, err);
	config_free(&template_schema, &template);
	return r;
}

/* The settings of the source, with a new identity. */
static int copy_settings(struct machine *to, const struct machine *from,
			 const struct clone_spec *spec, struct err *err)
{
	scoped_free char *conf = machine_path(from, "machine.conf");

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_load(&machine_schema, conf, &to->config, err);
	if (r == -ENOENT)
		return machine_gone(from, err);
	if (r < 0 || machine_draw_identity(&to->config, err) < 0)
		return -err->code;
	config_drop_sections(&forward_schema, &to->config);
	if (spec->pool && text_take(&to->config.pool, strdup(spec->pool)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return birth_apply(&to->config, &spec->settings, err) < 0 ? -err->code : check_new(to, err);
}

/* Copies one moment of a root, which is held unchanged meanwhile. If it changed all the same, no machine is left. */
static int clone_still(struct machine *from, struct machine *to, struct pool *pool,
		       struct pool *target, const struct birth *birth, struct err *err)
{
	char origin[VOLUME_NAME_MAX + 1];
	struct quiesce still;

	machine_volume(from->name, origin);
	/* A copy to another pool copies all files, whatever the drivers can do. */
	bool at_once = strcmp(pool->name, target->name) == 0 && birth->volumes->count == 0;
	if (quiesce_begin(&still, from, at_once ? pool : NULL, -1, err) < 0)
		return -err->code;
	int r = make_machine(to, pool, origin, target, birth, err);
	struct err moved = { 0 };
	if (quiesce_end(&still, from, &moved) < 0 && r == 0) {
		machine_erase(to, false, &(struct err){ 0 });
		clone_volumes_end(birth->volumes, false, &(struct err){ 0 });
		*err = moved;
		r = -err->code;
	}
	return r;
}

static int clone_to(struct machine *from, struct machine *to, const struct clone_spec *spec,
		    struct text *notes, struct err *err)
{
	scoped_cloned_volumes struct cloned_volumes volumes = { 0 };
	scoped_pool struct pool pool = { 0 };
	scoped_pool struct pool other = { 0 };
	const char *snapshot = spec->snapshot;
	struct pool *target =
		spec->pool && strcmp(spec->pool, from->config.pool) != 0 ? &other : &pool;
	char origin[VOLUME_NAME_MAX + 1];
	int r;

	/* The locks of volumes come before those of machines. */
	if (birth_look(to, err) < 0 || copy_settings(to, from, spec, err) < 0 ||
	    clone_volumes_plan(&volumes, from, to, spec, notes, err) < 0)
		return -err->code;
	scoped_fd int lock = birth_claim(to, err);
	if (lock < 0 || pool_open(&pool, from->dirs, from->config.pool, err) < 0 ||
	    (target == &other && pool_open(&other, from->dirs, spec->pool, err) < 0))
		return -err->code;
	/* A root without an identity of its own cannot keep one. */
	const struct birth birth = { .keep_identity =
					     spec->keep_identity && !fresh_is(from, snapshot),
				     .volumes = &volumes };
	if (snapshot) {
		snapshot_volume(from->name, snapshot, origin);
		r = make_machine(to, &pool, origin, target, &birth, err);
	} else {
		r = clone_still(from, to, &pool, target, &birth, err);
	}
	if (r == -ENODATA && !snapshot)
		r = parts_lost_volume(from, err);
	if (r == 0)
		machine_tell(to, &(struct event){ .name = "cloned",
						  .from = from->name,
						  .snapshot = snapshot });
	return r < 0 ? r : clone_volumes_end(&volumes, true, err);
}

static void note_address(const struct machine *from, const struct machine *to, const char *key,
			 const char *address, const char *other, struct text *notes)
{
	if (*address && !*other)
		text_add(notes,
			 "%s %s stays with '%s': '%s' gets a free one; 'berth set %s %s=ADDRESS' "
			 "chooses it\n",
			 key, address, from->name, to->name, to->name, key);
}

/* An address and a port of the host belong to one machine. */
static void note_left(const struct machine *from, const struct machine *to, struct text *notes)
{
	for (const struct section *at = from->config.forwards; at; at = at->next)
		text_add(notes, "forward '%s' stays with '%s'\n", at->name, from->name);
	for (const struct section *at = from->config.nics; at; at = at->next) {
		const struct nic_config *nic = (const struct nic_config *)at;
		const char *const addresses[] = { nic->address, nic->address6 };
		for (size_t i = 0; i < 2; i++) {
			if (*addresses[i])
				text_add(notes,
					 "address %s of nic '%s' stays with '%s': '%s' gets a free "
					 "one\n",
					 addresses[i], at->name, from->name, to->name);
		}
	}
	note_address(from, to, "network.address", from->config.address, to->config.address, notes);
	note_address(from, to, "network.address6", from->config.address6, to->config.address6,
		     notes);
}

int machine_clone(const struct dirs *dirs, const char *from, const char *name,
		  const struct clone_spec *spec, struct text *notes, struct err *err)
{
	scoped_machine struct machine source = { 0 };
	scoped_machine struct machine machine = { 0 };

	machine_sweep(dirs);
	if (machine_open(&source, dirs, from, err) < 0 || machine_check(&source, err) < 0)
		return -err->code;
	if (spec->snapshot && snapshot_exists(&source, spec->snapshot, err) < 0)
		return -err->code;
	if (machine_paths(&machine, dirs, name, err) < 0)
		return -err->code;
	int r = clone_to(&source, &machine, spec, notes, err);
	if (r == 0)
		note_left(&source, &machine, notes);
	return r;
}
