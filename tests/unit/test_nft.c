/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kern/nft against the kernel, in a network namespace of the test's own. */
#include "base/scoped.h"
#include "kern/nft.h"
#include "own_net.h"
#include "suite.h"

#include <arpa/inet.h>
#include <stdlib.h>

static void test_nft(void)
{
	struct nft_rule rule = { .matches = 2 };
	struct nft_table table = {
		.name = "berth-test", .mark = "one", .rules = &rule, .count = 1
	};
	struct nft_table other = table;
	char chain[96];

	rule.match[0] = (struct nft_match){ .field = NFT_FIELD_FROM,
					    .network = { htonl(0x0a080000) },
					    .prefix = 20 };
	rule.match[1] =
		(struct nft_match){ .field = NFT_FIELD_OUT, .link = "lo", .inverted = true };
	other.mark = "two";
	CU_ASSERT_EQUAL(nft_is_current(&table), 0);
	CU_ASSERT_EQUAL(nft_replace(&table), 0);
	CU_ASSERT_EQUAL(nft_replace(&table), 0);
	CU_ASSERT_EQUAL(nft_is_current(&table), 1);
	CU_ASSERT_EQUAL(nft_is_current(&other), 0);
	CU_ASSERT_EQUAL(nft_forward_policy_drop(chain, sizeof chain), 0);
	CU_ASSERT_EQUAL(nft_remove(&table), 0);
	CU_ASSERT_EQUAL(nft_remove(&table), 0);
	CU_ASSERT_EQUAL(nft_is_current(&table), 0);
}

static bool has_flow(const char *set)
{
	char command[128];

	snprintf(command, sizeof command, "nft list set netdev berth-flows %s | grep -q 10.0.0.1",
		 set);
	return system(command) == 0;
}

/* Flows that are opened stay when the rules are replaced; those that the former rules allowed do not. */
static void check_flows_replaced(const struct nft_table *table)
{
	if (system("nft 'add element netdev berth-flows opened_out { tcp . 1 . 10.0.0.1 . 2 "
		   "timeout 60s }; "
		   "add element netdev berth-flows allowed_out { tcp . 1 . 10.0.0.1 . 2 timeout "
		   "60s }' "
		   "2>/dev/null") != 0) {
		suite_leaves_out("there is no nft program");
		return;
	}
	CU_ASSERT_TRUE(has_flow("opened_out"));
	CU_ASSERT_TRUE(has_flow("allowed_out"));
	CU_ASSERT_EQUAL(nft_replace(table), 0);
	CU_ASSERT_TRUE(has_flow("opened_out"));
	CU_ASSERT_FALSE(has_flow("allowed_out"));
}

/* A packet of each kind that the rules of a port have: its set of flows is kept when the rules are replaced. */
static void test_nft_flows(void)
{
	struct nft_rule rules[] = {
		{ .chain = NFT_INGRESS, .verdict = NFT_DROP, .counted = true },
		{ .chain = NFT_SENT,
		  .matches = 1,
		  .match = { { .field = NFT_FIELD_SEGMENT,
			       .length = 1,
			       .mask = { 0x12 },
			       .bytes = { 2 } } },
		  .note = { NFT_OPENED_OUT, 60, true, NFT_ALLOWED_OUT },
		  .verdict = NFT_GO_ON },
		{ .chain = NFT_RECEIVED,
		  .ipv6 = true,
		  .echo = true,
		  .matches = 2,
		  .match = { { .field = NFT_FIELD_ICMP, .number = 129, .last = 129 },
			     { .field = NFT_FIELD_FLOW, .flows = NFT_OPENED_OUT } },
		  .verdict = NFT_ACCEPT },
		{ .chain = NFT_RECEIVED, .log = "test: ", .verdict = NFT_GO_ON },
		{ .chain = NFT_RECEIVED, .verdict = NFT_DROP, .counted = true },
	};
	struct nft_table table = { .name = "berth-flows",
				   .device = "flow0",
				   .mark = "one",
				   .tracked = true,
				   .rules = rules,
				   .count = sizeof rules / sizeof *rules };
	uint64_t packets[sizeof rules / sizeof *rules] = { 0 }, sum = 9;

	CU_ASSERT_EQUAL(system("ip link add flow0 type veth peer name flow1"), 0);
	CU_ASSERT_EQUAL(nft_replace(&table), 0);
	CU_ASSERT_EQUAL(nft_is_current(&table), 1);
	CU_ASSERT_EQUAL(nft_count_each(&table, packets), 1);
	CU_ASSERT_EQUAL(nft_count(&table, NFT_RECEIVED, &sum), 0);
	CU_ASSERT_EQUAL(sum, 0);
	check_flows_replaced(&table);
	table.count--;
	table.mark = "two";
	CU_ASSERT_EQUAL(nft_count_each(&table, packets), 0);
	CU_ASSERT_EQUAL(nft_replace(&table), 0);
	CU_ASSERT_EQUAL(nft_is_current(&table), 1);
	/* Without flows, the chains that it does not name go as well. */
	table.tracked = false;
	table.count = 1;
	CU_ASSERT_EQUAL(nft_replace(&table), 0);
	CU_ASSERT_EQUAL(nft_is_current(&table), 1);
	CU_ASSERT_EQUAL(nft_remove(&table), 0);
	CU_ASSERT_EQUAL(system("ip link del flow0"), 0);
}

static void test_nft_others_drop(void)
{
	char chain[96] = "";

	if (system("nft 'add table ip strict; add chain ip strict fw { type filter hook forward "
		   "priority 0; policy drop; }' 2>/dev/null") != 0) {
		suite_leaves_out("there is no nft program");
		return;
	}
	CU_ASSERT_EQUAL(nft_forward_policy_drop(chain, sizeof chain), 1);
	CU_ASSERT_STRING_EQUAL(chain, "ip strict fw");
	CU_ASSERT_EQUAL(system("nft delete table ip strict"), 0);
}

static void test_no_fd_leak(void)
{
	int before = own_net_descriptors();

	test_nft();
	test_nft_flows();
	CU_ASSERT_EQUAL(own_net_descriptors(), before);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a table is replaced, known again, removed", test_nft },
		{ "a table of a port has flows, and keeps them", test_nft_flows },
		{ "a dropping forward chain of others is named", test_nft_others_drop },
		{ "no descriptor is left", test_no_fd_leak },
		CU_TEST_INFO_NULL,
	};

	return own_net_enter() ? suite_run("nft", NULL, NULL, tests) : 77;
}
