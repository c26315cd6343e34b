/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output of forwards. */
#ifndef BERTH_CMD_MACHINE_FORWARD_H
#define BERTH_CMD_MACHINE_FORWARD_H

#include "machine/state/machine.h"

#include <jansson.h>

/* An array with an object for each forward of a machine. */
json_t *forwards_array(const struct machine *machine);

#endif
