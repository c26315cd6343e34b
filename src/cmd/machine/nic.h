/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output of the network interfaces of machines. */
#ifndef BERTH_CMD_MACHINE_NIC_H
#define BERTH_CMD_MACHINE_NIC_H

#include "machine/life/life.h"
#include "machine/state/machine.h"

#include <jansson.h>

/* An array with an object for each interface of a machine, eth0 too. */
json_t *nics_array(const struct machine *machine);

/* An array with the addresses of all interfaces. status: has that of eth0. */
json_t *nics_addresses(const struct machine *machine, const struct machine_status *status);
/* The same as text, with commas between. */
void nics_add_addresses(const struct machine *machine, const struct machine_status *status,
			struct text *out);

/*
 * The network and the addresses of eth0, as `info` has them: lines, with one for each other interface behind them; an
 * object, null without a network.
 */
void network_show(const struct machine *machine, const struct machine_status *status,
		  void (*show)(const char *label, const char *form, ...)
			  __attribute__((format(printf, 2, 3))));
json_t *network_object(const struct machine *machine, const struct machine_status *status);

#endif
