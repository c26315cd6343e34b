/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output of what has gone through the interfaces of a machine in its present run. */
#ifndef BERTH_CMD_MACHINE_NIC_TRAFFIC_H
#define BERTH_CMD_MACHINE_NIC_TRAFFIC_H

#include "machine/state/machine.h"

#include <jansson.h>

/* A line for each interface with a port. */
void nic_traffic_show(const struct machine *machine,
		      void (*show)(const char *label, const char *form, ...)
			      __attribute__((format(printf, 2, 3))));

/* An array with an object for each of them. */
json_t *nic_traffic_array(const struct machine *machine);

#endif
