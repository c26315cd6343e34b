/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The size of a machine's root: the key disk.size, where the pool's driver limits volumes. */
#ifndef BERTH_MACHINE_MANAGE_ROOTSIZE_H
#define BERTH_MACHINE_MANAGE_ROOTSIZE_H

#include "config/config.h"
#include "storage/storage.h"

/*
 * Grows the volume to size, or limits what may be written to it, also while it is in use; size 0: it stays as it is.
 * A volume with a file system of its own never shrinks.
 */
int rootsize_fit(struct pool *pool, const char *volume, uint64_t size, struct err *err);
/* Takes the limit away where it is one, and not the size of a file system. */
int rootsize_lift(struct pool *pool, const char *volume, struct err *err);

#endif
