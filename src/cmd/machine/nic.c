/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic add, list, remove, set: network interfaces of machines. */
#include "cmd/machine/nic.h"

#include "base/scoped.h"
#include "cmd/cli/changes.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/routes.h"
#include "cmd/cli/verbs.h"
#include "cmd/machine/sections.h"
#include "machine/life/run_state.h"
#include "machine/manage/manage.h"
#include "machine/state/nics.h"

#include <arpa/inet.h>
#include <string.h>

static const struct flag flag_address = { "address", 0, false, "ADDRESS",
					  "its IPv4 address; else a free one" };
static const struct flag flag_address6 = { "address6", 0, false, "ADDRESS",
					   "its IPv6 address; else made from the other one" };
static const struct flag flag_mac = { "mac", 0, false, "MAC", "its hardware address; else drawn" };
static const struct flag flag_mtu = { "mtu", 0, false, "BYTES", "its largest packet" };
static const struct flag flag_nic_network = { "network", 0, false, "NETWORK",
					      "network that it is on; else the default one" };
static const struct flag flag_route = { "route", 0, false, NULL,
					"the machine's default route leads through it" };
static const struct flag flag_routes = { "routes", 0, false, "ROUTES",
					 "static routes by it, such as 10.9.0.0/16 via 10.1.0.7" };
static const struct flag flag_vlan = { "vlan", 0, false, "NUMBER",
				       "VLAN of its port, on a bridge of the host's" };
static const struct flag *const add_flags[] = { &flag_address, &flag_address6,    &flag_mac,
						&flag_mtu,     &flag_nic_network, &flag_route,
						&flag_routes,  &flag_vlan,        NULL };
static const struct flag *const list_flags[] = { &flag_json, NULL };

/* ---- add, remove, set */

static int give_network(const struct call *call, struct nic_config *nic, struct err *err)
{
	const char *name = call_value(call, &flag_nic_network);
	struct berth_config config;

	if (name)
		return section_give(&nic_schema, nic, "network", name, err);
	if (network_wanted(call, err) < 0 || config_load_berth(&call->dirs, &config, err) < 0)
		return -err->code;
	int r = section_give(&nic_schema, nic, "network", config.network, err);
	config_free(&berth_schema, &config);
	return r;
}

static int fill(const struct call *call, struct nic_config *nic, struct err *err)
{
	if (name_check(call->words[1], err) != 0)
		return EXIT_USAGE;
	if (config_defaults(&nic_schema, nic, err) < 0)
		return -err->code;
	int r = section_give(&nic_schema, nic, "address", call_value(call, &flag_address), err);
	if (r == 0)
		r = section_give(&nic_schema, nic, "address6", call_value(call, &flag_address6),
				 err);
	if (r == 0)
		r = section_give(&nic_schema, nic, "mac", call_value(call, &flag_mac), err);
	if (r == 0)
		r = section_give(&nic_schema, nic, "mtu", call_value(call, &flag_mtu), err);
	if (r == 0)
		r = section_give(&nic_schema, nic, "route",
				 call_has(call, &flag_route) ? "yes" : NULL, err);
	if (r == 0)
		r = section_give(&nic_schema, nic, "vlan", call_value(call, &flag_vlan), err);
	if (r == 0)
		r = section_give(&nic_schema, nic, "routes", call_value(call, &flag_routes), err);
	nic->section.name = (char *)(uintptr_t)call->words[1];
	return r;
}

static int run_add(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_text struct text notes = { 0 };
	struct nic_config nic = { 0 };

	int r = fill(call, &nic, err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	/* It may make the default network, so that all else is looked at before. */
	if (r == 0)
		r = give_network(call, &nic, err);
	if (r == 0)
		r = machine_nic_add(&machine, &nic, &notes, err);
	config_free(&nic_schema, &nic);
	if (r == 0)
		print_notes(&notes);
	return r;
}

static int run_remove(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = open_named(&machine, call, call->words[0], err);

	return r != 0 ? r : machine_nic_remove(&machine, call->words[1], err);
}

static int run_set(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_changes struct changes changes = { 0 };
	scoped_text struct text notes = { 0 };
	struct call words = *call;

	/* The words from the name on, as changes_given wants them. */
	words.words++;
	words.count--;
	int r = changes_given(&words, &nic_schema, CHANGES_SET, &changes, err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r == 0)
		r = machine_nic_set(&machine, call->words[1], changes.list, changes.count, &notes,
				    err);
	if (r == 0)
		print_notes(&notes);
	return r;
}

/* ---- list */

/* An interface, and what there is of it. */
struct found {
	const struct nic_view *nic;
	struct lease lease;
	bool leased, active;
};

static void look(const struct machine *machine, const struct nic_view *nic, struct found *found)
{
	struct run_state state;

	*found = (struct found){ .nic = nic };
	found->leased = nics_lease(machine, nic, &found->lease) == 0;
	if (!run_going(machine) || run_read_state(machine, &state) < 0)
		return;
	const char *on = run_network_of(&state, nic->name);
	found->active = on && strcmp(on, nic->network) == 0;
	if (found->active && found->leased && found->lease.foreign)
		network_see_addresses(&found->lease, state.init);
}

/* Without an end on the host the interface may have the address of the parent. */
static const char *mac_of(const struct found *found)
{
	return found->active && found->lease.inside ? found->lease.mac : found->nic->mac;
}

/* A gateway of IPv6 that is known: one of a network that is not berth's own need not be. */
static json_t *json_gateway6(const struct lease *lease)
{
	bool known = lease->prefix6 && !IN6_IS_ADDR_UNSPECIFIED(&lease->gateway6);

	return json_address6(known, &lease->gateway6);
}

/* Those that it has, or has at its next start. */
static json_t *json_routes(const struct lease *lease)
{
	struct route_list routes;

	lease_reached_routes(lease, &routes);
	return routes_array(&routes);
}

static void add_routes(const struct lease *lease, const char *before, struct text *out)
{
	struct route_list routes;

	lease_reached_routes(lease, &routes);
	if (routes.count)
		text_add(out, "%s", before);
	routes_add_text(&routes, out);
}

static json_t *nic_object(const struct found *found)
{
	const struct nic_view *nic = found->nic;
	const struct lease *lease = &found->lease;

	return json_members((const struct json_member[]){
		{ "name", json_string(nic->name) },
		{ "network", json_string(nic->network) },
		{ "address", json_address(lease->prefix, lease->address) },
		{ "prefix", json_count(lease->prefix) },
		{ "gateway", json_address(lease->gateway.s_addr, lease->gateway) },
		{ "address6", json_address6(lease->prefix6, &lease->address6) },
		{ "prefix6", json_count(lease->prefix6) },
		{ "gateway6", json_gateway6(lease) },
		{ "mac", json_text(mac_of(found)) },
		{ "mtu", json_count(nic->mtu) },
		{ "vlan", json_count(nic->vlan) },
		{ "route", json_boolean(nic->route && !lease->without_route) },
		{ "routes", json_routes(lease) },
		{ "active", json_boolean(found->active) },
		{ 0 },
	});
}

json_t *nics_array(const struct machine *machine)
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		struct found found;
		look(machine, &nics[i], &found);
		json_array_append_new(array, nic_object(&found));
	}
	return array;
}

static void describe(const struct machine *machine, const struct nic_view *nic, struct text *out)
{
	char address[INET_ADDRSTRLEN], address6[INET6_ADDRSTRLEN];
	struct found found;

	look(machine, nic, &found);
	inet_ntop(AF_INET, &found.lease.address, address, sizeof address);
	inet_ntop(AF_INET6, &found.lease.address6, address6, sizeof address6);
	text_add(out, "%s, network %s", nic->name, nic->network);
	if (found.lease.prefix)
		text_add(out, ", %s/%u", address, found.lease.prefix);
	if (found.lease.prefix6)
		text_add(out, ", %s/%u", address6, found.lease.prefix6);
	if (*mac_of(&found))
		text_add(out, ", %s", mac_of(&found));
	if (nic->mtu)
		text_add(out, ", mtu %u", nic->mtu);
	if (nic->vlan)
		text_add(out, ", VLAN %u", nic->vlan);
	if (nic->route && !found.lease.without_route)
		text_add(out, ", default route");
	add_routes(&found.lease, ", routes ", out);
}

/* A line for each interface but eth0. */
static void show_others(const struct machine *machine,
			void (*show)(const char *label, const char *form, ...))
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);

	for (size_t i = 0; i < count; i++) {
		scoped_text struct text text = { 0 };
		if (!nics[i].section)
			continue;
		describe(machine, &nics[i], &text);
		show("nic:", "%s", text_str(&text));
	}
}

/* mac_of for eth0, whose lease the status has looked at. */
static const char *own_mac(const struct machine *machine, const struct machine_status *status)
{
	bool seen = status->leased && status->lease.inside && status->init > 0;

	return seen ? status->lease.mac : machine->config.mac;
}

void network_show(const struct machine *machine, const struct machine_status *status,
		  void (*show)(const char *label, const char *form, ...))
{
	char address[INET_ADDRSTRLEN] = "", gateway[INET_ADDRSTRLEN] = "";
	char address6[INET6_ADDRSTRLEN], gateway6[INET6_ADDRSTRLEN];
	const struct lease *lease = &status->lease;
	scoped_text struct text routes = { 0 };

	show("network:", "%s", *machine->config.network ? machine->config.network : "none");
	if (lease->prefix) {
		inet_ntop(AF_INET, &lease->address, address, sizeof address);
		inet_ntop(AF_INET, &lease->gateway, gateway, sizeof gateway);
		bool routed = lease->gateway.s_addr != 0;
		show("address:", "%s/%u%s%s", address, lease->prefix, routed ? ", gateway " : "",
		     routed ? gateway : "");
	}
	if (lease->prefix6) {
		inet_ntop(AF_INET6, &lease->address6, address6, sizeof address6);
		inet_ntop(AF_INET6, &lease->gateway6, gateway6, sizeof gateway6);
		bool routed = !IN6_IS_ADDR_UNSPECIFIED(&lease->gateway6);
		show("address6:", "%s/%u%s%s", address6, lease->prefix6, routed ? ", gateway " : "",
		     routed ? gateway6 : "");
	}
	show("mac:", "%s", own_mac(machine, status));
	add_routes(lease, "", &routes);
	show("routes:", "%s", text_str(&routes));
	if (machine->config.vlan)
		show("vlan:", "%u", (unsigned)machine->config.vlan);
	show_others(machine, show);
}

json_t *network_object(const struct machine *machine, const struct machine_status *status)
{
	const struct lease *lease = &status->lease;

	if (!*machine->config.network)
		return json_null();
	return json_members((const struct json_member[]){
		{ "name", json_string(machine->config.network) },
		{ "mac", json_text(own_mac(machine, status)) },
		{ "address", json_address(lease->prefix, lease->address) },
		{ "prefix", json_count(lease->prefix) },
		{ "gateway", json_address(lease->gateway.s_addr, lease->gateway) },
		{ "address6", json_address6(lease->prefix6, &lease->address6) },
		{ "prefix6", json_count(lease->prefix6) },
		{ "gateway6", json_gateway6(lease) },
		{ "routes", json_routes(lease) },
		{ 0 },
	});
}

/* Where addresses are added: to an array, or to a text, joined by commas. */
struct addresses {
	json_t *array;
	struct text *text;
	size_t from; /* where they begin in the text */
};

static void add_address(int family, const void *address, struct addresses *to)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, address, text, sizeof text);
	if (to->array) {
		json_array_append_new(to->array, json_string(text));
		return;
	}
	if (to->text->length > to->from)
		text_add_bytes(to->text, ",", 1);
	text_add_bytes(to->text, text, strlen(text));
}

static void add_addresses(const struct lease *lease, struct addresses *to)
{
	if (lease->prefix)
		add_address(AF_INET, &lease->address, to);
	if (lease->prefix6)
		add_address(AF_INET6, &lease->address6, to);
}

/* status has looked at eth0 already. */
static void each_address(const struct machine *machine, const struct machine_status *status,
			 struct addresses *to)
{
	struct nic_view nics[NICS_MAX];
	size_t count = machine->config.nics ? nics_of(machine, nics) : 0;
	struct lease lease;

	if (status->leased)
		add_addresses(&status->lease, to);
	for (size_t i = 0; i < count; i++) {
		if (!nics[i].section || nics_lease(machine, &nics[i], &lease) < 0)
			continue;
		if (lease.foreign && status->init > 0)
			network_see_addresses(&lease, status->init);
		add_addresses(&lease, to);
	}
}

json_t *nics_addresses(const struct machine *machine, const struct machine_status *status)
{
	struct addresses to = { .array = json_array() };

	if (to.array)
		each_address(machine, status, &to);
	return to.array;
}

void nics_add_addresses(const struct machine *machine, const struct machine_status *status,
			struct text *out)
{
	struct addresses to = { .text = out, .from = out->length };

	each_address(machine, status, &to);
}

static void add_row(struct table *table, const char *machine, const struct found *found)
{
	const struct nic_view *nic = found->nic;
	char address[INET_ADDRSTRLEN] = "", address6[INET6_ADDRSTRLEN] = "";
	scoped_text struct text routes = { 0 };

	if (found->lease.prefix)
		inet_ntop(AF_INET, &found->lease.address, address, sizeof address);
	if (found->lease.prefix6)
		inet_ntop(AF_INET6, &found->lease.address6, address6, sizeof address6);
	table_add(table, machine);
	table_add(table, nic->name);
	table_add(table, nic->network);
	table_format(table, "%s%s%s", address, *address && *address6 ? "," : "", address6);
	table_add(table, mac_of(found));
	if (nic->mtu)
		table_format(table, "%u", nic->mtu);
	else
		table_add(table, "");
	table_add(table, nic->route && !found->lease.without_route ? "yes" : "no");
	table_add(table, found->active ? "yes" : "no");
	add_routes(&found->lease, "", &routes);
	table_add(table, text_str(&routes));
}

static void add_nics(struct listing *listing, const struct machine *machine)
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);

	for (size_t i = 0; i < count; i++) {
		struct found found;
		look(machine, &nics[i], &found);
		if (listing->array)
			listing_add_object(listing, machine, nic_object(&found));
		else
			add_row(&listing->table, machine->name, &found);
	}
}

static int run_list(struct call *call, struct err *err)
{
	static const char *const heads[] = { "MACHINE", "NAME",  "NETWORK", "ADDRESS", "MAC",
					     "MTU",     "ROUTE", "ACTIVE",  "ROUTES",  NULL };
	bool none;
	int r = listing_print(call, heads, add_nics, &none, err);

	if (r == 0 && none)
		print_note("no machine is on a network");
	return r;
}

static const struct command add = {
	.group = "nic",
	.name = "add",
	.args = "MACHINE NAME",
	.help = "Give a machine another network interface, now and from now on",
	.flags = add_flags,
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.run = run_add,
};

static const struct command list = {
	.group = "nic",
	.name = "list",
	.aliases = "ls",
	.args = "[MACHINE]",
	.help = "List the network interfaces of machines",
	.flags = list_flags,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_list,
};

static const struct command remove_nic = {
	.group = "nic",
	.name = "remove",
	.aliases = "rm",
	.args = "MACHINE NAME",
	.help = "Take a network interface from a machine",
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_NIC,
	.run = run_remove,
};

static const struct command set = {
	.group = "nic",
	.name = "set",
	.args = "MACHINE NAME KEY=VALUE...",
	.help = "Change a network interface of a machine, now and from now on",
	.min = 3,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_NIC,
	.run = run_set,
};

static const struct command *const members[] = { &add, &list, &remove_nic, &set, NULL };

const struct command command_nic = {
	.name = "nic",
	.args = "",
	.help = "Network interfaces of machines: add, list, remove, set",
	.max = -1,
	.members = members,
};
