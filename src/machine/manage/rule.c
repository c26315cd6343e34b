/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firewall rules of a machine, added and removed while it runs or not: its settings first, then those of its ports. */
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "machine/manage/rule_name.h"
#include "machine/manage/settings_lock.h"
#include "machine/state/nics.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "config/values.h"

#include <string.h>

/* A killed command may have left ports with other rules than the settings have. */
static int begin(struct machine *machine, struct err *err)
{
	int lock = settings_lock(machine, err);

	if (lock >= 0 && machine_renew_rules(machine, err) < 0)
		scoped_close_fd(&lock);
	return lock < 0 ? -err->code : lock;
}

/* A network whose machines have no ports on the host cannot filter. */
static int check_port(const struct machine *machine, const struct nic_view *nic, struct err *err)
{
	scoped_network struct network network = { 0 };

	if (network_open(&network, machine->dirs, nic->network, &(struct err){ 0 }) < 0 ||
	    !config_is_inside(&network.config))
		return 0;
	return err_set(err, EINVAL,
		       "a rule cannot be for nic '%s' of machine '%s': network '%s' is of kind %s, "
		       "whose machines have no ports on the host; name another nic, or put it on a "
		       "network of kind join",
		       nic->name, machine->name, network.name, network.config.kind);
}

static int check_ports(const struct machine *machine, const struct section_change *changes,
		       size_t count, struct err *err)
{
	struct nic_view nics[NICS_MAX];
	size_t of = nics_of(machine, nics);

	for (size_t i = 0; i < count * of; i++) {
		const struct rule_config *rule = (const struct rule_config *)changes[i / of].to;
		if (rule && (!*rule->nic || strcmp(rule->nic, nics[i % of].name) == 0) &&
		    check_port(machine, &nics[i % of], err) < 0)
			return -err->code;
	}
	return 0;
}

static int check_nic(const struct machine *machine, const struct rule_config *rule, struct err *err)
{
	const struct section_change change = { rule->section.name, &rule->section };
	struct nic_view nics[NICS_MAX], nic;

	if (check_ports(machine, &change, 1, err) < 0)
		return -err->code;
	if (nics_of(machine, nics) == 0)
		return err_set(err, EINVAL,
			       "machine '%s' has no network that rules could be for; give it one: "
			       "berth set %s network=NAME",
			       machine->name, machine->name);
	return *rule->nic && !nics_find(machine, rule->nic, NULL, &nic)
		       ? err_set(err, ENOENT,
				 "machine '%s' has no nic '%.60s'; see: berth nic list %s",
				 machine->name, rule->nic, machine->name)
		       : 0;
}

static void note_peers(const struct machine *machine, const struct rule_config *rule,
		       struct text *notes)
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);

	for (size_t i = 0; i < count; i++) {
		scoped_network struct network network = { 0 };
		if ((!*rule->nic || strcmp(rule->nic, nics[i].name) == 0) &&
		    network_open(&network, machine->dirs, nics[i].network, &(struct err){ 0 }) == 0)
			rule_note_peer(&network, rule, notes);
	}
}

/* Puts the file back. */
static void undo(struct machine *machine, const char *conf, const struct text *before)
{
	struct err ignored = { 0 };

	if (config_write(conf, before, &ignored) == 0 &&
	    settings_read_again(machine, &ignored) == 0)
		machine_renew_rules(machine, &ignored);
}

static int write_rules(struct machine *machine, const char *conf,
		       const struct section_change *changes, size_t count, struct text *before,
		       struct err *err)
{
	if (config_change_sections(&machine_schema, conf, &rule_schema, changes, count, before,
				   err) < 0)
		return -err->code;
	fault_point("rule-written");
	if (settings_read_again(machine, err) < 0 || machine_renew_rules(machine, err) < 0) {
		undo(machine, conf, before);
		return -err->code;
	}
	fault_point("rule-made");
	return 0;
}

int machine_change_rules(struct machine *machine, const struct section_change *changes,
			 size_t count, struct text *notes, struct err *err)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");
	scoped_text struct text before = { 0 };
	scoped_fd int lock = conf ? begin(machine, err) : err_set(err, ENOMEM, "out of memory");

	if (lock < 0 || check_ports(machine, changes, count, err) < 0 ||
	    write_rules(machine, conf, changes, count, &before, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		if (changes[i].to)
			note_peers(machine, (const struct rule_config *)changes[i].to, notes);
	}
	return 0;
}

int machine_check_rule(const char *machine, const struct rule_config *rule, struct err *err)
{
	struct rule parsed;

	if (config_rule(rule, &parsed, err) < 0)
		return -err->code;
	return parsed.machine && strcmp(parsed.machine, machine) == 0
		       ? err_set(err, EINVAL,
				 "machine '%s' cannot be the peer of its own rule, because what it "
				 "sends to itself passes no port; name another, or an address",
				 machine)
		       : 0;
}

int machine_rule_add(struct machine *machine, struct rule_config *rule, struct text *notes,
		     struct err *err)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");
	scoped_free char *owner = text_format("machine '%s'", machine->name);
	scoped_text struct text before = { 0 };
	scoped_fd int lock =
		conf && owner ? begin(machine, err) : err_set(err, ENOMEM, "out of memory");

	if (lock < 0 || machine_check_rule(machine->name, rule, err) < 0 ||
	    check_nic(machine, rule, err) < 0 ||
	    rule_name(rule, machine->config.rules, owner, machine->name, err) < 0)
		return -err->code;
	const struct section_change change = { rule->section.name, &rule->section };
	if (write_rules(machine, conf, &change, 1, &before, err) < 0)
		return -err->code;
	note_peers(machine, rule, notes);
	return 0;
}

int machine_rule_remove(struct machine *machine, const char *name, struct err *err)
{
	const struct section_change change = { name, NULL };
	scoped_free char *conf = machine_path(machine, "machine.conf");
	scoped_text struct text before = { 0 };
	scoped_fd int lock = conf ? begin(machine, err) : err_set(err, ENOMEM, "out of memory");

	if (lock < 0)
		return -err->code;
	if (!config_section(machine->config.rules, name))
		return err_set(err, ENOENT,
			       "machine '%s' has no rule '%.60s'; see: berth rule list %s",
			       machine->name, name, machine->name);
	return write_rules(machine, conf, &change, 1, &before, err);
}
