#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/bridge.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

static const char guest_link[] = "eth0";

void lease_ifname(const struct network *network, const char *name, char ifname[IFNAMSIZ])
{
	char identity[512];

	snprintf(identity, sizeof identity, "%s/%s/%s", network->site->state, network->name, name);
	/* 48 bits: two of ten thousand machines meet once in five million hosts. */
	snprintf(ifname, IFNAMSIZ, "bp%012llx",
		 (unsigned long long)(text_hash(identity) & 0xffffffffffff));
}

static int parse_mac(const char *text, unsigned char mac[LINK_MAC])
{
	unsigned bytes[LINK_MAC];

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
		   &bytes[4], &bytes[5]) != LINK_MAC)
		return -EINVAL;
	for (int i = 0; i < LINK_MAC; i++)
		mac[i] = (unsigned char)bytes[i];
	return 0;
}

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
			       network->name, network->config.bridge);
	if (r == 0)
		*index = bridge.index;
	return r;
}

static int add_port(struct link_socket *links, const struct link_veth *veth)
{
	int r = link_add_veth(links, veth);

	/* Of a run that just ended: the kernel takes its time to clear a namespace away. */
	if (r == -EEXIST && link_delete(links, veth->name) == 0)
		r = link_add_veth(links, veth);
	return r;
}

int network_attach(struct network *network, const struct lease *lease, pid_t pid, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	char ifname[IFNAMSIZ];
	struct link_veth veth = { .name = ifname,
				  .alias = lease->name,
				  .peer = guest_link,
				  .pid = pid,
				  .bridge = network->bridge };

	lease_ifname(network, lease->name, ifname);
	int r = parse_mac(lease->mac, veth.peer_mac);
	if (r < 0)
		return err_set(err, EINVAL, "network '%s': '%s' is no MAC address", network->name,
			       lease->mac);
	r = link_open(&links);
	if (r < 0)
		return err_set(err, -r, "network '%s': open a netlink socket: %s", network->name,
			       strerror(-r));
	if (!veth.bridge && find_bridge(network, links, &veth.bridge, err) < 0)
		return -err->code;
	r = add_port(links, &veth);
	if (r < 0 && network->bridge) {
		/* Perhaps the bridge was made anew since network_up saw it. */
		if (find_bridge(network, links, &veth.bridge, err) < 0)
			return -err->code;
		r = add_port(links, &veth);
	}
	return r < 0 ? tell_attach(network, lease, links, r, err) : 0;
}

int network_remove_port(struct network *network, const char *name, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	char ifname[IFNAMSIZ];

	lease_ifname(network, name, ifname);
	/* Mostly it went with the guest's namespace; asking is cheaper than removing. */
	if (if_nametoindex(ifname) == 0 && errno == ENODEV)
		return 0;
	int r = link_open(&links);
	if (r < 0)
		return err_set(err, -r, "network '%s': open a netlink socket: %s", network->name,
			       strerror(-r));
	r = link_delete(links, ifname);
	return r < 0 ? bridge_tell(network, links, r, ifname, err) : 0;
}

/*
 * Has the kernel announce eth0's addresses when it comes up (gratuitous ARP, unsolicited neighbour
 * advertisement): the bridge and the neighbours may remember where the machine ran before. /proc/sys/net
 * is that of the process that opens it, whoever mounted it. Without it a start still works.
 */
static void switch_announcements_on(void)
{
	file_write(AT_FDCWD, "/proc/sys/net/ipv4/conf/eth0/arp_notify", "1");
	file_write(AT_FDCWD, "/proc/sys/net/ipv6/conf/eth0/ndisc_notify", "1");
}

static int tell_guest(const struct link_socket *links, const char *what, int r, struct err *err)
{
	return err_set(err, -r, "guest's network: %s: %s", what,
		       links ? link_why(links) : strerror(-r));
}

int network_guest_setup(const struct lease *lease, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	char route[64], gateway[INET_ADDRSTRLEN];
	int r = link_open(&links);

	if (r < 0)
		return tell_guest(NULL, "open a netlink socket", r, err);
	r = link_set_up(links, 1); /* lo is the first link of every namespace */
	if (r < 0)
		return tell_guest(links, "bring up lo", r, err);
	if (!lease)
		return 0;
	int eth0 = (int)if_nametoindex(guest_link);
	if (eth0 == 0)
		return tell_guest(NULL, "find eth0", -errno, err);
	switch_announcements_on();
	/* The address first: only what it has when it comes up is announced. */
	r = link_add_address(links, eth0, lease->address, lease->prefix);
	if (r < 0)
		return tell_guest(links, "give eth0 its address", r, err);
	r = link_set_up(links, eth0);
	if (r < 0)
		return tell_guest(links, "bring up eth0", r, err);
	r = link_add_default_route(links, eth0, lease->gateway);
	inet_ntop(AF_INET, &lease->gateway, gateway, sizeof gateway);
	snprintf(route, sizeof route, "add a route by %s", gateway);
	return r < 0 ? tell_guest(links, route, r, err) : 0;
}
