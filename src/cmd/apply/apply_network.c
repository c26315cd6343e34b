/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks of apply: what differs from the file, and how it is changed. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "machine/life/life.h"
#include "network/network.h"

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

/* Bridge and subnet are looked at one by one, so that the faults of both are told. */
static int check_new_network(struct apply *apply, const struct apply_network *wanted,
			     struct err *err)
{
	const struct network_config *config = &wanted->config;

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
	if (r == 0 && action->count == 0)
		apply_drop_last(apply);
	return r;
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
		network_advise(&made, values.list, values.count, true, &apply->notes);
	return r;
}

int network_change(struct apply *apply, const struct apply_action *action, struct err *err)
{
	scoped_network struct network network = { 0 };
	scoped_values struct network_values values = { 0 };

	values.list = calloc(action->count + 1, sizeof *values.list);
	if (!values.list)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < action->count; i++) {
		if (values_add(&values, action->network, action->changes[i].key, err) < 0)
			return -err->code;
	}
	return network_open(&network, &apply->call->dirs, action->name, err) < 0
		       ? -err->code
		       : machine_change_network(&network, values.list, values.count, &apply->notes,
						err);
}
