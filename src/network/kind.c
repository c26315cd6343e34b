/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/kind.h"

#include "base/scoped.h"
#include "network/bridge.h"
#include "network/renumber.h"

#include <string.h>

const struct network_ops *kind_ops(const struct network *network)
{
	return config_is_own(&network->config) ? &bridge_ops : &foreign_ops;
}

/* A killed command has changed the IPv6 subnet. The leases come first, since dnsmasq keeps what it has read. */
static int renumber_leases(struct network *network, struct err *err)
{
	scoped_fd int lock = network_lock(network, err);

	if (lock < 0)
		return lock;
	renumber_read(network);
	return lease_renumber(network, err);
}

int network_up(struct network *network, struct err *err)
{
	bool begun = renumber_is_begun(network);

	if (begun && !config_is_own(&network->config))
		renumber_read(network);
	if ((begun && config_is_own(&network->config) && renumber_leases(network, err) < 0) ||
	    kind_ops(network)->up(network, err) < 0)
		return -err->code;
	network->renewed |= begun;
	return 0;
}

int network_status(struct network *network, struct network_status *status, struct err *err)
{
	return kind_ops(network)->status(network, status, err);
}

int network_down(struct network *network, struct err *err)
{
	scoped_fd int lock = network_lock(network, err);

	return lock < 0 ? lock : kind_ops(network)->down(network, err);
}

int network_check_changes(const struct network *network, const struct network_config *config,
			  const struct config_change *changes, size_t count, struct err *err)
{
	static const char *const own[] = { "dhcp", "dhcp.lease", "nat", "nat6" };

	if (config_check_network(config, err) < 0)
		return err_wrap(err, "network '%s'", network->name);
	for (size_t i = 0; i < count && !config_is_own(config); i++) {
		for (size_t k = 0; k < sizeof own / sizeof *own; k++) {
			if (changes[i].value && strcmp(changes[i].name, own[k]) == 0)
				return err_set(
					err, EINVAL,
					"network '%s': %s is for networks of berth's own, of "
					"kind bridge or private; on one of kind %s that is not "
					"berth's to say; leave it out",
					network->name, own[k], config->kind);
		}
	}
	return 0;
}

int network_check_vlan(const struct network *network, unsigned vlan, struct err *err)
{
	if (vlan == 0 || strcmp(network->config.kind, "join") == 0)
		return 0;
	return err_set(err, EINVAL,
		       "network '%s': VLAN %u cannot be chosen on a network of kind %s, only on a "
		       "bridge of the host's (kind=join)%s",
		       network->name, vlan, network->config.kind,
		       config_is_own(&network->config)
			       ? "; machines that are to be apart get networks of their own"
		       : config_is_inside(&network->config)
			       ? "; create a network with an interface of that VLAN as parent"
			       : "");
}

/* A network of another sort has other leases, and another link that machines are on. */
int network_check_kind(const struct network *network, const struct network_config *config,
		       struct err *err)
{
	bool same = config_is_own(config) ? config_is_own(&network->config)
					  : strcmp(config->kind, network->config.kind) == 0;

	return same ? 0
		    : err_set(err, EINVAL,
			      "network '%s' is of kind %s and cannot become one of kind %s; create "
			      "another network, and put its machines there",
			      network->name, network->config.kind, config->kind);
}
