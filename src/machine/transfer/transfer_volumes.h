/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The paths of a transfer, compared with the volumes for data of machines that do not run. */
#ifndef BERTH_MACHINE_TRANSFER_TRANSFER_VOLUMES_H
#define BERTH_MACHINE_TRANSFER_TRANSFER_VOLUMES_H

#include "machine/transfer/side.h"
#include "machine/transfer/transfer.h"

/* -EBUSY: a source is in a volume. One that has a volume below it is copied without it, which the report says. */
int transfer_check_sources(const struct transfer *transfer, const struct side *from,
			   struct tree_report *report, struct err *err);
/* -EBUSY: something would be written where a volume is to be. */
int transfer_check_target(const struct transfer *transfer, const struct side *to, struct err *err);

#endif
