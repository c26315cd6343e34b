/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ports of running machines on their bridge, and the guards of these ports (network/guard.h), after another program
 * has removed the bridge or cleared the firewall rules: many firewalls begin with "nft flush ruleset". A start makes
 * both; this file restores them.
 */
#include "base/scoped.h"
#include "machine/life/forwards.h"
#include "machine/life/hosts.h"
#include "machine/life/life.h"
#include "machine/life/passing.h"
#include "machine/life/run_state.h"
#include "machine/state/machine.h"
#include "machine/state/nics.h"
#include "network/guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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
	struct port_rules rules = nics_rules(machine);

	return guard_is_current(network, lease, &rules);
}

static enum guards guards_on(const struct machine *machine, struct network *network)
{
	struct port_rules rules = nics_rules(machine);
	struct run_state state;
	struct lease lease;

	if (look(machine, network, &state, &lease) < 0 ||
	    guard_is_current(network, &lease, &rules) != 0)
		return GUARDS_CURRENT;
	return guard_is_outdated(network, &lease, &rules) ? GUARDS_OUTDATED : GUARDS_LOST;
}

enum guards machine_guards(const struct machine *machine, char network[64])
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);

	for (size_t i = 0; i < count; i++) {
		scoped_network struct network on = { 0 };
		enum guards guards =
			network_open(&on, machine->dirs, nics[i].network, &(struct err){ 0 }) < 0
				? GUARDS_CURRENT
				: guards_on(machine, &on);
		if (guards == GUARDS_CURRENT)
			continue;
		snprintf(network, 64, "%s", nics[i].network);
		return guards;
	}
	return GUARDS_CURRENT;
}

static int compare_guards(void *context, const char *name)
{
	struct network *network = context;
	scoped_machine struct machine machine = { 0 };

	return machine_read(&machine, network->dirs, name, &(struct err){ 0 }) == 0 &&
	       guards_on(&machine, network) == GUARDS_OUTDATED;
}

bool machine_guards_outdated_on(struct network *network)
{
	return machine_list(network->dirs, compare_guards, network, &(struct err){ 0 }) > 0;
}

static bool is_cut_off(const struct machine *machine, const char *name)
{
	scoped_network struct network network = { 0 };
	struct err unsaid = { 0 };
	struct run_state state;
	struct lease lease;

	return network_open(&network, machine->dirs, name, &unsaid) == 0 &&
	       look(machine, &network, &state, &lease) == 0 &&
	       network_is_attached(&network, machine->name, &unsaid) == 0;
}

bool machine_cut_off(const struct machine *machine, char network[64])
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);

	for (size_t i = 0; i < count; i++) {
		if (!is_cut_off(machine, nics[i].network))
			continue;
		snprintf(network, 64, "%s", nics[i].network);
		return true;
	}
	return false;
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

	if (machine_read(&machine, all->network->dirs, name, &why) < 0)
		return 0;
	if (look(&machine, all->network, &state, &lease) < 0) {
		if (strcmp(machine.config.network, all->network->name) == 0)
			passing_listen(&machine, all->notes);
		return 0;
	}
	struct port_rules rules = nics_rules(&machine);
	int r = network_reattach(all->network, &lease, state.init, &rules, &why);
	if (r == 0 && all->network->renumbered)
		r = network_renumber(all->network, &lease, state.init, &why);
	if (r == 0 && all->network->renumbered)
		r = network_renew_routes(all->network, &lease, state.init, &why);
	if (r == 0 && look_at_guard(&machine, all->network, &lease) == 0)
		r = guard_renew(all->network, &lease, &rules, &why);
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
	if (r == 0 && !err->code && network->renumbered)
		network_renumbered(network);
	return r < 0 ? r : -err->code;
}

/* The rules of one port, if they are not those that its machine and its network have now. */
static int renew_port(const struct machine *machine, struct network *network, struct err *err)
{
	struct port_rules rules = nics_rules(machine);
	struct run_state state;
	struct lease lease;

	if (look(machine, network, &state, &lease) < 0 ||
	    guard_is_current(network, &lease, &rules) != 0)
		return 0;
	return guard_renew(network, &lease, &rules, err);
}

int machine_renew_rules(const struct machine *machine, struct err *err)
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);

	for (size_t i = 0; i < count; i++) {
		scoped_network struct network network = { 0 };
		if (network_open(&network, machine->dirs, nics[i].network, &(struct err){ 0 }) ==
			    0 &&
		    renew_port(machine, &network, err) < 0)
			return -err->code;
	}
	return 0;
}

static int renew_one(void *context, const char *name)
{
	struct reconnection *all = context;
	scoped_machine struct machine machine = { 0 };
	struct err why = { 0 };

	if (machine_read(&machine, all->network->dirs, name, &why) < 0)
		return 0;
	if (renew_port(&machine, all->network, &why) < 0 && !all->err->code && run_alive(&machine))
		*all->err = why;
	return 0;
}

int machine_renew_rules_on(struct network *network, struct err *err)
{
	struct reconnection all = { .network = network, .err = err };

	int r = machine_list(network->dirs, renew_one, &all, err);
	return r < 0 ? r : -err->code;
}

int machine_renew_peers(struct network *network, struct err *err)
{
	return guard_has_peers(network) ? machine_renew_rules_on(network, err) : 0;
}

void machine_renew_peers_of(const struct machine *machine)
{
	struct nic_view nics[NICS_MAX];
	/* An ephemeral machine has lost its settings with its end. */
	size_t count = machine->config.network ? nics_of(machine, nics) : 0;

	for (size_t i = 0; i < count; i++) {
		scoped_network struct network network = { 0 };
		struct err ignored = { 0 };
		if (network_open(&network, machine->dirs, nics[i].network, &ignored) == 0)
			machine_renew_peers(&network, &ignored);
	}
	hosts_follow_all(machine->dirs);
}

/* ---- Counts of drops */

static void add_counts(const struct network *network, const struct lease *lease,
		       const struct port_rules *rules, struct rule_drops *list, size_t count)
{
	scoped_free struct guard_count *counts = calloc(count + 1, sizeof *counts);

	for (size_t i = 0; counts && i < count; i++)
		counts[i].section = list[i].section;
	if (!counts || guard_count_rules(network, lease, rules, counts, count) != 1)
		return;
	for (size_t i = 0; i < count; i++)
		list[i].packets += counts[i].dropped;
}

/* Looks at the port of a machine on a network: whether it runs there. */
static bool count_port(const struct machine *machine, struct network *network,
		       struct rule_drops *list, size_t count)
{
	struct port_rules rules = nics_rules(machine);
	struct run_state state;
	struct lease lease;

	if (look(machine, network, &state, &lease) < 0)
		return false;
	add_counts(network, &lease, &rules, list, count);
	return true;
}

size_t machine_rule_drops(const struct machine *machine, struct rule_drops **list)
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics), all = 1, n = 1;
	bool runs = false;

	for (const struct section *at = machine->config.rules; at; at = at->next)
		all++;
	*list = calloc(all, sizeof **list);
	if (!*list)
		return 0;
	for (const struct section *at = machine->config.rules; at; at = at->next)
		(*list)[n++].section = at;
	for (size_t i = 0; i < count; i++) {
		scoped_network struct network network = { 0 };
		if (network_open(&network, machine->dirs, nics[i].network, &(struct err){ 0 }) == 0)
			runs |= count_port(machine, &network, *list, all);
	}
	return runs ? all : 0;
}

struct network_count {
	const struct network *network;
	struct rule_drops *drops;
};

static int count_machine(void *context, const char *name)
{
	struct network_count *all = context;
	scoped_machine struct machine machine = { 0 };
	struct network network = *all->network;

	if (machine_read(&machine, network.dirs, name, &(struct err){ 0 }) == 0)
		count_port(&machine, &network, all->drops, 1);
	return 0;
}

void machine_network_drops(const struct network *network, struct rule_drops *drops)
{
	struct network_count all = { network, drops };

	machine_list(network->dirs, count_machine, &all, &(struct err){ 0 });
}
