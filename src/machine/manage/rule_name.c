/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/rule_name.h"

#include "base/text.h"
#include "config/values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_same(const struct rule_config *one, const struct rule_config *other)
{
	const char *nic = one->nic ? one->nic : "", *other_nic = other->nic ? other->nic : "";

	return strcmp(one->action, other->action) == 0 &&
	       strcmp(one->direction, other->direction) == 0 && one->log == other->log &&
	       strcmp(one->peer, other->peer) == 0 && strcmp(one->port, other->port) == 0 &&
	       strcmp(one->protocol, other->protocol) == 0 && strcmp(nic, other_nic) == 0;
}

/* "in-tcp-80": the first of several ports. */
static int make_up(struct rule_config *rule, const struct section *first, struct err *err)
{
	int port = (int)strspn(rule->port, "0123456789");
	char name[64];

	snprintf(name, sizeof name, "%s-%s%s%.*s", rule->direction, rule->protocol, port ? "-" : "",
		 port, rule->port);
	size_t n = strlen(name);
	for (unsigned i = 2; config_section(first, name); i++)
		snprintf(name + n, sizeof name - n, "-%u", i);
	rule->section.name = strdup(name);
	return rule->section.name ? 0 : err_set(err, ENOMEM, "out of memory");
}

int rule_name(struct rule_config *rule, const struct section *first, const char *owner,
	      const char *list, struct err *err)
{
	for (const struct section *at = first; at; at = at->next) {
		bool named = rule->section.name && strcmp(at->name, rule->section.name) == 0;
		if (named || (!rule->section.name && is_same(rule, (const struct rule_config *)at)))
			return err_set(err, EEXIST,
				       "%s has %s '%s' already; 'berth rule list %s' shows all",
				       owner, named ? "a rule" : "this rule,", at->name, list);
	}
	return rule->section.name ? 0 : make_up(rule, first, err);
}

void rule_note_peer(struct network *network, const struct rule_config *config, struct text *notes)
{
	struct lease lease;
	struct rule rule;

	if (config_rule(config, &rule, &(struct err){ 0 }) < 0 || !rule.machine ||
	    lease_find(network, rule.machine, &lease, &(struct err){ 0 }) == 0)
		return;
	text_add(notes,
		 "no machine '%s' has an address on network '%s' yet; until then rule '%s' is for "
		 "nobody there\n",
		 rule.machine, network->name, config->section.name);
}
