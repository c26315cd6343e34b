/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks that are not berth's own. Their link is the host's: berth neither makes nor changes nor removes it, and has
 * no addresses, rules or dnsmasq there.
 */
#include "network/bridge.h"
#include "network/kind.h"
#include "network/lease_file.h"
#include "network/physical.h"

#include "base/scoped.h"

/* Finds the parent, and keeps what ports want to know of it. */
static int look(struct network *network, struct link_info *parent, struct err *err)
{
	scoped_links struct link_socket *links = NULL;

	network->warning[0] = '\0';
	network->renewed = false;
	*parent = (struct link_info){ .up = true };
	if (bridge_open_links(network, &links, err) < 0)
		return -err->code;
	char machine[64];
	int r = bridge_find(network, links, parent, err);
	if (r == -ENODEV && config_is_physical(&network->config) &&
	    physical_is_lost(network, machine))
		return physical_tell_lost(network, machine, err);
	/* The machine has it, and the host has not. */
	if (r == -ENODEV && config_is_physical(&network->config) &&
	    physical_holder(network, false, machine)) {
		*parent = (struct link_info){ .up = true };
		r = 0;
	}
	if (r < 0)
		return r == -ENODEV ? parent_tell_missing(network, err) : r;
	network->bridge = parent->index;
	network->parent_mtu = parent->mtu;
	return 0;
}

static int foreign_up(struct network *network, struct err *err)
{
	struct link_info parent;

	if (config_is_physical(&network->config) && physical_recover(network, err) < 0)
		return -err->code;
	if (look(network, &parent, err) < 0)
		return -err->code;
	if (!parent.up && !config_is_physical(&network->config))
		network_warn(network,
			     "network '%s': the host's '%s' is down, so that machines reach nobody "
			     "by it; set it up",
			     network->name, network->config.parent);
	return 0;
}

/* After a change of settings, which needs no parent: machines get to know of it when they are put on the network. */
static int foreign_renew(struct network *network, struct err *err)
{
	struct link_info parent;

	(void)err;
	look(network, &parent, &(struct err){ 0 });
	return 0;
}

static int foreign_status(struct network *network, struct network_status *status, struct err *err)
{
	struct link_info parent;
	char names[NAMES_ROOM];
	int leases = lease_file_count(network);

	*status = (struct network_status){ .leases = leases };
	if (leases < 0)
		return err_set(err, EIO, "network '%s': count its machines failed", network->name);
	/* An interface that a machine takes for itself need not be up on the host. */
	const bool physical = config_is_physical(&network->config);
	status->up = look(network, &parent, &status->fault) == 0 && (parent.up || physical);
	if (physical && physical_holder(network, true, names)) {
		status->up = false;
		status->fault = (struct err){ 0 };
		err_set(&status->fault, EBUSY,
			"network '%s': machine '%s' has ended without giving the host's '%s' back, "
			"which 'berth network up %s' does",
			network->name, names, network->config.parent, network->name);
	}
	if (!status->up && !status->fault.code)
		err_set(&status->fault, ENETDOWN,
			"network '%s': the host's '%s' is down, so that machines reach nobody by "
			"it",
			network->name, network->config.parent);
	status->ports = (int)bridge_names(network, true, names);
	return 0;
}

static int foreign_check_idle(const struct network *network, struct err *err)
{
	char names[NAMES_ROOM];
	size_t ports = bridge_names(network, true, names);

	return ports == 0
		       ? 0
		       : err_set(err, EBUSY, "network '%s': %zu machine%s on it: %s; stop %s first",
				 network->name, ports, ports == 1 ? " is" : "s are", names,
				 ports == 1 ? "it" : "them");
}

const struct network_ops foreign_ops = {
	.up = foreign_up,
	.status = foreign_status,
	.renew = foreign_renew,
	.check_idle = foreign_check_idle,
	/* There is nothing that berth has made. */
	.down = foreign_check_idle,
};
