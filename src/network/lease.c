/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leases: the address of a machine on a network, for as long as the machine exists. Each is one file. */
#include "base/scoped.h"
#include "base/text.h"
#include "network/aliases.h"
#include "network/bridge.h"
#include "network/lease_file.h"
#include "network/lease_want.h"
#include "network/network.h"
#include "network/subnet.h"

#include <arpa/inet.h>
#include <string.h>

static int check_name(const struct network *network, const char *name, struct err *err)
{
	const char *fault = text_label_fault(name);

	if (fault)
		return err_set(err, EINVAL, "network '%s': name '%.80s' %s", network->name, name,
			       fault);
	return 0;
}

static struct in_addr address_at(const struct network *network, uint32_t i)
{
	return (struct in_addr){ htonl(ntohl(network->gateway.s_addr) + 1 + i) };
}

struct holder6 {
	const struct network *network;
	const char *name; /* does not count */
	const struct in6_addr *address;
	char found[64];
};

static int compare6(void *context, const char *name)
{
	struct holder6 *holder = context;
	struct lease lease;

	if (strcmp(name, holder->name) == 0 || lease_file_find(holder->network, name, &lease) < 0 ||
	    !lease.prefix6 || memcmp(&lease.address6, holder->address, sizeof lease.address6) != 0)
		return 0;
	snprintf(holder->found, sizeof holder->found, "%s", name);
	return 1;
}

static int tell_held(const struct network *network, const char *want, const char *holder,
		     struct err *err)
{
	return err_set(err, EADDRINUSE,
		       "network '%s': address %s belongs to '%s'; choose another, or leave it out "
		       "for a free one",
		       network->name, want, holder);
}

static int tell_failure(const struct network *network, const char *name, int r, struct err *err)
{
	return err_set(err, -r, "lease of '%s' in '%s': %s", name, network->folder, strerror(-r));
}

/* A fixed IPv6 address is looked for in all leases, when it is set and when a lease gets it. */
static int check_free6(const struct network *network, const char *name,
		       const struct in6_addr *address, const char *want, struct err *err)
{
	struct holder6 holder = { .network = network, .name = name, .address = address };

	int r = lease_file_each(network, compare6, &holder);
	if (r < 0)
		return tell_failure(network, name, r, err);
	return r > 0 ? tell_held(network, want, holder.found, err) : 0;
}

/* Gives a lease, which has its IPv4 address, its other one. */
static void set_address6(const struct network *network, const struct wanted *wanted,
			 struct lease *lease)
{
	struct subnet6 subnet;
	bool named = !IN6_IS_ADDR_UNSPECIFIED(&wanted->address6);

	lease->prefix6 = 0;
	if (!wanted_subnet6(network, &subnet) || (lease->foreign && !named))
		return;
	lease->prefix6 = network->prefix6;
	lease->address6 = named ? wanted->address6 : subnet6_address(&subnet, lease->address);
}

/* Whether a lease keeps its IPv4 address. On a network that is not berth's own it has a fixed one, or none. */
static bool keeps(const struct lease *lease, const struct wanted *wanted)
{
	return lease->address.s_addr == wanted->address.s_addr ||
	       (!wanted->address.s_addr && !lease->foreign);
}

/* Whether the addresses of a lease are as wanted. */
static bool is_as_wanted(const struct network *network, const struct lease *lease,
			 const struct wanted *wanted)
{
	struct lease right = *lease;

	set_address6(network, wanted, &right);
	return keeps(lease, wanted) && !lease->stale6 && lease->prefix6 == right.prefix6 &&
	       (!right.prefix6 ||
		memcmp(&lease->address6, &right.address6, sizeof right.address6) == 0);
}

/* The first free address after the hash of the name, so that names usually keep their addresses. */
static int add_anywhere(const struct network *network, struct lease *lease,
			const struct wanted *wanted, struct err *err)
{
	uint32_t count = wanted_count(network);
	uint32_t start = (uint32_t)(text_hash(lease->name) % count);

	for (uint32_t i = 0; i < count; i++) {
		lease->address = address_at(network, (start + i) % count);
		set_address6(network, wanted, lease);
		int r = lease_file_add(network, lease);
		if (r == 0)
			return 0;
		if (r != -EEXIST)
			return tell_failure(network, lease->name, r, err);
	}
	return err_set(
		err, EADDRNOTAVAIL,
		"network '%s' has no free address left for '%s': all %u of %s belong to machines; "
		"delete one, or use another network",
		network->name, lease->name, count, network->config.subnet);
}

/* The lease keeps its IPv4 address. */
static int change(const struct network *network, const struct lease *held, struct lease *lease,
		  const struct wanted *wanted, struct err *err)
{
	lease->address = held->address;
	set_address6(network, wanted, lease);
	int r = strcmp(held->mac, lease->mac) == 0 && is_as_wanted(network, held, wanted)
			? lease_file_list_mac(network, lease)
			: lease_file_change(network, lease);
	return r < 0 ? tell_failure(network, lease->name, r, err) : 0;
}

/* The lease that exists differs from the wanted one: another mac, another address, or none. */
static int change_or_add(const struct network *network, struct lease *lease,
			 const struct wanted *wanted, struct err *err)
{
	struct lease held, holder;
	char other[64];
	bool found = lease_file_find(network, lease->name, &held) == 0;
	int r = 0;

	if (lease_file_mac_holder(network, lease->mac, other) && strcmp(other, lease->name) != 0)
		return err_set(err, ENOTUNIQ,
			       "network '%s': the hardware address %s of '%s' is that of '%s' too",
			       network->name, lease->mac, lease->name, other);
	if (!IN6_IS_ADDR_UNSPECIFIED(&wanted->address6) &&
	    check_free6(network, lease->name, &wanted->address6, wanted->texts->address6, err) < 0)
		return -err->code;
	if (found && keeps(&held, wanted))
		return change(network, &held, lease, wanted, err);
	lease->made = true;
	if (!wanted->address.s_addr && !lease->foreign)
		return add_anywhere(network, lease, wanted, err);

	lease->address = wanted->address;
	set_address6(network, wanted, lease);
	if (wanted->address.s_addr && lease_file_holder(network, wanted->address, &holder) == 0)
		return tell_held(network, wanted->texts->address, holder.name, err);
	/* A kill between the two leaves the machine without a lease. Its next start asks for the same one. */
	if (found)
		r = lease_file_remove(network, &held);
	if (r == 0)
		r = lease_file_add(network, lease);
	return r < 0 ? tell_failure(network, lease->name, r, err) : 0;
}

static int follow_aliases(const struct network *network)
{
	return *network->config.dns_aliases ? aliases_settle(network) : 0;
}

static int find_or_make(struct network *network, const char *name, const struct lease_want *want,
			struct lease *lease, struct err *err)
{
	struct lease made;
	struct wanted wanted;

	if (check_name(network, name, err) < 0 || wanted_parse(network, want, &wanted, err) < 0)
		return -err->code;
	/* Usually the machine has its lease since its creation: two reads, no lock. */
	if (lease_file_find(network, name, &made) == 0 && strcmp(made.mac, want->mac) == 0 &&
	    is_as_wanted(network, &made, &wanted) &&
	    lease_file_owns_mac(network, name, want->mac)) {
		*lease = made;
		return 0;
	}
	lease_file_begin(network, &made);
	snprintf(made.name, sizeof made.name, "%s", name);
	snprintf(made.mac, sizeof made.mac, "%s", want->mac);
	scoped_fd int lock = network_lock(network, err);
	if (lock < 0)
		return lock;
	int r = lease_file_repair(network);
	if (r < 0)
		return tell_failure(network, name, r, err);
	if (change_or_add(network, &made, &wanted, err) < 0)
		return -err->code;
	r = follow_aliases(network);
	if (r < 0)
		return tell_failure(network, name, r, err);
	lease_file_finish(&made);
	*lease = made;
	return 0;
}

int lease_get(struct network *network, const char *name, const struct lease_want *want,
	      struct lease *lease, struct err *err)
{
	int r = find_or_make(network, name, want, lease, err);

	if (r == 0)
		network_add_servers(network, lease);
	return r;
}

int lease_check(const struct network *network, const char *name, const char *address,
		const char *address6, struct err *err)
{
	struct in_addr wanted;
	struct in6_addr wanted6;
	struct lease holder;

	if (wanted_given(address)) {
		if (wanted_address(network, address, &wanted, err) < 0)
			return -err->code;
		if (lease_file_holder(network, wanted, &holder) == 0 &&
		    strcmp(holder.name, name) != 0)
			return tell_held(network, address, holder.name, err);
	}
	if (!wanted_given(address6))
		return 0;
	return wanted_address6(network, address6, &wanted6, err) < 0
		       ? -err->code
		       : check_free6(network, name, &wanted6, address6, err);
}

int lease_check_new(const char *network, const struct network_config *config, const char *want,
		    struct err *err)
{
	struct network future = { .name = (char *)(uintptr_t)network, .config = *config };
	struct subnet parsed;
	struct in_addr wanted;

	if (subnet_parse(config->subnet, &parsed) < 0)
		return err_set(err, EINVAL, "network '%s' cannot have subnet '%s'", network,
			       config->subnet);
	future.subnet = parsed.network;
	if (config_is_own(config))
		future.gateway.s_addr = htonl(ntohl(parsed.network.s_addr) + 1);
	else
		inet_pton(AF_INET, config->gateway, &future.gateway);
	future.prefix = parsed.prefix;
	return wanted_address(&future, want, &wanted, err);
}

bool lease_has_holder(const struct network *network, const char *address, char name[64])
{
	struct in_addr parsed;
	struct lease holder;

	if (inet_pton(AF_INET, address, &parsed) != 1 ||
	    lease_file_holder(network, parsed, &holder) < 0)
		return false;
	snprintf(name, 64, "%s", holder.name);
	return true;
}

bool lease_has_mac_holder(const struct network *network, const char *mac, char name[64])
{
	return lease_file_mac_holder(network, mac, name);
}

int lease_check_mac(const struct network *network, const char *name, const char *mac,
		    struct err *err)
{
	char other[64];

	if (wanted_mac(network, mac, err) < 0)
		return -err->code;
	if (!lease_file_mac_holder(network, mac, other) || strcmp(other, name) == 0)
		return 0;
	return err_set(
		err, ENOTUNIQ,
		"network '%s': the hardware address %s belongs to '%s'; choose another, or leave "
		"it out for a free one",
		network->name, mac, other);
}

bool lease_is_there(const struct network *network, const char *name)
{
	scoped_free char *path = text_format("%s/names/%s", network->folder, name);

	return (path && access(path, F_OK) == 0) || lease_file_is_pending(network);
}

int lease_find(struct network *network, const char *name, struct lease *lease, struct err *err)
{
	if (check_name(network, name, err) < 0)
		return -err->code;
	int r = lease_file_find(network, name, lease);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "network '%s': '%s' has no address there",
			       network->name, name);
	return r < 0 ? tell_failure(network, name, r, err) : 0;
}

struct each {
	const struct network *network;
	int (*visit)(void *, const struct lease *);
	void *context;
};

static int visit_named(void *context, const char *name)
{
	const struct each *each = context;
	struct lease lease;

	return lease_file_find(each->network, name, &lease) < 0
		       ? 0
		       : each->visit(each->context, &lease);
}

int lease_each(struct network *network, int (*visit)(void *, const struct lease *), void *context,
	       struct err *err)
{
	struct each each = { network, visit, context };
	int r = lease_file_each(network, visit_named, &each);

	return r < 0 && !err->code ? err_set(err, -r, "list the leases of network '%s': %s",
					     network->name, strerror(-r))
				   : r;
}

/* A fixed address stays: it is in the subnet, since the change would have been refused otherwise. */
static int renumber_one(void *context, const char *name)
{
	const struct network *network = context;
	const struct wanted nothing = { 0 };
	struct lease lease;

	if (lease_file_find(network, name, &lease) < 0 || lease.foreign ||
	    (!lease.stale6 && lease.prefix6 == network->prefix6))
		return 0;
	set_address6(network, &nothing, &lease);
	return lease_file_renumber(network, &lease);
}

int lease_renumber(const struct network *network, struct err *err)
{
	int r = lease_file_repair(network);

	if (r == 0)
		r = lease_file_each(network, renumber_one, (void *)(uintptr_t)network);
	if (r == 0)
		r = follow_aliases(network);
	return r < 0 ? err_set(err, -r,
			       "network '%s': its leases cannot get another IPv6 address: %s",
			       network->name, strerror(-r))
		     : 0;
}

int lease_release(struct network *network, const char *name, struct err *err)
{
	struct lease lease;

	/* This also removes the lease that a crashed host could not remove. */
	if (check_name(network, name, err) < 0 || network_remove_port(network, name, err) < 0)
		return -err->code;
	scoped_fd int lock = network_lock(network, err);
	if (lock < 0)
		return lock;
	int r = lease_file_repair(network);
	if (r == 0)
		r = lease_file_find(network, name, &lease);
	if (r == 0)
		r = lease_file_remove(network, &lease);
	if (r == 0)
		r = follow_aliases(network);
	return r < 0 && r != -ENOENT ? tell_failure(network, name, r, err) : 0;
}

int lease_rename(struct network *network, const char *name, const char *mac, const char *to,
		 struct err *err)
{
	struct lease lease, other;

	if (check_name(network, name, err) < 0 || check_name(network, to, err) < 0)
		return -err->code;
	if (!lease_is_there(network, name))
		return 0;
	scoped_fd int lock = network_lock(network, err);
	if (lock < 0)
		return lock;
	int r = lease_file_repair(network);
	if (r == 0)
		r = lease_file_find(network, name, &lease);
	/* A damaged lease is made anew by the next start; one with another hardware address is another machine's. */
	if (r == -ENOENT || (r == 0 && strcmp(lease.mac, mac) != 0))
		return 0;
	if (r == 0 && lease_file_find(network, to, &other) == 0 &&
	    (other.address.s_addr != lease.address.s_addr || strcmp(other.mac, mac) != 0))
		r = lease_file_remove(network, &other);
	if (r == 0)
		r = lease_file_rename(network, &lease, to);
	if (r == 0 && *network->config.dns_aliases) {
		if (aliases_rename(network, name, to, err) < 0)
			return -err->code;
		r = aliases_settle(network);
	}
	return r < 0 ? tell_failure(network, name, r, err) : 0;
}
