/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/start/cgroups.h"

#include "base/scoped.h"
#include "kern/cgroup.h"
#include "machine/confine/confine.h"
#include "machine/confine/limits.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/scope.h"
#include "machine/share/share.h"
#include "machine/start/run.h"
#include "machine/state/machine.h"

#include <string.h>

int cgroups_starter(const struct machine *machine, int *cgroup, struct err *err)
{
	*cgroup = scope_offered() ? -1 : run_keepers_group(machine, err);
	return err->code ? -err->code : 0;
}

int cgroups_ask(struct run *run, struct err *err)
{
	return scope_offered() ? scope_ask(&run->scope, run->machine, err) : 0;
}

/* A refusal by systemd does not stop the start: the machine runs without a scope. */
static int do_without(struct run *run, const struct err *why, struct err *err)
{
	char text[sizeof why->text + 64];

	scope_close(&run->scope, &(struct err){ 0 });
	scoped_fd int keepers = run_keepers_group(run->machine, err);
	if (keepers < 0)
		return keepers;
	int r = cgroup_join(keepers);
	if (r < 0)
		return err_set(err, -r, "enter the keepers' cgroup: %s", strerror(-r));
	snprintf(text, sizeof text, "machine '%s' has no scope of systemd's: %s",
		 run->machine->name, why->text);
	return run_warn(run, text, err);
}

static int enter_scope(struct run *run, struct err *err)
{
	struct err why = { 0 };

	if (!run->scope.pid)
		return 0;
	run->scoped = scope_enter(&run->scope, run->machine, &why) == 0;
	return run->scoped ? 0 : do_without(run, &why, err);
}

static int make_group(struct run *run, struct err *err)
{
	char path[256];

	if (run->scoped)
		scope_group(run->machine, "guest", path, sizeof path);
	else
		run_cgroup(run->machine, path, sizeof path);
	run->cgroup_fd = cgroup_make(path);
	int r = run->cgroup_fd < 0 ? run->cgroup_fd
				   : cgroup_delegate(run->cgroup_fd, run->map.base);
	return r < 0 ? err_set(err, -r, "make cgroup '%s': %s", path, strerror(-r)) : 0;
}

/*
 * Device access by a BPF program. A kernel without such programs is no error: doctor reports it, and the other limits
 * of the cgroup hold without them.
 */
static int confine(struct run *run, struct err *err)
{
	struct device rows[SHARES_MAX];
	size_t count = shares_devices(&run->shares, rows, SHARES_MAX);
	int r = confine_cgroup(run->cgroup_fd, rows, count, err);

	if (r <= 0 || !run->machine->config.privileged)
		return r < 0 ? r : 0;
	return run_warn(run,
			"the kernel loads no BPF programs for devices of cgroups, and it is "
			"privileged: its root reaches every device of the host, disks too",
			err);
}

int cgroups_make(struct run *run, struct err *err)
{
	if (enter_scope(run, err) < 0 || make_group(run, err) < 0 || confine(run, err) < 0)
		return -err->code;
	return limits_apply(run->machine, &run->machine->config, run->cgroup_fd, run->state.disk,
			    err);
}

int cgroups_renew(struct run *run, struct err *err)
{
	run->scoped = scope_group_exists(run->machine, "keeper");
	return run_end_processes(run->machine, err);
}

int cgroups_register(struct run *run, struct err *err)
{
	struct err why = { 0 };

	if (!run->scoped || scope_register(&run->scope, run->machine, run->init, &why) == 0)
		return 0;
	return run_warn(run, why.text, err);
}

int cgroups_finish(struct run *run, struct err *err)
{
	struct err why = { 0 };

	return scope_close(&run->scope, &why) == 0 ? 0 : run_warn(run, why.text, err);
}
