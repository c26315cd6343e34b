/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/check.h"

#include "base/scoped.h"
#include "machine/confine/ids.h"
#include "machine/confine/limits.h"
#include "machine/confine/lsm.h"
#include "machine/confine/rlimits.h"
#include "machine/manage/boot.h"
#include "machine/manage/manage.h"
#include "machine/share/share.h"
#include "machine/start/plan.h"
#include "machine/state/private.h"

#include <string.h>
#include <sys/mount.h>

/* Collects all faults in one sentence; the code is that of the first. */
struct causes {
	struct text text;
	int code;
};

/* Takes the fault in err, and empties err for the next check. */
static void add_cause(struct causes *causes, struct err *err)
{
	if (!err->code)
		return;
	text_add(&causes->text, "%s%s", causes->code ? "; " : "", err->text);
	if (!causes->code)
		causes->code = err->code;
	*err = (struct err){ 0 };
}

static int tell_causes(struct causes *causes, struct err *err)
{
	int r = causes->code ? err_set(err, causes->code, "%s", text_str(&causes->text)) : 0;

	text_free(&causes->text);
	return r;
}

static int check_network(const struct machine *machine, struct err *err)
{
	const struct machine_config *config = &machine->config;
	scoped_network struct network network = { 0 };

	if (!*config->network)
		return 0;
	if (network_open(&network, machine->dirs, config->network, err) < 0)
		return -err->code;
	return *config->address ? lease_check(&network, machine->name, config->address, err) : 0;
}

static int check_limits(const struct machine *machine, struct err *err)
{
	return limits_check(machine, &machine->config, err);
}

static int check_rlimits(const struct machine *machine, struct err *err)
{
	return rlimits_check(&machine->config, err);
}

/* A named network. The start checks the default one, which it may have to load first. */
static int check_labels(const struct machine *machine, struct err *err)
{
	const char *apparmor = machine->config.apparmor;
	scoped_text struct text skipped = { 0 };
	struct lsm_label label;

	if (!*machine->config.selinux &&
	    (strcmp(apparmor, "auto") == 0 || strcmp(apparmor, "no") == 0))
		return 0;
	return lsm_choose(machine, &label, &skipped, err);
}

static int check_after(const struct machine *machine, struct err *err)
{
	const char *after = machine->config.boot_after;

	return *after ? boot_check_after(machine->dirs, machine->name, after, err) : 0;
}

static int look_at_root(const struct machine *machine, struct pool *pool, const char *volume,
			struct root_facts *facts, int *root_fd, struct err *err)
{
	if (volume_mount(pool, volume, MOUNT_ATTR_NODEV, root_fd, err) < 0)
		return -err->code;
	return root_inspect(*root_fd, plan_init(&machine->config), facts, err);
}

static int check_init(const struct machine *machine, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	char volume[VOLUME_NAME_MAX + 1];

	if (!*machine->config.init)
		return 0;
	machine_volume(machine->name, volume);
	if (pool_open(&pool, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	return check_new_root(machine, &pool, volume, err);
}

/* Checks by the beginning of the keys that they depend on. */
static const struct check {
	const char *keys;
	int (*look)(const struct machine *machine, struct err *err);
	bool start; /* part of the check before a start, without the root */
} checks[] = {
	{ "boot.after", check_after, false }, { "init", check_init, false },
	{ "limits.", check_limits, true },    { "limits.rlimit.", check_rlimits, true },
	{ "network", check_network, true },   { "security.", check_labels, true },
};
enum { CHECKS = sizeof checks / sizeof *checks };

static bool is_touched(const struct check *check, const struct config_change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (text_starts(changes[i].name, check->keys))
			return true;
	}
	return false;
}

int check_changes(const struct machine *machine, const struct config_change *changes, size_t count,
		  struct err *err)
{
	struct causes causes = { 0 };
	struct err one = { 0 };

	for (size_t i = 0; i < CHECKS; i++) {
		if (!is_touched(&checks[i], changes, count))
			continue;
		checks[i].look(machine, &one);
		add_cause(&causes, &one);
	}
	return tell_causes(&causes, err);
}

int check_new(const struct machine *machine, struct err *err)
{
	struct causes causes = { 0 };
	struct err one = { 0 };

	for (size_t i = 0; i < CHECKS; i++) {
		/* The new machine has no root yet. */
		if (checks[i].look == check_init)
			continue;
		checks[i].look(machine, &one);
		add_cause(&causes, &one);
	}
	return tell_causes(&causes, err);
}

int check_new_root(const struct machine *machine, struct pool *pool, const char *volume,
		   struct err *err)
{
	struct root_facts facts;
	scoped_fd int root_fd = -1;

	if (!*machine->config.init)
		return 0;
	return look_at_root(machine, pool, volume, &facts, &root_fd, err);
}

/* Root, init, and whether its programs can run on this host. */
static int check_plan(const struct machine *machine, int *root_fd, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	char volume[VOLUME_NAME_MAX + 1];
	struct root_facts facts;
	struct plan plan = { 0 };

	machine_volume(machine->name, volume);
	if (pool_open(&pool, machine->dirs, machine->config.pool, err) < 0 ||
	    look_at_root(machine, &pool, volume, &facts, root_fd, err) < 0 ||
	    plan_make(&plan, machine, &facts, err) < 0)
		return -err->code;
	plan_free(&plan);
	return 0;
}

/* Opens and closes each share, as the start does. */
static void check_shares(const struct machine *machine, const struct idmap *map, int root_fd,
			 struct causes *causes)
{
	const struct share_owner to = { .machine = machine, .map = map, .root_fd = root_fd };
	struct shares shares = { 0 };
	struct err one = { 0 };

	for (const struct section *at = machine->config.mounts; at; at = at->next) {
		const struct mount_config *mount = (const struct mount_config *)at;
		if (share_folder(&shares, &to, mount, &one) == -ENOENT && mount->optional)
			one = (struct err){ 0 };
		add_cause(causes, &one);
	}
	for (const struct section *at = machine->config.devices; at; at = at->next) {
		const struct device_config *device = (const struct device_config *)at;
		if (share_device(&shares, &to, device, &one) == -ENOENT && device->optional)
			one = (struct err){ 0 };
		add_cause(causes, &one);
	}
	shares_free(&shares);
}

/* Ids for the check; their values do not matter. */
static int likely_ids(const struct machine *machine, struct idmap *map, struct err *err)
{
	struct berth_config settings = { 0 };

	*map = (struct idmap){ 0 };
	if (config_load_berth(machine->dirs, &settings, err) < 0)
		return -err->code;
	int r = machine->config.privileged ? 0 : ids_fit(&settings, err);
	if (r == 0 && !machine->config.privileged)
		*map = (struct idmap){ .base = (uint32_t)settings.idmap_base,
				       .count = IDMAP_COUNT };
	config_free(&berth_schema, &settings);
	return r;
}

int machine_check_start(const struct machine *machine, struct err *err)
{
	struct causes causes = { 0 };
	struct err one = { 0 };
	struct idmap map;
	scoped_fd int root_fd = -1;

	if (machine_check(machine, err) < 0)
		return -err->code;
	if (likely_ids(machine, &map, &one) == 0 && check_plan(machine, &root_fd, &one) == 0 &&
	    config_check_sections(&machine->config, &one) == 0)
		check_shares(machine, &map, root_fd, &causes);
	add_cause(&causes, &one);
	for (size_t i = 0; i < CHECKS; i++) {
		if (!checks[i].start)
			continue;
		checks[i].look(machine, &one);
		add_cause(&causes, &one);
	}
	return tell_causes(&causes, err);
}
