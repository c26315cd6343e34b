/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a machine's settings: all of them or none, also on the running machine. */
#include "machine/manage/check.h"
#include "machine/state/move.h"
#include "machine/state/nics.h"
#include "machine/state/private.h"

#include "base/file.h"
#include "base/scoped.h"
#include "kern/cgroup.h"
#include "machine/confine/limits.h"
#include "machine/life/hosts.h"
#include "machine/life/passing.h"
#include "machine/life/pending.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/manage/manage.h"
#include "machine/manage/rootsize.h"

#include <fcntl.h>
#include <string.h>

/* A machine.conf with its text before and after the change. */
struct change_set {
	struct machine *machine;
	const struct config_change *changes;
	size_t count;
	char *path;                   /* owned; of machine.conf */
	struct text before, after;    /* its text before and after */
	struct machine_config wanted; /* the settings in after */
};

static void change_set_free(struct change_set *set)
{
	config_free(&machine_schema, &set->wanted);
	text_free(&set->before);
	text_free(&set->after);
	free(set->path);
}

static const struct config_change *find_change(const struct change_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->changes[i].name, name) == 0)
			return &set->changes[i];
	}
	return NULL;
}

static bool touches(const struct change_set *set, const char *prefix)
{
	for (size_t i = 0; i < set->count; i++) {
		if (text_starts(set->changes[i].name, prefix))
			return true;
	}
	return false;
}

static int read_before(struct change_set *set, struct err *err)
{
	scoped_free char *data = NULL;
	ssize_t n = file_read(AT_FDCWD, set->path, CONFIG_FILE_MAX, &data);

	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", set->path, file_why((int)n));
	return text_add_bytes(&set->before, data, (size_t)n) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

/* Computes the new settings, and checks whether this host can enforce them. */
static int prepare(struct change_set *set, struct err *err)
{
	if (config_preview(&machine_schema, set->path, set->changes, set->count, &set->after,
			   &set->wanted, err) < 0)
		return -err->code;
	struct machine as_wanted = *set->machine;
	as_wanted.config = set->wanted;
	return check_changes(&as_wanted, set->changes, set->count, err);
}

/* Sets the limits of a running machine's cgroup to those of a config. */
static int limit_now(struct machine *machine, const struct machine_config *config, struct err *err)
{
	struct run_state state;
	char group[256];

	if (!run_going(machine))
		return 0;
	run_cgroup(machine, group, sizeof group);
	scoped_fd int cgroup = cgroup_make(group);
	if (cgroup < 0)
		return err_set(err, -cgroup, "open cgroup '%s': %s", group, strerror(-cgroup));
	/* The disk that was found at the start: the guest may have replaced its root since. */
	run_read_state(machine, &state);
	return limits_apply(machine, config, cgroup, state.disk, err);
}

/* The limits of the file before; an unreadable file has none to go back to. */
static void limit_as_before(const struct change_set *set)
{
	struct machine_config before;
	struct err ignored = { 0 };

	if (config_parse(&machine_schema, set->path, text_str(&set->before), set->before.length,
			 &before, &ignored) < 0)
		return;
	limit_now(set->machine, &before, &ignored);
	config_free(&machine_schema, &before);
}

static int grow_disk(const struct change_set *set, struct err *err)
{
	const struct config_change *change = find_change(set, "disk.size");
	scoped_pool struct pool pool = { 0 };
	char volume[VOLUME_NAME_MAX + 1];

	if (!change)
		return 0;
	machine_volume(set->machine->name, volume);
	if (pool_open(&pool, set->machine->dirs, set->wanted.pool, err) < 0)
		return -err->code;
	if (set->wanted.disk_size == 0)
		return rootsize_lift(&pool, volume, err);
	if (volume_check_limit(&pool, volume, set->wanted.disk_size, err) < 0)
		return err_wrap(err, "disk.size of machine '%s'", set->machine->name);
	return rootsize_fit(&pool, volume, set->wanted.disk_size, err);
}

/* Those that a running machine has, in its own /etc/hosts. */
static int tell_aliases(const struct change_set *set, struct err *err)
{
	if (!find_change(set, "dns.aliases"))
		return 0;
	struct machine as_wanted = *set->machine;
	as_wanted.config = set->wanted;
	return hosts_follow(&as_wanted, err);
}

/* A change that counts from the next start on is remembered until then. */
static int note_pending(const struct change_set *set, struct err *err)
{
	for (size_t i = 0; i < set->count && run_going(set->machine); i++) {
		if (!pending_is_live(set->changes[i].name))
			return pending_note(set->machine, &set->before, err);
	}
	return 0;
}

/* Reversible steps first, then the irreversible one: no disk shrinks. */
static int commit(struct change_set *set, struct err *err)
{
	bool live = touches(set, "limits.");

	if (live && limit_now(set->machine, &set->wanted, err) < 0) {
		limit_as_before(set);
		return -err->code;
	}
	int r = config_write(set->path, &set->after, err);
	if (r == 0) {
		r = grow_disk(set, err) < 0 || tell_aliases(set, err) < 0 ? -err->code : 0;
		if (r < 0)
			config_write(set->path, &set->before, &(struct err){ 0 });
	}
	if (r < 0 && live)
		limit_as_before(set);
	return r;
}

int machine_set_check(struct machine *machine, const struct config_change *changes, size_t count,
		      struct machine_config *wanted, struct err *err)
{
	__attribute__((cleanup(change_set_free))) struct change_set set = { .machine = machine,
									    .changes = changes,
									    .count = count };

	set.path = machine_path(machine, "machine.conf");
	if (!set.path)
		return err_set(err, ENOMEM, "out of memory");
	if (prepare(&set, err) < 0)
		return -err->code;
	if (wanted) {
		*wanted = set.wanted;
		set.wanted = (struct machine_config){ 0 };
	}
	return 0;
}

int machine_set(struct machine *machine, const struct config_change *changes, size_t count,
		struct err *err)
{
	__attribute__((cleanup(change_set_free))) struct change_set set = { .machine = machine,
									    .changes = changes,
									    .count = count };
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0 || move_check(machine, err) < 0)
		return -err->code;
	set.path = machine_path(machine, "machine.conf");
	if (!set.path)
		return err_set(err, ENOMEM, "out of memory");
	scoped_fd int addresses = -1;
	if (touches(&set, "network") && (addresses = fixed_lock(machine->dirs, err)) < 0)
		return -err->code;
	if (read_before(&set, err) < 0 || prepare(&set, err) < 0 || note_pending(&set, err) < 0 ||
	    commit(&set, err) < 0)
		return -err->code;
	pool_backup_mark_stale();
	/* An earlier ephemeral run no longer counts. */
	if (find_change(&set, "ephemeral") && !run_alive(machine))
		run_mark_life(machine, false);
	config_free(&machine_schema, &machine->config);
	machine->fault = (struct err){ 0 };
	if (machine_load(machine, err) < 0)
		return -err->code;
	if (run_alive(machine))
		return 0;
	if (find_change(&set, "network"))
		passing_listen(machine, NULL);
	/* A running machine keeps its address, and releases it when it gets the next one. Another
	 * machine can have the address that a stopped one has given up. */
	if (find_change(&set, "network.address") && *machine->config.network)
		machine_leave_network(machine, machine->config.network);
	else if (find_change(&set, "network.address6"))
		machine_renew_lease(machine);
	if (find_change(&set, "network") || find_change(&set, "network.address"))
		machine_leave_networks(machine, false);
	return 0;
}
