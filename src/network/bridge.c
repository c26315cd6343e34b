/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/bridge.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/aliases.h"
#include "network/dns.h"
#include "network/firewall.h"
#include "network/host6.h"
#include "network/host_names.h"
#include "network/inside_note.h"
#include "network/kind.h"
#include "network/lease_file.h"

#include "kern/library.h"
#include "kern/nft.h"

#include <fcntl.h>
#include <string.h>

static const char forward_switch[] = "/proc/sys/net/ipv4/ip_forward";

int network_lock(const struct network *network, struct err *err)
{
	char name[80], what[80];

	snprintf(name, sizeof name, "network.%s", network->name);
	snprintf(what, sizeof what, "network '%s'", network->name);
	return dirs_lock(network->dirs, name, 30, what, err);
}

int bridge_tell(const struct network *network, const struct link_socket *links, int r,
		const char *what, struct err *err)
{
	return err_set(err, -r, "network '%s': %s: %s%s", network->name, what, link_why(links),
		       r == -EPERM ? "; run it as root" : "");
}

static int check_ours(const struct network *network, const struct link_info *bridge,
		      struct err *err)
{
	unsigned char mac[LINK_MAC];

	bridge_mac(network, mac);
	if (strcmp(bridge->kind, "bridge") == 0 && memcmp(bridge->mac, mac, LINK_MAC) == 0)
		return 0;
	return err_set(
		err, EEXIST,
		"network '%s': the host has a link '%s' already that is not this network's "
		"bridge; rename or remove that one, or create a network with another bridge name",
		network->name, network->config.bridge);
}

const char *bridge_link(const struct network *network)
{
	return config_is_own(&network->config) ? network->config.bridge : network->config.parent;
}

int bridge_find(const struct network *network, struct link_socket *links, struct link_info *bridge,
		struct err *err)
{
	const char *link = bridge_link(network);

	*bridge = (struct link_info){ .up = true };
	if (!*link)
		return 0;
	int r = link_find(links, link, bridge);
	if (r == -ENODEV)
		return r;
	if (r < 0)
		return bridge_tell(network, links, r, link, err);
	return config_is_own(&network->config) ? check_ours(network, bridge, err)
					       : parent_check(network, bridge, err);
}

/* The parts of a network that exist. */
struct found {
	struct link_info bridge;
	bool here, address, address6, forwarding, forwarding6, rules;
	enum dns_state dns;
};

static bool forwarding_is_on(void)
{
	scoped_free char *text = NULL;

	return file_read(AT_FDCWD, forward_switch, 16, &text) > 0 && text[0] != '0';
}

static struct link_addresses addresses_of(const struct network *network)
{
	return (struct link_addresses){ .address = network->gateway,
					.prefix = network->prefix,
					.address6 = network->gateway6,
					.prefix6 = network->prefix6 };
}

static int look(const struct network *network, struct link_socket *links, struct found *found,
		struct err *err)
{
	*found = (struct found){ 0 };
	int r = bridge_find(network, links, &found->bridge, err);
	if (r < 0 && r != -ENODEV)
		return r;
	found->here = r == 0 && found->bridge.up;
	if (r == 0) {
		const struct link_addresses own = addresses_of(network);
		r = link_has_addresses(links, found->bridge.index, &own);
		if (r < 0)
			return bridge_tell(network, links, r, "read addresses", err);
		found->address = r & LINK_HAS_IPV4;
		found->address6 = !own.prefix6 || r & LINK_HAS_IPV6;
	}
	found->forwarding = !config_masquerades(&network->config) || forwarding_is_on();
	found->forwarding6 = !network_masquerades6(network) || host6_forwards();
	found->rules = firewall_is_current(network) == 1;
	found->dns = dns_look(network);
	return 0;
}

/* A dnsmasq that cannot run is missing at every start, and tried at every start: its fault may have been corrected. */
static bool is_all_there(const struct network *network, const struct found *found)
{
	return found->here && found->address && found->address6 && found->forwarding &&
	       found->forwarding6 && found->rules &&
	       found->dns == (network->config.dhcp ? DNS_RUNNING : DNS_ABSENT) &&
	       host_names_are_current(network, found->dns == DNS_RUNNING);
}

/* Programs of every user look names up in the lease files (nss/), and the domain in the settings; none is a secret. */
static void open_to_readers(const struct network *network)
{
	scoped_free char *all = dirs_state_path(network->dirs, "networks");
	scoped_free char *settings = text_format("%s/network.conf", network->folder);

	if (all && settings) {
		chmod(all, 0755);
		chmod(network->folder, 0755);
		chmod(settings, 0644);
	}
}

static int make_bridge(const struct network *network, struct link_socket *links,
		       struct found *found, struct err *err)
{
	const char *name = network->config.bridge;
	unsigned char mac[LINK_MAC];
	const struct link_addresses own = addresses_of(network);
	char path[128], alias[96];

	open_to_readers(network);
	bridge_mac(network, mac);
	int r = link_join_bridge(links, name, mac, &found->bridge);
	if (r < 0)
		return bridge_tell(network, links, r, name, err);
	if (check_ours(network, &found->bridge, err) < 0)
		return -err->code;
	/* An alternative name for people who look at the host; nothing depends on it. */
	snprintf(alias, sizeof alias, "berth network %s", network->name);
	link_set_alias(links, found->bridge.index, alias);
	/*
	 * Multicast snooping is off: a query of any machine would start it, and machines that do not answer would no
	 * longer receive the neighbour messages of IPv6.
	 */
	link_set_snooping(links, found->bridge.index, false);
	/* A guest must not give the host routes by router advertisements. */
	snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_ra", name);
	file_write(AT_FDCWD, path, "0");
	/* Addresses of an earlier subnet of this network. */
	r = found->address ? 0 : link_clear_addresses(links, found->bridge.index, AF_INET);
	if (r == 0 && !found->address6)
		r = link_clear_addresses(links, found->bridge.index, AF_INET6);
	if (r == 0)
		r = link_add_addresses(links, found->bridge.index, &own);
	if (r == 0)
		r = link_set_up(links, found->bridge.index);
	return r < 0 ? bridge_tell(network, links, r, name, err) : 0;
}

static int bring_dns(struct network *network, const struct found *found, struct err *err)
{
	struct err why = { 0 };

	/* dnsmasq binds to the address, and does not notice that bridge and address are new. */
	bool good = found->here && found->address && found->address6;
	if (!network->config.dhcp)
		return found->dns == DNS_ABSENT ? 0 : dns_stop(network, err);
	if (found->dns == DNS_RUNNING && good)
		return 0;
	/* A command that was killed may have left them as they were. */
	if (*network->config.dns_aliases)
		aliases_settle(network);
	if (*dns_fault())
		network_warn(network, "network '%s': %s", network->name, dns_fault());
	else if (dns_start(network, &why) < 0)
		network_warn(network, "%s", why.text);
	return 0;
}

static int bring_up(struct network *network, struct link_socket *links, struct found *found,
		    struct err *err)
{
	/* Ports of running machines whose bridge was removed. */
	int loose = found->here ? 0 : link_count_loose(links, PORT_PREFIX);
	bool whole = found->here && found->address && found->address6;
	if (!whole && make_bridge(network, links, found, err) < 0)
		return -err->code;
	network->bridge = found->bridge.index;
	if (!found->forwarding) {
		int r = file_write(AT_FDCWD, forward_switch, "1");
		if (r < 0)
			return err_set(err, -r, "network '%s': switch on IP forwarding in %s: %s",
				       network->name, forward_switch, strerror(-r));
	}
	if (!found->forwarding6 && host6_forward(network, err) < 0)
		return -err->code;
	bool bounded = true;
	if (!found->rules && firewall_update(network, &bounded, err) < 0)
		return -err->code;
	if (!bounded && network->config.dhcp)
		network_warn(network,
			     "network '%s': the kernel cannot count connections (nft_connlimit): "
			     "one machine can take all that its DNS has over TCP",
			     network->name);
	network->renewed = loose > 0 || (found->here && !found->rules);
	if (bring_dns(network, found, err) < 0)
		return -err->code;
	if (host_names_offered())
		host_names_settle(network, dns_look(network) == DNS_RUNNING);
	return 0;
}

/* A network that was deleted during the wait for its lock must not come up again. */
int bridge_check_exists(const struct network *network, struct err *err)
{
	scoped_free char *path = text_format("%s/network.conf", network->folder);

	if (!path || access(path, F_OK) < 0)
		return err_set(err, ENOENT, "network '%s' was deleted by another command",
			       network->name);
	return 0;
}

int bridge_open_links(const struct network *network, struct link_socket **links, struct err *err)
{
	int r = link_open(links);

	if (r == -ELIBACC)
		return err_set(
			err, -r,
			"network '%s' needs libnl's libraries, which cannot be loaded; install "
			"libnl-route-3-200, libnl3 or libnl: %s",
			network->name, library_why());
	return r < 0 ? err_set(err, -r, "network '%s': open a netlink socket: %s", network->name,
			       strerror(-r))
		     : 0;
}

/* Looks at the network before it is brought up, and forgets what an earlier time has said. */
static int begin_up(struct network *network, struct link_socket **links, struct found *found,
		    struct err *err)
{
	network->warning[0] = '\0';
	network->renewed = false;
	host6_check(network);
	if (bridge_open_links(network, links, err) < 0 || look(network, *links, found, err) < 0)
		return -err->code;
	network->bridge = found->bridge.index;
	return 0;
}

static int own_up(struct network *network, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct found found;

	if (begin_up(network, &links, &found, err) < 0)
		return -err->code;
	if (is_all_there(network, &found))
		return 0;
	scoped_fd int lock = network_lock(network, err);
	if (lock < 0)
		return lock;
	/* The last holder of the lock may have done all of it. */
	if (bridge_check_exists(network, err) < 0 || look(network, links, &found, err) < 0)
		return -err->code;
	return bring_up(network, links, &found, err);
}

static int own_renew(struct network *network, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct found found;
	int r = 0;

	if (begin_up(network, &links, &found, err) < 0)
		return -err->code;
	/* Only a change of settings can leave an IPv6 address that is no longer wanted. */
	if (found.here && !network->prefix6 && !network->without_ipv6)
		r = link_clear_addresses(links, found.bridge.index, AF_INET6);
	if (r < 0)
		return bridge_tell(network, links, r, "remove its IPv6 address", err);
	if (!found.here || is_all_there(network, &found))
		return 0;
	return bring_up(network, links, &found, err);
}

int network_serve(struct network *network, const char **cause, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct found found;

	*cause = NULL;
	if (!config_is_own(&network->config))
		return 0;
	scoped_fd int lock = network_lock(network, err);
	if (lock < 0)
		return lock;
	host6_check(network);
	if (bridge_check_exists(network, err) < 0 || bridge_open_links(network, &links, err) < 0 ||
	    look(network, links, &found, err) < 0)
		return -err->code;
	/* A network without a bridge was taken down, and its dnsmasq ended on purpose. */
	if (!found.here || !found.address || !network->config.dhcp)
		return 0;
	if (found.dns == DNS_RUNNING)
		return 1;
	*cause = found.dns == DNS_ABSENT ? "its dnsmasq had ended"
					 : "its dnsmasq had older settings, or asked name servers "
					   "that are no longer the host's";
	if (*dns_fault())
		return err_set(err, ENOENT, "network '%s': %s", network->name, dns_fault());
	int r = dns_start(network, err);
	return r < 0 ? r : 1;
}

enum { NAMES_TOLD = 4 };

struct name_words {
	const struct network *network;
	bool running;
	char *out;
	size_t count;
};

/* Whether a machine has an interface on the network now. */
static bool has_port(const struct network *network, const char *name)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info link;
	char ifname[IFNAMSIZ];

	if (config_is_inside(&network->config))
		return inside_find(network, name, &links, &link) == 0;
	port_ifname(network, name, ifname);
	return if_nametoindex(ifname) != 0;
}

static int add_name(void *context, const char *name)
{
	struct name_words *words = context;
	size_t length = strlen(words->out);

	if (words->running && !has_port(words->network, name))
		return 0;
	if (words->count++ < NAMES_TOLD)
		snprintf(words->out + length, NAMES_ROOM - length, "%s'%s'", length ? ", " : "",
			 name);
	return 0;
}

size_t bridge_names(const struct network *network, bool running, char out[NAMES_ROOM])
{
	struct name_words words = { .network = network, .running = running, .out = out };

	out[0] = '\0';
	lease_file_each(network, add_name, &words);
	size_t length = strlen(out);
	if (words.count > NAMES_TOLD)
		snprintf(out + length, NAMES_ROOM - length, " and %zu more",
			 words.count - NAMES_TOLD);
	return words.count;
}

static int refuse_ports(const struct network *network, struct link_socket *links, int bridge,
			struct err *err)
{
	int ports = link_count_ports(links, bridge);

	if (ports < 0)
		return bridge_tell(network, links, ports, "count ports", err);
	if (ports == 0)
		return 0;
	char names[NAMES_ROOM];
	bridge_names(network, true, names);
	return err_set(err, EBUSY,
		       "network '%s': %d machine%s on its bridge '%s'%s%s; stop %s first",
		       network->name, ports, ports == 1 ? " is" : "s are", network->config.bridge,
		       *names ? ": " : "", names, ports == 1 ? "it" : "them");
}

void network_remove_run(const struct network *network)
{
	scoped_free char *folder = dirs_run_path(network->dirs, "networks/%s", network->name);

	if (folder)
		remove_tree(AT_FDCWD, folder);
}

static int own_check_idle(const struct network *network, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info bridge;

	if (bridge_open_links(network, &links, err) < 0)
		return -err->code;
	int r = bridge_find(network, links, &bridge, err);
	return r == -ENODEV ? 0 : r < 0 ? r : refuse_ports(network, links, bridge.index, err);
}

static int own_down(const struct network *network, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info bridge;

	if (bridge_open_links(network, &links, err) < 0)
		return -err->code;
	int here = bridge_find(network, links, &bridge, err);
	if (here < 0 && here != -ENODEV)
		return here;
	if (here == 0 && refuse_ports(network, links, bridge.index, err) < 0)
		return -err->code;
	if (dns_stop(network, err) < 0 || firewall_remove(network, err) < 0)
		return -err->code;
	network_remove_run(network);
	int r = here == 0 ? link_delete(links, network->config.bridge) : 0;
	return r < 0 ? bridge_tell(network, links, r, network->config.bridge, err) : 0;
}

static int own_status(struct network *network, struct network_status *status, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct network_status now = { 0 };
	struct found found;

	host6_check(network);
	if (bridge_open_links(network, &links, err) < 0 || look(network, links, &found, err) < 0)
		return -err->code;
	now.up = found.here && found.address && found.address6;
	now.dns = found.dns == DNS_RUNNING;
	now.dns_stale = found.dns == DNS_STALE;
	now.nat = config_masquerades(&network->config) && found.rules;
	now.nat6 = network_masquerades6(network) && found.rules;
	if (network->config.dhcp && !now.dns)
		snprintf(
			now.dns_fault, sizeof now.dns_fault, "%s",
			*dns_fault() ? dns_fault()
			: now.dns_stale
				? "dnsmasq runs with older settings, or name servers that are no "
				  "longer the host's; the keeper of a machine there, or the next "
				  "start, renews it"
			: now.up
				? "dnsmasq does not run; the keeper of a machine there, or the "
				  "next start, tries again"
				: "the network is down; the first start of a machine brings it up");
	if (nft_forward_policy_drop(now.dropped_by, sizeof now.dropped_by) != 1)
		now.dropped_by[0] = '\0';
	now.leases = lease_file_count(network);
	now.ports = found.here ? link_count_ports(links, found.bridge.index) : 0;
	if (now.leases < 0 || now.ports < 0)
		return err_set(err, EIO, "network '%s': count its leases and ports failed",
			       network->name);
	*status = now;
	return 0;
}

const struct network_ops bridge_ops = {
	.up = own_up,
	.status = own_status,
	.renew = own_renew,
	.check_idle = own_check_idle,
	.down = own_down,
};
