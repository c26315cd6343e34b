/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of disks: raw or qcow2, with partitions or without. All of it is untrusted. Inside berth-unpack only. */
#ifndef BERTH_IMAGE_UNPACK_DISK_H
#define BERTH_IMAGE_UNPACK_DISK_H

#include "base/err.h"
#include "image/unpack/unpack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qcow2;

struct disk {
	int fd;              /* borrowed: a regular file */
	uint64_t file_size;  /* bytes of the file */
	uint64_t size;       /* bytes of the disk */
	struct qcow2 *qcow2; /* owned; NULL: the file is raw */
	struct err *err;     /* borrowed: takes the cause of a failed read */
};

/* Whether the file is an image of a disk. false also for a pipe. */
bool disk_is(int fd);
/* Unpacks the root of the disk into the current folder. 0 or -code in the report. */
int disk_extract(int fd, struct unpack_report *report);

/* disk_read.c: reads n bytes of the disk. 0, or -code with the cause in disk->err. */
int disk_read(struct disk *disk, uint64_t offset, void *bytes, size_t n);
/* disk_file.c: reads n bytes of the file itself. */
int disk_read_file(struct disk *disk, uint64_t offset, void *bytes, size_t n);

/* ---- qcow2.c */

bool qcow2_is(const unsigned char *head, size_t n);
/* Reads the header and the first table, and sets the size of the disk. 0 or -code. */
int qcow2_open(struct disk *disk);
void qcow2_close(struct disk *disk);
/* A piece that is in one cluster: *n is cut to its end. */
int qcow2_read(struct disk *disk, uint64_t offset, void *bytes, size_t *n);

/* ---- partitions.c */

enum { PARTITIONS_MAX = 128 };

struct partition {
	unsigned number; /* as the kernel numbers it; 0: the whole disk */
	uint64_t offset, size;
};
/* Whether there is a table of partitions in the first 4 KiB of a disk. */
bool partitions_are(const unsigned char head[4096]);
/* Lists the partitions of a disk, or the whole disk if it has no table. Their number or -code. */
int partitions_list(struct disk *disk, struct partition *list);

/* ---- ext4.c */

/* Whether the file system there is an ext2, ext3 or ext4, and has the folders of a root. */
bool ext4_is_root(struct disk *disk, const struct partition *partition);
/* Unpacks it. 0 or -code in the report. */
int ext4_extract(struct disk *disk, const struct partition *partition,
		 struct unpack_report *report);

#endif
