/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a network's firewall rules in its settings. */
#include "network/bridge.h"

#include "base/scoped.h"

static int read_again(struct network *network, struct err *err)
{
	scoped_network struct network now = { 0 };

	if (network_open(&now, network->dirs, network->name, err) < 0)
		return -err->code;
	struct section *rules = network->config.rules;
	network->config.rules = now.config.rules;
	now.config.rules = rules;
	return 0;
}

int network_change_rules(struct network *network, const struct section_change *changes,
			 size_t count, struct text *before, struct err *err)
{
	scoped_free char *path = network_conf_path(network->dirs, network->name);
	scoped_fd int lock =
		path ? network_lock(network, err) : err_set(err, ENOMEM, "out of memory");

	if (lock < 0 || bridge_check_exists(network, err) < 0 ||
	    config_change_sections(&network_schema, path, &network_rule_schema, changes, count,
				   before, err) < 0)
		return -err->code;
	/* Rules between the keys of a network are checked by its opening. */
	if (read_again(network, err) < 0)
		config_write(path, before, &(struct err){ 0 });
	return -err->code;
}

int network_restore_rules(struct network *network, const struct text *before, struct err *err)
{
	scoped_free char *path = network_conf_path(network->dirs, network->name);
	scoped_fd int lock =
		path ? network_lock(network, err) : err_set(err, ENOMEM, "out of memory");

	if (lock < 0 || bridge_check_exists(network, err) < 0 ||
	    config_write(path, before, err) < 0)
		return -err->code;
	return read_again(network, err);
}
