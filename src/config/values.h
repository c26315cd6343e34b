/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of settings that have parts: owners, forwards, capabilities, rlimits, environments, credentials. */
#ifndef BERTH_CONFIG_VALUES_H
#define BERTH_CONFIG_VALUES_H

#include "base/ip_route.h"
#include "config/config.h"

/*
 * The owner of a mount, "HOST:GUEST": files of the host's user HOST belong to the guest's GUEST, each a name or a
 * number. HOST "": the source's owner; GUEST "": root. "all": ids are the same in the guest and on the host.
 */
struct config_owner {
	bool all;
	char host[64], guest[64];
};
int config_owner(const char *value, struct config_owner *owner, struct err *err);

/* A [forward NAME], as numbers. */
struct forward {
	bool udp; /* else TCP */
	bool proxy; /* a process of the host passes connections on; else the kernel translates addresses */
	bool header;    /* it tells the machine who connects */
	bool on_demand; /* it lives while the machine is stopped too, and has it started */
	int family;     /* AF_INET or AF_INET6: only there; AF_UNSPEC: both */
	/* the host's address, in the family's 4 or 16 bytes; all 0: all addresses of that family */
	unsigned char listen[16];
	uint16_t first, last; /* ports of the host */
	uint16_t to;          /* the machine's port for the first; the others follow */
};
/* The most ports of a range whose ports have other numbers in the machine, because each needs a rule. */
enum { FORWARD_SHIFT_MAX = 100 };
/* The most ports of a range in mode proxy, because each needs sockets. */
enum { FORWARD_PROXY_MAX = 100 };
/* Parses a forward. The sentence names the section. */
int config_forward(const struct forward_config *config, struct forward *forward, struct err *err);
/* Whether it is for one address of the host. */
bool forward_is_bound(const struct forward *forward);
/* Whether they are the same. */
bool forwards_equal(const struct forward *a, const struct forward *b);
/* Whether a packet could be meant for both. */
bool forwards_collide(const struct forward *a, const struct forward *b);

/* The routes of a KEY_ROUTES. */
enum { ROUTES_MAX = 16, ROUTE_TEXT = 64 };
struct route_list {
	struct ip_route list[2 * ROUTES_MAX]; /* those of a network, and of an interface on it */
	unsigned count;
};
/* NULL, or its fault, "has ...". */
const char *config_routes(const char *text, struct route_list *routes);
/* The words of a route: "10.9.0.0/16", "10.1.0.7". */
void config_route_text(const struct ip_route *route, char to[ROUTE_TEXT], char via[ROUTE_TEXT]);
/* Whether two routes lead to the same network. */
bool routes_same_target(const struct ip_route *one, const struct ip_route *other);
/* Whether an address is in a subnet "ADDRESS/BITS" of that family. */
bool config_is_in(int family, const char *address, const char *subnet);

/* A [rule NAME], as numbers. */
enum { RULE_PORTS_MAX = 16, RULES_MAX = 200 };
struct rule_ports {
	uint16_t first, last;
};
struct rule {
	bool in; /* else out, as the machine sees it */
	bool deny;
	bool log;
	enum rule_protocol { RULE_ANY, RULE_TCP, RULE_UDP, RULE_ICMP } protocol;
	struct rule_ports ports[RULE_PORTS_MAX]; /* of the receiver; none: all */
	unsigned port_count;
	int family; /* AF_INET or AF_INET6: the peer is that network; AF_UNSPEC: it is none */
	unsigned char address[16];
	unsigned prefix;
	const char *machine; /* name of the peer, or NULL; borrowed, as the next */
	const char *nic;     /* "": all */
};
/* Parses a rule. The sentence names the section. */
int config_rule(const struct rule_config *config, struct rule *rule, struct err *err);

/* The number of a KEY_SIGNAL, with this C library's SIGRTMIN; -EINVAL: not a signal. */
int config_signal(const char *name);

/* The byte that a terminal sends for a KEY_PRESS; -EINVAL: none. */
int config_press(const char *text);

/* Rights on a machine of a user who is not root; each has those before it. */
enum access_right { ACCESS_NONE, ACCESS_USE, ACCESS_MANAGE };
/* The right that a KEY_ACCESS gives a user. */
enum access_right config_access(const char *value, const char *user);

/* The capabilities of a KEY_CAPS, a bit for each number of capabilities(7). */
struct config_caps {
	uint64_t add, drop;
};
/* Parses a KEY_CAPS. -EINVAL with its fault. */
int config_caps(const char *value, struct config_caps *caps, struct err *err);

/* The value of a KEY_RLIMIT; UINT64_MAX: no limit. */
struct config_rlimit {
	uint64_t soft, hard;
};
/* Parses a non-empty KEY_RLIMIT. -EINVAL with its fault. */
int config_rlimit(const char *value, struct config_rlimit *limit, struct err *err);

/*
 * Splits a KEY_ENV into words without quotes: a NULL-terminated array in one block, which one free() releases. -EINVAL
 * with its fault.
 */
int config_env(const char *value, char ***words, struct err *err);
/* The same for a KEY_WORDS. */
int config_words(const char *value, char ***words, struct err *err);
/* Adds a word to a KEY_ENV or KEY_WORDS, quoted where it must be, so that splitting gives the same word. */
void config_add_word(struct text *out, const char *word);
/* Puts a word NAME=value into a KEY_ENV, in place of one of that name. */
int config_put_env(char **value, const char *word, struct err *err);
/* The text of a credential: its value, or without its quotes if that is $'...'. The caller frees *text. */
int config_credential(const char *value, char **text, struct err *err);
/* The value of a credential with that text, which has no NUL. -E2BIG: it is longer than a line of settings. */
int config_credential_value(const char *text, struct text *value, struct err *err);
/* NULL: the word is NAME=value; or its fault, "is ..." or "has ...". */
const char *config_variable_fault(const char *word);

#endif
