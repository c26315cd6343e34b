/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a network's settings: all of them or none. A network that is up has them at once. */
#include "network/aliases.h"
#include "network/bridge.h"
#include "network/kind.h"
#include "network/renumber.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* The network as its settings say now: rules and dnsmasq, if it is up. Under its lock. */
static int renew(struct network *network, struct err *err)
{
	scoped_network struct network now = { 0 };

	if (network_open(&now, network->dirs, network->name, err) < 0)
		return -err->code;
	renumber_read(&now);
	int r = now.renumbered && config_is_own(&now.config) ? lease_renumber(&now, err) : 0;
	if (r == 0)
		r = kind_ops(&now)->renew(&now, err);
	if (r == 0 && (*now.config.dns_aliases || *network->config.dns_aliases)) {
		r = aliases_settle(&now);
		if (r < 0)
			err_set(err, -r, "network '%s': its aliases: %s", network->name,
				strerror(-r));
	}
	if (r < 0)
		return r;
	now.rerouted = config_is_private(&now.config) != config_is_private(&network->config);
	struct network before = *network;
	*network = now;
	now = before;
	return 0;
}

/*
 * A copy of the changes, in which a subnet6 is the one that the network gets. The caller frees it; text is part of it.
 * NULL: err says why.
 */
static struct config_change *settle(const struct network *network,
				    const struct config_change *changes, size_t count,
				    char text[SUBNET6_TEXT], struct err *err)
{
	scoped_free struct config_change *list = calloc(count + 1, sizeof *list);
	scoped_links struct link_socket *links = NULL;
	struct network_config scratch = { 0 };

	if (!list) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		list[i] = changes[i];
		if (strcmp(list[i].name, "subnet6") != 0 || !list[i].value ||
		    !config_is_own(&network->config))
			continue;
		int r = config_put(&network_schema, &scratch, "subnet6", list[i].value, err);
		if (r == 0 && !links)
			r = bridge_open_links(network, &links, err);
		if (r == 0)
			r = network_choose_subnet6(network, links, scratch.subnet6, text, err);
		config_free(&network_schema, &scratch);
		if (r < 0)
			return NULL;
		list[i].value = text;
	}
	return take_ptr(&list);
}

/* dnsmasq would ask itself. */
static int check_servers(const struct network *network, const struct network_config *config,
			 struct err *err)
{
	scoped_free char *servers = strdup(config->dns_servers);
	char *rest = servers;
	struct in_addr address;

	for (char *word; servers && (word = strsep(&rest, " "));) {
		if (inet_pton(AF_INET, word, &address) == 1 &&
		    address.s_addr == network->gateway.s_addr && config_is_own(config))
			return err_set(
				err, EINVAL,
				"network '%s': dns.servers has %s, which is the network's own "
				"name server; name those that it is to ask",
				network->name, word);
	}
	return servers ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* The kernel keeps machines of two modes apart, or refuses one of them. */
static int check_mode(const struct network *network, const struct network_config *config,
		      struct err *err)
{
	if (!config_is_inside(config) || config_is_physical(config) ||
	    strcmp(config_mode(&network->config), config_mode(config)) == 0)
		return 0;
	return kind_ops(network)->check_idle(network, err);
}

static const struct config_change *change_of_subnet6(const struct config_change *changes,
						     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(changes[i].name, "subnet6") == 0)
			return &changes[i];
	}
	return NULL;
}

static bool draws_subnet6(const struct network *network, const struct config_change *changes,
			  size_t count)
{
	const struct config_change *change = change_of_subnet6(changes, count);

	return change && change->value && strcmp(change->value, "auto") == 0 &&
	       strcmp(network->config.subnet6, "none") == 0;
}

/* The settings after the changes, which config_free releases, and their file; all that can be refused is. */
static int prepare(struct network *network, const char *path, const struct config_change *changes,
		   size_t count, struct text *text, struct network_config *config, struct err *err)
{
	char subnet6[SUBNET6_TEXT];

	if (bridge_check_exists(network, err) < 0)
		return -err->code;
	scoped_free struct config_change *settled = settle(network, changes, count, subnet6, err);
	if (!settled ||
	    config_preview(&network_schema, path, settled, count, text, config, err) < 0)
		return -err->code;
	int r = network_check_kind(network, config, err);
	if (r == 0)
		r = network_check_changes(network, config, changes, count, err);
	if (r == 0)
		r = check_servers(network, config, err);
	if (r == 0)
		r = check_mode(network, config, err);
	if (r < 0)
		config_free(&network_schema, config);
	return r;
}

int network_set_check(struct network *network, const struct config_change *changes, size_t count,
		      struct network_config *config, struct err *err)
{
	scoped_free char *path = text_format("%s/network.conf", network->folder);
	scoped_text struct text text = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = prepare(network, path, changes, count, &text, config, err);
	if (r < 0 || !draws_subnet6(network, changes, count))
		return r;
	/* The prefix of this look is not the one that the change itself draws. */
	r = config_put(&network_schema, config, "subnet6", "auto", err);
	if (r < 0)
		config_free(&network_schema, config);
	return r;
}

int network_set(struct network *network, const struct config_change *changes, size_t count,
		struct err *err)
{
	scoped_free char *path = text_format("%s/network.conf", network->folder);
	scoped_text struct text before = { 0 }, after = { 0 };
	struct network_config config;
	/* Two networks must not get one prefix at once, as in network_create. */
	scoped_fd int all =
		change_of_subnet6(changes, count) ? networks_lock(network->dirs, err) : -1;
	scoped_fd int lock = err->code ? -1 : network_lock(network, err);

	if (lock < 0)
		return -err->code;
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (prepare(network, path, changes, count, &after, &config, err) < 0)
		return -err->code;
	int r = 0;
	if (strcmp(config.routes, network->config.routes) != 0 ||
	    (config_is_own(&config) && strcmp(config.subnet6, network->config.subnet6) != 0))
		r = renumber_begin(network, err);
	config_free(&network_schema, &config);
	if (r < 0)
		return r;
	if (config_preview(&network_schema, path, NULL, 0, &before, &config, err) < 0)
		return -err->code;
	config_free(&network_schema, &config);
	if (config_write(path, &after, err) < 0)
		return -err->code;
	fault_point("network-set");
	scoped_close_fd(&all);
	if (renew(network, err) == 0)
		return 0;
	struct err ignored = { 0 };
	if (config_write(path, &before, &ignored) == 0)
		renew(network, &ignored);
	return -err->code;
}
