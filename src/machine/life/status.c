/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The status of a machine from outside: cached state only, so that many can be looked at. */
#include "machine/life/life.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/life/status_brief.h"
#include "machine/state/ended.h"
#include "machine/state/private.h"

#include "base/scoped.h"
#include "kern/cgroup.h"

#include <fcntl.h>
#include <string.h>

const char *machine_state_name(enum machine_state state)
{
	switch (state) {
	case MACHINE_STOPPED:
		return "stopped";
	case MACHINE_FAILED:
		return "failed";
	case MACHINE_STARTING:
		return "starting";
	case MACHINE_RUNNING:
		return "running";
	case MACHINE_PAUSED:
		return "paused";
	case MACHINE_HELD:
		return "held";
	case MACHINE_STOPPING:
		return "stopping";
	}
	return "unknown";
}

bool machine_is_down(enum machine_state state)
{
	return state == MACHINE_STOPPED || state == MACHINE_FAILED;
}

static bool run_file(const struct machine *machine, const char *name)
{
	char path[4096];

	return text_print(path, sizeof path, "%s/%s", machine->run, name) == 0 &&
	       access(path, F_OK) == 0;
}

/*
 * The state of a machine without a keeper. A run folder that is left belongs to a killed keeper, unless a command is at
 * work on the machine: on its clean-up, if the end of the run is known.
 */
static enum machine_state state_without(const struct machine *machine, bool left)
{
	if (left && machine_busy(machine))
		return run_has_finished(machine) ? MACHINE_STOPPING : MACHINE_STARTING;
	if ((left || machine->config.ephemeral) && run_unsettled(machine))
		return MACHINE_FAILED;
	return ended_failed(machine) ? MACHINE_FAILED : MACHINE_STOPPED;
}

static void read_memory(const struct machine *machine, struct machine_status *status)
{
	run_read_count(machine, "memory.current", &status->memory);
	run_read_count(machine, "memory.max", &status->memory_max);
}

/* network: receives that of the present run. */
static void read_run(const struct machine *machine, struct machine_status *status, char network[64])
{
	struct run_state state;

	if (run_read_state(machine, &state) < 0) {
		status->state = MACHINE_STARTING;
		return;
	}
	text_print(network, 64, "%s", state.network);
	/* The keeper is between two guests; if it ends after that, the machine is stopping. */
	bool halting = run_file(machine, "halting");
	if (!halting && run_file(machine, "waiting")) {
		status->state = MACHINE_STARTING;
		status->keeper = state.keeper;
		return;
	}
	status->state = halting                     ? MACHINE_STOPPING
			: machine_paused(machine)   ? MACHINE_PAUSED
			: run_file(machine, "held") ? MACHINE_HELD
						    : MACHINE_RUNNING;
	status->booted = run_file(machine, "booted");
	status->init = state.init;
	status->keeper = state.keeper;
	status->started = state.started;
}

/* After look_at_run: a machine that has an init has a cgroup. */
static void read_group(const struct machine *machine, struct machine_status *status)
{
	if (!status->init)
		return;
	status->cgroup[0] = '/';
	run_cgroup(machine, status->cgroup + 1, sizeof status->cgroup - 1);
	read_memory(machine, status);
}

static void find_lease(const struct machine *machine, const char *name, struct network *network,
		       struct machine_status *status)
{
	scoped_network struct network opened = { 0 };
	struct err ignored = { 0 };

	if (!network || strcmp(network->name, name) != 0) {
		network = &opened;
		if (network_open(network, machine->dirs, name, &ignored) < 0)
			return;
	}
	status->leased = lease_find(network, machine->name, &status->lease, &ignored) == 0;
	if (status->leased && strcmp(name, machine->config.network) == 0)
		lease_add_routes(&status->lease, machine->config.routes);
	if (status->leased && status->lease.foreign && status->init > 0)
		network_see_addresses(&status->lease, status->init);
}

static void look_at_run(const struct machine *machine, struct machine_status *status,
			char network[64])
{
	bool left = access(machine->run, F_OK) == 0;

	*status = (struct machine_status){ .state = MACHINE_STOPPED };
	if (left && run_alive(machine))
		read_run(machine, status, network);
	else
		status->state = state_without(machine, left);
}

void machine_glance(const struct machine *machine, struct machine_status *status)
{
	char ignored[64];

	look_at_run(machine, status, ignored);
	read_group(machine, status);
}

static void look_at_all(const struct machine *machine, struct network *network,
			struct machine_status *status, char runs_on[64])
{
	const char *on = runs_on;

	*runs_on = '\0';
	look_at_run(machine, status, runs_on);
	/* A running machine may have another network in its settings, for its next start. */
	if (!*on)
		on = machine->config.network;
	if (*on)
		find_lease(machine, on, network, status);
}

void machine_status(const struct machine *machine, struct network *network,
		    struct machine_status *status)
{
	char ignored[64];

	look_at_all(machine, network, status, ignored);
	read_group(machine, status);
}

void machine_status_brief(const struct machine *machine, struct network *network, bool memory,
			  struct machine_status *status, char runs_on[64])
{
	look_at_all(machine, network, status, runs_on);
	if (memory && status->init)
		read_memory(machine, status);
}

int machine_last_end(const struct machine *machine, char *out, size_t room)
{
	scoped_free char *text = NULL;
	const char *unsettled = run_unsettled(machine);

	if (unsettled)
		return text_print(out, room, "%s", unsettled);
	int r = ended_read(machine, &text);
	if (r < 0)
		return r;
	char *how = text_trim(text), *line = strchr(how, '\n');
	return text_print(out, room, "%s", line ? line + 1 : how);
}
