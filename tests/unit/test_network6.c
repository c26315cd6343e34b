/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv6 of the network layer: subnets, and the addresses of leases. */
#include "test_network.h"

#include "network/bridge.h"
#include "network/lease_file.h"
#include "network/subnet6.h"

#include <arpa/inet.h>
#include <string.h>

static const char mac[] = "10:66:6a:00:00:01", other_mac[] = "10:66:6a:00:00:02";

static struct in6_addr ip6(const char *text)
{
	struct in6_addr address = { 0 };

	CU_ASSERT_EQUAL(inet_pton(AF_INET6, text, &address), 1);
	return address;
}

static struct subnet6 subnet_of(const char *text)
{
	struct subnet6 subnet = { 0 };

	CU_ASSERT_EQUAL(subnet6_parse(text, &subnet), 0);
	return subnet;
}

static void test_words(void)
{
	static const char *const bad[] = { "",
					   "none",
					   "auto",
					   "fd00::",
					   "fd00::/63",
					   "fd00::/97",
					   "fd00::1/64",
					   "fd00::/64x",
					   "/64",
					   "10.0.0.0/64",
					   "fd00:0:0:0:8000::/64" };
	struct subnet6 subnet = subnet_of("fd00:1:2:3:4000::/66");
	char text[SUBNET6_TEXT];

	subnet6_text(&subnet, text);
	CU_ASSERT_STRING_EQUAL(text, "fd00:1:2:3:4000::/66");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CU_ASSERT_EQUAL(subnet6_parse(bad[i], &subnet), -EINVAL);
}

static void test_ranges(void)
{
	const struct subnet6 wide = subnet_of("fd00:1:2:3::/64"),
			     part = subnet_of("fd00:1:2:3:4::/80"),
			     odd = subnet_of("fd00:1:2:3:4000::/66");
	struct in6_addr inside = ip6("fd00:1:2:3:7fff::1"), outside = ip6("fd00:1:2:3:8000::1");
	struct subnet6 one, two;

	CU_ASSERT(subnet6_has(&odd, &inside));
	CU_ASSERT_FALSE(subnet6_has(&odd, &outside));
	CU_ASSERT(subnet6_has(&wide, &outside));
	CU_ASSERT(subnet6_overlap(&wide, &part));
	CU_ASSERT(subnet6_overlap(&part, &wide));
	CU_ASSERT_FALSE(subnet6_overlap(&part, &odd));
	CU_ASSERT_EQUAL(subnet6_draw(&one), 0);
	CU_ASSERT_EQUAL(subnet6_draw(&two), 0);
	CU_ASSERT_EQUAL(one.network.s6_addr[0], 0xfd);
	CU_ASSERT_EQUAL(one.prefix, 64);
	CU_ASSERT_FALSE(subnet6_overlap(&one, &two));
}

static void test_made(void)
{
	const struct subnet6 subnet = subnet_of("fd00:1:2:3::/80");
	struct in_addr four = { htonl(0x0a010205) }, back;
	struct in6_addr made = subnet6_address(&subnet, four), wanted = ip6("fd00:1:2:3::a01:205");

	CU_ASSERT_EQUAL(memcmp(&made, &wanted, sizeof made), 0);
	CU_ASSERT(subnet6_is_made(&subnet, &made, &back));
	CU_ASSERT_EQUAL(back.s_addr, four.s_addr);
	made.s6_addr[11] = 1;
	CU_ASSERT_FALSE(subnet6_is_made(&subnet, &made, &back));
}

static void make(struct network *network, const char *name)
{
	const struct config_change six = { .name = "subnet6", .value = "fd00:77::/64" };
	struct err err = { 0 };

	test_make_network(network, name, "10.77.0.0/24");
	CU_ASSERT_EQUAL(network_set(network, &six, 1, &err), 0);
	CU_ASSERT_EQUAL(network->prefix6, 64);
}

static bool has6(const struct lease *lease, const char *address)
{
	struct in6_addr wanted = ip6(address);

	return lease->prefix6 == 64 && memcmp(&lease->address6, &wanted, sizeof wanted) == 0;
}

static void expect_refusal(struct network *network, const char *want6, int code)
{
	struct lease_want want = { other_mac, NULL, want6 };
	struct lease lease;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(lease_get(network, "db", &want, &lease, &err), -code);
	CU_ASSERT(strlen(err.text) > 0);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(lease_check(network, "db", NULL, want6, &err), -code);
}

static void test_addresses(void)
{
	struct network network;
	struct lease_want want = { mac, "10.77.0.9", NULL };
	struct lease lease;
	struct err err = { 0 };

	make(&network, "six");
	CU_ASSERT_EQUAL(lease_get(&network, "web", &want, &lease, &err), 0);
	CU_ASSERT(has6(&lease, "fd00:77::a4d:9"));
	CU_ASSERT(lease.made);
	want.address6 = "fd00:77::100";
	CU_ASSERT_EQUAL(lease_get(&network, "web", &want, &lease, &err), 0);
	CU_ASSERT(has6(&lease, "fd00:77::100"));
	CU_ASSERT_FALSE(lease.made);
	CU_ASSERT_EQUAL(lease_find(&network, "web", &lease, &err), 0);
	CU_ASSERT(has6(&lease, "fd00:77::100"));
	expect_refusal(&network, "fd00:77::100", EADDRINUSE);
	expect_refusal(&network, "fd00:77::1", EINVAL);
	expect_refusal(&network, "fd00:77::", EINVAL);
	expect_refusal(&network, "fd00:78::1", EINVAL);
	expect_refusal(&network, "fd00:77::a4d:9", EINVAL);
	CU_ASSERT_EQUAL(lease_find(&network, "db", &lease, &err), -ENOENT);
	/* Another name keeps both addresses. */
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(lease_rename(&network, "web", mac, "www", &err), 0);
	CU_ASSERT_EQUAL(lease_find(&network, "www", &lease, &err), 0);
	CU_ASSERT(has6(&lease, "fd00:77::100"));
	want.address6 = NULL;
	CU_ASSERT_EQUAL(lease_get(&network, "www", &want, &lease, &err), 0);
	CU_ASSERT(has6(&lease, "fd00:77::a4d:9"));
	test_delete_network(&network);
}

/* A lease follows to another subnet at once, and has no address of one that the network had before. */
static void test_change(void)
{
	const struct config_change none = { .name = "subnet6", .value = "none" };
	const struct config_change next = { .name = "subnet6", .value = "fd00:78::/64" };
	struct lease_want want = { mac, "10.77.0.9", NULL };
	struct network network;
	struct lease lease;
	struct err err = { 0 };

	make(&network, "six");
	CU_ASSERT_EQUAL(lease_get(&network, "web", &want, &lease, &err), 0);
	CU_ASSERT_EQUAL(network_set(&network, &next, 1, &err), 0);
	CU_ASSERT_EQUAL(lease_find(&network, "web", &lease, &err), 0);
	CU_ASSERT(has6(&lease, "fd00:78::a4d:9"));
	CU_ASSERT_FALSE(lease.stale6);
	CU_ASSERT_EQUAL(lease_get(&network, "web", &want, &lease, &err), 0);
	CU_ASSERT(has6(&lease, "fd00:78::a4d:9"));
	CU_ASSERT_FALSE(lease.made);
	CU_ASSERT_EQUAL(network_set(&network, &none, 1, &err), 0);
	CU_ASSERT_EQUAL(network.prefix6, 0);
	CU_ASSERT_EQUAL(lease_find(&network, "web", &lease, &err), 0);
	CU_ASSERT(lease.prefix6 == 0 && !lease.stale6);
	CU_ASSERT_EQUAL(lease_get(&network, "web", &want, &lease, &err), 0);
	CU_ASSERT_EQUAL(lease.prefix6, 0);
	test_delete_network(&network);
}

CU_TestInfo tests6[] = {
	{ "IPv6 subnets are read", test_words },
	{ "IPv6 subnets overlap or not", test_ranges },
	{ "an IPv6 address is made of the other one", test_made },
	{ "a lease has an IPv6 address", test_addresses },
	{ "a network changes its IPv6 subnet", test_change },
	CU_TEST_INFO_NULL,
};
