/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file that is the image of a disk. */
#include "image/unpack/disk.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int disk_read_file(struct disk *disk, uint64_t offset, void *bytes, size_t n)
{
	char *at = bytes;

	if (offset > disk->file_size || n > disk->file_size - offset)
		return err_set(disk->err, EINVAL, "the image of a disk is truncated or damaged");
	while (n > 0) {
		ssize_t got = pread(disk->fd, at, n, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(disk->err, got < 0 ? errno : EIO, "read the image: %s",
				       strerror(got < 0 ? errno : EIO));
		at += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}
