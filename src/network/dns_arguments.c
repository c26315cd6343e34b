/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/dns_arguments.h"

#include "base/resolv_conf.h"
#include "base/scoped.h"
#include "network/subnet6.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEASE6 = 300, RA_INTERVAL = 60, RA_LIFETIME = 1800 }; /* seconds */

const char *dns_program(void)
{
	static const char *const paths[] = { "/usr/sbin/dnsmasq", "/usr/bin/dnsmasq",
					     "/usr/local/sbin/dnsmasq", "/sbin/dnsmasq" };

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	}
	return NULL;
}

/* Whether any user may enter a folder: dnsmasq gives up root, but reads the leases again later. */
static bool reachable(const char *folder)
{
	scoped_free char *path = strdup(folder);
	struct stat st;

	if (!path)
		return false;
	for (char *end = path + strlen(path); end > path; end = strrchr(path, '/')) {
		*end = '\0';
		if (*path && (stat(path, &st) < 0 || !(st.st_mode & S_IXOTH)))
			return false;
	}
	return true;
}

static void add_word(struct dns_arguments *arguments, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void add_word(struct dns_arguments *arguments, const char *fmt, ...)
{
	char word[4352];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(word, sizeof word, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof word)
		arguments->text.failed = true;
	else
		text_add_bytes(&arguments->text, word, (size_t)n + 1);
}

/*
 * Router advertisements that lead clients to DHCPv6: no address is made of the prefix, since the guards of the ports
 * (guard.c) let no other one pass. dnsmasq finds a client's hardware address in the host's neighbour table. It binds
 * an address to the identifier of the client (DUID) besides, which a new installation changes: the lease is short, so
 * that the new client gets the address soon.
 */
static void add_dhcp6(struct dns_arguments *arguments, const struct network *network)
{
	char gateway[INET6_ADDRSTRLEN], address[INET6_ADDRSTRLEN];
	struct subnet6 subnet = { 0 };

	if (subnet6_parse(network->config.subnet6, &subnet) < 0)
		return;
	inet_ntop(AF_INET6, &network->gateway6, gateway, sizeof gateway);
	inet_ntop(AF_INET6, &subnet.network, address, sizeof address);
	add_word(arguments, "--dhcp-range=%s,static,%u,%u", address, subnet.prefix, LEASE6);
	add_word(arguments, "--enable-ra");
	/*
	 * A client that replaces the address takes the kernel's route to the prefix away, until the next advertisement.
	 * A router lifetime of 0: clients learn no default route.
	 */
	add_word(arguments, "--ra-param=%s,%u,%u", network->config.bridge, RA_INTERVAL,
		 config_is_private(&network->config) ? 0 : RA_LIFETIME);
	/* The bridge's link-local address, which is the default, is not ready when dnsmasq binds its sockets. */
	add_word(arguments, "--dhcp-option=option6:dns-server,[%s]", gateway);
}

/* RFC 3442: a client that gets these takes no other default route, so that it is among them. */
static void add_routes(struct dns_arguments *arguments, const struct network *network)
{
	char to[ROUTE_TEXT], via[ROUTE_TEXT], gateway[INET_ADDRSTRLEN];
	scoped_text struct text words = { 0 };
	struct route_list routes;

	if (!network->config.routes || config_routes(network->config.routes, &routes))
		return;
	for (unsigned i = 0; i < routes.count; i++) {
		if (routes.list[i].family != AF_INET)
			continue;
		config_route_text(&routes.list[i], to, via);
		text_add(&words, ",%s,%s", to, via);
	}
	inet_ntop(AF_INET, &network->gateway, gateway, sizeof gateway);
	if (words.length && !config_is_private(&network->config))
		text_add(&words, ",0.0.0.0/0,%s", gateway);
	if (words.length)
		add_word(arguments, "--dhcp-option=option:classless-static-route%s",
			 text_str(&words));
}

static void add_dhcp(struct dns_arguments *arguments, const struct network *network)
{
	struct in_addr mask = { htonl(UINT32_MAX << (32 - network->prefix)) };
	struct in_addr subnet = { network->gateway.s_addr & mask.s_addr };
	char subnet_words[INET_ADDRSTRLEN], mask_words[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &subnet, subnet_words, sizeof subnet_words);
	inet_ntop(AF_INET, &mask, mask_words, sizeof mask_words);
	/* static: a client without a lease file gets no address. */
	add_word(arguments, "--dhcp-range=%s,static,%s,%" PRIu64, subnet_words, mask_words,
		 network->config.dhcp_lease);
	/* Without an address: the option is not sent, and clients learn no default route. */
	if (config_is_private(&network->config))
		add_word(arguments, "--dhcp-option=option:router");
	add_routes(arguments, network);
	if (network->config.mtu)
		add_word(arguments, "--dhcp-option=option:mtu,%" PRIu64, network->config.mtu);
	add_word(arguments, "--dhcp-hostsdir=%s/hosts", network->folder);
	/* A machine has one lease of each protocol. */
	add_word(arguments, "--dhcp-lease-max=%u",
		 (UINT32_MAX >> network->prefix) * (network->prefix6 ? 2 : 1));
	if (network->prefix6)
		add_dhcp6(arguments, network);
	add_word(arguments, "--dhcp-authoritative");
	/* The MAC is the identity: clones may share the identifiers of their DHCP clients. */
	add_word(arguments, "--dhcp-ignore-clid");
	/* The lease files are the only record; a second one of dnsmasq's could contradict them. */
	add_word(arguments, "--leasefile-ro");
	add_word(arguments, "--no-ping");
	add_word(arguments, "--quiet-dhcp");
}

/*
 * The file of name servers. dnsmasq follows a file in an existing folder. It does not follow a link to another target,
 * and does not start if the folder is missing. So it gets the file's name, and is out of date when the host's link
 * changes; the watching keeper (keeper/dnsmasq.c) or the next network_up restarts it. Without the folder, and on a
 * private network without servers of its own, it only serves the names of machines.
 */
static void add_servers(struct dns_arguments *arguments, const struct network *network)
{
	scoped_free char *servers = strdup(network->config.dns_servers);
	scoped_free char *file = resolv_conf_file();
	char *rest = NULL;

	if (!servers || !file)
		arguments->text.failed = true;
	else if (!*servers && !config_is_private(&network->config) && *file)
		add_word(arguments, "--resolv-file=%s", file);
	else
		add_word(arguments, "--no-resolv");
	if (!servers || strcmp(servers, "none") == 0)
		return;
	for (char *word = strtok_r(servers, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		add_word(arguments, "--server=%s", word);
}

int dns_arguments_make(const struct network *network, const char *pid_file,
		       struct dns_arguments *arguments)
{
	const char *program = dns_program();
	const char *domain = network->config.domain;
	size_t n = 0;

	if (!program)
		return -ENOENT;
	add_word(arguments, "%s", program);
	add_word(arguments, "--conf-file=/dev/null");
	add_word(arguments, "--pid-file=%s", pid_file);
	if (!reachable(network->folder))
		add_word(arguments, "--user=root");
	add_word(arguments, "--interface=%s", network->config.bridge);
	add_word(arguments, "--except-interface=lo");
	add_word(arguments, "--bind-interfaces");
	add_servers(arguments, network);
	/*
	 * The host's /etc/hosts is left out, because it is only valid on the host. Answers of the host's servers are
	 * valid everywhere.
	 */
	add_word(arguments, "--no-hosts");
	add_word(arguments, "--hostsdir=%s/names", network->folder);
	add_word(arguments, "--hostsdir=%s/aliases", network->folder);
	add_word(arguments, "--domain-needed");
	add_word(arguments, "--bogus-priv");
	if (domain && *domain) {
		add_word(arguments, "--domain=%s", domain);
		add_word(arguments, "--local=/%s/", domain);
		add_word(arguments, "--expand-hosts");
	}
	add_dhcp(arguments, network);
	if (arguments->text.failed)
		return -ENOMEM;
	char *end = arguments->text.data + arguments->text.length;
	for (char *word = arguments->text.data; word < end && n < DNS_ARGS;
	     word += strlen(word) + 1)
		arguments->words[n++] = word;
	return 0;
}
