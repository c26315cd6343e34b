/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules between the network interfaces of a machine: eth0, of the machine's own keys, and its sections [nic NAME]. */
#include "config/file.h"
#include "config/values.h"

#include <errno.h>
#include <string.h>

/*
 * Names that a link of the guest cannot have: lo exists, the others are folders of /proc/sys/net beside those of links.
 */
static const char *const own_names[] = { "lo", "all", "default" };

static int check_name(const char *name, struct err *err)
{
	if (strlen(name) > NIC_NAME_MAX)
		return err_set(
			err, ENAMETOOLONG,
			"nic '%.80s' has a name of %zu characters; the kernel takes at most %d",
			name, strlen(name), NIC_NAME_MAX);
	if (strcmp(name, "eth0") == 0)
		return err_set(
			err, EINVAL,
			"nic 'eth0' is the one of the keys network and network.address; choose "
			"another name, such as eth1");
	for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++) {
		if (strcmp(name, own_names[i]) == 0)
			return err_set(err, EINVAL,
				       "nic '%s' has a name that the kernel uses itself; choose "
				       "another, such as eth1",
				       name);
	}
	return 0;
}

/* One route would take the place of the other. */
static int check_routes(const char *name, const char *text, const char *before, const char *other,
			struct err *err)
{
	char to[ROUTE_TEXT], via[ROUTE_TEXT];
	struct route_list one, two;

	if (!text || !*text || !other || !*other || config_routes(text, &one) ||
	    config_routes(other, &two))
		return 0;
	for (unsigned i = 0; i < one.count * two.count; i++) {
		const struct ip_route *route = &one.list[i / two.count];
		if (!routes_same_target(route, &two.list[i % two.count]))
			continue;
		config_route_text(route, to, via);
		return err_set(err, EEXIST,
			       "nics '%s' and '%s' both have a route to %s; leave one of them out",
			       before, name, to);
	}
	return 0;
}

static int check_alone(const struct machine_config *config, const struct nic_config *nic,
		       struct err *err)
{
	const char *name = nic->section.name;

	if (check_name(name, err) < 0)
		return -err->code;
	if (!*nic->network)
		return err_set(err, EINVAL, "nic '%s' has no line 'network = NETWORK'", name);
	/* A network knows a machine by one name and one address. */
	if (strcmp(nic->network, config->network) == 0)
		return err_set(
			err, EEXIST,
			"nic '%s' cannot be on network '%s', which eth0 is on; choose another "
			"network",
			name, nic->network);
	if (*nic->mac && strcmp(nic->mac, config->mac) == 0)
		return err_set(
			err, EEXIST,
			"nic '%s' cannot have the hardware address %s, which eth0 has; choose "
			"another, or leave it out",
			name, nic->mac);
	return check_routes(name, nic->routes, "eth0", config->routes, err);
}

static int check_pair(const struct nic_config *nic, const struct nic_config *other, struct err *err)
{
	const char *name = nic->section.name, *before = other->section.name;

	if (strcmp(nic->network, other->network) == 0)
		return err_set(
			err, EEXIST,
			"nics '%s' and '%s' are on the same network '%s'; choose another for "
			"one of them",
			before, name, nic->network);
	if (*nic->mac && strcmp(nic->mac, other->mac) == 0)
		return err_set(
			err, EEXIST,
			"nics '%s' and '%s' have the same hardware address %s; choose another "
			"for one of them",
			before, name, nic->mac);
	if (nic->route && other->route)
		return err_set(
			err, EEXIST,
			"nics '%s' and '%s' both have route = yes; a machine has one default "
			"route",
			before, name);
	return check_routes(name, nic->routes, before, other->routes, err);
}

int nics_check(const struct machine_config *config, struct err *err)
{
	size_t count = 1;

	for (const struct section *at = config->nics; at; at = at->next, count++) {
		const struct nic_config *nic = (const struct nic_config *)at;
		if (check_alone(config, nic, err) < 0)
			return -err->code;
		for (const struct section *other = config->nics; other != at; other = other->next) {
			if (check_pair(nic, (const struct nic_config *)other, err) < 0)
				return -err->code;
		}
	}
	return count > NICS_MAX
		       ? err_set(err, E2BIG, "a machine has at most %d nics, with eth0", NICS_MAX)
		       : 0;
}
