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
#include "network/guard.h"

#include <errno.h>
#include <string.h>

/* Finds state and lease of a machine that runs on the network, whatever its present settings are: 0, or -ENOENT. */
static int look(const struct machine *machine, struct network *network, struct run_state *state,
		struct lease *lease)
{
	struct err unsaid = { 0 };

	if (!run_alive(machine) || run_read_state(machine, state) < 0 ||
	    strcmp(state->network, network->name) != 0 ||
	    lease_find(network, machine->name, lease, &unsaid) < 0)
		return -ENOENT;
	lease->isolated = machine->config.isolated;
	return 0;
}

/* 1: the guard is there; 0: it is lost; else -errno. */
static int look_at_guard(const struct machine *machine, const struct network *network,
			 const struct lease *lease)
{
	return machine->config.spoofing ? -ENOENT : guard_is_current(network, lease);
}

static bool look_at(const struct machine *machine, bool guard)
{
	scoped_network struct network network = { 0 };
	struct err unsaid = { 0 };
	struct run_state state;
	struct lease lease;

	if (!*machine->config.network ||
	    network_open(&network, machine->dirs, machine->config.network, &unsaid) < 0 ||
	    look(machine, &network, &state, &lease) < 0)
		return false;
	return guard ? look_at_guard(machine, &network, &lease) == 0
		     : network_is_attached(&network, machine->name, &unsaid) == 0;
}

bool machine_unguarded(const struct machine *machine)
{
	return look_at(machine, true);
}

bool machine_cut_off(const struct machine *machine)
{
	return look_at(machine, false);
}

struct reconnection {
	struct network *network;
	struct err *err; /* the first failure */
};

/* A machine that is broken or about to end does not keep the others from being reconnected. */
static int reconnect(void *context, const char *name)
{
	struct reconnection *all = context;
	scoped_machine struct machine machine = { 0 };
	struct err why = { 0 };
	scoped_text struct text left_out = { 0 };
	struct run_state state;
	struct lease lease;

	if (machine_read(&machine, all->network->dirs, name, &why) < 0 ||
	    look(&machine, all->network, &state, &lease) < 0)
		return 0;
	int r = network_reattach(all->network, &lease, state.init, &why);
	if (r == 0 && look_at_guard(&machine, all->network, &lease) == 0)
		r = guard_renew(all->network, &lease, &why);
	if (r == 0 && forwards_are_current(&machine, all->network, &lease) == 0)
		r = forwards_make(&machine, all->network, &lease, &left_out, &why);
	if (r < 0 && !all->err->code && run_alive(&machine))
		*all->err = why;
	return 0;
}

int machine_reconnect_all(struct network *network, struct err *err)
{
	struct reconnection all = { .network = network, .err = err };

	int r = machine_list(network->dirs, reconnect, &all, err);
	return r < 0 ? r : -err->code;
}
