/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clean-up after a run: its processes, port, volume's device, ids and run folder are removed. */
#include "machine/life/clean.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "machine/confine/ids.h"
#include "machine/life/forwards.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/state/ended.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>

/* Objects that vanish with the guest's namespaces in the usual case. What fails here is tried again. */
static void release_objects(struct machine *machine, const char *started_on)
{
	const char *name = *started_on ? started_on : machine->config.network;
	struct err ignored = { 0 };
	struct network network = { 0 };
	struct pool pool = { 0 };
	char volume[VOLUME_NAME_MAX + 1];

	if (*name && network_open(&network, machine->dirs, name, &ignored) == 0) {
		forwards_drop(machine, &network);
		network_remove_port(&network, machine->name, &ignored);
		network_close(&network);
	}
	ignored = (struct err){ 0 };
	machine_volume(machine->name, volume);
	if (pool_open(&pool, machine->dirs, machine->config.pool, &ignored) == 0) {
		volume_deactivate(&pool, volume, &ignored);
		pool_close(&pool);
	}
}

int run_clean(struct machine *machine, struct err *err)
{
	struct run_state state;
	int r = run_end_processes(machine, err);

	if (r < 0)
		return r;
	bool known = run_read_state(machine, &state) == 0;
	release_objects(machine, known ? state.network : "");
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
