/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of firewall rules, which machines and networks have. */
#include "config/keys.h"

static const char *const action_words[] = { "allow", "deny", NULL };
static const char *const direction_words[] = { "in", "out", NULL };
static const char *const protocol_words[] = { "any", "icmp", "tcp", "udp", NULL };

#define AT(field) offsetof(struct rule_config, field)
#define FIRST_ROWS                                                                     \
	{ "action",   KEY_CHOICE,   KEY_LIVE,                                          \
	  AT(action), "allow",      0,                                                 \
	  0,          action_words, "whether packets pass: allow, deny" },             \
		{ "direction",                                                         \
		  KEY_CHOICE,                                                          \
		  KEY_LIVE,                                                            \
		  AT(direction),                                                       \
		  "in",                                                                \
		  0,                                                                   \
		  0,                                                                   \
		  direction_words,                                                     \
		  "in: to the machine; out: from it" },                                \
	{                                                                              \
		"log", KEY_BOOL, KEY_LIVE, AT(log), "no", 0, 0, NULL,                  \
			"whether the kernel logs packets of it, at most five a second" \
	}
#define LAST_ROWS                                                                                      \
	{ "peer",   KEY_TEXT, KEY_LIVE,                                                                \
	  AT(peer), "",       0,                                                                       \
	  0,        NULL,     "other side: address, network, or name of a machine; empty: all" },      \
		{ "port",   KEY_TEXT, KEY_LIVE,                                                        \
		  AT(port), "",       0,                                                               \
		  0,        NULL,     "ports of the receiver, such as 80,443,8000-8010; empty: all" }, \
	{                                                                                              \
		"protocol", KEY_CHOICE, KEY_LIVE, AT(protocol), "any", 0, 0, protocol_words,           \
			"any, icmp, tcp, udp"                                                          \
	}

static const struct key rule_keys[] = {
	FIRST_ROWS,
	{ "nic", KEY_TEXT, KEY_LIVE, AT(nic), "", 0, 0, NULL,
	  "interface that it is for, such as eth0; empty: all" },
	LAST_ROWS,
};
static const struct key network_rule_keys[] = { FIRST_ROWS, LAST_ROWS };
#undef AT

const struct schema rule_schema = {
	.what = "rule",
	KEYS(rule_keys),
	.size = sizeof(struct rule_config),
	.head = offsetof(struct machine_config, rules),
};

const struct schema network_rule_schema = {
	.what = "rule",
	KEYS(network_rule_keys),
	.size = sizeof(struct rule_config),
	.head = offsetof(struct network_config, rules),
};
