/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kinds of networks: the functions that differ between a network of berth's own and one of others. */
#ifndef BERTH_NETWORK_KIND_H
#define BERTH_NETWORK_KIND_H

#include "network/network.h"

struct network_ops {
	/* network_up and network_status of network.h. */
	int (*up)(struct network *network, struct err *err);
	int (*status)(struct network *network, struct network_status *status, struct err *err);
	/* up of a network that is up already, after a change of its settings; else nothing is done. Under its lock. */
	int (*renew)(struct network *network, struct err *err);
	/* Checks that no machine is on the network: 0, or -EBUSY with their names. */
	int (*check_idle)(const struct network *network, struct err *err);
	/* network_down, under its lock. */
	int (*down)(const struct network *network, struct err *err);
};

extern const struct network_ops bridge_ops;  /* bridge.c */
extern const struct network_ops foreign_ops; /* foreign.c */

const struct network_ops *kind_ops(const struct network *network);

/*
 * Checks the settings that a network would have after changes: the rules between keys, and that none of these was given
 * that only a network of berth's own has.
 */
int network_check_changes(const struct network *network, const struct network_config *config,
			  const struct config_change *changes, size_t count, struct err *err);

#endif
