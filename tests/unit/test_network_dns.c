/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network layer with a real dnsmasq: names, addresses by DHCP, and hosts on which it cannot run. */
#include "test_network.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>

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
	for (double end = own_net_now() + LIVE_SECONDS; own_net_now() < end; own_net_pause()) {
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

	if (!live_has_dnsmasq())
		return;
	test_make_network(&network, "names", NULL);
	CU_ASSERT(test_lease(&network, "before", live_macs[0], &before));
	live_up(&network);
	CU_ASSERT(test_lease(&network, "after", live_macs[1], &after));
	CU_ASSERT(resolves(&network, "before.berth", before.address));
	CU_ASSERT(resolves(&network, "after.berth", after.address));
	CU_ASSERT(resolves(&network, "after", after.address));
	CU_ASSERT_EQUAL(resolve(&network, "nobody.berth").s_addr, 0);

	/* A name that moves, and one that goes. */
	CU_ASSERT_EQUAL(lease_release(&network, "before", &err), 0);
	CU_ASSERT(resolves(&network, "before.berth", (struct in_addr){ 0 }));
	CU_ASSERT_EQUAL(lease_get(&network, "after",
				  &(struct lease_want){ live_macs[1], NULL, NULL }, &lease, &err),
			0);
	struct in_addr to = { htonl(ntohl(network.gateway.s_addr) + 99) };
	char want[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &to, want, sizeof want);
	CU_ASSERT_EQUAL(lease_get(&network, "after",
				  &(struct lease_want){ live_macs[1], want, NULL }, &lease, &err),
			0);
	CU_ASSERT(resolves(&network, "after.berth", to));
	test_delete_network(&network);
}

static void test_dnsmasq_returns(void)
{
	struct network network;
	struct lease lease;

	if (!live_has_dnsmasq())
		return;
	test_make_network(&network, "phoenix", NULL);
	CU_ASSERT(test_lease(&network, "web", live_macs[0], &lease));
	live_up(&network);
	pid_t pid = live_dnsmasq_pid(&network);
	CU_ASSERT(pid > 1 && kill(pid, SIGKILL) == 0 && live_is_gone(pid));
	CU_ASSERT_FALSE(live_look(&network).dns);
	live_up(&network);
	CU_ASSERT(live_look(&network).dns);
	CU_ASSERT_NOT_EQUAL(live_dnsmasq_pid(&network), pid);
	CU_ASSERT(resolves(&network, "web.berth", lease.address));

	/* Its pid file is lost: the dnsmasq is found, and no second one is started. */
	pid = live_dnsmasq_pid(&network);
	scoped_free char *path = dirs_run_path(&test_dirs, "networks/phoenix/dnsmasq.pid");
	CU_ASSERT_EQUAL(unlink(path), 0);
	live_up(&network);
	CU_ASSERT(live_is_gone(pid));
	CU_ASSERT(live_look(&network).dns);

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
	live_up(&network);
	CU_ASSERT_EQUAL(kill(other, 0), 0);
	CU_ASSERT_EQUAL(waitpid(other, NULL, WNOHANG), 0);
	kill(other, SIGKILL);
	own_net_wait(other);

	/* A domain that was changed. */
	free(network.config.domain);
	network.config.domain = strdup("lan");
	live_up(&network);
	CU_ASSERT(resolves(&network, "web.lan", lease.address));
	test_delete_network(&network);
}

static void test_port_taken(void)
{
	struct network network;
	struct err err = { 0 };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(53) };

	if (!live_has_dnsmasq())
		return;
	test_make_network(&network, "taken", NULL);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
	CU_ASSERT_EQUAL(network_up(&network, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(network.warning, "port 53 is taken"));
	CU_ASSERT(live_look(&network).up);
	CU_ASSERT_FALSE(live_look(&network).dns);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	any.sin_port = htons(67);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
	CU_ASSERT_EQUAL(network_up(&network, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(network.warning, "port 67 is taken"));
	close(fd);
	live_up(&network);
	CU_ASSERT(live_look(&network).dns);
	network.config.dhcp = false;
	pid_t pid = live_dnsmasq_pid(&network);
	live_up(&network);
	CU_ASSERT(live_is_gone(pid));
	CU_ASSERT_FALSE(live_look(&network).dns);
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
	struct network_status status = live_look(&network);
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
	struct own_net_guest guest = own_net_guest(live_stay, NULL);

	out[0] = '\0';
	snprintf(lease.name, sizeof lease.name, "asker");
	snprintf(lease.mac, sizeof lease.mac, "%s", mac);
	live_attach(network, &lease, guest.pid);
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

	if (!live_has_dnsmasq() || !live_has_program("busybox", "") ||
	    !live_has_program("nsenter", "")) {
		suite_leaves_out("there is no dnsmasq, busybox or nsenter");
		return;
	}
	test_make_network(&network, "dhcp", NULL);
	live_up(&network);
	CU_ASSERT(test_lease(&network, "web", live_macs[0], &lease));
	expect_dhcp(&network, &lease);
	/* A client without a lease of berth's gets none. */
	ask_dhcp(&network, live_macs[2], got, sizeof got);
	CU_ASSERT_STRING_EQUAL(got, "");
	/* Deleted and made anew under the same name: the same address, another MAC. */
	CU_ASSERT_EQUAL(lease_release(&network, "web", &err), 0);
	CU_ASSERT(test_lease(&network, "web", live_macs[1], &next));
	CU_ASSERT_EQUAL(lease.address.s_addr, next.address.s_addr);
	expect_dhcp(&network, &next);
	/* Only the MAC changes. */
	CU_ASSERT(test_lease(&network, "web", live_macs[2], &next));
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
	if (live_has_program("nft", "/usr/sbin"))
		CU_ASSERT_EQUAL(system("test -z \"$(nft list tables)\""), 0);
	/* Daemons became our children when theirs ended; whatever is left of them would be one now. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	CU_ASSERT(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

CU_TestInfo dns_tests[] = {
	{ "names by DNS", test_names },
	{ "a killed dnsmasq comes back", test_dnsmasq_returns },
	{ "port 53 or 67 taken", test_port_taken },
	{ "a host without dnsmasq", test_no_dnsmasq },
	{ "addresses by DHCP", test_dhcp },
	{ "nothing is left", test_nothing_left },
	CU_TEST_INFO_NULL,
};
