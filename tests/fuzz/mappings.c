/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metadata of a thin pool, in which what each volume has taken is counted: seven nodes under good sums, behind a
 * superblock whose tree begins with the first one. A node that says neither number nor size of its values
 * gets the right ones, since no search would guess them.
 */
#include "fuzz.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "storage/thin/thin_super.h"
#include "storage/thin/thin_taken.h"

#include <endian.h>
#include <string.h>

enum { NODES = 7, NODE = THIN_SUPER_SIZE };

static void put(unsigned char *at, uint64_t value, size_t size)
{
	value = htole64(value);
	memcpy(at, &value, size);
}

static void sum_up(unsigned char *block, uint32_t top)
{
	put(block, thin_sum(block + 4, NODE - 4) ^ top, 4);
}

static void make_super(unsigned char *block)
{
	put(block + 32, 27022010, 8);
	put(block + 44, 1, 4);
	put(block + 320, 1, 8);
	put(block + 336, 128, 4);
	sum_up(block, 160774);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char image[1 + NODES][NODE];
	struct volume_taken one = { .id = 1 }, two = { .id = 2 };

	memset(image, 0, sizeof image);
	make_super(image[0]);
	for (unsigned i = 1; i <= NODES; i++) {
		size_t part = size / NODES < NODE ? size / NODES : NODE;
		memcpy(image[i], data + (i - 1) * part, part);
		if (image[i][8] == 0)
			put(image[i] + 8, i, 8);
		if (image[i][24] == 0)
			put(image[i] + 24, 8, 4);
		sum_up(image[i], 121107);
	}
	scoped_fd int fd = fuzz_memory(image[0], sizeof image);
	thin_taken_of(fd, (struct volume_taken *const[]){ &one, &two }, 2, clock_ms() + 1);
	fuzz_check(one.told != TAKEN_UNASKED && two.told != TAKEN_UNASKED);
	fuzz_check(one.told == TAKEN_COUNTED || one.bytes == 0);
	return 0;
}
