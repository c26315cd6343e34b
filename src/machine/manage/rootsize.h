/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The size of a machine's root: the key disk.size, where the pool's driver limits volumes. */
#ifndef BERTH_MACHINE_MANAGE_ROOTSIZE_H
#define BERTH_MACHINE_MANAGE_ROOTSIZE_H

#include "config/config.h"
#include "storage/storage.h"

/* Grows the volume to size, also while it is in use; size 0: it stays as it is. Never shrinks it. */
int rootsize_fit(struct pool *pool, const char *volume, uint64_t size, struct err *err);

#endif
