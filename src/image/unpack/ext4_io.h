/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A partition of a disk, as libext2fs reads it. Only where that library is. */
#ifndef BERTH_IMAGE_UNPACK_EXT4_IO_H
#define BERTH_IMAGE_UNPACK_EXT4_IO_H

#include "image/unpack/disk.h"

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

/* Opens the file system there, to read; ext2fs_free releases it, and the disk must be there until then. */
errcode_t ext4_open(struct disk *disk, const struct partition *partition, ext2_filsys *fs);

#endif
