/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network layer with links, packets and a real dnsmasq, between namespaces of the test's own. */
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

enum { SECONDS = 60, PORT = 7001 };

static const char *const macs[] = { "10:66:6a:00:00:01", "10:66:6a:00:00:02", "10:66:6a:00:00:03" };

static bool has_program(const char *name, const char *paths)
{
	char command[256];

	snprintf(command, sizeof command, "PATH=$PATH:%s command -v %s >/dev/null 2>&1", paths,
		 name);
	return system(command) == 0;
}

static bool has_dnsmasq(void)
{
	if (has_program("dnsmasq", "/usr/sbin:/usr/local/sbin"))
		return true;
	suite_leaves_out("there is no dnsmasq");
	return false;
}

static void expect_up(struct network *network)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(network_up(network, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_STRING_EQUAL(network->warning, "");
}

static struct network_status look(struct network *network)
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

/* Gives every child that is not ours its end, so that a daemon that was ended is gone. */
static bool is_gone(pid_t pid)
{
	for (double end = own_net_now() + SECONDS; own_net_now() < end; own_net_pause()) {
		waitpid(pid, NULL, WNOHANG);
		if (kill(pid, 0) < 0 && errno == ESRCH)
			return true;
	}
	return false;
}

static pid_t dnsmasq_pid(const struct network *network)
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
	if (fd < 0 || poll(&in, 1, SECONDS * 1000) != 1 ||
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
	for (double end = own_net_now() + SECONDS; fd >= 0 && own_net_now() < end;) {
		if (sendto(fd, "?", 1, 0, (struct sockaddr *)&to, sizeof to) < 0)
			own_net_pause();
		if (poll(&in, 1, 50) == 1 && recv(fd, &answer, sizeof answer, 0) == sizeof answer)
			return answer.s_addr == call->seen_as.s_addr ? 0 : 2;
	}
	return 3;
}

static void attach(struct network *network, const struct lease *lease, pid_t pid)
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
	CU_ASSERT_FALSE(look(&network).up);
	CU_ASSERT_EQUAL(own_net_crowd(8, up_at_once, &network), 0);
	struct network_status status = look(&network);
	CU_ASSERT(status.up);
	CU_ASSERT(status.nat);
	CU_ASSERT_EQUAL(status.dns, has_dnsmasq());
	CU_ASSERT_EQUAL(system("test $(cat /proc/sys/net/ipv4/ip_forward) = 1"), 0);
	/* There is one dnsmasq, however many callers asked for it. */
	pid_t pid = dnsmasq_pid(&network);
	expect_up(&network);
	CU_ASSERT_EQUAL(dnsmasq_pid(&network), pid);
	test_delete_network(&network);
	CU_ASSERT(pid == 0 || is_gone(pid));
}

static void test_mended(void)
{
	struct network network;
	char command[128];

	test_make_network(&network, "mend", NULL);
	expect_up(&network);
	/* "nft flush ruleset", or the start of a firewall, does the same. */
	snprintf(command, sizeof command, "nft delete table inet berth-%s", network.config.bridge);
	if (has_program("nft", "/usr/sbin")) {
		CU_ASSERT_EQUAL(system(command), 0);
		CU_ASSERT_FALSE(look(&network).nat);
		expect_up(&network);
		CU_ASSERT(look(&network).nat);
	}
	snprintf(command, sizeof command, "ip addr flush dev %s", network.config.bridge);
	CU_ASSERT_EQUAL(system(command), 0);
	CU_ASSERT_FALSE(look(&network).up);
	expect_up(&network);
	CU_ASSERT(look(&network).up);
	snprintf(command, sizeof command, "ip link delete %s", network.config.bridge);
	CU_ASSERT_EQUAL(system(command), 0);
	expect_up(&network);
	CU_ASSERT(look(&network).up);
	/* Settings that were changed take effect. */
	network.config.nat = false;
	expect_up(&network);
	network.config.nat = true;
	CU_ASSERT_FALSE(look(&network).nat);
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
	expect_up(&network);
	CU_ASSERT(test_lease(&network, "server", macs[0], &server));
	CU_ASSERT(test_lease(&network, "client", macs[1], &call.lease));
	call.to = server.address;
	call.seen_as = call.lease.address; /* no masquerading within the network */
	struct own_net_guest one = own_net_guest(echo_source, &server);
	struct own_net_guest other = own_net_guest(ask_source, &call);
	attach(&network, &server, one.pid);
	attach(&network, &call.lease, other.pid);
	port_ifname(&network, "server", ifname);
	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_find(links, ifname, &port), 0);
	CU_ASSERT_STRING_EQUAL(port.alias, "server");
	CU_ASSERT_EQUAL(look(&network).ports, 2);
	CU_ASSERT_EQUAL(network_down(&network, &err), -EBUSY);
	own_net_let_go(&one);
	own_net_let_go(&other);
	CU_ASSERT_EQUAL(own_net_wait(other.pid), 0);
	CU_ASSERT_EQUAL(own_net_wait(one.pid), 0);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(network_remove_port(&network, "server", &err), 0);
	CU_ASSERT_EQUAL(network_remove_port(&network, "client", &err), 0);
	CU_ASSERT_EQUAL(network_remove_port(&network, "client", &err), 0);
	CU_ASSERT_EQUAL(look(&network).ports, 0);
	test_delete_network(&network);
}

/* Again and again, since only the bridge knows when its port is open. */
static int set_up_and_announce(void *context)
{
	if (setup(context) < 0)
		return 1;
	for (double end = own_net_now() + SECONDS; own_net_now() < end; own_net_pause())
		network_guest_announce(context);
	return 0;
}

/* Waits for a packet of so many bytes at least that has the same bytes at these places. */
static bool heard(int fd, size_t least, const void *bytes, size_t size, const size_t at[2])
{
	struct pollfd in = { .fd = fd, .events = POLLIN };
	unsigned char packet[128];

	for (double end = own_net_now() + SECONDS; own_net_now() < end;) {
		if (poll(&in, 1, SECONDS * 1000) == 1 &&
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
	expect_up(&network);
	CU_ASSERT(test_lease(&network, "web", macs[0], &lease));
	lease.prefix6 = 64;
	CU_ASSERT_EQUAL(inet_pton(AF_INET6, "fd00:1:2:3::5", &lease.address6), 1);
	scoped_fd int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP));
	scoped_fd int fd6 = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IPV6));
	struct own_net_guest guest = own_net_guest(set_up_and_announce, &lease);
	attach(&network, &lease, guest.pid);
	own_net_let_go(&guest);
	CU_ASSERT(heard(fd, 28, &lease.address, sizeof lease.address, arp));
	CU_ASSERT(heard(fd6, 64, &lease.address6, sizeof lease.address6, advertisement));
	kill(guest.pid, SIGKILL);
	own_net_wait(guest.pid);
	CU_ASSERT_EQUAL(network_remove_port(&network, "web", &err), 0);
	test_delete_network(&network);
}

/* A namespace that stays until it is let go. */
static int stay(void *context)
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
	struct own_net_guest before = own_net_guest(stay, NULL);
	struct own_net_guest guest = own_net_guest(stay, NULL);

	test_make_network(&network, "again", NULL);
	CU_ASSERT(test_lease(&network, "web", macs[0], &lease));
	CU_ASSERT_EQUAL(network_attach(&network, &lease, guest.pid, &err), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is down"));
	expect_up(&network);
	attach(&network, &lease, before.pid);
	attach(&network, &lease, guest.pid);
	CU_ASSERT_EQUAL(look(&network).ports, 1);
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
	CU_ASSERT(test_lease(network, "client", macs[1], &call.lease));
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
	attach(network, &call.lease, guest.pid);
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
	expect_up(&network);
	CU_ASSERT_EQUAL(call_outside(&network, true), 0);
	network.config.nat = false;
	expect_up(&network);
	CU_ASSERT_EQUAL(call_outside(&network, false), 0);
	test_delete_network(&network);
}

/* Asks the network's DNS for an address (RFC 1035): 0.0.0.0 when there is none, or no answer. */
static struct in_addr resolve(const struct network *network, const char *name)
{
	unsigned char query[300] = { 0x12, 0x34, 1, 0, 0, 1 }, answer[512];
	struct sockaddr_in server = { .sin_family = AF_INET,
				      .sin_port = htons(53),
				      .sin_addr = network->gateway };
	struct in_addr address = { 0 };
	size_t at = 12;

	for (const char *label = name; *label;) {
		size_t n = strcspn(label, ".");
		query[at++] = (unsigned char)n;
		memcpy(query + at, label, n);
		at += n;
		label += n + (label[n] == '.');
	}
	memcpy(query + at, (unsigned char[]){ 0, 0, 1, 0, 1 }, 5); /* root, type A, class IN */
	scoped_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd in = { .fd = fd, .events = POLLIN };
	sendto(fd, query, at + 5, 0, (struct sockaddr *)&server, sizeof server);
	if (poll(&in, 1, 1000) != 1)
		return address;
	ssize_t n = recv(fd, answer, sizeof answer, 0);
	/* There is no error and one answer; an A record ends the packet with its four bytes. */
	if (n > 16 && (answer[3] & 15) == 0 && answer[6] == 0 && answer[7] == 1)
		memcpy(&address, answer + n - 4, 4);
	return address;
}

static bool resolves(const struct network *network, const char *name, struct in_addr address)
{
	for (double end = own_net_now() + SECONDS; own_net_now() < end; own_net_pause()) {
		if (resolve(network, name).s_addr == address.s_addr)
			return true;
	}
	return false;
}

static void test_names(void)
{
	struct network network;
	struct lease before, after, lease;
	struct err err = { 0 };

	if (!has_dnsmasq())
		return;
	test_make_network(&network, "names", NULL);
	CU_ASSERT(test_lease(&network, "before", macs[0], &before));
	expect_up(&network);
	CU_ASSERT(test_lease(&network, "after", macs[1], &after));
	CU_ASSERT(resolves(&network, "before.berth", before.address));
	CU_ASSERT(resolves(&network, "after.berth", after.address));
	CU_ASSERT(resolves(&network, "after", after.address));
	CU_ASSERT_EQUAL(resolve(&network, "nobody.berth").s_addr, 0);

	/* A name that moves, and one that goes. */
	CU_ASSERT_EQUAL(lease_release(&network, "before", &err), 0);
	CU_ASSERT(resolves(&network, "before.berth", (struct in_addr){ 0 }));
	CU_ASSERT_EQUAL(lease_get(&network, "after", &(struct lease_want){ macs[1], NULL, NULL },
				  &lease, &err),
			0);
	struct in_addr to = { htonl(ntohl(network.gateway.s_addr) + 99) };
	char want[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &to, want, sizeof want);
	CU_ASSERT_EQUAL(lease_get(&network, "after", &(struct lease_want){ macs[1], want, NULL },
				  &lease, &err),
			0);
	CU_ASSERT(resolves(&network, "after.berth", to));
	test_delete_network(&network);
}

static void test_dnsmasq_returns(void)
{
	struct network network;
	struct lease lease;

	if (!has_dnsmasq())
		return;
	test_make_network(&network, "phoenix", NULL);
	CU_ASSERT(test_lease(&network, "web", macs[0], &lease));
	expect_up(&network);
	pid_t pid = dnsmasq_pid(&network);
	CU_ASSERT(pid > 1 && kill(pid, SIGKILL) == 0 && is_gone(pid));
	CU_ASSERT_FALSE(look(&network).dns);
	expect_up(&network);
	CU_ASSERT(look(&network).dns);
	CU_ASSERT_NOT_EQUAL(dnsmasq_pid(&network), pid);
	CU_ASSERT(resolves(&network, "web.berth", lease.address));

	/* Its pid file is lost: the dnsmasq is found, and no second one is started. */
	pid = dnsmasq_pid(&network);
	scoped_free char *path = dirs_run_path(&test_dirs, "networks/phoenix/dnsmasq.pid");
	CU_ASSERT_EQUAL(unlink(path), 0);
	expect_up(&network);
	CU_ASSERT(is_gone(pid));
	CU_ASSERT(look(&network).dns);

	/* A pid file that tells a process of somebody else's. */
	pid_t other = own_net_fork();
	if (other == 0) {
		pause();
		_exit(0);
	}
	char text[16];
	struct err err = { 0 };
	snprintf(text, sizeof text, "%d\n", (int)other);
	CU_ASSERT_EQUAL(file_replace(path, text, strlen(text), 0644, &err), 0);
	expect_up(&network);
	CU_ASSERT_EQUAL(kill(other, 0), 0);
	CU_ASSERT_EQUAL(waitpid(other, NULL, WNOHANG), 0);
	kill(other, SIGKILL);
	own_net_wait(other);

	/* A domain that was changed. */
	free(network.config.domain);
	network.config.domain = strdup("lan");
	expect_up(&network);
	CU_ASSERT(resolves(&network, "web.lan", lease.address));
	test_delete_network(&network);
}

static void test_port_taken(void)
{
	struct network network;
	struct err err = { 0 };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(53) };

	if (!has_dnsmasq())
		return;
	test_make_network(&network, "taken", NULL);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
	CU_ASSERT_EQUAL(network_up(&network, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(network.warning, "port 53 is taken"));
	CU_ASSERT(look(&network).up);
	CU_ASSERT_FALSE(look(&network).dns);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	any.sin_port = htons(67);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
	CU_ASSERT_EQUAL(network_up(&network, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(network.warning, "port 67 is taken"));
	close(fd);
	expect_up(&network);
	CU_ASSERT(look(&network).dns);
	network.config.dhcp = false;
	pid_t pid = dnsmasq_pid(&network);
	expect_up(&network);
	CU_ASSERT(is_gone(pid));
	CU_ASSERT_FALSE(look(&network).dns);
	test_delete_network(&network);
}

/* dnsmasq is hidden in this program's own mount namespace, as if it were not installed. */
static void test_no_dnsmasq(void)
{
	static const char *const paths[] = { "/usr/sbin/dnsmasq", "/usr/bin/dnsmasq",
					     "/usr/local/sbin/dnsmasq", "/sbin/dnsmasq" };
	enum { PATHS = sizeof paths / sizeof paths[0] };
	struct network network;
	struct err err = { 0 };
	bool hidden[PATHS];

	test_make_network(&network, "without", NULL);
	for (int i = 0; i < PATHS; i++)
		hidden[i] = access(paths[i], X_OK) == 0 &&
			    mount("/dev/null", paths[i], NULL, MS_BIND, NULL) == 0;
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(network_up(&network, &err), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(network.warning, "dnsmasq is not installed"));
	}
	struct network_status status = look(&network);
	CU_ASSERT(status.up && status.nat && !status.dns);
	CU_ASSERT_PTR_NOT_NULL(strstr(status.dns_fault, "not installed"));
	for (int i = 0; i < PATHS; i++)
		CU_ASSERT(!hidden[i] || umount(paths[i]) == 0);
	test_delete_network(&network);
}

/* The address that udhcpc gets in a namespace of its own; "": none. */
static void ask_dhcp(struct network *network, const char *mac, char *out, size_t room)
{
	struct lease lease = { .link = LEASE_LINK };
	scoped_free char *result = NULL;
	char path[] = "/tmp/berth-test-dhcp-XXXXXX", command[512];
	struct own_net_guest guest = own_net_guest(stay, NULL);

	out[0] = '\0';
	snprintf(lease.name, sizeof lease.name, "asker");
	snprintf(lease.mac, sizeof lease.mac, "%s", mac);
	attach(network, &lease, guest.pid);
	int fd = mkstemp(path);
	close(fd);
	snprintf(
		command, sizeof command,
		"printf '#!/bin/sh\\n[ \"$1\" != bound ] || echo \"$ip/$mask $router $dns $domain "
		"$hostname\" >%s\\n' >%s.sh; chmod 700 %s.sh; nsenter -t %d -n sh -c 'ip link set "
		"eth0 "
		"up; busybox udhcpc -f -q -n -t 3 -T 1 -i eth0 -s %s.sh >/dev/null 2>&1'; rm %s.sh",
		path, path, path, (int)guest.pid, path, path);
	if (system(command) < 0)
		CU_FAIL("no shell");
	if (file_read(AT_FDCWD, path, 4096, &result) > 0)
		snprintf(out, room, "%s", text_trim(result));
	unlink(path);
	own_net_let_go(&guest);
	own_net_wait(guest.pid);
	struct err err = { 0 };
	CU_ASSERT_EQUAL(network_remove_port(network, "asker", &err), 0);
}

static void expect_dhcp(struct network *network, const struct lease *lease)
{
	char got[256], wanted[256], address[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &lease->address, address, sizeof address);
	inet_ntop(AF_INET, &lease->gateway, gateway, sizeof gateway);
	snprintf(wanted, sizeof wanted, "%s/%u %s %s berth %s", address, lease->prefix, gateway,
		 gateway, lease->name);
	ask_dhcp(network, lease->mac, got, sizeof got);
	CU_ASSERT_STRING_EQUAL(got, wanted);
}

static void test_dhcp(void)
{
	struct network network;
	struct lease lease, next;
	struct err err = { 0 };
	char got[256];

	if (!has_dnsmasq() || !has_program("busybox", "") || !has_program("nsenter", "")) {
		suite_leaves_out("there is no dnsmasq, busybox or nsenter");
		return;
	}
	test_make_network(&network, "dhcp", NULL);
	expect_up(&network);
	CU_ASSERT(test_lease(&network, "web", macs[0], &lease));
	expect_dhcp(&network, &lease);
	/* A client without a lease of berth's gets none. */
	ask_dhcp(&network, macs[2], got, sizeof got);
	CU_ASSERT_STRING_EQUAL(got, "");
	/* Deleted and made anew under the same name: the same address, another MAC. */
	CU_ASSERT_EQUAL(lease_release(&network, "web", &err), 0);
	CU_ASSERT(test_lease(&network, "web", macs[1], &next));
	CU_ASSERT_EQUAL(lease.address.s_addr, next.address.s_addr);
	expect_dhcp(&network, &next);
	/* Only the MAC changes. */
	CU_ASSERT(test_lease(&network, "web", macs[2], &next));
	expect_dhcp(&network, &next);
	test_delete_network(&network);
}

static void test_nothing_left(void)
{
	struct if_nameindex *links = if_nameindex();

	for (size_t i = 0; links && links[i].if_index; i++)
		CU_ASSERT(strncmp(links[i].if_name, "berth", 5) != 0 &&
			  strncmp(links[i].if_name, "bp", 2) != 0);
	if_freenameindex(links);
	if (has_program("nft", "/usr/sbin"))
		CU_ASSERT_EQUAL(system("test -z \"$(nft list tables)\""), 0);
	/* Daemons became our children when theirs ended; whatever is left of them would be one now. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	CU_ASSERT(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

CU_TestInfo live_tests[] = {
	{ "eight processes bring a network up at once", test_up_crowd },
	{ "what is missing is mended", test_mended },
	{ "a bridge that is not ours", test_foreign_bridge },
	{ "two guests speak over the bridge", test_two_guests },
	{ "a guest announces itself", test_announced },
	{ "a port that is still there", test_attach_again },
	{ "masquerading, seen from outside", test_masquerade },
	{ "names by DNS", test_names },
	{ "a killed dnsmasq comes back", test_dnsmasq_returns },
	{ "port 53 or 67 taken", test_port_taken },
	{ "a host without dnsmasq", test_no_dnsmasq },
	{ "addresses by DHCP", test_dhcp },
	{ "nothing is left", test_nothing_left },
	CU_TEST_INFO_NULL,
};
