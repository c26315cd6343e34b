/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firewall rules of a network, which all of its machines have: its settings first, then those of running machines. */
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "machine/manage/rule_name.h"
#include "machine/state/machine.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <string.h>

int machine_change_rules_on(struct network *network, const struct section_change *changes,
			    size_t count, struct text *notes, struct err *err)
{
	scoped_text struct text before = { 0 };
	struct err ignored = { 0 };

	if (network_change_rules(network, changes, count, &before, err) < 0)
		return -err->code;
	fault_point("network-rule-written");
	if (machine_renew_rules_on(network, err) < 0) {
		if (network_restore_rules(network, &before, &ignored) == 0)
			machine_renew_rules_on(network, &ignored);
		return -err->code;
	}
	for (size_t i = 0; notes && i < count; i++) {
		if (changes[i].to)
			rule_note_peer(network, (const struct rule_config *)changes[i].to, notes);
	}
	return 0;
}

int machine_rule_add_on(struct network *network, struct rule_config *rule, struct text *notes,
			struct err *err)
{
	scoped_free char *owner = text_format("network '%s'", network->name);
	scoped_free char *list = text_format("--network %s", network->name);

	if (!owner || !list)
		return err_set(err, ENOMEM, "out of memory");
	/* A killed command may have left ports with other rules than the settings have. */
	if (machine_renew_rules_on(network, err) < 0 ||
	    rule_name(rule, network->config.rules, owner, list, err) < 0)
		return -err->code;
	const struct section_change change = { rule->section.name, &rule->section };
	return machine_change_rules_on(network, &change, 1, notes, err);
}

int machine_rule_remove_on(struct network *network, const char *name, struct err *err)
{
	const struct section_change change = { name, NULL };

	if (machine_renew_rules_on(network, err) < 0)
		return -err->code;
	if (!config_section(network->config.rules, name))
		return err_set(err, ENOENT,
			       "network '%s' has no rule '%.60s'; see: berth rule list --network "
			       "%s",
			       network->name, name, network->name);
	return machine_change_rules_on(network, &change, 1, NULL, err);
}
