/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/state/nics.h"

#include "base/scoped.h"

#include <string.h>

static bool has_routed_section(const struct machine_config *config)
{
	for (const struct section *at = config->nics; at; at = at->next) {
		if (((const struct nic_config *)at)->route)
			return true;
	}
	return false;
}

static struct nic_view first(const struct machine_config *config)
{
	return (struct nic_view){
		.name = LEASE_LINK,
		.network = config->network,
		.mac = config->mac,
		.address = config->address,
		.address6 = config->address6,
		.routes = config->routes,
		.vlan = (unsigned)config->vlan,
		.route = !has_routed_section(config),
	};
}

static struct nic_view further(const struct section *section)
{
	const struct nic_config *nic = (const struct nic_config *)section;

	return (struct nic_view){
		.name = section->name,
		.network = nic->network,
		.mac = nic->mac,
		.address = nic->address,
		.address6 = nic->address6,
		.routes = nic->routes,
		.mtu = (unsigned)nic->mtu,
		.vlan = (unsigned)nic->vlan,
		.route = nic->route,
		.section = nic,
	};
}

size_t nics_of(const struct machine *machine, struct nic_view nics[NICS_MAX])
{
	const struct machine_config *config = &machine->config;
	size_t count = 0;

	if (*config->network)
		nics[count++] = first(config);
	for (const struct section *at = config->nics; at && count < NICS_MAX; at = at->next)
		nics[count++] = further(at);
	return count;
}

bool nics_find(const struct machine *machine, const char *name, const char *network,
	       struct nic_view *nic)
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(name ? nics[i].name : nics[i].network, name ? name : network) != 0)
			continue;
		*nic = nics[i];
		return true;
	}
	return false;
}

void nics_shape(const struct machine *machine, const struct nic_view *nic, struct lease *lease)
{
	lease->isolated |= machine->config.isolated;
	if (nic->mtu)
		lease->mtu = nic->mtu;
	lease->vlan = nic->vlan;
	lease->without_route |= !nic->route;
	lease_add_routes(lease, nic->routes);
	snprintf(lease->link, sizeof lease->link, "%s", nic->name);
}

struct port_rules nics_rules(const struct machine *machine)
{
	return (struct port_rules){ .guarded = !machine->config.spoofing,
				    .list = machine->config.rules };
}

int nics_lease(const struct machine *machine, const struct nic_view *nic, struct lease *lease)
{
	scoped_network struct network network = { 0 };
	struct err ignored = { 0 };

	if (network_open(&network, machine->dirs, nic->network, &ignored) < 0 ||
	    lease_find(&network, machine->name, lease, &ignored) < 0)
		return -ignored.code;
	nics_shape(machine, nic, lease);
	return 0;
}
