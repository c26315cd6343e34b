/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports of the host that lead to a machine: the values of a section [forward NAME], as numbers, and its rules. */
#include "config/file.h"
#include "config/values.h"

#include "base/scoped.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535 };

/* Parses "80" or "8000-8010". */
static int parse_ports(const char *text, uint16_t *first, uint16_t *last)
{
	char low[8];
	size_t n = strcspn(text, "-");
	uint64_t a, b;

	if (n >= sizeof low)
		return -EINVAL;
	memcpy(low, text, n);
	low[n] = '\0';
	if (text_to_u64(low, 1, PORT_MAX, &a) < 0 ||
	    text_to_u64(text[n] ? text + n + 1 : low, 1, PORT_MAX, &b) < 0 || b < a)
		return -EINVAL;
	*first = (uint16_t)a;
	*last = (uint16_t)b;
	return 0;
}

static int refuse(const char *name, const char *key, const char *value, const char *wanted,
		  struct err *err)
{
	return err_set(err, EINVAL, "forward '%s' cannot have %s '%.60s'; use %s", name, key, value,
		       wanted);
}

static int parse_listen(const char *text, struct forward *forward)
{
	struct in6_addr six;

	if (!*text)
		return 0;
	if (inet_pton(AF_INET, text, forward->listen) == 1) {
		forward->family = AF_INET;
		return 0;
	}
	/* A link-local address is one of many links, and ::1 is not forwarded by the kernel. */
	if (inet_pton(AF_INET6, text, &six) != 1 || IN6_IS_ADDR_V4MAPPED(&six) ||
	    IN6_IS_ADDR_LINKLOCAL(&six) || (IN6_IS_ADDR_LOOPBACK(&six) && !forward->proxy) ||
	    IN6_IS_ADDR_MULTICAST(&six))
		return -EINVAL;
	forward->family = AF_INET6;
	memcpy(forward->listen, &six, sizeof six);
	return 0;
}

static int check_mode(const char *name, const struct forward *forward, struct err *err)
{
	if (forward->header && !forward->proxy)
		return err_set(err, EINVAL,
			       "forward '%s' cannot have header 'yes' in mode nat, in which the "
			       "machine sees who connects; leave it out, or use mode proxy",
			       name);
	if (forward->on_demand && !forward->proxy)
		return err_set(err, EINVAL,
			       "forward '%s' cannot have on_demand 'yes' in mode nat, in which no "
			       "process waits for connections; leave it out, or use mode proxy",
			       name);
	if (!forward->proxy)
		return 0;
	if (forward->udp)
		return err_set(err, EINVAL,
			       "forward '%s' cannot be of udp in mode proxy, which passes on "
			       "connections of tcp; use mode nat",
			       name);
	if (forward->last - forward->first >= FORWARD_PROXY_MAX)
		return err_set(err, E2BIG,
			       "forward '%s' has more than %d ports in mode proxy; make it "
			       "shorter, or use mode nat",
			       name, FORWARD_PROXY_MAX);
	return 0;
}

int config_forward(const struct forward_config *config, struct forward *forward, struct err *err)
{
	const char *name = config->section.name;
	uint16_t to, to_last;

	*forward = (struct forward){ .udp = strcmp(config->protocol, "udp") == 0,
				     .proxy = strcmp(config->mode, "nat") != 0,
				     .header = config->header,
				     .on_demand = config->on_demand };
	if (!*config->port)
		return err_set(err, EINVAL, "forward '%s' has no line 'port = PORT'", name);
	if (parse_ports(config->port, &forward->first, &forward->last) < 0)
		return refuse(name, "port", config->port,
			      "a number from 1 to 65535, or a range such as 8000-8010", err);
	if (parse_listen(config->listen, forward) < 0)
		return refuse(name, "listen", config->listen,
			      "an IPv4 address of this host, an IPv6 address other than ::1, which "
			      "the kernel does not forward (mode proxy does), 0.0.0.0 for all of "
			      "IPv4, or :: for all "
			      "of IPv6",
			      err);
	forward->to = forward->first;
	if (check_mode(name, forward, err) < 0)
		return -err->code;
	if (!*config->target)
		return 0;
	if (parse_ports(config->target, &to, &to_last) < 0 || to != to_last)
		return refuse(name, "target", config->target, "a number from 1 to 65535", err);
	if (to != forward->first && forward->last - forward->first >= FORWARD_SHIFT_MAX)
		return err_set(err, E2BIG,
			       "forward '%s' has more than %d ports that get other numbers in the "
			       "machine; leave target out, or make it shorter",
			       name, FORWARD_SHIFT_MAX);
	if (to + (forward->last - forward->first) > PORT_MAX)
		return refuse(name, "target", config->target,
			      "a number with which the range ends at 65535", err);
	forward->to = to;
	return 0;
}

bool forward_is_bound(const struct forward *forward)
{
	static const unsigned char all[sizeof forward->listen];

	return memcmp(forward->listen, all, sizeof all) != 0;
}

bool forwards_equal(const struct forward *a, const struct forward *b)
{
	return a->udp == b->udp && a->proxy == b->proxy && a->header == b->header &&
	       a->on_demand == b->on_demand && a->family == b->family && a->first == b->first &&
	       a->last == b->last && a->to == b->to &&
	       memcmp(a->listen, b->listen, sizeof a->listen) == 0;
}

bool forwards_collide(const struct forward *a, const struct forward *b)
{
	if (a->udp != b->udp || a->first > b->last || b->first > a->last)
		return false;
	if (a->family != AF_UNSPEC && b->family != AF_UNSPEC && a->family != b->family)
		return false;
	return !forward_is_bound(a) || !forward_is_bound(b) ||
	       memcmp(a->listen, b->listen, sizeof a->listen) == 0;
}

int forward_check(const struct machine_config *config, const struct forward_config *section,
		  struct err *err)
{
	struct forward one, two;

	if (config_forward(section, &one, err) < 0)
		return -err->code;
	for (const struct section *at = config->forwards; at != &section->section; at = at->next) {
		if (config_forward((const struct forward_config *)at, &two, err) < 0)
			return -err->code;
		if (forwards_collide(&one, &two))
			return err_set(err, EEXIST,
				       "forwards '%s' and '%s' have a port of the host in common; "
				       "choose another for one of them",
				       at->name, section->section.name);
	}
	return 0;
}
