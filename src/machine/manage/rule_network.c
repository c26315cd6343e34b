/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firewall rules of a network, which all of its machines have: its settings first, then those of running machines. */
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "machine/manage/rule_name.h"
#include "machine/state/machine.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <string.h>

/* The rules of the ports follow those of the settings, which are put back if they cannot. */
static int follow(struct network *network, const struct text *before, struct err *err)
{
	struct err ignored = { 0 };

	fault_point("network-rule-written");
	if (machine_renew_rules_on(network, err) == 0)
		return 0;
	if (network_restore_rules(network, before, &ignored) == 0)
		machine_renew_rules_on(network, &ignored);
	return -err->code;
}

int machine_rule_add_on(struct network *network, struct rule_config *rule, struct text *notes,
			struct err *err)
{
	scoped_free char *owner = text_format("network '%s'", network->name);
	scoped_free char *list = text_format("--network %s", network->name);
	scoped_text struct text before = { 0 };

	if (!owner || !list)
		return err_set(err, ENOMEM, "out of memory");
	/* A killed command may have left ports with other rules than the settings have. */
	if (machine_renew_rules_on(network, err) < 0 ||
	    rule_name(rule, network->config.rules, owner, list, err) < 0 ||
	    network_change_rule(network, rule, NULL, &before, err) < 0 ||
	    follow(network, &before, err) < 0)
		return -err->code;
	rule_note_peer(network, rule, notes);
	return 0;
}

int machine_rule_remove_on(struct network *network, const char *name, struct err *err)
{
	scoped_text struct text before = { 0 };

	if (machine_renew_rules_on(network, err) < 0)
		return -err->code;
	if (!config_section(network->config.rules, name))
		return err_set(err, ENOENT,
			       "network '%s' has no rule '%.60s'; see: berth rule list --network "
			       "%s",
			       network->name, name, network->name);
	return network_change_rule(network, NULL, name, &before, err) < 0
		       ? -err->code
		       : follow(network, &before, err);
}
