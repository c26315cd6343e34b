/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The output of thin_dump(8) and thin_delta(8) for a volume, as ranges of bytes. Pure, but for the file that takes
 * them.
 */
#ifndef BERTH_STORAGE_THIN_RANGES_H
#define BERTH_STORAGE_THIN_RANGES_H

#include "storage/storage.h"

#include <stdio.h>

struct thin_ranges {
	uint64_t block, size;     /* bytes; set by the caller */
	int fd;                   /* borrowed: takes the ranges, each a struct volume_range */
	uint64_t bytes;           /* of data in them */
	struct volume_range open; /* the last range, which the next line may extend */
	bool whole;               /* the end was read */
};

/*
 * Reads the output of a program: mapped blocks (thin_dump of one volume), or what differs (thin_delta). Adjacent ranges
 * are joined. 0 or -code.
 */
int thin_ranges_read(FILE *in, struct thin_ranges *ranges, struct err *err);

#endif
