/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network info: settings, state and leases of one network. */
#include "cmd/host/network.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/routes.h"
#include "cmd/cli/traffic.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct flag *const info_flags[] = { &flag_json, NULL };

static void show(const char *label, const char *value)
{
	print_field(14, label, value);
}

/* A part of the network, as it is beside what the settings say. */
static const char *part(bool wanted, bool up, bool there)
{
	return there ? "yes" : wanted && up ? "missing" : wanted ? "when it is up" : "no";
}

static int show_lease(void *context, const struct lease *lease)
{
	const char **label = context;
	char address[INET_ADDRSTRLEN], address6[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET, &lease->address, address, sizeof address);
	inet_ntop(AF_INET6, &lease->address6, address6, sizeof address6);
	scoped_free char *line =
		text_format("%s %s%s%s%s%s", lease->name, lease->prefix ? address : "",
			    lease->prefix ? " " : "", lease->prefix6 ? address6 : "",
			    lease->prefix6 ? " " : "", lease->mac);
	show(*label, line ? line : "");
	*label = "";
	return 0;
}

struct traffic_lines {
	const struct network *network;
	const char *label;
};

/* A machine without a port there has no line. */
static int show_traffic(void *context, const struct lease *lease)
{
	struct traffic_lines *lines = context;
	scoped_text struct text line = { 0 };
	struct traffic traffic;

	if (network_traffic(lines->network, lease->name, &traffic) < 0)
		return 0;
	text_add(&line, "%s ", lease->name);
	traffic_add(&traffic, &line);
	show(lines->label, text_str(&line));
	lines->label = "";
	return 0;
}

static void show_services(const struct network *network, const struct network_status *status)
{
	const struct network_config *config = &network->config;

	show("nat:", part(config_masquerades(config), status->up, status->nat));
	if (network->prefix6)
		show("nat6:", part(config_masquerades6(config), status->up, status->nat6));
	show("dns:", part(config->dhcp, status->up, status->dns));
}

static int show_network(struct network *network, const struct network_status *status,
			struct err *err)
{
	const struct network_config *config = &network->config;
	char gateway[INET_ADDRSTRLEN], gateway6[INET6_ADDRSTRLEN], number[24];
	const char *label = "leases:";

	inet_ntop(AF_INET, &network->gateway, gateway, sizeof gateway);
	show("name:", network->name);
	show("kind:", config->kind);
	show("state:", status->up ? "up" : "down");
	show("bridge:", config->bridge);
	show("parent:", config->parent);
	bool shared = config_is_inside(config) && !config_is_physical(config);
	show("mode:", shared ? config_mode(config) : "");
	show("subnet:", config->subnet);
	show("gateway:", network->gateway.s_addr ? gateway : "");
	inet_ntop(AF_INET6, &network->gateway6, gateway6, sizeof gateway6);
	show("subnet6:", config->subnet6);
	show("gateway6:", IN6_IS_ADDR_UNSPECIFIED(&network->gateway6) ? "" : gateway6);
	show("domain:", config_domain(config));
	if (config_is_own(config))
		show_services(network, status);
	show("servers:", config->dns_servers);
	show("routes:", config->routes);
	show("isolated:", config->isolated ? "yes" : "");
	snprintf(number, sizeof number, "%" PRIu64, config->mtu);
	show("mtu:", config->mtu ? number : "");
	snprintf(number, sizeof number, "%d", status->ports);
	show("ports:", number);
	show("fault:", status->fault.text);
	show("dropped by:", config_masquerades(config) ? status->dropped_by : "");
	if (status->up)
		show("dns fault:", status->dns_fault);
	struct traffic_lines lines = { .network = network, .label = "traffic:" };
	int r = lease_each(network, show_lease, &label, err);
	return r < 0 ? r : lease_each(network, show_traffic, &lines, err);
}

struct lease_array {
	const struct network *network;
	json_t *array;
};

static int add_lease(void *context, const struct lease *lease)
{
	struct lease_array *leases = context;
	struct traffic traffic;
	bool has_port = network_traffic(leases->network, lease->name, &traffic) == 0;

	return json_array_append_new(
		leases->array,
		json_members((const struct json_member[]){
			{ "machine", json_string(lease->name) },
			{ "address", json_address(lease->prefix, lease->address) },
			{ "address6", json_address6(lease->prefix6 != 0, &lease->address6) },
			{ "mac", json_string(lease->mac) },
			{ "traffic", has_port ? traffic_object(&traffic) : json_null() },
			{ 0 },
		}));
}

json_t *subnet6_json(const struct network *network)
{
	return strcmp(network->config.subnet6, "none") == 0 ? json_null()
							    : json_text(network->config.subnet6);
}

json_t *gateway6_json(const struct network *network)
{
	return json_address6(!IN6_IS_ADDR_UNSPECIFIED(&network->gateway6), &network->gateway6);
}

static json_t *routes_json(const struct network_config *config)
{
	struct route_list routes = { 0 };

	config_routes(config->routes, &routes);
	return routes_array(&routes);
}

static int print_object(struct network *network, const struct network_status *status,
			struct err *err)
{
	const struct network_config *config = &network->config;
	json_t *leases = json_array();
	struct lease_array array = { .network = network, .array = leases };
	int r = leases ? lease_each(network, add_lease, &array, err) : -ENOMEM;

	if (r < 0) {
		json_decref(leases);
		return err->code ? -err->code : err_set(err, ENOMEM, "out of memory");
	}
	return print_json(json_members((const struct json_member[]){
				  { "name", json_string(network->name) },
				  { "kind", json_text(config->kind) },
				  { "bridge", json_text(config->bridge) },
				  { "subnet", json_text(config->subnet) },
				  { "parent", json_text(config->parent) },
				  { "mode", config_is_inside(config) && !config_is_physical(config)
						    ? json_text(config_mode(config))
						    : json_null() },
				  { "gateway",
				    json_address(network->gateway.s_addr, network->gateway) },
				  { "subnet6", subnet6_json(network) },
				  { "gateway6", gateway6_json(network) },
				  { "domain", json_text(config->domain) },
				  { "dns_servers", json_text(config->dns_servers) },
				  { "routes", routes_json(config) },
				  { "isolated", json_boolean(config->isolated) },
				  { "mtu", json_count(config->mtu) },
				  { "up", json_boolean(status->up) },
				  { "dns", json_boolean(status->dns) },
				  { "dns_fault", json_text(status->dns_fault) },
				  { "nat", json_boolean(status->nat) },
				  { "nat6", json_boolean(status->nat6) },
				  { "fault", json_text(status->fault.text) },
				  { "dropped_by", json_text(status->dropped_by) },
				  { "ports", json_integer((json_int_t)status->ports) },
				  { "leases", leases },
				  { 0 },
			  }),
			  err);
}

static int run_info(struct call *call, struct err *err)
{
	scoped_network struct network network = { 0 };
	struct network_status status = { 0 };
	int r = network_named(&network, call, call->words[0], err);

	if (r != 0)
		return r;
	if (network_status(&network, &status, err) < 0)
		return -err->code;
	return call_has(call, &flag_json) ? print_object(&network, &status, err)
					  : show_network(&network, &status, err);
}

const struct command network_info_verb = {
	.traits = COMMAND_LOOKS,
	.group = "network",
	.name = "info",
	.aliases = "show",
	.args = "NETWORK",
	.help = "Show what is known of a network, and the addresses of its machines",
	.flags = info_flags,
	.min = 1,
	.max = 1,
	.first = WORD_NETWORK,
	.run = run_info,
};
