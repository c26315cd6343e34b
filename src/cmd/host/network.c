/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network create, list, up, down, delete. */
#include "cmd/host/network.h"

#include "base/scoped.h"
#include "cmd/cli/changes.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "cmd/cli/verbs.h"
#include "machine/confine/rlimits.h"
#include "machine/life/life.h"

#include <stdlib.h>
#include <string.h>

static const struct flag flag_bridge = { "bridge", 0, false, "LINK",
					 "name of its bridge; a free one if not given" };
static const struct flag flag_subnet = { "subnet", 0, false, "SUBNET",
					 "such as 10.1.2.0/24; a free one if not given" };
static const struct flag flag_leases = { "force", 'f', false, NULL,
					 "also with the addresses that machines hold on it" };

static const struct flag *const create_flags[] = { &flag_bridge, &flag_subnet, NULL };
static const struct flag *const list_flags[] = { &flag_json, NULL };
static const struct flag *const delete_flags[] = { &flag_leases, NULL };

/* Adds the value of a flag, if it is given, as a change. 0 or EXIT_USAGE. */
static int add_given(const struct call *call, const struct flag *flag, struct config_change *list,
		     size_t *count, struct err *err)
{
	const char *value = call_value(call, flag);
	struct network_config scratch = { 0 };

	if (!value)
		return 0;
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(list[i].name, flag->name) != 0)
			continue;
		err_set(err, EINVAL, "'%s' is given twice; keep one of both", flag->name);
		return EXIT_USAGE;
	}
	int r = config_put(&network_schema, &scratch, flag->name, value, err);
	config_free(&network_schema, &scratch);
	list[(*count)++] = (struct config_change){ .name = flag->name, .value = value };
	return r < 0 ? EXIT_USAGE : 0;
}

/* Tells what is allowed, and probably not meant. */
static int advise(const struct call *call, const char *name, const struct config_change *list,
		  size_t count, struct err *err)
{
	scoped_network struct network network = { 0 };
	scoped_text struct text notes = { 0 };
	int r = network_open(&network, &call->dirs, name, err);

	if (r < 0)
		return r;
	network_advise(&network, list, count, true, &notes);
	print_notes(&notes);
	return 0;
}

static int run_create(struct call *call, struct err *err)
{
	scoped_changes struct changes changes = { 0 };
	const char *name = call->words[0];

	int r = name_check(name, err);
	if (r == 0)
		r = changes_given(call, &network_schema, CHANGES_CREATE, &changes, err);
	if (r != 0)
		return r;
	size_t count = changes.count;
	scoped_free struct config_change *list = calloc(count + 2, sizeof *list);
	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	memcpy(list, changes.list, count * sizeof *list);
	r = add_given(call, &flag_bridge, list, &count, err);
	if (r == 0)
		r = add_given(call, &flag_subnet, list, &count, err);
	if (r == 0)
		r = network_create(&call->dirs, name, list, count, err);
	return r != 0 ? r : advise(call, name, list, count, err);
}

struct listing {
	const struct call *call;
	struct table table;
	json_t *array;
	int broken;
};

/* Whether a part of a network is there; a network that is down has none of them. */
static const char *listed_part(const struct network_status *status, bool wanted, bool there)
{
	if (!status->up)
		return "-";
	return there ? "yes" : wanted ? "missing" : "no";
}

static void add_network(struct listing *listing, const struct network *network,
			const struct network_status *status)
{
	const struct network_config *config = &network->config;
	struct table *table = &listing->table;

	if (listing->array) {
		json_array_append_new(listing->array,
				      json_members((const struct json_member[]){
					      { "name", json_string(network->name) },
					      { "bridge", json_text(config->bridge) },
					      { "subnet", json_text(config->subnet) },
					      { "gateway", json_address(network->gateway.s_addr,
									network->gateway) },
					      { "kind", json_text(config->kind) },
					      { "parent", json_text(config->parent) },
					      { "subnet6", subnet6_json(network) },
					      { "gateway6", gateway6_json(network) },
					      { "domain", json_text(config->domain) },
					      { "up", json_boolean(status->up) },
					      { "dns", json_boolean(status->dns) },
					      { "nat", json_boolean(status->nat) },
					      { "leases",
						json_integer((json_int_t)status->leases) },
					      { "ports", json_integer((json_int_t)status->ports) },
					      { 0 },
				      }));
		return;
	}
	table_add(table, network->name);
	table_add(table, config->kind);
	table_add(table, *config->parent ? config->parent : config->bridge);
	table_add(table, config->subnet);
	table_add(table, strcmp(config->subnet6, "none") == 0 ? "" : config->subnet6);
	table_add(table, status->up ? "up" : "down");
	table_add(table, listed_part(status, config_masquerades(config), status->nat));
	table_add(table, listed_part(status, config_serves(config), status->dns));
	table_add(table, config_domain(config));
	table_format(table, "%d", status->leases);
	table_format(table, "%d", status->ports);
}

/* A network without readable settings is listed as broken. It must neither hide the others nor itself be hidden. */
static void add_broken(struct listing *listing, const char *name, const struct err *fault)
{
	listing->broken++;
	table_add_broken(&listing->table, listing->array, 5, name, "network.conf", fault);
}

static int visit_network(void *context, const char *name)
{
	struct listing *listing = context;
	scoped_network struct network network = { 0 };
	struct network_status status = { 0 };
	struct err err = { 0 };

	int r = network_open(&network, &listing->call->dirs, name, &err);
	if (r == 0)
		r = network_status(&network, &status, &err);
	if (r == 0) {
		add_network(listing, &network, &status);
	} else if (r != -ENOENT) {
		add_broken(listing, name, &err);
	}
	return 0;
}

static int run_list(struct call *call, struct err *err)
{
	static const char *const heads[] = { "NAME", "KIND", "BRIDGE", "SUBNET", "SUBNET6", "STATE",
					     "NAT",  "DNS",  "DOMAIN", "LEASES", "PORTS",   NULL };
	struct listing listing = { .call = call };

	if (call_has(call, &flag_json))
		listing.array = json_array();
	table_begin(&listing.table, heads);
	int r = network_list(&call->dirs, visit_network, &listing, err);
	if (r == 0 && listing.array)
		r = print_json(take_ptr(&listing.array), err);
	else if (r == 0 && listing.table.count > 0)
		r = table_print(&listing.table, err);
	else if (r == 0 && !listing.broken)
		print_note("no networks yet; the first launch makes one, or 'berth network create "
			   "NAME'");
	json_decref(listing.array);
	text_free(&listing.table.cells);
	return r == 0 && listing.broken ? EXIT_FAILED : r;
}

static int on_network(struct call *call, const char *name,
		      int (*act)(struct network *, struct err *), struct err *err)
{
	scoped_network struct network network = { 0 };
	int r = network_open(&network, &call->dirs, name, err);

	return r < 0 ? r : act(&network, err);
}

static int up_with_machines(struct network *network, struct err *err)
{
	scoped_text struct text notes = { 0 };

	/* dnsmasq, which serves all machines, inherits the rlimits of this process. */
	rlimits_reset();
	int r = network_up(network, err);

	if (r == 0)
		r = machine_reconnect_all(network, &notes, err);
	if (r != 0)
		return r;
	if (*network->warning)
		text_add(&notes, "%s\n", network->warning);
	print_notes(&notes);
	return 0;
}

static int up_one(struct call *call, const char *name, struct err *err)
{
	return on_network(call, name, up_with_machines, err);
}

static int down_one(struct call *call, const char *name, struct err *err)
{
	int r = on_network(call, name, network_down, err);

	/* Its dnsmasq may have been the last process in the cgroup of the services. */
	if (r == 0)
		machine_leave_groups(&call->dirs);
	return r;
}

static int delete_one(struct call *call, const char *name, struct err *err)
{
	int r = network_delete(&call->dirs, name, call_has(call, &flag_leases), err);

	if (r == 0)
		machine_leave_groups(&call->dirs);
	return r;
}

static int run_up(struct call *call, struct err *err)
{
	return for_each_name(call, up_one, err);
}

static int run_down(struct call *call, struct err *err)
{
	return for_each_name(call, down_one, err);
}

static int check_one(struct call *call, const char *name, struct err *err)
{
	return network_check_delete(&call->dirs, name, call_has(call, &flag_leases), err);
}

static int run_delete(struct call *call, struct err *err)
{
	int r = check_each_name(call, check_one, err);

	return r != 0 ? r : for_each_name(call, delete_one, err);
}

static const struct command create = {
	.group = "network",
	.name = "create",
	.args = "NETWORK [KEY=VALUE...]",
	.help = "Make a network; it comes up with its first machine",
	.flags = create_flags,
	.min = 1,
	.max = -1,
	.rest = WORD_NETWORK_KEY,
	.run = run_create,
};

static const struct command list = {
	.traits = COMMAND_LOOKS,
	.group = "network",
	.name = "list",
	.aliases = "ls status",
	.args = "",
	.help = "List networks and how they are",
	.flags = list_flags,
	.run = run_list,
};

static const struct command up = {
	.group = "network",
	.name = "up",
	.aliases = "reload",
	.args = "NETWORK...",
	.help = "Bring up what is missing: bridge, address, firewall rules, dnsmasq",
	.min = 1,
	.max = -1,
	.first = WORD_NETWORK,
	.rest = WORD_NETWORK,
	.run = run_up,
};

static const struct command down = {
	.group = "network",
	.name = "down",
	.args = "NETWORK...",
	.help = "Take networks down that no machine is on",
	.min = 1,
	.max = -1,
	.first = WORD_NETWORK,
	.rest = WORD_NETWORK,
	.run = run_down,
};

static const struct command delete = {
	.group = "network",
	.name = "delete",
	.aliases = "rm",
	.args = "NETWORK...",
	.help = "Take networks down and delete them",
	.flags = delete_flags,
	.min = 1,
	.max = -1,
	.first = WORD_NETWORK,
	.rest = WORD_NETWORK,
	.run = run_delete,
};

static const struct command *const members[] = {
	&create,
	&list,
	&network_info_verb,
	&network_map_verb,
	&network_set_verb,
	&network_get_verb,
	&network_unset_verb,
	&up,
	&down,
	&delete,
	NULL,
};

const struct command command_network = {
	.name = "network",
	.aliases = "net",
	.args = "",
	.help = "What machines are connected by: create, list, info, map, set, get, unset, up, "
		"down, "
		"delete",
	.max = -1,
	.members = members,
};
