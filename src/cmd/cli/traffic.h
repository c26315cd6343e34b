/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output of what has gone through the ports of machines. */
#ifndef BERTH_CMD_CLI_TRAFFIC_H
#define BERTH_CMD_CLI_TRAFFIC_H

#include "base/text.h"
#include "network/network.h"

#include <jansson.h>

/* Adds "received 3 packets, 1.2K; sent 2 packets, 800; guard dropped 0". False: the machine has no port there. */
bool traffic_add(const struct network *network, const char *machine, struct text *out);
/* The same as an object; null: the machine has no port there. */
json_t *traffic_object(const struct network *network, const char *machine);

#endif
