/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The superblock of a thin pool's metadata, for the files of driver `thin` that attach, detach and mend. */
#ifndef BERTH_STORAGE_THIN_SUPER_H
#define BERTH_STORAGE_THIN_SUPER_H

#include "storage/thin/thin.h"

enum { THIN_SUPER_SIZE = 4096 };

/* CRC-32C, which the kernel sums all of its metadata up with, each kind with another number on top. */
uint32_t thin_sum(const unsigned char *data, size_t length);

/* Its magic number and its sum fit. */
bool thin_super_is_whole(const unsigned char *super);
uint64_t thin_super_transaction(const unsigned char *super);

/* Reads it at that sector; whether it is whole. */
bool thin_super_read(int fd, uint64_t sector, unsigned char *super);

/*
 * Of a pool that has just been detached, fd being its first disk: copies the superblock to where the copies
 * of the label are, and into the pool's folder. They are true until the kernel has it again, so as long as
 * the label names no host: it must go on naming one when this is false.
 */
bool thin_super_keep(const struct pool *pool, int fd);
/* Such a copy; false: there is none. */
bool thin_super_kept(const struct pool *pool, int fd, unsigned char *super);

#endif
