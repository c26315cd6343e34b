/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firewall rules whose peer is a machine, by its name: of all machines and networks. */
#ifndef BERTH_MACHINE_MANAGE_RULE_PEERS_H
#define BERTH_MACHINE_MANAGE_RULE_PEERS_H

#include "base/dirs.h"

#include <stdbool.h>

struct rule_peer {
	const char *kind;    /* "machine" or "network": what has the rule */
	const char *owner;   /* its name */
	const char *rule;    /* the rule's name */
	const char *machine; /* the name of the peer, which need not exist */
	bool deny;
};

/* Calls visit for each. Reads the settings of every machine and network. Quiet: what cannot be read is skipped. */
void rule_peers_each(const struct dirs *dirs,
		     void (*visit)(void *context, const struct rule_peer *peer), void *context);

#endif
