/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kern/link against the kernel, in a network namespace of the test's own. */
#include "base/scoped.h"
#include "kern/library.h"
#include "own_net.h"
#include "suite.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <sys/wait.h>

static const unsigned char bridge_mac[LINK_MAC] = { 0x12, 0x66, 0x6a, 1, 2, 3 };
static const unsigned char guest_mac[LINK_MAC] = { 0x10, 0x66, 0x6a, 4, 5, 6 };

static struct in_addr ip(const char *text)
{
	struct in_addr address = { 0 };

	inet_pton(AF_INET, text, &address);
	return address;
}

/* Many times, so that joining meets both making and removing by others. */
static int join_often(int number, void *context)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info info;

	(void)context;
	int r = link_open(&links);
	for (int i = 0; r == 0 && i < 20; i++) {
		r = link_join_bridge(links, "crowd0", bridge_mac, &info);
		if (r == 0 && (strcmp(info.kind, "bridge") != 0 || info.index <= 0))
			r = -EINVAL;
	}
	if (r < 0)
		fprintf(stderr, "process %d: %s\n", number, strerror(-r));
	return r;
}

static void test_bridge_crowd(void)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info info;

	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_find(links, "crowd0", &info), -ENODEV);
	CU_ASSERT_EQUAL(own_net_crowd(8, join_often, NULL), 0);
	CU_ASSERT_EQUAL(link_find(links, "crowd0", &info), 0);
	CU_ASSERT(info.up);
	CU_ASSERT_EQUAL(memcmp(info.mac, bridge_mac, LINK_MAC), 0);
	CU_ASSERT_EQUAL(link_delete(links, "crowd0"), 0);
	CU_ASSERT_EQUAL(link_delete(links, "crowd0"), 0); /* gone is success */
	CU_ASSERT_EQUAL(link_find(links, "crowd0", &info), -ENODEV);
}

#define ADDRESS(ip, bits) ((struct link_addresses){ .address = ip, .prefix = bits })

static struct in6_addr ip6(const char *text)
{
	struct in6_addr address = { 0 };

	CU_ASSERT_EQUAL(inet_pton(AF_INET6, text, &address), 1);
	return address;
}

static void test_both_families(void)
{
	scoped_links struct link_socket *links = NULL;
	struct link_addresses both = {
		.address = ip("10.9.0.1"), .prefix = 24, .address6 = ip6("fd00:9::1"), .prefix6 = 64
	};
	struct link_info info;

	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_join_bridge(links, "both0", bridge_mac, &info), 0);
	CU_ASSERT_EQUAL(link_has_addresses(links, info.index, &both), 0);
	CU_ASSERT_EQUAL(link_add_addresses(links, info.index, &both), 0);
	CU_ASSERT_EQUAL(link_add_addresses(links, info.index, &both), 0);
	CU_ASSERT_EQUAL(link_has_addresses(links, info.index, &both),
			LINK_HAS_IPV4 | LINK_HAS_IPV6);
	/* No neighbour is asked whether the address is free. */
	CU_ASSERT_EQUAL(system("ip -6 addr show dev both0 | grep -q 'fd00:9::1/64 .*nodad'"), 0);
	CU_ASSERT_NOT_EQUAL(system("ip -6 addr show dev both0 | grep fd00:9::1 | grep tentative"),
			    0);
	CU_ASSERT_EQUAL(system("ip -6 addr add fe80::9/64 dev both0 nodad"), 0);
	both.prefix6 = 80;
	CU_ASSERT_EQUAL(link_has_addresses(links, info.index, &both), LINK_HAS_IPV4);
	both.prefix6 = 64;
	CU_ASSERT_EQUAL(link_clear_addresses(links, info.index, AF_INET6), 0);
	CU_ASSERT_EQUAL(link_has_addresses(links, info.index, &both), LINK_HAS_IPV4);
	CU_ASSERT_EQUAL(system("ip -6 addr show dev both0 | grep -q fe80::9/64"), 0);
	CU_ASSERT_EQUAL(link_clear_addresses(links, info.index, AF_INET), 0);
	CU_ASSERT_EQUAL(link_has_addresses(links, info.index, &both), 0);
	CU_ASSERT_EQUAL(link_delete(links, "both0"), 0);
}

/* Everything in one send; the first failure is told, and the socket can be used afterwards. */
static void test_configure(void)
{
	scoped_links struct link_socket *links = NULL;
	struct link_setup setup = { .own = { .address = ip("10.9.0.2"),
					     .prefix = 24,
					     .address6 = ip6("fd00:9::2"),
					     .prefix6 = 64 },
				    .gateway = ip("10.9.0.1"),
				    .gateway6 = ip6("fd00:9::1") };
	struct link_info info;
	const char *part = "";

	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_join_bridge(links, "conf0", bridge_mac, &info), 0);
	setup.index = info.index;
	CU_ASSERT_EQUAL(link_configure(links, &setup, &part), 0);
	CU_ASSERT_EQUAL(link_configure(links, &setup, &part), 0);
	CU_ASSERT_EQUAL(system("ip -6 route | grep -q 'default via fd00:9::1 dev conf0'"), 0);
	CU_ASSERT_EQUAL(system("ip route | grep -q 'default via 10.9.0.1 dev conf0'"), 0);
	setup.gateway6 = ip6("fd00:10::1");
	CU_ASSERT(link_configure(links, &setup, &part) < 0);
	CU_ASSERT_STRING_EQUAL(part, "add the default route of IPv6");
	CU_ASSERT_EQUAL(link_find(links, "conf0", &info), 0);
	CU_ASSERT_EQUAL(link_delete(links, "conf0"), 0);
}

static void test_address(void)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info info;

	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_join_bridge(links, "addr0", bridge_mac, &info), 0);
	CU_ASSERT_EQUAL(link_has_addresses(links, info.index, &ADDRESS(ip("10.9.0.1"), 24)), 0);
	CU_ASSERT_EQUAL(link_add_addresses(links, info.index, &ADDRESS(ip("10.9.0.1"), 24)), 0);
	CU_ASSERT_EQUAL(link_add_addresses(links, info.index, &ADDRESS(ip("10.9.0.1"), 24)), 0);
	CU_ASSERT_EQUAL(link_has_addresses(links, info.index, &ADDRESS(ip("10.9.0.1"), 24)), 1);
	CU_ASSERT_EQUAL(link_has_addresses(links, info.index, &ADDRESS(ip("10.9.0.1"), 20)), 0);
	CU_ASSERT_EQUAL(link_has_addresses(links, 1, &ADDRESS(ip("10.9.0.1"), 24)), 0);
	CU_ASSERT_EQUAL(link_set_alias(links, info.index, "for the test"), 0);
	CU_ASSERT_EQUAL(link_find(links, "addr0", &info), 0);
	CU_ASSERT_STRING_EQUAL(info.alias, "for the test");
	CU_ASSERT_EQUAL(link_delete(links, "addr0"), 0);
}

static int look_at_eth0(void *context)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info info;

	(void)context;
	if (link_open(&links) < 0 || link_find(links, "eth0", &info) < 0)
		return 1;
	return memcmp(info.mac, guest_mac, LINK_MAC) != 0 || info.up ||
	       strcmp(info.kind, "veth") != 0;
}

static void test_veth_born(void)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info bridge, port;
	struct own_net_guest guest = own_net_guest(look_at_eth0, NULL);
	struct link_veth veth = {
		.name = "port0", .alias = "web", .peer = "eth0", .pid = guest.pid
	};

	memcpy(veth.mac, bridge_mac, LINK_MAC);
	memcpy(veth.peer_mac, guest_mac, LINK_MAC);
	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_join_bridge(links, "veth0", bridge_mac, &bridge), 0);
	veth.bridge = bridge.index;
	CU_ASSERT_EQUAL(link_count_ports(links, bridge.index), 0);
	CU_ASSERT_EQUAL(link_add_veth(links, &veth), 0);
	CU_ASSERT_EQUAL(link_find(links, "port0", &port), 0);
	CU_ASSERT(port.up);
	CU_ASSERT_STRING_EQUAL(port.alias, "web");
	CU_ASSERT(memcmp(port.mac, bridge_mac, LINK_MAC) == 0);
	CU_ASSERT_EQUAL(link_count_ports(links, bridge.index), 1);
	/* A refusal leaves the socket in step with the kernel. */
	CU_ASSERT_EQUAL(link_add_veth(links, &veth), -EEXIST);
	CU_ASSERT_EQUAL(link_count_ports(links, bridge.index), 1);
	own_net_let_go(&guest);
	CU_ASSERT_EQUAL(own_net_wait(guest.pid), 0);
	CU_ASSERT_EQUAL(link_delete(links, "port0"), 0);
	CU_ASSERT_EQUAL(link_delete(links, "veth0"), 0);
}

static int look_at_shared(void *context)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info info;

	return link_open(&links) == 0 && link_find(links, "eth0", &info) == 0 && !info.up &&
			       strcmp(info.kind, "macvlan") == 0 && info.lower == *(int *)context &&
			       memcmp(info.mac, guest_mac, LINK_MAC) == 0 && info.mtu == 1400 &&
			       link_find_index(links, info.index, &info) == 0 &&
			       strcmp(info.name, "eth0") == 0 &&
			       link_delete_index(links, info.index) == 0 &&
			       link_delete_index(links, info.index) == 0 &&
			       link_find(links, "eth0", &info) == -ENODEV
		       ? 0
		       : 1;
}

/* An interface that shares one of ours is in the other namespace alone, from the start. */
static void test_upper_born(void)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info lower, info;

	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_join_bridge(links, "lower0", bridge_mac, &lower), 0);
	struct own_net_guest guest = own_net_guest(look_at_shared, &lower.index);
	struct link_upper upper = { .kind = "macvlan",
				    .mode = MACVLAN_MODE_BRIDGE,
				    .lower = lower.index,
				    .name = "eth0",
				    .mtu = 1400,
				    .pid = guest.pid };
	memcpy(upper.mac, guest_mac, LINK_MAC);
	CU_ASSERT_EQUAL(link_add_upper(links, &upper), 0);
	CU_ASSERT_EQUAL(link_find(links, "eth0", &info), -ENODEV);
	CU_ASSERT_EQUAL(link_add_upper(links, &upper), -EEXIST);
	upper.kind = "nosuch";
	upper.name = "eth1";
	CU_ASSERT_EQUAL(link_add_upper(links, &upper), -EOPNOTSUPP);
	upper.kind = "macvlan";
	upper.lower = 99999;
	CU_ASSERT_EQUAL(link_add_upper(links, &upper), -ENODEV);
	own_net_let_go(&guest);
	CU_ASSERT_EQUAL(own_net_wait(guest.pid), 0);
	CU_ASSERT_EQUAL(link_delete(links, "lower0"), 0);
}

static int look_at_moved(void *context)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info info;

	(void)context;
	return link_open(&links) == 0 && link_find(links, "eth0", &info) == 0 && info.up &&
			       info.mtu == 1400 && memcmp(info.mac, guest_mac, LINK_MAC) == 0
		       ? 0
		       : 1;
}

/* One request moves, names and shapes a link; what is on it, and its addresses, are seen before. */
static void test_moved(void)
{
	scoped_links struct link_socket *links = NULL;
	struct link_addresses list[1], both = {
		.address = ip("10.9.0.1"), .prefix = 24, .address6 = ip6("fd00:9::1"), .prefix6 = 64
	};
	struct own_net_guest guest = own_net_guest(look_at_moved, NULL);
	struct link_info nic;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)guest.pid);
	scoped_fd int space = open(path, O_RDONLY | O_CLOEXEC);
	struct link_move move = { .space = space, .name = "eth0", .mtu = 1400, .up = true };
	memcpy(move.mac, guest_mac, LINK_MAC);
	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(system("ip link add nic0 type veth peer name nic1"), 0);
	CU_ASSERT_EQUAL(link_find(links, "nic0", &nic), 0);
	CU_ASSERT_EQUAL(link_list_addresses(links, nic.index, list, 1), 0);
	CU_ASSERT_EQUAL(link_add_addresses(links, nic.index, &both), 0);
	CU_ASSERT_EQUAL(link_list_addresses(links, nic.index, list, 1), 2);
	CU_ASSERT_EQUAL(list[0].prefix, 24);
	/* The other end of the pair is not on it, a macvlan is. */
	CU_ASSERT_EQUAL(link_find_upper(links, nic.index), 0);
	CU_ASSERT_EQUAL(system("ip link add link nic0 name mv0 type macvlan"), 0);
	CU_ASSERT_EQUAL(link_find_upper(links, nic.index), (int)if_nametoindex("mv0"));
	CU_ASSERT_EQUAL(link_delete(links, "mv0"), 0);
	move.index = nic.index;
	CU_ASSERT_EQUAL(link_move(links, &move), 0);
	CU_ASSERT_EQUAL(link_move(links, &move), -ENODEV);
	own_net_let_go(&guest);
	CU_ASSERT_EQUAL(own_net_wait(guest.pid), 0);
	/* A bridge cannot leave. */
	CU_ASSERT_EQUAL(link_delete(links, "nic1"), 0);
	CU_ASSERT_EQUAL(link_join_bridge(links, "stays0", bridge_mac, &nic), 0);
	move.index = nic.index;
	CU_ASSERT_EQUAL(link_move(links, &move), -EINVAL);
	CU_ASSERT_EQUAL(link_delete(links, "stays0"), 0);
}

static void test_refusals(void)
{
	scoped_links struct link_socket *links = NULL;
	struct link_setup route = { .index = 1, .gateway = ip("10.250.0.1") };
	struct link_info bridge;
	struct link_veth veth = {
		.name = "port0", .alias = "web", .peer = "eth0", .pid = 0x7ffffff0
	};

	memcpy(veth.mac, bridge_mac, LINK_MAC);

	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_join_bridge(links, "veth0", bridge_mac, &bridge), 0);
	veth.bridge = bridge.index;
	CU_ASSERT(link_add_veth(links, &veth) < 0); /* no such process */
	CU_ASSERT(strlen(link_why(links)) > 0);
	CU_ASSERT_EQUAL(link_find(links, "port0", &bridge), -ENODEV);
	CU_ASSERT_EQUAL(link_set_up(links, 0x7ffffff0), -ENODEV);
	CU_ASSERT_EQUAL(link_add_default_routes(links, &route), -ENETUNREACH);
	CU_ASSERT_EQUAL(link_delete(links, "veth0"), 0);
}

struct sight {
	struct in_addr wanted;
	unsigned prefix;
	bool seen;
};

static int see(void *context, struct in_addr network, unsigned prefix, int index)
{
	struct sight *sight = context;

	(void)index;
	sight->seen |= network.s_addr == sight->wanted.s_addr && prefix == sight->prefix;
	return 0;
}

static bool is_seen(struct link_socket *links, const char *network, unsigned prefix)
{
	struct sight sight = { .wanted = ip(network), .prefix = prefix };

	CU_ASSERT_EQUAL(link_each_subnet(links, see, &sight), 0);
	return sight.seen;
}

static void test_subnets_seen(void)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info info;

	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_join_bridge(links, "sub0", bridge_mac, &info), 0);
	CU_ASSERT_FALSE(is_seen(links, "10.8.0.0", 24));
	CU_ASSERT_EQUAL(link_add_addresses(links, info.index, &ADDRESS(ip("10.8.0.1"), 24)), 0);
	CU_ASSERT(is_seen(links, "10.8.0.0", 24));
	/* A route of a table that only a policy rule would lead to. */
	CU_ASSERT_EQUAL(system("ip route add 10.7.0.0/16 dev sub0 table 4711"), 0);
	CU_ASSERT(is_seen(links, "10.7.0.0", 16));
	CU_ASSERT_EQUAL(link_delete(links, "sub0"), 0);
	CU_ASSERT_FALSE(is_seen(links, "10.8.0.0", 24));
}

static void test_no_fd_leak(void)
{
	int before = own_net_descriptors();

	test_bridge_crowd();
	test_veth_born();
	test_refusals();
	CU_ASSERT_EQUAL(own_net_descriptors(), before);
}

/* Libraries that were loaded before the seal still work. */
static void test_sealed_later(void)
{
	scoped_links struct link_socket *links = NULL;
	int status = -1;

	CU_ASSERT_EQUAL(link_open(&links), 0);
	pid_t pid = fork();
	if (pid == 0) {
		library_seal();
		link_close(&links);
		_exit(link_open(&links) == 0 && link_set_up(links, 1) == 0 ? 0 : 1);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a sealed process uses what it has loaded", test_sealed_later },
		{ "a bridge joined or made by eight processes at once", test_bridge_crowd },
		{ "addresses and aliases", test_address },
		{ "addresses of both families", test_both_families },
		{ "the whole set-up in one send", test_configure },
		{ "a veth pair is born where it belongs", test_veth_born },
		{ "an interface that shares ours is born where it belongs", test_upper_born },
		{ "a link moves to another namespace", test_moved },
		{ "refusals are the kernel's own", test_refusals },
		{ "the host's networks, of every table", test_subnets_seen },
		{ "no descriptor is left", test_no_fd_leak },
		CU_TEST_INFO_NULL,
	};

	return own_net_enter() ? suite_run("link", NULL, NULL, tests) : 77;
}
