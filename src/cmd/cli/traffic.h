/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output of what has gone through the ports of machines. */
#ifndef BERTH_CMD_CLI_TRAFFIC_H
#define BERTH_CMD_CLI_TRAFFIC_H

#include "base/text.h"
#include "network/network.h"

#include <jansson.h>

/* Adds "received 3 packets, 1.2K; sent 2 packets, 800; guard dropped 0". */
void traffic_add(const struct traffic *traffic, struct text *out);
/* The same as an object. */
json_t *traffic_object(const struct traffic *traffic);

#endif
