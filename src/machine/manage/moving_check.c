/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The causes that keep a machine from running on this host, found before anything of it comes. */
#include "machine/manage/moving.h"

#include "machine/data/data.h"
#include "machine/manage/birth.h"
#include "machine/manage/check.h"
#include "machine/state/private.h"

#include "base/causes.h"
#include "base/scoped.h"

#include <string.h>
#include <sys/utsname.h>

static void check_arch(const struct machine *machine, struct causes *causes)
{
	const char *arch = machine->config.arch;
	struct utsname host;
	struct err one = { 0 };

	if (uname(&host) == 0 && *arch && strcmp(arch, host.machine) != 0 &&
	    (strcmp(host.machine, "x86_64") != 0 || strcmp(arch, "i686") != 0))
		err_set(&one, ENOEXEC, "its programs are for %s, and this host is %s", arch,
			host.machine);
	causes_add(causes, &one);
}

static void check_pool(const struct machine *machine, uint64_t size, struct causes *causes)
{
	scoped_pool struct pool pool = { 0 };
	struct pool_usage usage = { 0 };
	struct err one = { 0 };

	if (pool_view(&pool, machine->dirs, machine->config.pool, &one) == 0 && size &&
	    pool_glance(machine->dirs, machine->config.pool, &usage) && usage.total &&
	    usage.total - usage.used < size)
		err_set(&one, ENOSPC,
			"pool '%s' has %llu MiB left, and the machine takes %llu MiB; --pool "
			"chooses "
			"another",
			machine->config.pool,
			(unsigned long long)((usage.total - usage.used) >> 20),
			(unsigned long long)(size >> 20));
	causes_add(causes, &one);
}

/* Folders, devices and ports of the other host may be others here, or be missing. */
static void check_trust(const struct machine *machine, const struct text *settings,
			struct causes *causes)
{
	scoped_text struct text dropped = { 0 };
	struct machine_config copy = { 0 };
	struct err one = { 0 };

	int r = config_parse(&machine_schema, "its machine.conf", text_str(settings),
			     settings->length, &copy, &one);
	if (r == 0)
		config_drop_sections(&attached_schema, &copy);
	if (r == 0 && distrust_settings(&copy, NULL, &dropped, &one) == 0 && dropped.length)
		err_set(&one, EPERM,
			"machine '%s' has settings that open it to its host: %s; --trust lets it "
			"keep them there",
			machine->name, text_str(&dropped));
	config_free(&machine_schema, &copy);
	causes_add(causes, &one);
}

static void check_sections(const struct machine *machine, struct causes *causes)
{
	const struct schema *const kinds[] = { &mount_schema, &device_schema, &forward_schema };
	struct err one = { 0 };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		for (const struct section *at = config_sections(kinds[i], &machine->config); at;
		     at = at->next) {
			machine_check_section(machine->dirs, machine->name,
					      machine->config.privileged, kinds[i], at, NULL, &one);
			causes_add(causes, &one);
		}
	}
}

struct coming {
	const struct dirs *dirs;
	const char *machine, *pool;
	struct causes *causes;
};

/* Whether the machine that is here has that volume: it is the one of an earlier copy. */
static bool has_volume(const struct coming *coming, const char *volume)
{
	scoped_machine struct machine here = { 0 };

	return machine_read(&here, coming->dirs, coming->machine, &(struct err){ 0 }) == 0 &&
	       config_section(here.config.volumes, volume);
}

/* A volume of another machine, or of none, does not give way. */
static int check_volume(void *context, const char *name, const char *uuid, struct err *err)
{
	static const char remedy[] =
		" there; rename it on one of the hosts: berth volume rename; or leave the volumes "
		"here: --no-volumes";
	const struct coming *coming = context;
	const struct unfinished mark = data_mark(coming->dirs, name);
	scoped_pool struct pool pool = { 0 };
	struct err one = { 0 };
	char here[64];

	int r = data_with_uuid(coming->dirs, uuid, here, err);
	if (r < 0 || (r > 0 && has_volume(coming, here)))
		return r < 0 ? r : 0;
	if (r > 0)
		err_set(&one, EEXIST,
			"volume '%s' is there already, as '%s', and machine '%s' there has it not: "
			"delete it there: berth volume delete %s; or leave the volumes here: "
			"--no-volumes",
			name, here, coming->machine, here);
	else if (/* What a killed command has left half made goes before the volume comes. */
		 !unfinished_is(&mark) &&
		 pool_view(&pool, coming->dirs, coming->pool, &(struct err){ 0 }) == 0)
		data_check_absent(&pool, name, remedy, &one);
	causes_add(coming->causes, &one);
	return 0;
}

static int check_volumes(const struct machine *machine, const struct import_spec *spec,
			 struct causes *causes, struct err *err)
{
	struct coming coming = { machine->dirs, machine->name, spec->pool, causes };

	return spec->coming ? travel_each_volume(spec->coming, check_volume, &coming, err) : 0;
}

static int save(const struct machine *machine, struct err *err)
{
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	scoped_free char *path = machine_path(machine, "machine.conf");

	if (lock < 0 || !path)
		return lock < 0 ? lock : err_set(err, ENOMEM, "out of memory");
	pool_backup_mark_stale();
	return config_save(&machine_schema, path, &machine->config, err);
}

int moving_check(const struct dirs *dirs, const struct import_spec *spec,
		 const struct text *settings, uint64_t size, bool update, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct causes causes = { 0 };
	struct err one = { 0 };

	if (machine_paths(&machine, dirs, spec->name, err) < 0 ||
	    config_parse(&machine_schema, "its machine.conf", text_str(settings), settings->length,
			 &machine.config, err) < 0)
		return -err->code;
	if (text_take(&machine.config.pool, strdup(spec->pool)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	birth_apply(&machine.config, &spec->settings, &one);
	causes_add(&causes, &one);
	check_arch(&machine, &causes);
	check_pool(&machine, size, &causes);
	if (check_volumes(&machine, spec, &causes, err) < 0)
		return -err->code;
	if (spec->trust)
		check_sections(&machine, &causes);
	else
		check_trust(&machine, settings, &causes);
	check_new(&machine, &one);
	causes_add(&causes, &one);
	if (causes_tell(&causes, err) < 0)
		return -err->code;
	if (spec->detached)
		config_drop_sections(&attached_schema, &machine.config);
	return update ? save(&machine, err) : 0;
}
