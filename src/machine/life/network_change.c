/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a network's settings, with the machines that are on it. */
#include "machine/life/life.h"
#include "machine/state/machine.h"
#include "machine/state/nics.h"
#include "network/subnet6.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The part of a machine that has a change at its next start: what is written into the root or set before init runs. */
static const char *waits_for_start(const struct config_change *changes, size_t count)
{
	const char *part = NULL;

	for (size_t i = 0; i < count; i++) {
		if (config_flags(&network_schema, changes[i].name) & KEY_LIVE)
			continue;
		const char *other = strcmp(changes[i].name, "subnet6") == 0 ? "their IPv6 addresses"
									    : "the domain";
		part = part && part != other ? "the domain and their IPv6 addresses" : other;
	}
	return part;
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

int machine_change_network(struct network *network, const struct config_change *changes,
			   size_t count, struct text *notes, struct err *err)
{
	struct network_status status = { 0 };

	for (size_t i = 0; i < count; i++) {
		if (strcmp(changes[i].name, "subnet6") == 0 &&
		    check_fixed(network, changes[i].value, err) < 0)
			return -err->code;
	}
	int r = network_set(network, changes, count, err);
	if (r == 0)
		r = machine_reconnect_all(network, err);
	if (r < 0)
		return r;
	if (*network->warning)
		text_add(notes, "%s\n", network->warning);
	const char *part = waits_for_start(changes, count);
	if (part && network_status(network, &status, &(struct err){ 0 }) == 0 && status.ports > 0)
		text_add(notes, "machines that run on network '%s' have %s at their next start\n",
			 network->name, part);
	return 0;
}
