/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disk that an image has, whatever the form of the image. */
#include "image/unpack/disk.h"

#include <errno.h>

int disk_read(struct disk *disk, uint64_t offset, void *bytes, size_t n)
{
	char *at = bytes;

	if (offset > disk->size || n > disk->size - offset)
		return err_set(disk->err, EINVAL, "the image of a disk is truncated or damaged");
	if (!disk->qcow2)
		return disk_read_file(disk, offset, bytes, n);
	while (n > 0) {
		size_t piece = n;
		int r = qcow2_read(disk, offset, at, &piece);
		if (r < 0)
			return r;
		at += piece;
		offset += piece;
		n -= piece;
	}
	return 0;
}
