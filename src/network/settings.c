/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a network's settings: all of them or none. A network that is up has them at once. */
#include "network/bridge.h"

#include "base/scoped.h"

/* The network as its settings say now: rules and dnsmasq, if it is up. Under its lock. */
static int renew(struct network *network, struct err *err)
{
	scoped_network struct network now = { 0 };

	if (network_open(&now, network->dirs, network->name, err) < 0)
		return -err->code;
	int r = bridge_renew(&now, err);
	if (r < 0)
		return r;
	now.rerouted = config_is_private(&now.config) != config_is_private(&network->config);
	struct network before = *network;
	*network = now;
	now = before;
	return 0;
}

int network_set(struct network *network, const struct config_change *changes, size_t count,
		struct err *err)
{
	scoped_free char *path = text_format("%s/network.conf", network->folder);
	scoped_text struct text before = { 0 }, after = { 0 };
	struct network_config config;
	scoped_fd int lock = network_lock(network, err);

	if (lock < 0)
		return lock;
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (bridge_check_exists(network, err) < 0 ||
	    config_preview(&network_schema, path, changes, count, &after, &config, err) < 0)
		return -err->code;
	config_free(&network_schema, &config);
	if (config_preview(&network_schema, path, NULL, 0, &before, &config, err) < 0)
		return -err->code;
	config_free(&network_schema, &config);
	if (config_write(path, &after, err) < 0)
		return -err->code;
	if (renew(network, err) == 0)
		return 0;
	struct err ignored = { 0 };
	if (config_write(path, &before, &ignored) == 0)
		renew(network, &ignored);
	return -err->code;
}
