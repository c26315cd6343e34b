/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/rule_peers.h"

#include "base/scoped.h"
#include "config/values.h"
#include "machine/state/machine.h"
#include "network/network.h"

struct search {
	const struct dirs *dirs;
	void (*visit)(void *context, const struct rule_peer *peer);
	void *context;
};

static void visit_all(const struct search *search, const struct section *rules, const char *kind,
		      const char *owner)
{
	for (const struct section *at = rules; at; at = at->next) {
		struct rule rule;
		if (config_rule((const struct rule_config *)at, &rule, &(struct err){ 0 }) == 0 &&
		    rule.machine)
			search->visit(search->context,
				      &(struct rule_peer){ kind, owner, at->name, rule.machine,
							   rule.deny });
	}
}

static int of_machine(void *context, const char *name)
{
	const struct search *search = context;
	scoped_machine struct machine machine = { 0 };

	if (machine_read(&machine, search->dirs, name, &(struct err){ 0 }) == 0)
		visit_all(search, machine.config.rules, "machine", name);
	return 0;
}

static int of_network(void *context, const char *name)
{
	const struct search *search = context;
	scoped_network struct network network = { 0 };

	if (network_open(&network, search->dirs, name, &(struct err){ 0 }) == 0)
		visit_all(search, network.config.rules, "network", name);
	return 0;
}

void rule_peers_each(const struct dirs *dirs,
		     void (*visit)(void *context, const struct rule_peer *peer), void *context)
{
	struct search search = { dirs, visit, context };
	struct err unsaid = { 0 };

	machine_list(dirs, of_machine, &search, &unsaid);
	network_list(dirs, of_network, &search, &unsaid);
}
