/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firewall rules of machines and networks: the values of a section [rule NAME], as numbers. */
#include "config/file.h"
#include "config/values.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

enum { PORT_MAX = 65535 };

static int refuse(const char *name, const char *key, const char *value, const char *wanted,
		  struct err *err)
{
	return err_set(err, EINVAL, "rule '%s' cannot have %s '%.80s'; use %s", name, key, value,
		       wanted);
}

/* Parses "80" or "8000-8010", which ends at a comma. */
static int parse_range(const char *text, size_t length, struct rule_ports *ports)
{
	char low[16], *high;
	uint64_t first, last;

	if (length >= sizeof low)
		return -EINVAL;
	memcpy(low, text, length);
	low[length] = '\0';
	high = strchr(low, '-');
	if (high)
		*high++ = '\0';
	/* "080" would be another name for a port that has one. */
	if (*low == '0' || (high && *high == '0') || text_to_u64(low, 1, PORT_MAX, &first) < 0 ||
	    text_to_u64(high ? high : low, 1, PORT_MAX, &last) < 0 || last < first)
		return -EINVAL;
	*ports = (struct rule_ports){ (uint16_t)first, (uint16_t)last };
	return 0;
}

static int parse_ports(const struct rule_config *config, struct rule *rule, struct err *err)
{
	const char *name = config->section.name;

	if (!*config->port)
		return 0;
	if (rule->protocol != RULE_TCP && rule->protocol != RULE_UDP)
		return err_set(err, EINVAL,
			       "rule '%s' has port '%.80s', which protocol %s does not have; use "
			       "protocol tcp or udp, or leave the port out",
			       name, config->port, config->protocol);
	for (const char *at = config->port;;) {
		size_t n = strcspn(at, ",");
		if (rule->port_count == RULE_PORTS_MAX)
			return err_set(err, E2BIG,
				       "rule '%s' has more than %d ports and ranges; make a second "
				       "rule of the others",
				       name, RULE_PORTS_MAX);
		if (parse_range(at, n, &rule->ports[rule->port_count++]) < 0)
			return refuse(
				name, "port", config->port,
				"numbers from 1 to 65535 and ranges, such as 80,443,8000-8010",
				err);
		if (!at[n])
			return 0;
		at += n + 1;
	}
}

static bool has_host_bits(const struct rule *rule, unsigned bits)
{
	for (unsigned bit = rule->prefix; bit < bits; bit++) {
		if (rule->address[bit / 8] & 0x80u >> bit % 8)
			return true;
	}
	return false;
}

static int parse_address(const char *text, struct rule *rule)
{
	char address[INET6_ADDRSTRLEN];
	size_t n = strcspn(text, "/");
	uint64_t prefix;

	if (n >= sizeof address)
		return -EINVAL;
	memcpy(address, text, n);
	address[n] = '\0';
	if (inet_pton(AF_INET, address, rule->address) == 1)
		rule->family = AF_INET;
	else if (inet_pton(AF_INET6, address, rule->address) == 1)
		rule->family = AF_INET6;
	else
		return -EINVAL;
	unsigned bits = rule->family == AF_INET ? 32 : 128;
	rule->prefix = bits;
	if (text[n] && text_to_u64(text + n + 1, 0, bits, &prefix) < 0)
		return -EINVAL;
	if (text[n])
		rule->prefix = (unsigned)prefix;
	return has_host_bits(rule, bits) ? -EDOM : 0;
}

static int parse_peer(const struct rule_config *config, struct rule *rule, struct err *err)
{
	const char *name = config->section.name;

	if (!*config->peer)
		return 0;
	int r = parse_address(config->peer, rule);
	if (r == -EDOM)
		return refuse(name, "peer", config->peer,
			      "one address, or a network in which the bits behind its prefix are 0",
			      err);
	if (r == 0)
		return 0;
	if (text_label_fault(config->peer))
		return refuse(name, "peer", config->peer,
			      "an IPv4 or IPv6 address, a network such as 10.1.0.0/16, or the name "
			      "of a machine",
			      err);
	rule->machine = config->peer;
	return 0;
}

int config_rule(const struct rule_config *config, struct rule *rule, struct err *err)
{
	static const char *const protocols[] = {
		[RULE_ANY] = "any", [RULE_TCP] = "tcp", [RULE_UDP] = "udp", [RULE_ICMP] = "icmp"
	};

	*rule = (struct rule){
		.in = strcmp(config->direction, "in") == 0,
		.deny = strcmp(config->action, "deny") == 0,
		.log = config->log,
		.nic = config->nic ? config->nic : "",
	};
	for (unsigned i = 0; i < sizeof protocols / sizeof *protocols; i++) {
		if (strcmp(config->protocol, protocols[i]) == 0)
			rule->protocol = (enum rule_protocol)i;
	}
	return parse_ports(config, rule, err) < 0 || parse_peer(config, rule, err) < 0 ? -err->code
										       : 0;
}

int rules_check(const struct section *first, struct err *err)
{
	size_t count = 0;
	struct rule rule;

	for (const struct section *at = first; at; at = at->next, count++) {
		if (config_rule((const struct rule_config *)at, &rule, err) < 0)
			return -err->code;
	}
	return count > RULES_MAX ? err_set(err, E2BIG,
					   "there are %zu rules, and %d are the most; a rule can "
					   "have several ports, and a network as its peer",
					   count, RULES_MAX)
				 : 0;
}
