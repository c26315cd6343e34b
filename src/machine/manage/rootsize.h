/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How large a machine's root is: the key disk.size, where the pool's driver limits volumes. */
#ifndef BERTH_MACHINE_MANAGE_ROOTSIZE_H
#define BERTH_MACHINE_MANAGE_ROOTSIZE_H

#include "config/config.h"
#include "storage/storage.h"

/* Makes the volume so large, while it is in use if it is; 0: it stays as it is. Never smaller. */
int rootsize_fit(struct pool *pool, const char *volume, uint64_t size, struct err *err);

#endif
