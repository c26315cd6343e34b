/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firewall rules of a machine's port: those of the machine and those of its network, as rules of the port's table, with
 * sets of flows in place of connection tracking, which bridged packets do not have. For guard.c.
 */
#ifndef BERTH_NETWORK_FILTER_H
#define BERTH_NETWORK_FILTER_H

#include "base/text.h"
#include "network/network.h"
#include "network/rules.h"

struct filter_rule;

/* The rules that apply to a port, with what their peers are now. */
struct filter {
	struct filter_rule *list; /* owned */
	size_t count;
};

/*
 * Reads the rules of a port: those of the machine that are for this interface, and those of the network. A machine that
 * a rule names is its hardware address on this network; without a lease there it is nobody. 0 or -errno.
 */
int filter_read(const struct network *network, const struct lease *lease, const struct section *own,
		struct filter *filter);
void filter_free(struct filter *filter);

/* The name of the first rule, borrowed; there is one. */
const char *filter_first(const struct filter *filter);

/* Whether a rule names a machine. */
bool filter_has_peers(const struct filter *filter);

/* Adds words that differ for other rules. */
void filter_identify(const struct filter *filter, struct text *identity);

/* Adds the rules of both directions, whose owners are the sections. None: adds nothing. Borrows the filter. */
void filter_add(const struct network *network, const struct filter *filter, struct rules *rules);

#endif
