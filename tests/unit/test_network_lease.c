/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leases: asked for, given, exhausted, under crowds and kills. */
#include "test_network.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "network/lease_file.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char mac[] = "10:66:6a:00:00:01";
static const char other_mac[] = "10:66:6a:00:00:02";

static bool same_address(const struct lease *lease, const char *text)
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &lease->address, address, sizeof address);
	return strcmp(address, text) == 0;
}

static char *path_in(const struct network *network, const char *name)
{
	return text_format("%s/%s", network->folder, name);
}

static bool is_there(const struct network *network, const char *name)
{
	scoped_free char *path = path_in(network, name);

	return access(path, F_OK) == 0;
}

static int count_in(const struct network *network, const char *name)
{
	scoped_free char *path = path_in(network, name);
	scoped_dir DIR *dir = opendir(path);
	int n = 0;

	for (struct dirent *e; dir && (e = readdir(dir));)
		n += e->d_name[0] != '.';
	return n;
}

static void test_lease_stable(void)
{
	struct network network;
	struct lease lease, again;
	struct err err = { 0 };

	test_make_network(&network, "stable", NULL);
	CU_ASSERT_EQUAL(lease_find(&network, "web", &lease, &err), -ENOENT);
	CU_ASSERT(test_lease(&network, "web", mac, &lease));
	CU_ASSERT_EQUAL(lease.gateway.s_addr, network.gateway.s_addr);
	CU_ASSERT_EQUAL(lease.prefix, 20);
	CU_ASSERT_STRING_EQUAL(lease.mac, mac);
	CU_ASSERT(test_lease(&network, "web", mac, &again));
	CU_ASSERT_EQUAL(lease.address.s_addr, again.address.s_addr);
	/* The settings have another MAC now: the address stays. */
	CU_ASSERT(test_lease(&network, "web", other_mac, &again));
	CU_ASSERT_EQUAL(lease.address.s_addr, again.address.s_addr);
	CU_ASSERT_STRING_EQUAL(again.mac, other_mac);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(lease_find(&network, "web", &lease, &err), 0);
	CU_ASSERT_STRING_EQUAL(lease.mac, other_mac);
	CU_ASSERT_EQUAL(lease_file_count(&network), 1);
	CU_ASSERT_EQUAL(network_delete(&test_dirs, "stable", false, &err), -EBUSY);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(lease_release(&network, "web", &err), 0);
	CU_ASSERT_EQUAL(lease_release(&network, "web", &err), 0);
	CU_ASSERT_EQUAL(lease_file_count(&network), 0);
	CU_ASSERT_EQUAL(count_in(&network, "names"), 0);
	test_delete_network(&network);
}

static void expect_lease_refusal(struct network *network, const char *name, const char *with_mac,
				 const char *want, int code, const char *word)
{
	struct lease lease;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(lease_get(network, name, &(struct lease_want){ with_mac, want, NULL },
				  &lease, &err),
			-code);
	if (!strstr(err.text, word)) {
		printf("no '%s' in: %s\n", word, err.text);
		CU_FAIL("the sentence does not say it");
	}
}

static void test_lease_wanted(void)
{
	struct network network;
	struct lease lease;
	struct err err = { 0 };

	test_make_network(&network, "wanted", "10.77.0.0/29");
	CU_ASSERT_EQUAL(lease_get(&network, "web", &(struct lease_want){ mac, "10.77.0.4", NULL },
				  &lease, &err),
			0);
	CU_ASSERT(same_address(&lease, "10.77.0.4"));
	expect_lease_refusal(&network, "db", other_mac, "10.77.0.4", EADDRINUSE, "'web'");
	expect_lease_refusal(&network, "db", other_mac, "10.77.0.1", EINVAL, "gateway");
	expect_lease_refusal(&network, "db", other_mac, "10.77.0.7", EINVAL, "10.77.0.7");
	expect_lease_refusal(&network, "db", other_mac, "10.77.0.0", EINVAL, "10.77.0.0");
	expect_lease_refusal(&network, "db", other_mac, "10.78.0.2", EINVAL, "10.77.0.0/29");
	expect_lease_refusal(&network, "db", other_mac, "x", EINVAL, "'x'");
	expect_lease_refusal(&network, "../x", other_mac, NULL, EINVAL, "../x");
	expect_lease_refusal(&network, "db", "10:66:6a:0\n:00:01", NULL, EINVAL, "MAC");
	CU_ASSERT_EQUAL(lease_file_count(&network), 1);
	/* The machine moves to another address, and its old one is free. */
	CU_ASSERT_EQUAL(lease_get(&network, "web", &(struct lease_want){ mac, "10.77.0.5", NULL },
				  &lease, &err),
			0);
	CU_ASSERT(same_address(&lease, "10.77.0.5"));
	CU_ASSERT_EQUAL(lease_get(&network, "db",
				  &(struct lease_want){ other_mac, "10.77.0.4", NULL }, &lease,
				  &err),
			0);
	CU_ASSERT_EQUAL(lease_file_count(&network), 2);
	test_delete_network(&network);
}

/* A bridge could not tell two machines with one hardware address apart. */
static void test_lease_mac(void)
{
	struct network network;
	struct lease lease;
	struct err err = { 0 };

	test_make_network(&network, "macs", NULL);
	CU_ASSERT(test_lease(&network, "web", mac, &lease));
	CU_ASSERT_TRUE(lease.made);
	CU_ASSERT_EQUAL(lease_get(&network, "db", &(struct lease_want){ mac, NULL, NULL }, &lease,
				  &err),
			-ENOTUNIQ);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'web'"));
	CU_ASSERT_FALSE(lease_is_there(&network, "db"));
	CU_ASSERT(test_lease(&network, "db", other_mac, &lease));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(lease_get(&network, "web", &(struct lease_want){ other_mac, NULL, NULL },
				  &lease, &err),
			-ENOTUNIQ);
	CU_ASSERT(test_lease(&network, "web", mac, &lease));
	CU_ASSERT_FALSE(lease.made);
	/* Given back, or of one who is no more. */
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(lease_release(&network, "web", &err), 0);
	CU_ASSERT(test_lease(&network, "third", mac, &lease));
	test_write_in(&network, "names/third", "");
	CU_ASSERT(test_lease(&network, "fourth", mac, &lease));
	/* A network of an older berth has no such list; it fills as its machines start. */
	scoped_free char *macs = path_in(&network, "macs");
	CU_ASSERT_EQUAL(remove_tree(AT_FDCWD, macs), 0);
	CU_ASSERT(test_lease(&network, "db", other_mac, &lease));
	CU_ASSERT_EQUAL(lease_get(&network, "fifth", &(struct lease_want){ other_mac, NULL, NULL },
				  &lease, &err),
			-ENOTUNIQ);
	test_delete_network(&network);
}

static void test_lease_exhausted(void)
{
	struct network network;
	struct lease lease;
	struct err err = { 0 };
	char name[16], with_mac[18];

	test_make_network(&network, "small", "10.77.0.0/29");
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "m%d", i);
		snprintf(with_mac, sizeof with_mac, "10:66:6a:00:01:%02x", i);
		CU_ASSERT(test_lease(&network, name, with_mac, &lease));
	}
	expect_lease_refusal(&network, "m5", mac, NULL, EADDRNOTAVAIL, "all 5 of 10.77.0.0/29");
	CU_ASSERT_EQUAL(lease_find(&network, "m3", &lease, &err), 0);
	struct in_addr freed = lease.address;
	CU_ASSERT_EQUAL(lease_release(&network, "m3", &err), 0);
	CU_ASSERT(test_lease(&network, "m5", mac, &lease));
	CU_ASSERT_EQUAL(lease.address.s_addr, freed.s_addr);
	test_delete_network(&network);
}

enum { CROWD = 8, EACH = 50 };

static int lease_many(int number, void *context)
{
	struct network *network = context;
	struct lease lease;
	char name[32], with_mac[18];

	for (int i = 0; i < EACH; i++) {
		/* Every name is asked for by two processes. */
		snprintf(name, sizeof name, "m%d-%d", number / 2, i);
		snprintf(with_mac, sizeof with_mac, "10:66:6a:00:%02x:%02x", number / 2, i);
		if (!test_lease(network, name, with_mac, &lease))
			return -1;
	}
	return 0;
}

static int compare_words(const void *a, const void *b)
{
	const uint32_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

static void test_lease_crowd(void)
{
	enum { NAMES = CROWD / 2 * EACH };
	static uint32_t addresses[NAMES];
	struct network network;
	struct lease lease;
	struct err err = { 0 };
	char name[32];

	/* Few enough addresses that most are asked for by several. */
	test_make_network(&network, "crowd", "10.77.0.0/24");
	CU_ASSERT_EQUAL(own_net_crowd(CROWD, lease_many, &network), 0);
	CU_ASSERT_EQUAL(lease_file_count(&network), NAMES);
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "m%d-%d", i / EACH, i % EACH);
		CU_ASSERT_EQUAL(lease_find(&network, name, &lease, &err), 0);
		addresses[i] = lease.address.s_addr;
	}
	qsort(addresses, NAMES, sizeof addresses[0], compare_words);
	for (int i = 1; i < NAMES; i++)
		CU_ASSERT_NOT_EQUAL(addresses[i - 1], addresses[i]);
	test_delete_network(&network);
}

/* Each state that a kill can leave, made by hand. The next call for any lease repairs it. */
static void test_lease_repaired(void)
{
	struct network network;
	struct lease lease;
	struct err err = { 0 };

	test_make_network(&network, "repair", "10.77.0.0/24");
	scoped_free char *pending = path_in(&network, "pending");
	scoped_free char *host = path_in(&network, "hosts/10.77.0.9");
	scoped_free char *name = path_in(&network, "names/web");

	/* The allocation was written, but not linked; or not even written whole. */
	test_write_in(&network, "pending", "10:66:6a:00:00:01,10.77.0.9,web\n");
	CU_ASSERT_EQUAL(lease_release(&network, "nobody", &err), 0);
	CU_ASSERT_FALSE(is_there(&network, "pending"));
	test_write_in(&network, "pending", "10:66:6a:00");
	CU_ASSERT_EQUAL(lease_release(&network, "nobody", &err), 0);
	CU_ASSERT_FALSE(is_there(&network, "pending"));

	/* Linked, but not yet found by name. */
	test_write_in(&network, "pending", "10:66:6a:00:00:01,10.77.0.9,web\n");
	CU_ASSERT_EQUAL(link(pending, host), 0);
	CU_ASSERT(test_lease(&network, "db", other_mac, &lease));
	CU_ASSERT_FALSE(is_there(&network, "pending"));
	CU_ASSERT_FALSE(is_there(&network, "hosts/10.77.0.9"));

	/* All steps except the last one were made: the lease counts. */
	CU_ASSERT_EQUAL(lease_get(&network, "web", &(struct lease_want){ mac, "10.77.0.9", NULL },
				  &lease, &err),
			0);
	CU_ASSERT_EQUAL(link(host, pending), 0);
	CU_ASSERT_EQUAL(lease_release(&network, "nobody", &err), 0);
	CU_ASSERT_FALSE(is_there(&network, "pending"));
	CU_ASSERT_EQUAL(lease_find(&network, "web", &lease, &err), 0);

	/* A release that came as far as the name: there is still something to release. */
	CU_ASSERT_EQUAL(link(host, pending), 0);
	CU_ASSERT_EQUAL(unlink(name), 0);
	CU_ASSERT(lease_is_there(&network, "web"));
	CU_ASSERT_EQUAL(lease_release(&network, "web", &err), 0);
	CU_ASSERT_FALSE(lease_is_there(&network, "web"));
	CU_ASSERT_FALSE(is_there(&network, "hosts/10.77.0.9"));
	CU_ASSERT_EQUAL(count_in(&network, "macs"), 1);

	/* A power cut may leave an empty file in the place of an allocation. */
	test_write_in(&network, "hosts/10.77.0.9", "");
	CU_ASSERT_EQUAL(lease_get(&network, "web", &(struct lease_want){ mac, "10.77.0.9", NULL },
				  &lease, &err),
			0);
	test_write_in(&network, "names/web", "");
	CU_ASSERT_EQUAL(lease_find(&network, "web", &lease, &err), -ENOENT);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(lease_get(&network, "web", &(struct lease_want){ mac, "10.77.0.9", NULL },
				  &lease, &err),
			0);
	CU_ASSERT_EQUAL(lease_file_count(&network), 2);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	test_delete_network(&network);
}

static void take_and_give_back(struct network *network)
{
	struct lease lease;
	struct err err = { 0 };
	char name[16], with_mac[18];

	for (unsigned i = 0;; i++) {
		snprintf(name, sizeof name, "m%u", i % 7);
		snprintf(with_mac, sizeof with_mac, "10:66:6a:00:%02x:%02x", i % 7, i % 3);
		lease_get(network, name, &(struct lease_want){ with_mac, NULL, NULL }, &lease,
			  &err);
		if (i % 2)
			lease_release(network, name, &err);
		err = (struct err){ 0 };
	}
}

static void test_lease_killed(void)
{
	struct network network;
	struct lease lease;
	struct err err = { 0 };
	char name[16], with_mac[18];

	test_make_network(&network, "kill", "10.77.0.0/28");
	for (int i = 0; i < 150; i++) {
		pid_t pid = own_net_fork();
		if (pid == 0)
			take_and_give_back(&network);
		nanosleep(&(struct timespec){ .tv_nsec = 1500000 + 37000 * (i % 53) }, NULL);
		kill(pid, SIGKILL);
		own_net_wait(pid);
		CU_ASSERT_EQUAL(lease_release(&network, "nobody", &err), 0);
		CU_ASSERT_EQUAL(count_in(&network, "hosts"), count_in(&network, "names"));
		CU_ASSERT(count_in(&network, "macs") <= count_in(&network, "names"));
		CU_ASSERT_FALSE(is_there(&network, "pending"));
	}
	for (int i = 0; i < 7; i++) {
		snprintf(name, sizeof name, "m%d", i);
		snprintf(with_mac, sizeof with_mac, "10:66:6a:00:00:%02x", i);
		CU_ASSERT(test_lease(&network, name, with_mac, &lease));
	}
	CU_ASSERT_EQUAL(lease_file_count(&network), 7);
	test_delete_network(&network);
}

CU_TestInfo lease_tests[] = {
	{ "a lease stays", test_lease_stable },
	{ "a lease that was asked for", test_lease_wanted },
	{ "a hardware address is one machine's", test_lease_mac },
	{ "a subnet without a free address", test_lease_exhausted },
	{ "eight processes take fifty leases each", test_lease_crowd },
	{ "what a kill leaves is repaired", test_lease_repaired },
	{ "killed at any moment", test_lease_killed },
	CU_TEST_INFO_NULL,
};
