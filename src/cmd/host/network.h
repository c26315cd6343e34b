/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of networks. */
#ifndef BERTH_CMD_HOST_NETWORK_H
#define BERTH_CMD_HOST_NETWORK_H

#include "cmd/cli/command.h"
#include "network/network.h"

extern const struct command network_get_verb, network_info_verb, network_set_verb,
	network_unset_verb;

#endif
