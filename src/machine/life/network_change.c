/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a network's settings, with the machines that are on it. */
#include "machine/life/hosts.h"
#include "machine/life/life.h"
#include "machine/state/machine.h"
#include "machine/state/nics.h"
#include "network/subnet6.h"

#include "base/scoped.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The change of a key, or NULL. */
static const struct config_change *find_change(const struct config_change *changes, size_t count,
					       const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(changes[i].name, key) == 0)
			return &changes[i];
	}
	return NULL;
}

/* Settings that running machines do not have at once: they are written into the root, or set before init runs. */
static void tell_late(struct network *network, const struct config_change *changes, size_t count,
		      const char *before6, struct text *notes)
{
	struct network_status status = { 0 };

	if (network_status(network, &status, &(struct err){ 0 }) < 0 || status.ports == 0)
		return;
	if (find_change(changes, count, "domain"))
		text_add(notes,
			 "machines that run on network '%s' have the domain at their next start\n",
			 network->name);
	if (network->renumbered && strcmp(before6, network->config.subnet6) != 0)
		text_add(notes, "machines that run on network '%s' have %s\n", network->name,
			 !network->prefix6              ? "no IPv6 on it any more"
			 : strcmp(before6, "none") == 0 ? "IPv6 addresses on it now"
							: "other IPv6 addresses on it now");
}

struct address6_search {
	const struct dirs *dirs;
	const char *network;
	struct subnet6 subnet;
	bool none; /* the network loses its IPv6 */
	char machine[64], address[INET6_ADDRSTRLEN];
};

/* Stops at a machine whose settings name an address that is not in the subnet. */
static int find_outside(void *context, const char *name)
{
	struct address6_search *search = context;
	scoped_machine struct machine machine = { 0 };
	struct nic_view nics[NICS_MAX];
	struct in6_addr address;

	if (machine_read(&machine, search->dirs, name, &(struct err){ 0 }) < 0)
		return 0;
	size_t count = nics_of(&machine, nics);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(nics[i].network, search->network) != 0 ||
		    inet_pton(AF_INET6, nics[i].address6, &address) != 1 ||
		    (!search->none && subnet6_has(&search->subnet, &address)))
			continue;
		snprintf(search->machine, sizeof search->machine, "%s", name);
		snprintf(search->address, sizeof search->address, "%s", nics[i].address6);
		return 1;
	}
	return 0;
}

/* Machines with a fixed address could not start any more. */
static int check_fixed(const struct network *network, const char *value, struct err *err)
{
	struct address6_search search = { .dirs = network->dirs, .network = network->name };

	search.none = !value || strcmp(value, "none") == 0;
	if (!search.none && subnet6_parse(value, &search.subnet) < 0)
		return 0;
	int r = machine_list(network->dirs, find_outside, &search, err);
	return r <= 0 ? r
		      : err_set(err, EBUSY,
				"network '%s': machine '%s' has the address %s, which is not in "
				"subnet6 then; take it away first: berth unset %s "
				"network.address6, or "
				"nic set for another interface",
				network->name, search.machine, search.address, search.machine);
}

int machine_check_network(struct network *network, const struct config_change *changes,
			  size_t count, struct network_config *config, struct err *err)
{
	const struct config_change *subnet6 = find_change(changes, count, "subnet6");

	if (subnet6 && check_fixed(network, subnet6->value, err) < 0)
		return -err->code;
	return network_set_check(network, changes, count, config, err);
}

int machine_change_network(struct network *network, const struct config_change *changes,
			   size_t count, struct text *notes, struct err *err)
{
	scoped_free char *before6 = strdup(network->config.subnet6);

	if (!before6)
		return err_set(err, ENOMEM, "out of memory");
	const struct config_change *subnet6 = find_change(changes, count, "subnet6");
	if (subnet6 && check_fixed(network, subnet6->value, err) < 0)
		return -err->code;
	int r = network_set(network, changes, count, err);
	if (r == 0)
		r = machine_reconnect_all(network, notes, err);
	if (r < 0)
		return r;
	hosts_follow_all(network->dirs);
	if (*network->warning)
		text_add(notes, "%s\n", network->warning);
	if (subnet6 && subnet6->value && strcmp(subnet6->value, "auto") == 0 &&
	    strcmp(before6, "none") != 0)
		text_add(notes,
			 "network '%s' has the subnet6 %s already and keeps it; for another one: "
			 "berth network unset %s subnet6, then this again\n",
			 network->name, before6, network->name);
	tell_late(network, changes, count, before6, notes);
	network_advise(network, changes, count, false, notes);
	return 0;
}
