/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ports of running machines on their bridge, and the guards of these ports (network/guard.h), after another program
 * has removed the bridge or cleared the firewall rules: many firewalls begin with "nft flush ruleset". A start makes
 * both; this file restores them.
 */
#include "machine/life/forwards.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/state/machine.h"
#include "machine/state/nics.h"
#include "network/guard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Finds state and lease of a machine that runs on the network, whatever its present settings are: 0, or -ENOENT. */
static int look(const struct machine *machine, struct network *network, struct run_state *state,
		struct lease *lease)
{
	struct err unsaid = { 0 };
	struct nic_view nic;

	if (!run_alive(machine) || run_read_state(machine, state) < 0)
		return -ENOENT;
	const char *name = run_nic_on(state, network->name);
	if (!name || lease_find(network, machine->name, lease, &unsaid) < 0)
		return -ENOENT;
	if (nics_find(machine, name, NULL, &nic))
		nics_shape(machine, &nic, lease);
	snprintf(lease->link, sizeof lease->link, "%s", name);
	return 0;
}

/* 1: the guard is there; 0: it is lost; else -errno. */
static int look_at_guard(const struct machine *machine, const struct network *network,
			 const struct lease *lease)
{
	return machine->config.spoofing ? -ENOENT : guard_is_current(network, lease);
}

static bool has_lost(const struct machine *machine, const char *name, bool guard)
{
	scoped_network struct network network = { 0 };
	struct err unsaid = { 0 };
	struct run_state state;
	struct lease lease;

	if (network_open(&network, machine->dirs, name, &unsaid) < 0 ||
	    look(machine, &network, &state, &lease) < 0)
		return false;
	return guard ? look_at_guard(machine, &network, &lease) == 0
		     : network_is_attached(&network, machine->name, &unsaid) == 0;
}

static bool look_at(const struct machine *machine, bool guard, char network[64])
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);

	for (size_t i = 0; i < count; i++) {
		if (!has_lost(machine, nics[i].network, guard))
			continue;
		snprintf(network, 64, "%s", nics[i].network);
		return true;
	}
	return false;
}

bool machine_unguarded(const struct machine *machine, char network[64])
{
	return look_at(machine, true, network);
}

bool machine_cut_off(const struct machine *machine, char network[64])
{
	return look_at(machine, false, network);
}

struct reconnection {
	struct network *network;
	struct text *notes; /* forwards that end, a line each */
	struct err *err;    /* the first failure */
};

/* A machine that is broken or about to end does not keep the others from being reconnected. */
static int reconnect(void *context, const char *name)
{
	struct reconnection *all = context;
	scoped_machine struct machine machine = { 0 };
	struct err why = { 0 };
	struct run_state state;
	struct lease lease;

	if (machine_read(&machine, all->network->dirs, name, &why) < 0 ||
	    look(&machine, all->network, &state, &lease) < 0)
		return 0;
	int r = network_reattach(all->network, &lease, state.init, !machine.config.spoofing, &why);
	if (r == 0 && all->network->renumbered)
		r = network_renumber(all->network, &lease, state.init, &why);
	if (r == 0 && look_at_guard(&machine, all->network, &lease) == 0)
		r = guard_renew(all->network, &lease, &why);
	if (r == 0 && all->network->rerouted &&
	    (!lease.without_route || config_is_private(&all->network->config)))
		r = network_route(all->network, &lease, state.init, &why);
	bool first = strcmp(lease.link, LEASE_LINK) == 0;
	if (r == 0 && first &&
	    (all->network->rerouted || forwards_are_current(&machine, all->network, &lease) == 0))
		r = forwards_make(&machine, all->network, &lease, all->notes, &why);
	if (r < 0 && !all->err->code && run_alive(&machine))
		*all->err = why;
	return 0;
}

int machine_reconnect_all(struct network *network, struct text *notes, struct err *err)
{
	struct reconnection all = { .network = network, .notes = notes, .err = err };

	int r = machine_list(network->dirs, reconnect, &all, err);
	return r < 0 ? r : -err->code;
}
