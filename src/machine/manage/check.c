/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/check.h"

#include "base/causes.h"
#include "base/scoped.h"
#include "machine/confine/ids.h"
#include "machine/confine/limits.h"
#include "machine/confine/lsm.h"
#include "machine/confine/rlimits.h"
#include "machine/data/data.h"
#include "machine/life/forwards.h"
#include "machine/life/hosts.h"
#include "machine/manage/boot.h"
#include "machine/manage/manage.h"
#include "machine/share/share.h"
#include "machine/start/plan.h"
#include "machine/state/nics.h"
#include "machine/state/private.h"

#include <string.h>
#include <sys/mount.h>

static int check_nic(const struct machine *machine, const struct nic_view *nic, struct err *err)
{
	scoped_network struct network network = { 0 };

	if (network_open(&network, machine->dirs, nic->network, err) < 0)
		return -err->code;
	return network_check_vlan(&network, nic->vlan, err) < 0 ||
			       network_check_routes(&network, nic->name, nic->routes, err) < 0
		       ? -err->code
		       : lease_check(&network, machine->name, nic->address, nic->address6, err);
}

static int check_network(const struct machine *machine, struct err *err)
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);

	for (size_t i = 0; i < count; i++) {
		if (check_nic(machine, &nics[i], err) < 0)
			return -err->code;
	}
	return 0;
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

/* The size of the root, before one is made or changed. */
static int check_disk(const struct machine *machine, struct err *err)
{
	scoped_pool struct pool pool = { 0 };

	if (!machine->config.disk_size)
		return 0;
	if (pool_open(&pool, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	return volumes_limited(&pool, err);
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
	{ "boot.after", check_after, false },
	{ "disk.size", check_disk, false },
	{ "dns.aliases", hosts_check, false },
	{ "init", check_init, false },
	{ "limits.", check_limits, true },
	{ "limits.rlimit.", check_rlimits, true },
	{ "network", check_network, true },
	/* A start gets a lease, or not. */
	{ "network", fixed_check_all, false },
	{ "security.", check_labels, true },
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
		causes_add(&causes, &one);
	}
	return causes_tell(&causes, err);
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
		causes_add(&causes, &one);
	}
	return causes_tell(&causes, err);
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

/* Opens a share, as the start does. What is missing and optional is no fault. */
static int check_share(struct shares *shares, const struct share_owner *to,
		       const struct schema *kind, const struct section *section, struct err *err)
{
	bool optional = false;
	int r;

	if (kind == &attached_schema) {
		r = data_check_attach(to->machine->dirs, to->machine->name,
				      (const struct attached_config *)section, NULL, err);
	} else if (kind == &mount_schema) {
		const struct mount_config *mount = (const struct mount_config *)section;
		optional = mount->optional;
		r = share_folder(shares, to, mount, err);
	} else {
		const struct device_config *device = (const struct device_config *)section;
		optional = device->optional;
		r = share_device(shares, to, device, err);
	}
	if (r == -ENOENT && optional)
		*err = (struct err){ 0 };
	return -err->code;
}

static void check_shares(const struct machine *machine, const struct idmap *map, int root_fd,
			 struct causes *causes)
{
	const struct share_owner to = { .machine = machine, .map = map, .root_fd = root_fd };
	const struct schema *const kinds[] = { &mount_schema, &device_schema, &attached_schema };
	struct shares shares = { 0 };
	struct err one = { 0 };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		for (const struct section *at = config_sections(kinds[i], &machine->config); at;
		     at = at->next) {
			check_share(&shares, &to, kinds[i], at, &one);
			causes_add(causes, &one);
		}
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

/* The links of the host's that networks put machines on. A change of settings may come before them. */
static void check_parents(const struct machine *machine, struct causes *causes)
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);

	for (size_t i = 0; i < count; i++) {
		scoped_network struct network network = { 0 };
		struct network_status status = { 0 };
		if (network_open(&network, machine->dirs, nics[i].network, &(struct err){ 0 }) ==
			    0 &&
		    !config_is_own(&network.config) &&
		    network_status(&network, &status, &(struct err){ 0 }) == 0)
			causes_add(causes, &status.fault);
	}
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
	causes_add(&causes, &one);
	for (size_t i = 0; i < CHECKS; i++) {
		if (!checks[i].start)
			continue;
		checks[i].look(machine, &one);
		causes_add(&causes, &one);
	}
	check_parents(machine, &causes);
	return causes_tell(&causes, err);
}

int machine_check_section(const struct dirs *dirs, const char *name, bool privileged,
			  const struct schema *kind, const struct section *section,
			  const struct forwards_leaving *leaving, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct shares shares = { 0 };
	struct idmap map;

	if (machine_paths(&machine, dirs, name, err) < 0)
		return -err->code;
	machine.config.privileged = privileged;
	if (kind == &forward_schema)
		return forwards_check(&machine, (const struct forward_config *)section, leaving,
				      err);
	if (likely_ids(&machine, &map, err) < 0)
		return -err->code;
	const struct share_owner to = { .machine = &machine, .map = &map, .root_fd = -1 };
	check_share(&shares, &to, kind, section, err);
	shares_free(&shares);
	return -err->code;
}
