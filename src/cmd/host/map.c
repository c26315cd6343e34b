/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map of networks as an object. Settings and the kernel are only looked at. */
#include "cmd/host/map.h"

#include "base/scoped.h"
#include "cmd/cli/print.h"
#include "kern/link.h"
#include "machine/life/forwards.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/state/nics.h"

#include <string.h>

struct making {
	const struct dirs *dirs;
	json_t *networks, *machines; /* borrowed: arrays of the map */
	json_t *uplinks;             /* owned: names of links that default routes lead through */
	bool failed;                 /* out of memory */
};

static void append(struct making *making, json_t *array, json_t *value)
{
	making->failed |= json_array_append_new(array, value) < 0;
}

/* ---- Networks */

static int add_uplink(void *context, int index)
{
	struct making *making = context;
	char name[IFNAMSIZ];
	const char *known;
	size_t i;
	json_t *each;

	if (!if_indextoname((unsigned)index, name))
		return 0;
	json_array_foreach(making->uplinks, i, each)
	{
		known = json_string_value(each);
		if (known && strcmp(known, name) == 0)
			return 0;
	}
	append(making, making->uplinks, json_string(name));
	return 0;
}

/* A host without netlink has no uplinks to show. */
static void find_uplinks(struct making *making)
{
	scoped_links struct link_socket *links = NULL;

	making->uplinks = json_array();
	if (link_open(&links) == 0)
		link_each_uplink(links, add_uplink, making);
}

/*
 * The links that its machines reach other hosts by: none on a private network; without its own bridge. On a network
 * that is not berth's own, the link of the host's that they are put on.
 */
static json_t *uplinks_of(const struct making *making, const struct network *network)
{
	json_t *array = json_array();
	json_t *each;
	size_t i;

	if (config_has_parent(&network->config))
		json_array_append_new(array, json_string(network->config.parent));
	if (!config_is_own(&network->config) || config_is_private(&network->config))
		return array;
	json_array_foreach(making->uplinks, i, each)
	{
		const char *name = json_string_value(each);
		if (name && strcmp(name, network->config.bridge) != 0)
			json_array_append(array, each);
	}
	return array;
}

/* Those of uplinks_of that the host does not have now. */
static json_t *missing_of(const struct network *network, const struct network_status *status)
{
	json_t *array = json_array();

	if (config_has_parent(&network->config) && status->fault.code == ENODEV)
		json_array_append_new(array, json_string(network->config.parent));
	return array;
}

/* The fault of a network that is up, or NULL. */
static const char *fault_of(const struct network *network, const struct network_status *status)
{
	const struct network_config *config = &network->config;

	if (!status->up)
		return !status->ports    ? NULL
		       : *config->parent ? "its parent is missing or down"
					 : "its bridge is down";
	if (config_masquerades(config) && !status->nat)
		return "its firewall rules are missing";
	if (config_serves(config) && !status->dns)
		return "its dnsmasq does not run";
	return config_masquerades(config) && *status->dropped_by ? "a firewall drops its packets"
								 : NULL;
}

static json_t *network_node(const struct making *making, struct network *network)
{
	const struct network_config *config = &network->config;
	struct network_status status = { 0 };
	struct err why = { 0 };
	int r = network_status(network, &status, &why);
	const char *fault = r < 0 ? why.text : fault_of(network, &status);

	return json_members((const struct json_member[]){
		{ "name", json_string(network->name) },
		{ "state", json_string(status.up ? "up" : "down") },
		{ "error", json_text(fault) },
		{ "kind", json_text(config->kind) },
		{ "bridge", json_text(config->bridge) },
		{ "subnet", json_text(config->subnet) },
		{ "subnet6", network->prefix6 ? json_text(config->subnet6) : json_null() },
		{ "nat", json_boolean(config_masquerades(config)) },
		{ "uplinks", uplinks_of(making, network) },
		{ "missing_uplinks", missing_of(network, &status) },
		{ "nics", json_array() },
		{ 0 },
	});
}

static json_t *broken_node(const char *name, const char *error)
{
	return json_members((const struct json_member[]){
		{ "name", json_string(name) },
		{ "state", json_string("broken") },
		{ "error", json_text(error) },
		{ "nics", json_array() },
		{ 0 },
	});
}

static int add_network(void *context, const char *name)
{
	struct making *making = context;
	scoped_network struct network network = { 0 };
	struct err why = { 0 };
	int r = network_open(&network, making->dirs, name, &why);

	/* A network that is being made or deleted. */
	if (r == -ENOENT)
		return 0;
	append(making, making->networks,
	       r < 0 ? broken_node(name, why.text) : network_node(making, &network));
	return 0;
}

/* The network's node, made as broken if a machine names one that does not exist. */
static json_t *node_of(struct making *making, const char *name)
{
	json_t *each;
	size_t i;

	json_array_foreach(making->networks, i, each)
	{
		if (strcmp(json_string_value(json_object_get(each, "name")), name) == 0)
			return each;
	}
	append(making, making->networks, broken_node(name, "there is no such network"));
	return json_array_get(making->networks, json_array_size(making->networks) - 1);
}

/* ---- Machines */

static json_t *forwards_of(const struct machine *machine)
{
	json_t *array = json_array();

	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		const struct forward_config *forward = (const struct forward_config *)at;
		json_array_append_new(
			array,
			json_members((const struct json_member[]){
				{ "name", json_string(at->name) },
				{ "protocol", json_text(forward->protocol) },
				{ "listen", json_text(forward->listen) },
				{ "port", json_text(forward->port) },
				{ "target",
				  json_text(*forward->target ? forward->target : forward->port) },
				{ "mode", json_string(forward->mode) },
				{ "header", json_boolean(forward->header) },
				{ "on_demand", json_boolean(forward->on_demand) },
				{ "active", json_boolean(forwards_is_made(machine, at->name)) },
				{ 0 },
			}));
	}
	return array;
}

/* A machine as it runs, read once for all of its interfaces. */
struct looked {
	const struct machine *machine;
	struct machine_status status;
	struct run_state run;
	bool runs; /* run is filled in */
	/* the network of a port that has lost its bridge, or does not have its rules; or "" */
	char cut_off[64], unguarded[64];
	enum guards guards;
};

static void look(struct looked *looked, const struct machine *machine)
{
	*looked = (struct looked){ .machine = machine };
	machine_status(machine, NULL, &looked->status);
	looked->runs = run_going(machine) && run_read_state(machine, &looked->run) == 0;
	if (!looked->runs || !machine_cut_off(machine, looked->cut_off))
		looked->cut_off[0] = '\0';
	if (looked->runs)
		looked->guards = machine_guards(machine, looked->unguarded);
	if (looked->guards == GUARDS_CURRENT)
		looked->unguarded[0] = '\0';
}

/* The fault of an interface that is in use, or NULL. */
static const char *nic_fault(const struct looked *looked, const struct nic_view *nic)
{
	if (strcmp(looked->cut_off, nic->network) == 0)
		return "it is not connected to its network";
	if (strcmp(looked->unguarded, nic->network) != 0)
		return NULL;
	return looked->guards == GUARDS_LOST ? "the rules of its port are missing"
					     : "the rules of its port are those of before a change";
}

static json_t *nic_node(const struct looked *looked, const struct nic_view *nic)
{
	const struct machine *machine = looked->machine;
	struct lease lease = { 0 };
	bool leased = nics_lease(machine, nic, &lease) == 0;
	const char *on = looked->runs ? run_network_of(&looked->run, nic->name) : NULL;
	bool active = on && strcmp(on, nic->network) == 0;

	if (active && leased && lease.foreign)
		network_see_addresses(&lease, looked->run.init);
	return json_members((const struct json_member[]){
		{ "machine", json_string(machine->name) },
		{ "nic", json_string(nic->name) },
		{ "state", json_string(machine_state_name(looked->status.state)) },
		{ "active", json_boolean(active) },
		{ "error", json_text(active ? nic_fault(looked, nic) : NULL) },
		{ "address", json_address(lease.prefix, lease.address) },
		{ "address6", json_address6(lease.prefix6, &lease.address6) },
		{ "mac", json_text(active && lease.inside ? lease.mac : nic->mac) },
		{ "route", json_boolean(nic->route && !lease.without_route) },
		{ "forwards", nic->section ? json_array() : forwards_of(machine) },
		{ 0 },
	});
}

static int add_machine(void *context, const char *name)
{
	struct making *making = context;
	scoped_machine struct machine machine = { 0 };
	struct nic_view nics[NICS_MAX];
	struct looked looked;
	struct err why = { 0 };
	int r = machine_look(&machine, making->dirs, name, &why);

	if (r == -ENOENT)
		return 0;
	if (r == 0 && machine.fault.code)
		why = machine.fault;
	if (why.code) {
		append(making, making->machines,
		       json_members(
			       (const struct json_member[]){ { "name", json_string(name) },
							     { "state", json_string("broken") },
							     { "error", json_text(why.text) },
							     { 0 } }));
		return 0;
	}
	look(&looked, &machine);
	size_t count = nics_of(&machine, nics);
	for (size_t i = 0; i < count; i++) {
		json_t *array = json_object_get(node_of(making, nics[i].network), "nics");
		append(making, array, nic_node(&looked, &nics[i]));
	}
	if (count == 0)
		append(making, making->machines,
		       json_members((const struct json_member[]){
			       { "name", json_string(name) },
			       { "state", json_string(machine_state_name(looked.status.state)) },
			       { "error", json_null() },
			       { 0 } }));
	return 0;
}

json_t *map_make(const struct dirs *dirs, struct err *err)
{
	struct making making = { .dirs = dirs, .networks = json_array(), .machines = json_array() };
	json_t *map = json_members((const struct json_member[]){
		{ "networks", making.networks }, { "machines", making.machines }, { 0 } });

	if (!map) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	find_uplinks(&making);
	int r = network_list(dirs, add_network, &making, err);
	if (r == 0)
		r = machine_list(dirs, add_machine, &making, err);
	if (r == 0 && making.failed)
		r = err_set(err, ENOMEM, "out of memory");
	json_decref(making.uplinks);
	if (r == 0)
		return map;
	json_decref(map);
	return NULL;
}

static bool has_broken(const json_t *array)
{
	json_t *each;
	size_t i;

	json_array_foreach(array, i, each)
	{
		if (json_is_string(json_object_get(each, "error")) ||
		    has_broken(json_object_get(each, "nics")))
			return true;
	}
	return false;
}

bool map_is_broken(const json_t *map)
{
	return has_broken(json_object_get(map, "networks")) ||
	       has_broken(json_object_get(map, "machines"));
}
