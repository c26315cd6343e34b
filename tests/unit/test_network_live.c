/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network layer with links and packets, between namespaces of the test's own. */
#include "test_network.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/bridge.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <stdlib.h>

enum { PORT = 7001 };

const char *const live_macs[] = { "10:66:6a:00:00:01", "10:66:6a:00:00:02", "10:66:6a:00:00:03" };

bool live_has_program(const char *name, const char *paths)
{
	char command[256];

	snprintf(command, sizeof command, "PATH=$PATH:%s command -v %s >/dev/null 2>&1", paths,
		 name);
	return system(command) == 0;
}

bool live_has_dnsmasq(void)
{
	if (live_has_program("dnsmasq", "/usr/sbin:/usr/local/sbin"))
		return true;
	suite_leaves_out("there is no dnsmasq");
	return false;
}

void live_up(struct network *network)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(network_up(network, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_STRING_EQUAL(network->warning, "");
}

struct network_status live_look(struct network *network)
{
	struct network_status status = { .leases = -1 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(network_status(network, &status, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	return status;
}

static int setup(const struct lease *lease)
{
	struct err err = { 0 };

	if (network_guest_setup(&lease, lease ? 1 : 0, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return -1;
}

bool live_is_gone(pid_t pid)
{
	for (double end = own_net_now() + LIVE_SECONDS; own_net_now() < end; own_net_pause()) {
		waitpid(pid, NULL, WNOHANG);
		if (kill(pid, 0) < 0 && errno == ESRCH)
			return true;
	}
	return false;
}

pid_t live_dnsmasq_pid(const struct network *network)
{
	scoped_free char *path =
		dirs_run_path(&test_dirs, "networks/%s/dnsmasq.pid", network->name);
	scoped_free char *text = NULL;

	return file_read(AT_FDCWD, path, 32, &text) > 0 ? (pid_t)atoi(text) : 0;
}

static int bind_port(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Answers the first packet with the address that it came from. */
static int echo_source(void *context)
{
	struct sockaddr_in from;
	socklen_t size = sizeof from;
	char byte;

	if (setup(context) < 0)
		return 1;
	scoped_fd int fd = bind_port();
	struct pollfd in = { .fd = fd, .events = POLLIN };
	if (fd < 0 || poll(&in, 1, LIVE_SECONDS * 1000) != 1 ||
	    recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &size) < 0)
		return 2;
	return sendto(fd, &from.sin_addr, sizeof from.sin_addr, 0, (struct sockaddr *)&from, size) >
			       0
		       ? 0
		       : 3;
}

struct call {
	struct lease lease;
	struct in_addr to;
	struct in_addr seen_as; /* the address that the other side must see */
};

/* Asks until it is answered; 0 when the answer is seen_as. */
static int ask_source(void *context)
{
	struct call *call = context;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(PORT),
				  .sin_addr = call->to };
	struct in_addr answer = { 0 };

	if (setup(&call->lease) < 0)
		return 1;
	scoped_fd int fd = bind_port();
	struct pollfd in = { .fd = fd, .events = POLLIN };
	for (double end = own_net_now() + LIVE_SECONDS; fd >= 0 && own_net_now() < end;) {
		if (sendto(fd, "?", 1, 0, (struct sockaddr *)&to, sizeof to) < 0)
			own_net_pause();
		if (poll(&in, 1, 50) == 1 && recv(fd, &answer, sizeof answer, 0) == sizeof answer)
			return answer.s_addr == call->seen_as.s_addr ? 0 : 2;
	}
	return 3;
}

void live_attach(struct network *network, const struct lease *lease, pid_t pid)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(network_attach(network, lease, pid, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
}

static int up_at_once(int number, void *context)
{
	struct network *network = context;
	struct err err = { 0 };

	(void)number;
	if (network_up(network, &err) == 0 && !*network->warning)
		return 0;
	fprintf(stderr, "%s%s\n", err.text, network->warning);
	return 1;
}

static void test_up_crowd(void)
{
	struct network network;

	test_make_network(&network, "default", NULL);
	CU_ASSERT_FALSE(live_look(&network).up);
	CU_ASSERT_EQUAL(own_net_crowd(8, up_at_once, &network), 0);
	struct network_status status = live_look(&network);
	CU_ASSERT(status.up);
	CU_ASSERT(status.nat);
	CU_ASSERT_EQUAL(status.dns, live_has_dnsmasq());
	CU_ASSERT_EQUAL(system("test $(cat /proc/sys/net/ipv4/ip_forward) = 1"), 0);
	/* There is one dnsmasq, however many callers asked for it. */
	pid_t pid = live_dnsmasq_pid(&network);
	live_up(&network);
	CU_ASSERT_EQUAL(live_dnsmasq_pid(&network), pid);
	test_delete_network(&network);
	CU_ASSERT(pid == 0 || live_is_gone(pid));
}

static void test_mended(void)
{
	struct network network;
	char command[128];

	test_make_network(&network, "mend", NULL);
	live_up(&network);
	/* "nft flush ruleset", or the start of a firewall, does the same. */
	snprintf(command, sizeof command, "nft delete table inet berth-%s", network.config.bridge);
	if (live_has_program("nft", "/usr/sbin")) {
		CU_ASSERT_EQUAL(system(command), 0);
		CU_ASSERT_FALSE(live_look(&network).nat);
		live_up(&network);
		CU_ASSERT(live_look(&network).nat);
	}
	snprintf(command, sizeof command, "ip addr flush dev %s", network.config.bridge);
	CU_ASSERT_EQUAL(system(command), 0);
	CU_ASSERT_FALSE(live_look(&network).up);
	live_up(&network);
	CU_ASSERT(live_look(&network).up);
	snprintf(command, sizeof command, "ip link delete %s", network.config.bridge);
	CU_ASSERT_EQUAL(system(command), 0);
	live_up(&network);
	CU_ASSERT(live_look(&network).up);
	/* Settings that were changed take effect. */
	network.config.nat = false;
	live_up(&network);
	network.config.nat = true;
	CU_ASSERT_FALSE(live_look(&network).nat);
	test_delete_network(&network);
}

static void test_foreign_bridge(void)
{
	struct network network;
	struct err err = { 0 };
	char command[128];

	test_make_network(&network, "foreign", NULL);
	snprintf(command, sizeof command, "ip link add %s type bridge", network.config.bridge);
	CU_ASSERT_EQUAL(system(command), 0);
	CU_ASSERT_EQUAL(network_up(&network, &err), -EEXIST);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, network.config.bridge));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(network_delete(&test_dirs, "foreign", true, &err), -EEXIST);
	snprintf(command, sizeof command, "ip link delete %s", network.config.bridge);
	CU_ASSERT_EQUAL(system(command), 0);
	test_delete_network(&network);
}

static void test_two_guests(void)
{
	struct network network;
	struct lease server;
	struct call call = { 0 };
	struct link_info port;
	struct err err = { 0 };
	char ifname[IFNAMSIZ];
	scoped_links struct link_socket *links = NULL;

	test_make_network(&network, "pair", NULL);
	live_up(&network);
	CU_ASSERT(test_lease(&network, "server", live_macs[0], &server));
	CU_ASSERT(test_lease(&network, "client", live_macs[1], &call.lease));
	call.to = server.address;
	call.seen_as = call.lease.address; /* no masquerading within the network */
	struct own_net_guest one = own_net_guest(echo_source, &server);
	struct own_net_guest other = own_net_guest(ask_source, &call);
	live_attach(&network, &server, one.pid);
	live_attach(&network, &call.lease, other.pid);
	port_ifname(&network, "server", ifname);
	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_find(links, ifname, &port), 0);
	CU_ASSERT_STRING_EQUAL(port.alias, "server");
	CU_ASSERT_EQUAL(live_look(&network).ports, 2);
	CU_ASSERT_EQUAL(network_down(&network, &err), -EBUSY);
	own_net_let_go(&one);
	own_net_let_go(&other);
	CU_ASSERT_EQUAL(own_net_wait(other.pid), 0);
	CU_ASSERT_EQUAL(own_net_wait(one.pid), 0);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(network_remove_port(&network, "server", &err), 0);
	CU_ASSERT_EQUAL(network_remove_port(&network, "client", &err), 0);
	CU_ASSERT_EQUAL(network_remove_port(&network, "client", &err), 0);
	CU_ASSERT_EQUAL(live_look(&network).ports, 0);
	test_delete_network(&network);
}

/* Again and again, since only the bridge knows when its port is open. */
static int set_up_and_announce(void *context)
{
	if (setup(context) < 0)
		return 1;
	for (double end = own_net_now() + LIVE_SECONDS; own_net_now() < end; own_net_pause())
		network_guest_announce(context);
	return 0;
}

/* Waits for a packet of so many bytes at least that has the same bytes at these places. */
static bool heard(int fd, size_t least, const void *bytes, size_t size, const size_t at[2])
{
	struct pollfd in = { .fd = fd, .events = POLLIN };
	unsigned char packet[128];

	for (double end = own_net_now() + LIVE_SECONDS; own_net_now() < end;) {
		if (poll(&in, 1, LIVE_SECONDS * 1000) == 1 &&
		    recv(fd, packet, sizeof packet, 0) >= (ssize_t)least &&
		    memcmp(packet + at[0], bytes, size) == 0 &&
		    memcmp(packet + at[1], bytes, size) == 0)
			return true;
	}
	return false;
}

/* A silent guest must be found at once where it is now: it speaks first (RFC 5227, section 2.3; RFC 4861, 7.2.6). */
static void test_announced(void)
{
	/* ARP for IPv4 over ethernet: sender's address at byte 14, target's at 24. */
	static const size_t arp[] = { 14, 24 };
	/* A neighbour advertisement: the source of its IPv6 header at byte 8, its target at 48. */
	static const size_t advertisement[] = { 8, 48 };
	struct network network;
	struct lease lease;
	struct err err = { 0 };

	test_make_network(&network, "gossip", NULL);
	live_up(&network);
	CU_ASSERT(test_lease(&network, "web", live_macs[0], &lease));
	lease.prefix6 = 64;
	CU_ASSERT_EQUAL(inet_pton(AF_INET6, "fd00:1:2:3::5", &lease.address6), 1);
	scoped_fd int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP));
	scoped_fd int fd6 = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IPV6));
	struct own_net_guest guest = own_net_guest(set_up_and_announce, &lease);
	live_attach(&network, &lease, guest.pid);
	own_net_let_go(&guest);
	CU_ASSERT(heard(fd, 28, &lease.address, sizeof lease.address, arp));
	CU_ASSERT(heard(fd6, 64, &lease.address6, sizeof lease.address6, advertisement));
	kill(guest.pid, SIGKILL);
	own_net_wait(guest.pid);
	CU_ASSERT_EQUAL(network_remove_port(&network, "web", &err), 0);
	test_delete_network(&network);
}

/* A namespace that stays until it is let go. */
int live_stay(void *context)
{
	(void)context;
	return 0;
}

/* The port of a run that has just ended may still be there, or another start was killed here. */
static void test_attach_again(void)
{
	struct network network;
	struct lease lease;
	struct err err = { 0 };
	struct own_net_guest before = own_net_guest(live_stay, NULL);
	struct own_net_guest guest = own_net_guest(live_stay, NULL);

	test_make_network(&network, "again", NULL);
	CU_ASSERT(test_lease(&network, "web", live_macs[0], &lease));
	CU_ASSERT_EQUAL(network_attach(&network, &lease, guest.pid, &err), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is down"));
	live_up(&network);
	live_attach(&network, &lease, before.pid);
	live_attach(&network, &lease, guest.pid);
	CU_ASSERT_EQUAL(live_look(&network).ports, 1);
	own_net_let_go(&before);
	own_net_let_go(&guest);
	own_net_wait(before.pid);
	own_net_wait(guest.pid);
	/* A guest that is gone gets no port, and the sentence says so. */
	err = (struct err){ 0 };
	CU_ASSERT(network_attach(&network, &lease, guest.pid, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "connect 'web'"));
	CU_ASSERT_PTR_NULL(strstr(err.text, "no failure"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(network_remove_port(&network, "web", &err), 0);
	test_delete_network(&network);
}

/* A namespace beyond the host, which sees who calls it. */
static int call_outside(struct network *network, bool nat)
{
	const unsigned char bridge_mac[LINK_MAC] = { 2, 0, 0, 0, 0, 1 };
	scoped_links struct link_socket *links = NULL;
	struct link_info outside;
	struct lease server = { .prefix = 24, .link = LEASE_LINK };
	struct call call = { 0 };

	inet_pton(AF_INET, "198.51.100.1", &server.gateway);
	inet_pton(AF_INET, "198.51.100.2", &server.address);
	CU_ASSERT(test_lease(network, "client", live_macs[1], &call.lease));
	call.to = server.address;
	call.seen_as = nat ? server.gateway : call.lease.address;
	struct own_net_guest world = own_net_guest(echo_source, &server);
	struct own_net_guest guest = own_net_guest(ask_source, &call);
	struct link_veth veth = {
		.name = "world0",
		.alias = "world",
		.peer = "eth0",
		.pid = world.pid,
		.mac = { 2, 0, 0, 0, 0, 3 },
		.peer_mac = { 2, 0, 0, 0, 0, 2 },
	};
	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_join_bridge(links, "outside0", bridge_mac, &outside), 0);
	CU_ASSERT_EQUAL(link_add_addresses(links, outside.index,
					   &(struct link_addresses){ .address = server.gateway,
								     .prefix = 24 }),
			0);
	veth.bridge = outside.index;
	CU_ASSERT_EQUAL(link_add_veth(links, &veth), 0);
	live_attach(network, &call.lease, guest.pid);
	own_net_let_go(&world);
	own_net_let_go(&guest);
	int r = own_net_wait(guest.pid);
	kill(world.pid, SIGKILL);
	own_net_wait(world.pid);
	CU_ASSERT_EQUAL(link_delete(links, "world0"), 0);
	CU_ASSERT_EQUAL(link_delete(links, "outside0"), 0);
	struct err err = { 0 };
	CU_ASSERT_EQUAL(network_remove_port(network, "client", &err), 0);
	return r;
}

static void test_masquerade(void)
{
	struct network network;

	test_make_network(&network, "nat", NULL);
	live_up(&network);
	CU_ASSERT_EQUAL(call_outside(&network, true), 0);
	network.config.nat = false;
	live_up(&network);
	CU_ASSERT_EQUAL(call_outside(&network, false), 0);
	test_delete_network(&network);
}

/* Asks the network's DNS for an address (RFC 1035): 0.0.0.0 when there is none, or no answer. */
CU_TestInfo live_tests[] = {
	{ "eight processes bring a network up at once", test_up_crowd },
	{ "what is missing is mended", test_mended },
	{ "a bridge that is not ours", test_foreign_bridge },
	{ "two guests speak over the bridge", test_two_guests },
	{ "a guest announces itself", test_announced },
	{ "a port that is still there", test_attach_again },
	{ "masquerading, seen from outside", test_masquerade },
	CU_TEST_INFO_NULL,
};
