/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network layer with files only: subnets and settings; the main function. */
#include "test_network.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "network/lease_file.h"
#include "network/subnet.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

struct dirs test_dirs;
static char root[] = "/tmp/berth-test-network-XXXXXX";

static int make_dirs(void)
{
	struct err err = { 0 };

	return !mkdtemp(root) || chmod(root, 0711) < 0 || dirs_open(&test_dirs, root, &err) < 0;
}

static int remove_dirs(void)
{
	dirs_close(&test_dirs);
	return remove_tree(AT_FDCWD, root);
}

static int create_with(const char *name, const char *bridge, const char *subnet, struct err *err)
{
	struct config_change given[2];
	size_t count = 0;

	if (bridge)
		given[count++] = (struct config_change){ "bridge", bridge };
	if (subnet)
		given[count++] = (struct config_change){ "subnet", subnet };
	return network_create(&test_dirs, name, given, count, err);
}

void test_make_network(struct network *network, const char *name, const char *subnet)
{
	struct err err = { 0 };

	if (create_with(name, NULL, subnet, &err) < 0 ||
	    network_open(network, &test_dirs, name, &err) < 0) {
		printf("%s\n", err.text);
		CU_FAIL("no network to test with");
	}
}

void test_delete_network(struct network *network)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(network_delete(&test_dirs, network->name, true, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	network_close(network);
}

bool test_lease(struct network *network, const char *name, const char *mac, struct lease *lease)
{
	struct err err = { 0 };

	if (lease_get(network, name, &(struct lease_want){ mac, NULL, NULL }, lease, &err) == 0)
		return true;
	printf("%s\n", err.text);
	return false;
}

void test_write_in(const struct network *network, const char *name, const char *text)
{
	scoped_free char *path = text_format("%s/%s", network->folder, name);
	struct err err = { 0 };

	CU_ASSERT_EQUAL(file_replace(path, text, strlen(text), 0644, &err), 0);
}

static void test_subnet_words(void)
{
	static const char *const bad[] = { "",           "10.0.0.0",    "10.0.0.0/31",
					   "10.0.0.0/7", "10.0.0.1/24", "10.0.0.0/24 ",
					   "10.0.0/24",  "x/24",        "10.0.0.0/",
					   "/24",        "10.0.0.0/-1", NULL };
	struct subnet subnet;
	char text[64];

	for (int i = 0; bad[i]; i++)
		CU_ASSERT_EQUAL(subnet_parse(bad[i], &subnet), -EINVAL);
	CU_ASSERT_EQUAL(subnet_parse("10.1.16.0/20", &subnet), 0);
	subnet_text(&subnet, text, sizeof text);
	CU_ASSERT_STRING_EQUAL(text, "10.1.16.0/20");
}

static void add(struct subnet_list *list, const char *text)
{
	struct subnet subnet;

	CU_ASSERT_EQUAL(subnet_parse(text, &subnet), 0);
	CU_ASSERT_EQUAL(subnet_list_add(list, &subnet), 0);
}

static void test_subnet_choice(void)
{
	scoped_subnets struct subnet_list taken = { 0 };
	struct subnet first, again, next;
	char text[64];

	CU_ASSERT_EQUAL(subnet_choose(&taken, "/a/network", &first), 0);
	CU_ASSERT_EQUAL(subnet_choose(&taken, "/a/network", &again), 0);
	CU_ASSERT_EQUAL(first.network.s_addr, again.network.s_addr);
	/* One used address in a subnet is enough to skip it. */
	struct subnet one = first;
	one.prefix = 32;
	one.network.s_addr |= htonl(5);
	CU_ASSERT_EQUAL(subnet_list_add(&taken, &one), 0);
	CU_ASSERT_EQUAL(subnet_choose(&taken, "/a/network", &next), 0);
	CU_ASSERT_NOT_EQUAL(first.network.s_addr, next.network.s_addr);
	/* A VPN that has the whole of 10/8. */
	add(&taken, "10.0.0.0/8");
	CU_ASSERT_EQUAL(subnet_choose(&taken, "/a/network", &next), 0);
	subnet_text(&next, text, sizeof text);
	CU_ASSERT_STRING_EQUAL(text, "172.16.0.0/20");
	add(&taken, "172.16.0.0/12");
	add(&taken, "192.168.0.0/17");
	CU_ASSERT_EQUAL(subnet_choose(&taken, "/a/network", &next), 0);
	subnet_text(&next, text, sizeof text);
	CU_ASSERT_STRING_EQUAL(text, "192.168.128.0/20");
	add(&taken, "192.168.128.0/17");
	CU_ASSERT_EQUAL(subnet_choose(&taken, "/a/network", &next), -EADDRNOTAVAIL);
}

/* Subnets of the host are skipped, and so are those of other networks of the installation, up or down. */
static void test_create_avoids(void)
{
	scoped_links struct link_socket *links = NULL;
	const unsigned char bridge_mac[LINK_MAC] = { 2, 0, 0, 0, 0, 1 };
	struct network network, again;
	struct subnet first, next;
	struct link_info info;

	test_make_network(&network, "avoid", NULL);
	CU_ASSERT_EQUAL(subnet_parse(network.config.subnet, &first), 0);
	CU_ASSERT_EQUAL(first.prefix, 20);
	struct in_addr there = { network.gateway.s_addr };
	test_delete_network(&network);

	CU_ASSERT_EQUAL(link_open(&links), 0);
	CU_ASSERT_EQUAL(link_join_bridge(links, "host0", bridge_mac, &info), 0);
	CU_ASSERT_EQUAL(link_add_addresses(links, info.index,
					   &(struct link_addresses){ .address = there,
								     .prefix = 30 }),
			0);
	test_make_network(&again, "avoid", NULL);
	CU_ASSERT_EQUAL(subnet_parse(again.config.subnet, &next), 0);
	CU_ASSERT_NOT_EQUAL(first.network.s_addr, next.network.s_addr);
	CU_ASSERT_EQUAL(link_delete(links, "host0"), 0);

	struct err err = { 0 };
	CU_ASSERT_EQUAL(create_with("avoid2", NULL, again.config.subnet, &err), -EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "network 'avoid'"));
	test_delete_network(&again);
}

static void expect_refusal(const char *name, const char *bridge, const char *subnet, int code,
			   const char *word)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(create_with(name, bridge, subnet, &err), -code);
	if (!strstr(err.text, word)) {
		printf("no '%s' in: %s\n", word, err.text);
		CU_FAIL("the sentence does not say it");
	}
}

static void test_create_refusals(void)
{
	struct network network;
	struct err err = { 0 };

	expect_refusal("", NULL, NULL, EINVAL, "network name");
	expect_refusal("a/b", NULL, NULL, EINVAL, "network name");
	expect_refusal("..", NULL, NULL, EINVAL, "network name");
	expect_refusal("good", NULL, "10.0.0.1/24", EINVAL, "10.0.0.1/24");
	expect_refusal("good", NULL, "127.0.0.0/24", EINVAL, "no machine");
	expect_refusal("good", "seventeen-letters", NULL, EINVAL, "bridge");
	expect_refusal("good", "lo", NULL, EEXIST, "'lo'");
	test_make_network(&network, "good", NULL);
	expect_refusal("good", NULL, NULL, EEXIST, "already");
	expect_refusal("other", network.config.bridge, NULL, EEXIST, network.config.bridge);
	CU_ASSERT_EQUAL(network_open(&(struct network){ 0 }, &test_dirs, "godo", &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "did you mean 'good'"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(network_open(&(struct network){ 0 }, &test_dirs, "xyzzyx", &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'berth network create' makes one"));
	test_delete_network(&network);
}

static void test_half_made(void)
{
	struct network network;
	scoped_free char *left = dirs_state_path(&test_dirs, "networks/half/hosts");
	struct err err = { 0 };

	/* Settings that are only missing prove nothing. */
	CU_ASSERT_EQUAL(file_make_dirs(left, 0755, &err), 0);
	CU_ASSERT_EQUAL(network_open(&network, &test_dirs, "half", &err), -ENODATA);
	err = (struct err){ 0 };
	expect_refusal("half", NULL, NULL, EEXIST, "lost its settings");
	CU_ASSERT_EQUAL(access(left, F_OK), 0);
	CU_ASSERT_EQUAL(network_delete(&test_dirs, "half", false, &err), -ENODATA);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(network_delete(&test_dirs, "half", true, &err), 0);
	CU_ASSERT(access(left, F_OK) < 0);
	/* A killed create or delete leaves this state. */
	struct unfinished mark = network_mark(&test_dirs, "half");
	scoped_free char *settings = unfinished_path(&mark);
	CU_ASSERT_EQUAL(file_make_dirs(left, 0755, &err), 0);
	CU_ASSERT_EQUAL(file_replace(settings, "", 0, 0600, &err), 0);
	CU_ASSERT_EQUAL(network_open(&network, &test_dirs, "half", &err), -ENOENT);
	test_make_network(&network, "half", NULL);
	test_delete_network(&network);
	CU_ASSERT(access(settings, F_OK) < 0);
}

static int append_name(void *context, const char *name)
{
	text_add(context, "%s ", name);
	return 0;
}

static void test_list(void)
{
	scoped_text struct text names = { 0 };
	struct network one, other;
	struct err err = { 0 };

	test_make_network(&one, "zulu", NULL);
	test_make_network(&other, "alpha", NULL);
	CU_ASSERT_STRING_NOT_EQUAL(one.config.bridge, other.config.bridge);
	CU_ASSERT_EQUAL(network_list(&test_dirs, append_name, &names, &err), 0);
	CU_ASSERT_STRING_EQUAL(text_str(&names), "alpha zulu ");
	test_delete_network(&one);
	test_delete_network(&other);
}

static void test_bad_settings(void)
{
	struct network network, again;
	struct err err = { 0 };

	test_make_network(&network, "bad", NULL);
	test_write_in(&network, "network.conf", "bridge = br0\nsubnet = 10.0.0.0/31\n");
	CU_ASSERT_EQUAL(network_open(&again, &test_dirs, "bad", &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "network.conf"));
	err = (struct err){ 0 };
	test_write_in(&network, "network.conf", "birdge = br0\n");
	CU_ASSERT(network_open(&again, &test_dirs, "bad", &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "bridge"));
	test_write_in(&network, "network.conf", "bridge = br0\nsubnet = 10.0.0.0/24\n");
	test_delete_network(&network);
}

int main(void)
{
	static CU_TestInfo tests[48] = {
		{ "subnets are read", test_subnet_words },
		{ "a subnet is chosen that collides with none", test_subnet_choice },
		{ "a new network avoids the host's and the installation's", test_create_avoids },
		{ "a new network that is refused", test_create_refusals },
		{ "a half-made network counts for nothing", test_half_made },
		{ "networks are listed, sorted", test_list },
		{ "settings that are no network's", test_bad_settings },
		CU_TEST_INFO_NULL,
	};
	size_t n = 0;

	if (!own_net_enter())
		return 77;
	while (tests[n].pName)
		n++;
	CU_TestInfo *const parts[] = { lease_tests, tests6, live_tests, dns_tests };
	for (size_t part = 0; part < sizeof parts / sizeof parts[0]; part++) {
		for (size_t i = 0; parts[part][i].pName; i++) {
			if (n + 1 == sizeof tests / sizeof tests[0])
				return 1;
			tests[n++] = parts[part][i];
		}
	}
	return suite_run("network", make_dirs, remove_dirs, tests);
}
