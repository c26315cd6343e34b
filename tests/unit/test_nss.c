/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module of the name service switch: names and addresses out of lease files, and what it makes of odd ones. */
#include "nss/find.h"
#include "nss/nss_berth.h"
#include "suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/berth-nss.XXXXXX";

/* Writes a file below the folder of networks, with the folders above it. */
static void put(const char *path, const char *text)
{
	char full[256];

	snprintf(full, sizeof full, "%s/lib/networks/%s", folder, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	FILE *file = fopen(full, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) < 0)
		abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static int take_away(const char *path)
{
	char full[256];

	snprintf(full, sizeof full, "%s/%s", folder, path);
	return nftw(full, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int begin(void)
{
	if (!mkdtemp(folder) || setenv("BERTH_ROOT", folder, 1) < 0)
		return 1;
	put("default/network.conf", "format = 1\nbridge = berth0\n");
	put("default/names/web", "10.1.0.2 web # 10:66:6a:00:00:01\nfd00::a01:2 web\n");
	put("default/hosts/10.1.0.2", "10:66:6a:00:00:01,10.1.0.2,web,[fd00::a01:2]\n");
	put("default/names/db", "10.1.0.3 db # 10:66:6a:00:00:02\n");
	put("default/hosts/10.1.0.3", "10:66:6a:00:00:02,10.1.0.3,db\n");
	put("lab/network.conf", "# by hand\nbridge = berth1\n domain =\tlab.example \n");
	put("lab/names/web", "10.2.0.9 web # 10:66:6a:00:00:03\n");
	put("lab/hosts/10.2.0.9", "10:66:6a:00:00:03,10.2.0.9,web\n");
	put("lab/names/probe", "10.2.0.8 probe # 10:66:6a:00:00:04\n");
	return 0;
}

static int end(void)
{
	return take_away("");
}

/* The addresses of a name, separated by blanks, in the order of the alphabet. */
static const char *addresses_of(const char *name, int family)
{
	static char all[NSS_FOUND_MAX * INET6_ADDRSTRLEN];
	char each[NSS_FOUND_MAX][INET6_ADDRSTRLEN], *end = all;
	struct found found;

	nss_find(name, family, &found);
	for (size_t i = 0; i < found.count; i++)
		inet_ntop(found.addresses[i].family, &found.addresses[i].is, each[i],
			  sizeof each[i]);
	qsort(each, found.count, sizeof each[0], (int (*)(const void *, const void *))strcmp);
	all[0] = '\0';
	for (size_t i = 0; i < found.count; i++)
		end = stpcpy(stpcpy(end, i ? " " : ""), each[i]);
	return all;
}

static void test_names(void)
{
	CU_ASSERT_STRING_EQUAL(addresses_of("web", AF_INET), "10.1.0.2 10.2.0.9");
	CU_ASSERT_STRING_EQUAL(addresses_of("web", AF_UNSPEC), "10.1.0.2 10.2.0.9 fd00::a01:2");
	CU_ASSERT_STRING_EQUAL(addresses_of("web.berth", AF_UNSPEC), "10.1.0.2 fd00::a01:2");
	CU_ASSERT_STRING_EQUAL(addresses_of("WEB.Berth.", AF_INET6), "fd00::a01:2");
	CU_ASSERT_STRING_EQUAL(addresses_of("web.lab.example", AF_UNSPEC), "10.2.0.9");
	CU_ASSERT_STRING_EQUAL(addresses_of("db", AF_INET6), "");
	CU_ASSERT_STRING_EQUAL(addresses_of("probe.lab.example", AF_INET), "10.2.0.8");
}

static void test_no_names(void)
{
	static const char *const names[] = { "nobody",     "web.example", "web.lab", "",
					     ".",          "..",          "web..",   "../names/web",
					     "names/web",  "-web",        ".berth",  "web..berth",
					     "web\nberth", "w\xc3\xa9" };
	char longest[300];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		CU_ASSERT_STRING_EQUAL(addresses_of(names[i], AF_UNSPEC), "");
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	CU_ASSERT_STRING_EQUAL(addresses_of(longest, AF_UNSPEC), "");
	longest[63] = '.';
	CU_ASSERT_STRING_EQUAL(addresses_of(longest, AF_UNSPEC), "");
	longest[253] = '\0';
	CU_ASSERT_STRING_EQUAL(addresses_of(longest, AF_UNSPEC), "");
}

/* The name of an address, or "". */
static const char *name_of(const char *text)
{
	static struct found found;
	struct in6_addr address;
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	CU_ASSERT_FATAL(inet_pton(family, text, &address) == 1);
	nss_find_back(&address, family, &found);
	return found.count ? found.name : "";
}

static void test_addresses(void)
{
	CU_ASSERT_STRING_EQUAL(name_of("10.1.0.2"), "web.berth");
	CU_ASSERT_STRING_EQUAL(name_of("10.2.0.9"), "web.lab.example");
	CU_ASSERT_STRING_EQUAL(name_of("fd00::a01:2"), "web.berth");
	CU_ASSERT_STRING_EQUAL(name_of("10.1.0.77"), "");
	/* Another prefix with the same last bits, and an IPv4 lease without an IPv6 address. */
	CU_ASSERT_STRING_EQUAL(name_of("fd01::a01:2"), "");
	CU_ASSERT_STRING_EQUAL(name_of("fd00::a01:3"), "");
}

/* Nothing is believed of a file, and none is waited for. */
static void test_odd_files(void)
{
	char path[256], large[20000];

	put("odd/network.conf", "domain = odd\n");
	put("odd/names/other", "10.3.0.2 another # 10:66:6a:00:00:05\n");
	put("odd/names/empty", "");
	put("odd/names/words", "not an address\n\n10.3.0.3\n");
	put("odd/hosts/10.3.0.4", "no commas");
	put("odd/hosts/10.3.0.5", "10:66:6a:00:00:06,10.3.0.5,UP/DOWN\n");
	put("odd/hosts/10.3.0.6", "10:66:6a:00:00:06,10.3.0.6,six,[fd00::a03:6");
	memset(large, '\n', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	put("odd/names/large", large);
	snprintf(path, sizeof path, "%s/lib/networks/odd/names/fifo", folder);
	CU_ASSERT_FATAL(mkfifo(path, 0644) == 0);
	snprintf(path, sizeof path, "%s/lib/networks/odd/names/folder", folder);
	CU_ASSERT_FATAL(mkdir(path, 0755) == 0);
	snprintf(path, sizeof path, "%s/lib/networks/odd/names/link", folder);
	CU_ASSERT_FATAL(symlink("/dev/zero", path) == 0);
	const char *const names[] = {
		"other", "empty", "words", "large", "fifo", "folder", "link"
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		CU_ASSERT_STRING_EQUAL(addresses_of(names[i], AF_UNSPEC), "");
	CU_ASSERT_STRING_EQUAL(name_of("10.3.0.4"), "");
	CU_ASSERT_STRING_EQUAL(name_of("10.3.0.5"), "");
	CU_ASSERT_STRING_EQUAL(name_of("fd00::a03:6"), "");
	/* A network without settings has no domain; others are found. */
	CU_ASSERT_EQUAL(take_away("lib/networks/odd/network.conf"), 0);
	put("odd/names/web", "10.3.0.7 web # 10:66:6a:00:00:07\n");
	CU_ASSERT_STRING_EQUAL(addresses_of("web", AF_INET), "10.1.0.2 10.2.0.9");
	CU_ASSERT_EQUAL(take_away("lib/networks/odd"), 0);
}

static void test_no_berth(void)
{
	setenv("BERTH_ROOT", "/nowhere", 1);
	errno = EALREADY;
	CU_ASSERT_STRING_EQUAL(addresses_of("web", AF_UNSPEC), "");
	CU_ASSERT_STRING_EQUAL(name_of("10.1.0.2"), "");
	CU_ASSERT_EQUAL(errno, EALREADY);
	setenv("BERTH_ROOT", folder, 1);
}

enum { ROOM = 1024, GUARD = 0x5a };

/* Calls with a buffer that grows from nothing, each with a guard behind it, until it is large enough. */
static size_t grow(enum nss_status (*call)(char *buffer, size_t size, int *errnop, int *h_errnop))
{
	static char buffer[ROOM + sizeof(void *)];
	int error = 0, h_error = 0;

	for (size_t size = 0; size < ROOM; size++) {
		memset(buffer, GUARD, sizeof buffer);
		/* An odd start needs padding, too. */
		enum nss_status status = call(buffer + size % 8, size, &error, &h_error);
		CU_ASSERT_EQUAL(buffer[size % 8 + size], GUARD);
		if (status == NSS_STATUS_SUCCESS)
			return size;
		if (status != NSS_STATUS_TRYAGAIN || error != ERANGE)
			return 0;
	}
	return 0;
}

static enum nss_status call_tuples(char *buffer, size_t size, int *errnop, int *h_errnop)
{
	struct gaih_addrtuple *all = NULL;
	int32_t ttl = -1;
	enum nss_status status = _nss_berth_gethostbyname4_r("web.berth", &all, buffer, size,
							     errnop, h_errnop, &ttl);

	if (status == NSS_STATUS_SUCCESS) {
		CU_ASSERT_STRING_EQUAL(all->name, "web.berth");
		CU_ASSERT_EQUAL(all->family, AF_INET);
		CU_ASSERT_EQUAL(all->next->family, AF_INET6);
		CU_ASSERT_PTR_NULL(all->next->next);
		CU_ASSERT_EQUAL(ttl, 0);
	}
	return status;
}

static enum nss_status call_name(char *buffer, size_t size, int *errnop, int *h_errnop)
{
	struct hostent host;
	enum nss_status status =
		_nss_berth_gethostbyname_r("web", &host, buffer, size, errnop, h_errnop);

	if (status == NSS_STATUS_SUCCESS) {
		CU_ASSERT_PTR_NULL(host.h_aliases[0]);
		CU_ASSERT_PTR_NOT_NULL(host.h_addr_list[1]);
		CU_ASSERT_PTR_NULL(host.h_addr_list[2]);
		CU_ASSERT_EQUAL(host.h_length, 4);
	}
	return status;
}

static enum nss_status call_address(char *buffer, size_t size, int *errnop, int *h_errnop)
{
	struct hostent host;
	struct in6_addr address;

	inet_pton(AF_INET6, "fd00::a01:2", &address);
	enum nss_status status = _nss_berth_gethostbyaddr_r(&address, sizeof address, AF_INET6,
							    &host, buffer, size, errnop, h_errnop);
	if (status == NSS_STATUS_SUCCESS) {
		CU_ASSERT_STRING_EQUAL(host.h_name, "web.berth");
		CU_ASSERT_EQUAL(memcmp(host.h_addr_list[0], &address, sizeof address), 0);
	}
	return status;
}

static void test_buffers(void)
{
	CU_ASSERT(grow(call_tuples) > sizeof(struct gaih_addrtuple));
	CU_ASSERT(grow(call_name) > 0);
	CU_ASSERT(grow(call_address) > 0);
}

static void test_what_is_refused(void)
{
	char buffer[ROOM];
	struct hostent host;
	int error = 0, h_error = 0;

	CU_ASSERT_EQUAL(_nss_berth_gethostbyname2_r("web", AF_UNIX, &host, buffer, ROOM, &error,
						    &h_error),
			NSS_STATUS_UNAVAIL);
	CU_ASSERT_EQUAL(_nss_berth_gethostbyaddr_r("abc", 3, AF_INET, &host, buffer, ROOM, &error,
						   &h_error),
			NSS_STATUS_UNAVAIL);
	CU_ASSERT_EQUAL(_nss_berth_gethostbyname_r("nobody", &host, buffer, ROOM, &error, &h_error),
			NSS_STATUS_NOTFOUND);
	CU_ASSERT_EQUAL(h_error, HOST_NOT_FOUND);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "names of machines", test_names },
		{ "names that are none", test_no_names },
		{ "addresses of machines", test_addresses },
		{ "odd files", test_odd_files },
		{ "berth has gone", test_no_berth },
		{ "buffers of any size", test_buffers },
		{ "what is refused", test_what_is_refused },
		CU_TEST_INFO_NULL,
	};

	return suite_run("nss", begin, end, tests);
}
