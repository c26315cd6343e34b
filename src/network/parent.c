/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link of the host's that the machines of a network are put on: whether it is there, and of use for its kind. */
#include "network/bridge.h"
#include "network/inside_note.h"

#include <errno.h>
#include <string.h>

/* Machines share an interface with an address of Ethernet, which neither lo nor a tunnel has. */
static int check_shared(const struct network *network, const struct link_info *parent,
			struct err *err)
{
	static const unsigned char none[LINK_MAC];
	bool shares = strcmp(parent->kind, "macvlan") == 0 || strcmp(parent->kind, "ipvlan") == 0;

	if (memcmp(parent->mac, none, LINK_MAC) != 0 && !shares)
		return 0;
	return err_set(
		err, EMEDIUMTYPE,
		"network '%s': the host's link '%s' %s, so that no machine can be put on it; "
		"create a network with %s as parent",
		network->name, network->config.parent,
		shares ? "is on another interface itself" : "has no hardware address",
		shares ? "that one" : "an Ethernet interface");
}

int parent_check(const struct network *network, const struct link_info *parent, struct err *err)
{
	if (config_is_physical(&network->config) && strcmp(parent->name, "lo") == 0)
		return err_set(err, EMEDIUMTYPE,
			       "network '%s': the host's link 'lo' cannot leave the host; create a "
			       "network with an interface as parent",
			       network->name);
	if (config_is_physical(&network->config))
		return 0;
	if (config_is_inside(&network->config))
		return check_shared(network, parent, err);
	if (strcmp(parent->kind, "bridge") == 0)
		return 0;
	return err_set(
		err, EMEDIUMTYPE,
		"network '%s': the host's link '%s' is no bridge%s%s, so that no machine can "
		"be put on it; make a bridge with it as a port, and create a network with "
		"that as parent",
		network->name, network->config.parent, *parent->kind ? " but a " : "",
		parent->kind);
}

int parent_tell_missing(const struct network *network, struct err *err)
{
	bool bridge = strcmp(network->config.kind, "join") == 0;
	char machine[64], on[64];

	if (inside_user(network->dirs, network->config.parent, true, machine, on))
		return err_set(
			err, EBUSY,
			"network '%s': machine '%s' has the host's '%s', on network '%s'; stop "
			"that one first",
			network->name, machine, network->config.parent, on);
	return err_set(err, ENODEV,
		       "network '%s': the host has no link '%s', which is to be the %s of its "
		       "machines; %s, or create a network with another parent",
		       network->name, network->config.parent, bridge ? "bridge" : "parent",
		       bridge ? "make that bridge" : "plug it in or make it");
}
