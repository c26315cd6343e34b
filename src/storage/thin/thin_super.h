/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The superblock of a thin pool's metadata, for the files of driver `thin` that attach, detach and mend. */
#ifndef BERTH_STORAGE_THIN_SUPER_H
#define BERTH_STORAGE_THIN_SUPER_H

#include "storage/thin/thin.h"

enum { THIN_SUPER_SIZE = 4096 };

/* CRC-32C, the kernel's checksum of metadata blocks, which each kind combines with another constant. */
uint32_t thin_sum(const unsigned char *data, size_t length);

/* Whether magic number and checksum are right. */
bool thin_super_is_whole(const unsigned char *super);
uint64_t thin_super_transaction(const unsigned char *super);

/* Reads the superblock at that sector. True if it is intact. */
bool thin_super_read(int fd, uint64_t sector, unsigned char *super);

/*
 * Copies the superblock of a pool that has just been detached to the places of the label's copies, and into the pool's
 * folder; fd: its first disk. The copies are valid as long as the label names no host, because the kernel changes the
 * superblock while the pool is attached. False: the label must go on naming a host.
 */
bool thin_super_keep(const struct pool *pool, int fd);
/* Reads such a copy; false: there is none. */
bool thin_super_kept(const struct pool *pool, int fd, unsigned char *super);

#endif
