/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's port on its bridge: the veth pair, and changes of it while the machine runs. */
#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/bridge.h"
#include "network/guard.h"
#include "network/guest.h"
#include "network/inside.h"
#include "network/inside_note.h"
#include "network/lease_file.h"
#include "network/renumber.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static int tell_attach(const struct network *network, const struct lease *lease,
		       const struct link_socket *links, int r, struct err *err)
{
	char what[128];

	if (r == -EXFULL)
		return err_set(
			err, EXFULL,
			"network '%s': its bridge has no port left for '%s' (1023 is the kernel's "
			"limit); use another network",
			network->name, lease->name);
	/* The host end was removed before, so the name is taken in the guest. */
	if (r == -EEXIST)
		return guest_tell_taken(lease, err);
	snprintf(what, sizeof what, "connect '%s'", lease->name);
	return bridge_tell(network, links, r, what, err);
}

static int find_bridge(const struct network *network, struct link_socket *links, int *index,
		       struct err *err)
{
	struct link_info bridge;
	int r = bridge_find(network, links, &bridge, err);

	if (r == -ENODEV)
		return err_set(err, ENODEV, "network '%s' is down: there is no bridge '%s'",
			       network->name, bridge_link(network));
	if (r == 0)
		*index = bridge.index;
	return r;
}

static int add_port(struct link_socket *links, const struct link_veth *veth)
{
	int r = link_add_veth(links, veth);

	/* The port of a run that has just ended: the kernel takes time to remove a network namespace. */
	if (r == -EEXIST && link_delete(links, veth->name) == 0)
		r = link_add_veth(links, veth);
	return r;
}

/* The addresses by which the host answers a machine: its own, and the link-local one of its DHCPv6 client. */
static size_t neighbours_of(const struct lease *lease, const unsigned char mac[LINK_MAC],
			    struct in6_addr out[2])
{
	out[0] = lease->address6;
	out[1] = port_link_local(mac);
	return 2;
}

/*
 * The host need not ask the machine for its hardware address, which the guard of the port fixes: dnsmasq, which serves
 * all machines, waits for the answer to each packet of a DHCPv6 client.
 */
static int add_neighbours(struct link_socket *links, int bridge, const struct lease *lease,
			  const unsigned char mac[LINK_MAC])
{
	struct in6_addr addresses[2];

	if (!lease->prefix6 || lease->foreign)
		return 0;
	size_t count = neighbours_of(lease, mac, addresses);
	return link_add_neighbours(links, bridge, addresses, count, mac);
}

/* Quiet: an entry that stays is replaced by the next machine with its address, and goes with the bridge. */
static void remove_neighbours(const struct network *network, const char *name)
{
	scoped_links struct link_socket *links = NULL;
	bool wanted = network->prefix6 && config_is_own(&network->config);
	int bridge = wanted ? (int)if_nametoindex(network->config.bridge) : 0;
	struct in6_addr addresses[2];
	unsigned char mac[LINK_MAC];
	struct lease lease;

	if (bridge == 0 || lease_file_find(network, name, &lease) < 0 || !lease.prefix6 ||
	    port_parse_mac(lease.mac, mac) < 0 || link_open(&links) < 0)
		return;
	size_t count = neighbours_of(&lease, mac, addresses);
	link_remove_neighbours(links, bridge, addresses, count);
}

static unsigned mtu_of(const struct lease *lease)
{
	return lease->mtu ? lease->mtu : ETH_DATA_LEN;
}

/*
 * The mtu of the host end: that of the guest's end. On a bridge of the host's that of the bridge, which the kernel
 * would lower for all of its ports otherwise.
 */
static unsigned host_mtu_of(const struct network *network, const struct lease *lease)
{
	return network->parent_mtu ? network->parent_mtu : lease->mtu;
}

/*
 * The hardware address of the host end: on an own network the bridge's, so that the host is reached by one address. A
 * bridge of the host's may take the lowest one of its ports, which this is not.
 */
static void port_mac(const struct network *network, const struct lease *lease,
		     unsigned char mac[LINK_MAC])
{
	enum { HIGHEST_LOCAL = 0xfe };

	if (!lease->foreign) {
		bridge_mac(network, mac);
		return;
	}
	port_parse_mac(lease->mac, mac);
	mac[0] = HIGHEST_LOCAL;
}

/* On a bridge that does not filter, the machine would be in all VLANs. */
static int check_filter(const struct network *network, struct link_socket *links,
			const struct lease *lease, int bridge, struct err *err)
{
	int r = link_filters_vlans(links, bridge);

	if (r < 0)
		return bridge_tell(network, links, r, "look whether it filters VLANs", err);
	return r ? 0
		 : err_set(err, ENOTSUP,
			   "network '%s': '%s' is to be in VLAN %u, but the host's bridge '%s' "
			   "does "
			   "not filter VLANs; switch that on (vlan_filtering), or choose no VLAN",
			   network->name, lease->name, lease->vlan, bridge_link(network));
}

static int attach_veth(struct network *network, const struct lease *lease, pid_t pid,
		       struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	char ifname[IFNAMSIZ];
	struct link_veth veth = { .name = ifname,
				  .alias = lease->name,
				  .isolated = lease->isolated && *bridge_link(network),
				  .vlan = lease->vlan,
				  .peer = lease->link,
				  .mtu = host_mtu_of(network, lease),
				  .peer_mtu = lease->mtu,
				  .pid = pid,
				  .bridge = network->bridge };

	port_ifname(network, lease->name, ifname);
	int r = port_parse_mac(lease->mac, veth.peer_mac);
	if (r < 0)
		return err_set(err, EINVAL, "network '%s': '%s' is not a MAC address",
			       network->name, lease->mac);
	port_mac(network, lease, veth.mac);
	if (bridge_open_links(network, &links, err) < 0)
		return -err->code;
	if (!veth.bridge && find_bridge(network, links, &veth.bridge, err) < 0)
		return -err->code;
	if (lease->vlan && check_filter(network, links, lease, veth.bridge, err) < 0)
		return -err->code;
	r = add_port(links, &veth);
	if (r < 0 && network->bridge) {
		/* The bridge may have been created again since network_up saw it. */
		if (find_bridge(network, links, &veth.bridge, err) < 0)
			return -err->code;
		r = add_port(links, &veth);
	}
	if (r == 0)
		r = add_neighbours(links, veth.bridge, lease, veth.peer_mac);
	return r < 0 ? tell_attach(network, lease, links, r, err) : 0;
}

int network_attach(struct network *network, const struct lease *lease, pid_t pid, struct err *err)
{
	return config_is_inside(&network->config) ? inside_attach(network, lease, pid, err)
						  : attach_veth(network, lease, pid, err);
}

int network_remove_port(struct network *network, const char *name, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	char ifname[IFNAMSIZ];

	if (config_is_inside(&network->config))
		return inside_remove(network, name, err);
	port_ifname(network, name, ifname);
	/* Usually the port went with the guest's namespace; to ask is cheaper than to remove. */
	if (if_nametoindex(ifname) != 0 || errno != ENODEV) {
		if (bridge_open_links(network, &links, err) < 0)
			return -err->code;
		int r = link_delete(links, ifname);
		if (r < 0)
			return bridge_tell(network, links, r, ifname, err);
	}
	fault_point("port-removed");
	remove_neighbours(network, name);
	/* After the port, so that it never has no rules. */
	return guard_remove(network, name, err);
}

static int look_at_port(const struct network *network, const char *name, struct link_socket *links,
			struct link_info *port, struct err *err)
{
	char ifname[IFNAMSIZ];

	port_ifname(network, name, ifname);
	int r = link_find(links, ifname, port);
	return r < 0 && r != -ENODEV ? bridge_tell(network, links, r, ifname, err) : r;
}

int network_is_attached(struct network *network, const char *name, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info bridge, port;

	if (config_is_inside(&network->config))
		return inside_find(network, name, &links, &port) == 0;
	if (bridge_open_links(network, &links, err) < 0)
		return -err->code;
	int r = bridge_find(network, links, &bridge, err);
	if (r == 0)
		r = look_at_port(network, name, links, &port, err);
	if (r < 0)
		return r == -ENODEV ? 0 : r;
	return port.master == bridge.index;
}

static int set_up(const struct lease *lease)
{
	int r = network_guest_setup(&lease, 1, &(struct err){ 0 });

	if (r == 0)
		network_guest_announce(lease);
	return r;
}

/* The index of the guest's interface, or -errno. */
static int open_guest_link(const struct lease *lease, struct link_socket **links)
{
	int index = (int)if_nametoindex(lease->link);
	int r = index == 0 ? -errno : link_open(links);

	return r < 0 ? r : index;
}

static int set_route(const struct lease *lease)
{
	scoped_links struct link_socket *links = NULL;
	int index = open_guest_link(lease, &links);
	struct link_setup setup = guest_setup_of(lease, index);

	if (index < 0)
		return index;
	setup.gateway = lease->gateway;
	if (lease->prefix6)
		setup.gateway6 = lease->gateway6;
	return lease->without_route ? link_remove_default_routes(links, &setup)
				    : link_add_default_routes(links, &setup);
}

static int set_mtu(const struct lease *lease)
{
	scoped_links struct link_socket *links = NULL;
	int index = open_guest_link(lease, &links);

	return index < 0 ? index : link_set_mtu(links, index, mtu_of(lease));
}

/* The network namespace of a process, opened. */
static int open_space(const struct network *network, pid_t pid, struct err *err)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	int space = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return space < 0 ? err_set(err, errno, "network '%s': open '%s': %s", network->name, path,
				   strerror(errno))
			 : space;
}

/* A child enters the namespace, because the caller keeps its own. 0 or -EIO. */
static int do_inside(int space, int (*act)(const struct lease *), const struct lease *lease)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(setns(space, CLONE_NEWNET) < 0 || act(lease) < 0 ? EXIT_FAILURE
								       : EXIT_SUCCESS);
	int status = -1;
	return pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0 ? -EIO : 0;
}

int network_plug(struct network *network, const struct lease *lease, pid_t pid,
		 const struct port_rules *rules, struct err *err)
{
	scoped_fd int space = open_space(network, pid, err);

	if (space < 0 || network_attach(network, lease, pid, err) < 0 ||
	    guard_port(network, lease, rules, err) < 0)
		return -err->code;
	fault_point("nic-attached");
	return do_inside(space, set_up, lease) < 0
		       ? err_set(err, EIO,
				 "network '%s': '%s' has its %s, but not its address; restart it",
				 network->name, lease->name, lease->link)
		       : 0;
}

/* The lease has the subnet as its address. */
static int leave_subnet6(const struct lease *lease)
{
	scoped_links struct link_socket *links = NULL;
	int index = open_guest_link(lease, &links);
	const struct link_setup setup = { .index = index, .gateway6 = lease->gateway6 };

	if (index < 0)
		return index;
	int r = link_remove_default_routes(links, &setup);
	return r < 0 ? r : link_clear_subnet6(links, index, &lease->address6, lease->prefix6);
}

static int enter_subnet6(const struct lease *lease)
{
	scoped_links struct link_socket *links = NULL;
	int index = open_guest_link(lease, &links);

	return index < 0 ? index : guest_add_ipv6(links, lease, index);
}

/* The host's entry for the address that the lease had in the subnet before, unless it was a fixed one. Quiet. */
static void forget_neighbour(const struct network *network, const struct lease *lease,
			     const struct subnet6 *before)
{
	scoped_links struct link_socket *links = NULL;
	const struct in6_addr address = subnet6_address(before, lease->address);

	if (network->bridge && link_open(&links) == 0)
		link_remove_neighbours(links, network->bridge, &address, 1);
}

static int leave(const struct network *network, const struct lease *lease, int space,
		 const struct subnet6 *subnet)
{
	struct lease before = *lease;

	before.address6 = subnet->network;
	before.prefix6 = subnet->prefix;
	before.gateway6 = subnet6_gateway(subnet);
	forget_neighbour(network, lease, subnet);
	return do_inside(space, leave_subnet6, &before);
}

static int tell_unchanged(const struct network *network, const struct lease *lease,
			  const char *what, const char *cannot, struct err *err)
{
	return err_set(err, EIO, "network '%s': the %s of '%s' cannot %s %s; restart it",
		       network->name, what, lease->name, cannot, lease->link);
}

int network_renumber(const struct network *network, const struct lease *lease, pid_t pid,
		     struct err *err)
{
	scoped_fd int space = open_space(network, pid, err);
	char earlier[sizeof network->earlier6];
	char *rest = earlier;
	struct subnet6 subnet;
	int r = 0;

	if (space < 0)
		return space;
	memcpy(earlier, network->earlier6, sizeof earlier);
	while (r == 0 && renumber_each(network, &rest, &subnet))
		r = leave(network, lease, space, &subnet);
	if (r == 0 && lease->prefix6)
		r = do_inside(space, enter_subnet6, lease);
	return r < 0 ? tell_unchanged(network, lease, "IPv6 addresses", "be changed on", err) : 0;
}

static int change_inside(const struct network *network, const struct lease *lease, pid_t pid,
			 int (*change)(const struct lease *), const char *what, const char *cannot,
			 struct err *err)
{
	scoped_fd int space = open_space(network, pid, err);

	if (space < 0)
		return space;
	return do_inside(space, change, lease) < 0
		       ? tell_unchanged(network, lease, what, cannot, err)
		       : 0;
}

int network_route(const struct network *network, const struct lease *lease, pid_t pid,
		  struct err *err)
{
	return change_inside(network, lease, pid, set_route, "default route", "lead through", err);
}

static int set_static_routes(const struct lease *lease)
{
	scoped_links struct link_socket *links = NULL;
	int index = open_guest_link(lease, &links);

	return index < 0 ? index : guest_set_routes(links, lease, index);
}

int network_renew_routes(const struct network *network, const struct lease *lease, pid_t pid,
			 struct err *err)
{
	return change_inside(network, lease, pid, set_static_routes, "static routes",
			     "be changed on", err);
}

/*
 * The port has the lease's properties. The guest's end comes first, so that the host's end tells whether both have
 * them, unless it has another mtu than the guest's.
 */
static int shape_port(const struct network *network, const struct lease *lease, pid_t pid,
		      struct link_socket *links, const struct link_info *port, struct err *err)
{
	unsigned mtu = network->parent_mtu ? network->parent_mtu : mtu_of(lease);
	int r = *bridge_link(network) ? link_set_isolated(links, port->index, lease->isolated) : 0;

	if (r < 0 || (port->mtu == mtu && !network->parent_mtu))
		return r < 0 ? tell_attach(network, lease, links, r, err) : 0;
	scoped_fd int space = open_space(network, pid, err);
	if (space < 0)
		return space;
	if (do_inside(space, set_mtu, lease) < 0)
		return err_set(err, EIO,
			       "network '%s': the interface %s of '%s' cannot have mtu %u; "
			       "restart it",
			       network->name, lease->link, lease->name, mtu_of(lease));
	r = port->mtu == mtu ? 0 : link_set_mtu(links, port->index, mtu);
	return r < 0 ? tell_attach(network, lease, links, r, err) : 0;
}

int network_reattach(struct network *network, const struct lease *lease, pid_t pid,
		     const struct port_rules *rules, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info port;

	if (config_is_inside(&network->config)) {
		int shaped = inside_shape(network, lease, err);
		return shaped == -ENODEV && !err->code
			       ? network_plug(network, lease, pid, rules, err)
			       : shaped;
	}
	if (bridge_open_links(network, &links, err) < 0)
		return -err->code;
	int r = look_at_port(network, lease->name, links, &port, err);
	unsigned char mac[LINK_MAC];
	if (r == 0 && port_parse_mac(lease->mac, mac) == 0 &&
	    (r = add_neighbours(links, network->bridge, lease, mac)) < 0)
		return tell_attach(network, lease, links, r, err);
	if (r == 0 && port.master == network->bridge)
		return shape_port(network, lease, pid, links, &port, err);
	if (r == 0)
		r = link_join(links, port.index, network->bridge, lease->isolated, lease->vlan);
	if (r == 0 || r != -ENODEV)
		return r < 0 && !err->code ? tell_attach(network, lease, links, r, err) : r;
	return network_plug(network, lease, pid, rules, err);
}
