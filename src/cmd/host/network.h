/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of networks. */
#ifndef BERTH_CMD_HOST_NETWORK_H
#define BERTH_CMD_HOST_NETWORK_H

#include "cmd/cli/command.h"
#include "network/network.h"

#include <jansson.h>

extern const struct command network_get_verb, network_info_verb, network_map_verb, network_set_verb,
	network_unset_verb;

/* The IPv6 subnet of a network for JSON; null: it has none. */
json_t *subnet6_json(const struct network *network);
/* Its IPv6 gateway; null: none is known. */
json_t *gateway6_json(const struct network *network);

#endif
