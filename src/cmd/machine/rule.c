/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule add, remove: firewall rules of machines and of networks. */
#include "cmd/machine/rule.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/verbs.h"
#include "cmd/machine/sections.h"
#include "config/values.h"
#include "machine/manage/manage.h"
#include "network/network.h"

#include <string.h>

static const struct flag flag_from = { "from", 0, false, "PEER",
				       "sender: an address, a network, or a machine; else all" };
static const struct flag flag_log = { "log", 0, false, NULL,
				      "let the kernel log packets of it, at most five a second" };
static const struct flag flag_name = {
	"name", 0, false, "NAME", "what it is called; else made of direction, protocol and port"
};
static const struct flag flag_nic = { "nic", 0, false, "NIC",
				      "interface that it is for; else all" };
static const struct flag flag_to = { "to", 0, false, "PEER", "the same of the receiver" };
static const struct flag *const add_flags[] = {
	&flag_from, &flag_log, &flag_name, &flag_rule_network, &flag_nic, &flag_to, NULL
};
static const struct flag *const remove_flags[] = { &flag_rule_network, NULL };

/* A second peer would replace the first, which is then not looked at. */
static bool is_repeated(const struct call *call, const struct flag *flag)
{
	size_t count = 0;

	for (size_t i = 0; i < call->given_count; i++)
		count += call->given[i].flag == flag;
	return count > 1;
}

/* The peer is the other side: the sender of what comes in, the receiver of what goes out. */
static int find_peer(const struct call *call, bool in, const char **peer, struct err *err)
{
	const struct flag *wrong = in ? &flag_to : &flag_from, *right = in ? &flag_from : &flag_to;

	if (call_has(call, wrong)) {
		err_set(err, EINVAL,
			"--%s is not for direction %s, where the machine itself is that side; use "
			"--%s",
			wrong->name, in ? "in" : "out", right->name);
		return EXIT_USAGE;
	}
	if (is_repeated(call, right)) {
		err_set(err, EINVAL,
			"--%s is given twice, and a rule has one peer; name a network such as "
			"10.1.0.0/16, or make a rule for each",
			right->name);
		return EXIT_USAGE;
	}
	*peer = call_value(call, right);
	return 0;
}

/* Fills in what the words say: in|out allow|deny PROTOCOL [PORTS]. */
static int fill(const struct call *call, const struct schema *schema, struct rule_config *rule,
		struct err *err)
{
	const char *name = call_value(call, &flag_name), *peer = NULL;
	struct rule unused;

	if (name && name_check(name, err) != 0)
		return EXIT_USAGE;
	if (call->count > 4 && !*call->words[4]) {
		err_set(err, EINVAL, "the port is empty; leave the word out for all ports");
		return EXIT_USAGE;
	}
	if (config_defaults(schema, rule, err) < 0)
		return -err->code;
	const struct {
		const char *key, *value;
	} words[] = {
		{ "direction", call->words[1] },
		{ "action", call->words[2] },
		{ "protocol", call->words[3] },
		{ "port", call->count > 4 ? call->words[4] : NULL },
		{ "log", call_has(call, &flag_log) ? "yes" : NULL },
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (section_give(schema, rule, words[i].key, words[i].value, err) != 0)
			return EXIT_USAGE;
	}
	int r = find_peer(call, strcmp(rule->direction, "in") == 0, &peer, err);
	if (r == 0)
		r = section_give(schema, rule, "peer", peer, err);
	if (r == 0 && call_has(call, &flag_nic) && schema == &network_rule_schema) {
		err_set(err, EINVAL,
			"--nic is of a machine, and a rule of a network is for all ports on it");
		return EXIT_USAGE;
	}
	if (r == 0 && schema == &rule_schema)
		r = section_give(schema, rule, "nic", call_value(call, &flag_nic), err);
	/* Its sentences need a name. */
	rule->section.name = (char *)(uintptr_t)(name ? name : call->words[1]);
	if (r == 0 && config_rule(rule, &unused, err) < 0)
		r = EXIT_USAGE;
	rule->section.name = name ? strdup(name) : NULL;
	return r;
}

static int add_to_machine(struct call *call, struct rule_config *rule, struct text *notes,
			  struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = open_named(&machine, call, call->words[0], err);

	return r != 0 ? r : machine_rule_add(&machine, rule, notes, err);
}

static int add_to_network(struct call *call, struct rule_config *rule, struct text *notes,
			  struct err *err)
{
	scoped_network struct network network = { 0 };
	int r = network_open(&network, &call->dirs, call->words[0], err);

	return r < 0 ? r : machine_rule_add_on(&network, rule, notes, err);
}

static int run_add(struct call *call, struct err *err)
{
	bool network = call_has(call, &flag_rule_network);
	const struct schema *schema = network ? &network_rule_schema : &rule_schema;
	struct rule_config rule = { 0 };
	scoped_text struct text notes = { 0 };

	int r = fill(call, schema, &rule, err);
	if (r == 0)
		r = network ? add_to_network(call, &rule, &notes, err)
			    : add_to_machine(call, &rule, &notes, err);
	if (r == 0)
		print_notes(&notes);
	free(rule.section.name);
	config_free(schema, &rule);
	return r;
}

static int run_remove(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_network struct network network = { 0 };
	int r;

	if (call_has(call, &flag_rule_network)) {
		r = network_open(&network, &call->dirs, call->words[0], err);
		return r < 0 ? r : machine_rule_remove_on(&network, call->words[1], err);
	}
	r = open_named(&machine, call, call->words[0], err);
	return r != 0 ? r : machine_rule_remove(&machine, call->words[1], err);
}

static const struct command add = {
	.group = "rule",
	.name = "add",
	.args = "MACHINE in|out allow|deny any|icmp|tcp|udp [PORT,...]",
	.help = "Add a firewall rule to a machine or a network, now and from now on",
	.flags = add_flags,
	.min = 4,
	.max = 5,
	.first = WORD_MACHINE,
	.run = run_add,
};

static const struct command remove_rule = {
	.group = "rule",
	.name = "remove",
	.aliases = "rm",
	.args = "MACHINE NAME",
	.help = "Remove a firewall rule from a machine or a network",
	.flags = remove_flags,
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_RULE,
	.run = run_remove,
};

static const struct command *const members[] = { &add, &rule_list_verb, &remove_rule, NULL };

const struct command command_rule = {
	.name = "rule",
	.args = "",
	.help = "Firewall rules of machines and networks: add, list, remove",
	.max = -1,
	.members = members,
};
