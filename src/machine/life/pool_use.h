/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that run on the volumes of a pool. */
#ifndef BERTH_MACHINE_LIFE_POOL_USE_H
#define BERTH_MACHINE_LIFE_POOL_USE_H

#include "base/dirs.h"
#include "base/err.h"

/* -EBUSY names a machine that does not lie still, and whose root or volume for data is in the pool. Looks only. */
int pool_check_unused(const struct dirs *dirs, const char *pool, struct err *err);

#endif
