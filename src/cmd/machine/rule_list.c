/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule list, and the rules of a machine in info. */
#include "cmd/machine/rule.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/machine/sections.h"
#include "config/values.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "network/network.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct flag flag_rule_network = {
	"network", 0, false, NULL,
	"the first word is a network, and the rule for all of its machines"
};
static const struct flag *const list_flags[] = { &flag_json, &flag_rule_network, NULL };

static json_t *rule_object(const struct rule_config *rule, const struct rule_drops *drops)
{
	json_t *object = json_members((const struct json_member[]){
		{ "name", json_string(rule->section.name) },
		{ "direction", json_text(rule->direction) },
		{ "action", json_text(rule->action) },
		{ "protocol", json_text(rule->protocol) },
		{ "port", json_text(rule->port) },
		{ "peer", json_text(rule->peer) },
		{ "log", json_boolean(rule->log) },
		{ "dropped", drops ? json_count(drops->packets) : json_null() },
		{ 0 },
	});

	if (rule->nic)
		json_object_set_new(object, "nic", json_text(rule->nic));
	return object;
}

/* The drops of a rule, or NULL if it is not in force. */
static const struct rule_drops *drops_of(const struct rule_drops *list, size_t count,
					 const struct section *section)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].section == section)
			return &list[i];
	}
	return NULL;
}

json_t *rules_array(const struct machine *machine)
{
	scoped_free struct rule_drops *drops = NULL;
	size_t count = machine_rule_drops(machine, &drops);
	json_t *array = json_array();

	for (const struct section *at = machine->config.rules; at; at = at->next)
		json_array_append_new(array, rule_object((const struct rule_config *)at,
							 drops_of(drops, count, at)));
	return array;
}

static void add_row(struct table *table, const char *owner, const struct rule_config *rule,
		    const struct rule_drops *drops)
{
	char number[24] = "";

	if (drops && strcmp(rule->action, "deny") == 0)
		snprintf(number, sizeof number, "%" PRIu64, drops->packets);
	table_add(table, owner);
	table_add(table, rule->section.name);
	table_add(table, rule->direction);
	table_add(table, rule->action);
	table_add(table, rule->protocol);
	table_add(table, *rule->port ? rule->port : "*");
	table_add(table, *rule->peer ? rule->peer : "*");
	table_add(table, rule->nic && *rule->nic ? rule->nic : "*");
	table_add(table, number);
}

static void add_rules(struct listing *listing, const struct machine *machine)
{
	scoped_free struct rule_drops *drops = NULL;
	size_t count = machine->config.rules ? machine_rule_drops(machine, &drops) : 0;

	for (const struct section *at = machine->config.rules; at; at = at->next) {
		const struct rule_config *rule = (const struct rule_config *)at;
		const struct rule_drops *of = drops_of(drops, count, at);
		if (listing->array)
			listing_add_object(listing, machine, rule_object(rule, of));
		else
			add_row(&listing->table, machine->name, rule, of);
	}
}

struct search {
	const struct dirs *dirs;
	char *name; /* room for 64 bytes */
};

static int has_rules(void *context, const char *name)
{
	const struct search *search = context;
	scoped_network struct network network = { 0 };

	if (network_open(&network, search->dirs, name, &(struct err){ 0 }) < 0 ||
	    !network.config.rules)
		return 0;
	snprintf(search->name, 64, "%s", name);
	return 1;
}

static void tell_none(const struct call *call)
{
	bool network = call_has(call, &flag_rule_network);
	const char *name = call->count ? call->words[0] : network ? "NETWORK" : "MACHINE";

	char some[64] = "";
	if (!network)
		network_list(&call->dirs, has_rules, &(struct search){ &call->dirs, some },
			     &(struct err){ 0 });
	if (*some)
		print_note("network '%s' has firewall rules, for all its machines: berth rule list "
			   "--network",
			   some);
	print_note("no firewall rule: berth rule add%s %s in allow tcp PORT",
		   network ? " --network" : "", name);
}

static const char *const heads[] = { "MACHINE", "NAME", "DIRECTION", "ACTION",  "PROTOCOL",
				     "PORT",    "PEER", "NIC",       "DROPPED", NULL };
static const char *const network_heads[] = { "NETWORK", "NAME", "DIRECTION", "ACTION",  "PROTOCOL",
					     "PORT",    "PEER", "NIC",       "DROPPED", NULL };

/* The rules of one network. The drops are those of all machines' ports. */
static void add_network(struct listing *listing, const struct network *network)
{
	for (const struct section *at = network->config.rules; at; at = at->next) {
		const struct rule_config *rule = (const struct rule_config *)at;
		struct rule_drops drops = { .section = at };
		machine_network_drops(network, &drops);
		if (!listing->array) {
			add_row(&listing->table, network->name, rule, &drops);
			continue;
		}
		json_t *object = rule_object(rule, &drops);
		json_object_set_new(object, "network", json_string(network->name));
		json_array_append_new(listing->array, object);
	}
}

static int visit_network(void *context, const char *name)
{
	struct listing *listing = context;
	scoped_network struct network network = { 0 };

	if (network_open(&network, &listing->call->dirs, name, &(struct err){ 0 }) == 0)
		add_network(listing, &network);
	return 0;
}

static int list_networks(struct call *call, bool *none, struct err *err)
{
	scoped_network struct network network = { 0 };
	struct listing listing = { .call = call,
				   .array = call_has(call, &flag_json) ? json_array() : NULL };

	if (call->count && name_check(call->words[0], err) != 0)
		return EXIT_USAGE;
	table_begin(&listing.table, network_heads);
	int r = call->count ? network_open(&network, &call->dirs, call->words[0], err)
			    : network_list(&call->dirs, visit_network, &listing, err);
	if (r == 0 && call->count)
		add_network(&listing, &network);
	*none = listing.table.count == 0 && !listing.array;
	if (r == 0 && listing.array)
		r = print_json(take_ptr(&listing.array), err);
	else if (r == 0 && !*none)
		r = table_print(&listing.table, err);
	json_decref(listing.array);
	text_free(&listing.table.cells);
	return r;
}

static int run_list(struct call *call, struct err *err)
{
	bool none = false;
	int r = call_has(call, &flag_rule_network)
			? list_networks(call, &none, err)
			: listing_print(call, heads, add_rules, &none, err);

	if (r == 0 && none)
		tell_none(call);
	return r;
}

void rules_show(const struct machine *machine,
		void (*field)(const char *label, const char *form, ...))
{
	scoped_free struct rule_drops *drops = NULL;
	size_t count = machine->config.rules ? machine_rule_drops(machine, &drops) : 0;

	for (const struct section *at = machine->config.rules; at; at = at->next) {
		const struct rule_config *rule = (const struct rule_config *)at;
		const struct rule_drops *of = drops_of(drops, count, at);
		char number[48] = "";
		if (of && of->packets)
			snprintf(number, sizeof number, ", %" PRIu64 " packets dropped",
				 of->packets);
		field("rule:", "%s, %s %s %s%s%s%s%s%s%s%s", at->name, rule->direction,
		      rule->action, rule->protocol, *rule->port ? " " : "", rule->port,
		      *rule->peer ? strcmp(rule->direction, "in") ? " to " : " from " : "",
		      rule->peer, *rule->nic ? " on " : "", rule->nic, number);
	}
}

const struct command rule_list_verb = {
	.traits = COMMAND_LOOKS,
	.group = "rule",
	.name = "list",
	.aliases = "ls",
	.args = "[MACHINE]",
	.help = "List firewall rules of machines, or of networks",
	.flags = list_flags,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_list,
};
