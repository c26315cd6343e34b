/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types of values that networks have: names of hosts and links, addresses. */
#include "config/types.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

int type_parse_domain(const struct key *key, const char *text, union value *value, struct err *err)
{
	static const char want[] =
		"use labels of a-z, 0-9 and '-' joined by dots, such as lan.example.org";
	char label[64];

	if (strlen(text) > 253)
		return value_refuse(key, text, "use at most 253 characters", err);
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, ".");
		if (n >= sizeof label)
			return value_refuse(key, text, want, err);
		memcpy(label, at, n);
		label[n] = '\0';
		if (text_label_fault(label) || (at[n] == '.' && at[n + 1] == '\0'))
			return value_refuse(key, text, want, err);
		at += n + (at[n] == '.');
	}
	return value_keep(text, value, err);
}

/* Interface names: those that dev_valid_name() of Linux takes and that need no quotes for ip(8) and nft(8). */
int type_parse_link(const struct key *key, const char *text, union value *value, struct err *err)
{
	if (strlen(text) >= IFNAMSIZ)
		return value_refuse(key, text, "the kernel takes at most 15 characters", err);
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return value_refuse(key, text, "the kernel takes no such name", err);
	for (const char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return value_refuse(key, text, "use letters, digits, '-', '_' and '.'",
					    err);
	}
	return value_keep(text, value, err);
}

int type_parse_mac(const struct key *key, const char *text, union value *value, struct err *err)
{
	char mac[18];
	bool zero = true;

	if (!*text)
		return value_keep(text, value, err);
	for (size_t i = 0; i < 17; i++) {
		char c = text[i];
		if (i % 3 == 2 ? c != ':' : !isxdigit((unsigned char)c))
			return value_refuse(
				key, text,
				"use six bytes in hexadecimal, such as 10:66:6a:01:02:03", err);
		mac[i] = (char)tolower((unsigned char)c);
		zero = zero && strchr("0:", c);
	}
	mac[17] = '\0';
	if (text[17])
		return value_refuse(key, text, "use six bytes, no more", err);
	if (zero)
		return value_refuse(key, text, "no card has that address", err);
	if (strchr("13579bdf", mac[1]))
		return value_refuse(key, text, "use an address of one card: the first byte is even",
				    err);
	return value_keep(mac, value, err);
}

int type_parse_mtu(const struct key *key, const char *text, union value *value, struct err *err)
{
	char want[80];

	if (strcmp(text, "0") != 0 && text_to_u64(text, key->min, key->max, &value->number) < 0) {
		snprintf(want, sizeof want,
			 "use 0 for the kernel's default, or %" PRIu64 " to %" PRIu64, key->min,
			 key->max);
		return value_refuse(key, text, want, err);
	}
	if (strcmp(text, "0") == 0)
		value->number = 0;
	return 0;
}

int type_parse_address(const struct key *key, const char *text, union value *value, struct err *err)
{
	struct in_addr address;

	if (!*text)
		return value_keep(text, value, err);
	if (inet_pton(AF_INET, text, &address) != 1)
		return value_refuse(key, text, "use an IPv4 address, such as 10.1.2.3", err);
	uint32_t top = ntohl(address.s_addr) >> 24;
	if (top == 0 || top == 127 || top >= 224)
		return value_refuse(key, text, "no machine can have that address", err);
	return value_keep(text, value, err);
}

int type_parse_subnet(const struct key *key, const char *text, union value *value, struct err *err)
{
	char address[INET_ADDRSTRLEN], fault[80];
	struct in_addr network;
	uint64_t bits;
	const char *slash = strchr(text, '/');

	if (!*text)
		return value_keep(text, value, err);
	if (!slash || text_print(address, sizeof address, "%.*s", (int)(slash - text), text) < 0 ||
	    inet_pton(AF_INET, address, &network) != 1 || text_to_u64(slash + 1, 8, 30, &bits) < 0)
		return value_refuse(key, text,
				    "use an IPv4 network with 8 to 30 bits, such as 10.1.2.0/24",
				    err);
	uint32_t mask = ~0u << (32 - bits), host = ntohl(network.s_addr);
	if (host >> 24 == 0 || host >> 24 == 127 || host >> 24 >= 224)
		return value_refuse(key, text, "no machine can have such addresses", err);
	if (host & ~mask) {
		network.s_addr = htonl(host & mask);
		inet_ntop(AF_INET, &network, address, sizeof address);
		snprintf(fault, sizeof fault, "that is one address; its network is %s/%" PRIu64,
			 address, bits);
		return value_refuse(key, text, fault, err);
	}
	return value_keep(text, value, err);
}

/* An address of one machine of a network: no loopback or link-local address, no group, no mapped IPv4 address. */
static bool is_usable(const struct in6_addr *address)
{
	return !IN6_IS_ADDR_UNSPECIFIED(address) && !IN6_IS_ADDR_LOOPBACK(address) &&
	       !IN6_IS_ADDR_MULTICAST(address) && !IN6_IS_ADDR_LINKLOCAL(address) &&
	       !IN6_IS_ADDR_V4MAPPED(address) && !IN6_IS_ADDR_V4COMPAT(address);
}

int type_parse_address6(const struct key *key, const char *text, union value *value,
			struct err *err)
{
	char canonical[INET6_ADDRSTRLEN] = "";
	struct in6_addr address;

	if (!*text)
		return value_keep(text, value, err);
	if (inet_pton(AF_INET6, text, &address) != 1)
		return value_refuse(key, text, "use an IPv6 address, such as fd00:1:2:3::100", err);
	if (!is_usable(&address))
		return value_refuse(key, text, "no machine can have that address", err);
	inet_ntop(AF_INET6, &address, canonical, sizeof canonical);
	return value_keep(canonical, value, err);
}

/* Clears the bits after the prefix. */
static void clear_host_bits(struct in6_addr *address, unsigned prefix)
{
	for (unsigned bit = prefix; bit < 128; bit++)
		address->s6_addr[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
}

int type_parse_subnet6(const struct key *key, const char *text, union value *value, struct err *err)
{
	enum { BITS_MIN = 64, BITS_MAX = 96 };
	char address[INET6_ADDRSTRLEN], canonical[INET6_ADDRSTRLEN + 4], fault[112];
	struct in6_addr given, network;
	uint64_t bits;
	const char *slash = strchr(text, '/');

	if (!*text || strcmp(text, "none") == 0)
		return value_keep("none", value, err);
	if (strcmp(text, "auto") == 0)
		return value_keep(text, value, err);
	if (!slash || text_print(address, sizeof address, "%.*s", (int)(slash - text), text) < 0 ||
	    inet_pton(AF_INET6, address, &given) != 1 ||
	    text_to_u64(slash + 1, BITS_MIN, BITS_MAX, &bits) < 0)
		return value_refuse(key, text,
				    "use an IPv6 network with 64 to 96 bits, such as "
				    "fd00:1:2:3::/64, or auto, or none",
				    err);
	network = given;
	clear_host_bits(&network, (unsigned)bits);
	if (!is_usable(&network))
		return value_refuse(key, text, "no machine can have such addresses", err);
	inet_ntop(AF_INET6, &network, address, sizeof address);
	snprintf(canonical, sizeof canonical, "%s/%" PRIu64, address, bits);
	snprintf(fault, sizeof fault, "that is one address; its network is %s", canonical);
	return memcmp(&given, &network, sizeof given) != 0 ? value_refuse(key, text, fault, err)
							   : value_keep(canonical, value, err);
}
