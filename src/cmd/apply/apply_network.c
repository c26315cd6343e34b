/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks of apply: what differs from the file, and how it is changed. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "config/values.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "network/network.h"

#include <errno.h>
#include <string.h>

/* ---- The plan */

static int compare_network(struct apply *apply, const struct apply_network *wanted,
			   const struct network *network, struct apply_action *action,
			   struct err *err)
{
	for (size_t i = 0; i < network_schema.count; i++) {
		const struct key *key = &network_schema.keys[i];
		scoped_text struct text from = { 0 }, to = { 0 };
		unsigned line = apply_line_of(wanted->given, wanted->given_count, key->name);
		struct err fixed = { 0 };
		if (!line)
			continue;
		config_text(&network->config, key, &from);
		config_text(&wanted->config, key, &to);
		if (strcmp(text_str(&from), text_str(&to)) == 0)
			continue;
		/* The prefix that was drawn is kept. */
		if (strcmp(key->name, "subnet6") == 0 && strcmp(text_str(&to), "auto") == 0 &&
		    strcmp(text_str(&from), "none") != 0)
			continue;
		if (strcmp(key->name, "kind") == 0)
			network_check_kind(network, &wanted->config, &fixed);
		if (key->flags & KEY_FIXED)
			err_set(&fixed, EPERM,
				"network '%s' has %s = %s, which cannot change to %s; delete "
				"the network first, or give another one a name",
				network->name, key->name, text_str(&from), text_str(&to));
		else if (!fixed.code &&
			 action_add(action, key->name, text_str(&from), text_str(&to), err) < 0)
			return -err->code;
		apply_fault(apply, line, &fixed);
	}
	return 0;
}

/* The network as it will be: keys that fit each other, and the machines' addresses that are in it. */
static int check_changed(const struct apply *apply, struct network *network,
			 const struct apply_action *action, struct err *err)
{
	scoped_free struct config_change *changes = calloc(action->count, sizeof *changes);
	struct network_config merged = { 0 };

	if (action->count == 0)
		return 0;
	if (!changes)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < action->count; i++)
		changes[i] = (struct config_change){ .name = action->changes[i].key,
						     .value = action->changes[i].to };
	int r = machine_check_network(network, changes, action->count, &merged, err);
	if (r == 0)
		config_free(&network_schema, &merged);
	/* Another network of the file may give that prefix up first. */
	if (r == -EADDRINUSE && apply->file.network_count > 1) {
		*err = (struct err){ 0 };
		return 0;
	}
	return r;
}

/* A file that gives a network rules gives it all of its rules. */
static int compare_rules(struct apply *apply, const struct apply_network *wanted,
			 const struct network *network, struct apply_action *action,
			 struct err *err)
{
	const struct section *rules = wanted->config.rules;
	struct network_config merged = network->config;
	struct err fault = { 0 };

	if (!rules)
		return 0;
	merged.rules = wanted->config.rules;
	if (config_check_network(&merged, &fault) < 0)
		err_wrap(&fault, "network '%s'", network->name);
	apply_fault(apply, apply_network_line(wanted, rules->name), &fault);
	return sections_compare(&network_rule_schema, network->config.rules, rules, action, err);
}

/* Bridge and subnet are looked at one by one, so that the faults of both are told. */
static int check_new_network(struct apply *apply, const struct apply_network *wanted,
			     struct err *err)
{
	const struct network_config *config = &wanted->config;

	if (config_check_network(config, err) < 0)
		return err_wrap(err, "network '%s'", wanted->name);
	if (!config_is_own(config))
		return network_check_foreign(&apply->call->dirs, wanted->name, config, err);
	network_check_new(&apply->call->dirs, wanted->name, config->bridge, NULL, err);
	apply_fault(apply, wanted->line, err);
	return *config->subnet ? network_check_new(&apply->call->dirs, wanted->name, NULL,
						   config->subnet, err)
			       : 0;
}

int network_plan(struct apply *apply, const struct apply_network *wanted, struct err *err)
{
	scoped_network struct network network = { 0 };
	struct err why = { 0 };
	int r = network_open(&network, &apply->call->dirs, wanted->name, &why);

	if (r < 0 && r != -ENOENT)
		return err_set(err, -r, "%s", why.text);
	struct apply_action *action =
		apply_add(apply, r == 0 ? APPLY_NETWORK_CHANGE : APPLY_NETWORK, wanted->name, err);
	if (!action)
		return -err->code;
	action->network = wanted;
	/* Before those whose subnets are chosen, and must not be these. */
	if (r < 0 && *wanted->config.subnet)
		action->rank = 0;
	else
		action->rank++;
	if (r < 0)
		return check_new_network(apply, wanted, err);
	r = compare_network(apply, wanted, &network, action, err);
	if (r == 0)
		r = check_changed(apply, &network, action, err);
	if (r == 0)
		r = compare_rules(apply, wanted, &network, action, err);
	if (r == 0 && action->count == 0)
		apply_drop_last(apply);
	return r < 0 ? r : rules_plan_network(apply, wanted, &network, err);
}

/* ---- The actions */

/* The values of a network's keys, as the file gives them. */
struct network_values {
	struct config_change *list; /* owned, as are the values */
	size_t count;
};

static void values_free(struct network_values *values)
{
	for (size_t i = 0; i < values->count; i++)
		free((char *)(uintptr_t)values->list[i].value);
	free(values->list);
}
#define scoped_values __attribute__((cleanup(values_free)))

static int values_add(struct network_values *values, const struct apply_network *network,
		      const char *key, struct err *err)
{
	scoped_text struct text value = { 0 };

	if (config_get(&network_schema, &network->config, key, &value, err) < 0)
		return -err->code;
	char *copy = strdup(text_str(&value));
	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	values->list[values->count++] = (struct config_change){ .name = key, .value = copy };
	return 0;
}

static int add_rules(struct network *network, const struct section *first, struct err *err)
{
	struct section_change list[RULES_MAX];
	size_t count = 0;

	for (const struct section *at = first; at && count < RULES_MAX; at = at->next)
		list[count++] = (struct section_change){ at->name, at };
	return count ? machine_change_rules_on(network, list, count, NULL, err) : 0;
}

int network_make(struct apply *apply, const struct apply_action *action, struct err *err)
{
	const struct apply_network *network = action->network;
	scoped_values struct network_values values = { 0 };

	values.list = calloc(network->given_count + 1, sizeof *values.list);
	if (!values.list)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < network->given_count; i++) {
		if (values_add(&values, network, network->given[i].name, err) < 0)
			return -err->code;
	}
	scoped_network struct network made = { 0 };
	int r = network_create(&apply->call->dirs, action->name, values.list, values.count, err);
	if (r == 0)
		r = network_open(&made, &apply->call->dirs, action->name, err);
	if (r == 0)
		r = add_rules(&made, network->config.rules, err);
	if (r == 0)
		network_advise(&made, values.list, values.count, true, &apply->notes);
	else if (made.name)
		network_delete(&apply->call->dirs, action->name, false, &(struct err){ 0 });
	return r;
}

/* Puts the rules back that they replace. */
static void restore_rules(struct network *network, const struct apply_action *action,
			  const struct section *before)
{
	__attribute__((cleanup(rule_changes_free))) struct rule_changes back = { 0 };
	struct err ignored = { 0 };

	if (rule_changes_make(action, before, &back, &ignored) < 0)
		return;
	for (size_t i = 0; i < back.count; i++)
		back.list[i].to = config_section(before, back.list[i].name);
	if (back.count)
		machine_change_rules_on(network, back.list, back.count, NULL, &ignored);
}

static int change_keys(struct apply *apply, const struct apply_action *action,
		       struct network *network, struct err *err)
{
	scoped_values struct network_values values = { 0 };

	values.list = calloc(action->count + 1, sizeof *values.list);
	if (!values.list)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < action->count; i++) {
		if (!section_of(action->changes[i].key, NULL) &&
		    values_add(&values, action->network, action->changes[i].key, err) < 0)
			return -err->code;
	}
	return values.count ? machine_change_network(network, values.list, values.count,
						     &apply->notes, err)
			    : 0;
}

int network_change(struct apply *apply, const struct apply_action *action, struct err *err)
{
	__attribute__((cleanup(rule_changes_free))) struct rule_changes rules = { 0 };
	scoped_network struct network network = { 0 }, before = { 0 };
	const struct dirs *dirs = &apply->call->dirs;

	if (network_open(&network, dirs, action->name, err) < 0 ||
	    network_open(&before, dirs, action->name, err) < 0 ||
	    rule_changes_make(action, action->network->config.rules, &rules, err) < 0)
		return -err->code;
	if (rules.count &&
	    machine_change_rules_on(&network, rules.list, rules.count, &apply->notes, err) < 0)
		return -err->code;
	if (change_keys(apply, action, &network, err) < 0 && rules.count)
		restore_rules(&network, action, before.config.rules);
	return -err->code;
}

int network_renew(struct apply *apply, const struct apply_action *action, struct err *err)
{
	scoped_network struct network network = { 0 };

	return network_open(&network, &apply->call->dirs, action->name, err) < 0
		       ? -err->code
		       : machine_renew_rules_on(&network, err);
}
