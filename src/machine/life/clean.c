/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clean-up after a run: its processes, port, volume's device, ids and run folder are removed. */
#include "machine/life/clean.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "machine/confine/ids.h"
#include "machine/life/forwards.h"
#include "machine/life/hosts.h"
#include "machine/life/passing.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/life/volume_use.h"
#include "machine/state/ended.h"
#include "machine/state/nics.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>

/* A machine that was taken off a network while it ran has kept its lease until now. */
static void leave_port(struct machine *machine, const char *name, bool first)
{
	scoped_network struct network network = { 0 };
	struct err ignored = { 0 };
	struct nic_view nic;

	if (!*name || network_open(&network, machine->dirs, name, &ignored) < 0)
		return;
	if (first)
		forwards_drop(machine, &network);
	network_remove_port(&network, machine->name, &ignored);
	if (!machine->fault.code && !nics_find(machine, NULL, name, &nic))
		machine_leave_network(machine, name);
}

/* The ports that the run has noted, and those of the settings, which a start makes before it notes them. */
static void leave_ports(struct machine *machine, const struct run_state *state)
{
	passing_end_run(machine);
	leave_port(machine, *state->network ? state->network : machine->config.network, true);
	for (size_t i = 0; i < state->nic_count; i++)
		leave_port(machine, state->nics[i].network, false);
	for (const struct section *at = machine->config.nics; at; at = at->next) {
		const char *network = ((const struct nic_config *)at)->network;
		if (!run_nic_on(state, network))
			leave_port(machine, network, false);
	}
}

/* Objects that vanish with the guest's namespaces in the usual case. What fails here is tried again. */
static void release_objects(struct machine *machine, const struct run_state *state)
{
	struct err ignored = { 0 };
	struct pool pool = { 0 };
	char volume[VOLUME_NAME_MAX + 1];

	leave_ports(machine, state);
	hosts_forget(machine);
	volume_use_end_all(machine);
	machine_volume(machine->name, volume);
	if (pool_open(&pool, machine->dirs, machine->config.pool, &ignored) == 0) {
		volume_deactivate(&pool, volume, &ignored);
		pool_close(&pool);
	}
	if (machine->config.privileged)
		pool_write_again(machine->dirs, machine->config.pool);
}

int run_clean(struct machine *machine, struct err *err)
{
	struct run_state state;
	int r = run_end_processes(machine, err);

	if (r < 0)
		return r;
	bool known = run_read_state(machine, &state) == 0;
	release_objects(machine, &state);
	if (!known)
		ids_release_all(IDS_FOLDER, machine->run);
	else
		ids_release(IDS_FOLDER, machine->run, &state.map);
	r = remove_tree(AT_FDCWD, machine->run);
	if (r < 0)
		return err_set(err, -r, "remove '%s': %s", machine->run, strerror(-r));
	return 0;
}

int run_clean_dead(struct machine *machine, struct err *err)
{
	bool began = run_has_begun(machine);
	const char *how = began ? "killed, with its keeper" : "its start was killed";
	scoped_free char *finished = NULL;

	bool seen = run_read_finished(machine, &finished, &how);
	if (!seen)
		ended_write(machine, "failed", how);
	int r = run_clean(machine, err);
	if (r < 0)
		return r;
	run_mark_life(machine, false);
	if (began || seen)
		machine_tell(machine, &(struct event){ .name = "stopped",
						       .outcome = seen ? finished : "failed",
						       .cause = how });
	return 0;
}
