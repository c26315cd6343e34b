/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks that volumes have taken of a thin pool, counted in metadata that this test makes: whole, changed meanwhile,
 * damaged.
 */
#include "base/clock.h"
#include "base/scoped.h"
#include "storage/thin/thin_super.h"
#include "storage/thin/thin_taken.h"
#include "suite.h"

#include <endian.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NODE = THIN_SUPER_SIZE, BLOCKS = 16, ROOM = 252, INTERNAL = 1, LEAF = 2, NOW = 7 };

enum { TOP = 1, ONE = 2, ONE_LOW = 3, ONE_HIGH = 4, TWO = 5, SPARE = 6 };

static const int64_t LONG = 60 * 1000;

static void put(unsigned char *at, uint64_t value, size_t size)
{
	value = htole64(value);
	memcpy(at, &value, size);
}

static void write_block(int fd, uint64_t block, unsigned char *data, uint32_t top)
{
	put(data, thin_sum(data + 4, NODE - 4) ^ top, 4);
	CU_ASSERT_EQUAL(pwrite(fd, data, NODE, (off_t)(block * NODE)), NODE);
}

static void write_super(int fd, uint32_t time)
{
	unsigned char data[NODE] = { 0 };

	put(data + 32, 27022010, 8);
	put(data + 44, time, 4);
	put(data + 320, TOP, 8);
	put(data + 336, 128, 4);
	write_block(fd, 0, data, 160774);
}

/* `count` entries from `key` on, the first of which has `value`, the next `value` + step. */
static void write_node(int fd, uint64_t block, unsigned kind, uint64_t key, unsigned count,
		       uint64_t value, uint64_t step, uint64_t key_step)
{
	unsigned char data[NODE] = { 0 };

	put(data + 4, kind, 4);
	put(data + 8, block, 8);
	put(data + 16, count, 4);
	put(data + 20, ROOM, 4);
	put(data + 24, 8, 4);
	for (unsigned i = 0; i < count; i++) {
		put(data + 32 + i * 8, key + i * key_step, 8);
		put(data + 32 + ROOM * 8 + i * 8, value + i * step, 8);
	}
	write_block(fd, block, data, 121107);
}

static uint64_t mapping(uint64_t block, uint64_t time)
{
	return block << 24 | time;
}

/* Volume 1: 100 mappings of old and 50 of now, below an inner node; volume 2: 20 of old. */
static int make(void)
{
	int fd = memfd_create("metadata", MFD_CLOEXEC);

	CU_ASSERT_EQUAL(ftruncate(fd, BLOCKS * NODE), 0);
	write_super(fd, NOW);
	write_node(fd, TOP, LEAF, 1, 2, ONE, TWO - ONE, 1);
	write_node(fd, ONE, INTERNAL, 0, 2, ONE_LOW, ONE_HIGH - ONE_LOW, 1000);
	write_node(fd, ONE_LOW, LEAF, 10, 100, mapping(500, NOW - 1), mapping(1, 0), 2);
	write_node(fd, ONE_HIGH, LEAF, 1000, 50, mapping(900, NOW), mapping(1, 0), 1);
	write_node(fd, TWO, LEAF, 0, 20, mapping(200, NOW - 3), mapping(1, 0), 1);
	return fd;
}

static void count(int fd, struct volume_taken *taken)
{
	thin_taken_of(fd, &(struct volume_taken *const){ taken }, 1, clock_ms() + LONG);
}

static void test_count(void)
{
	struct volume_taken one = { .id = 1 }, two = { .id = 2 }, none = { .id = 3 };
	scoped_fd int fd = make();

	thin_taken_of(fd, (struct volume_taken *const[]){ &one, &two, &none }, 3,
		      clock_ms() + LONG);
	CU_ASSERT_EQUAL(one.told, TAKEN_COUNTED);
	CU_ASSERT_EQUAL(one.bytes, 50 << 16);
	CU_ASSERT_EQUAL(one.since, NOW);
	CU_ASSERT_EQUAL(two.told, TAKEN_COUNTED);
	CU_ASSERT_EQUAL(two.bytes, 0);
	CU_ASSERT_EQUAL(none.told, TAKEN_UNKNOWN);
	/* A snapshot of any volume: all begin anew. */
	write_super(fd, NOW + 1);
	count(fd, &one);
	CU_ASSERT_EQUAL(one.bytes, 0);
	CU_ASSERT_EQUAL(one.since, NOW + 1);
}

/* If the root of the tree is unchanged, nothing below is read; if it is changed, all is. */
static void test_unchanged(void)
{
	struct volume_taken one = { .id = 1 };
	scoped_fd int fd = make();

	count(fd, &one);
	write_node(fd, ONE_HIGH, LEAF, 1000, 60, mapping(900, NOW), mapping(1, 0), 1);
	count(fd, &one);
	CU_ASSERT_EQUAL(one.bytes, 50 << 16);
	write_node(fd, SPARE, INTERNAL, 0, 2, ONE_LOW, ONE_HIGH - ONE_LOW, 1000);
	write_node(fd, TOP, LEAF, 1, 2, SPARE, 0, 1);
	count(fd, &one);
	CU_ASSERT_EQUAL(one.bytes, 60 << 16);
	/* Nor is there a limit of time to that. */
	thin_taken_of(fd, &(struct volume_taken *const){ &one }, 1, 0);
	CU_ASSERT_EQUAL(one.told, TAKEN_COUNTED);
	write_node(fd, SPARE, INTERNAL, 1, 2, ONE_LOW, ONE_HIGH - ONE_LOW, 999);
	thin_taken_of(fd, &(struct volume_taken *const){ &one }, 1, 0);
	CU_ASSERT_EQUAL(one.told, TAKEN_UNKNOWN);
}

/* A node that another has taken over meanwhile is not counted as this one's. */
static void test_taken_over(void)
{
	struct volume_taken one = { .id = 1 };
	scoped_fd int fd = make();
	unsigned char data[NODE];

	count(fd, &one);
	write_node(fd, ONE, INTERNAL, 1, 2, ONE_LOW, ONE_HIGH - ONE_LOW, 999);
	/* The keys differ. */
	write_node(fd, ONE_HIGH, LEAF, 0, 50, mapping(900, NOW), mapping(1, 0), 1);
	count(fd, &one);
	CU_ASSERT_EQUAL(one.told, TAKEN_COUNTED);
	CU_ASSERT_EQUAL(one.bytes, 50 << 16);
	/* The number differs; then the checksum. */
	write_node(fd, SPARE, LEAF, 1000, 60, mapping(900, NOW), mapping(1, 0), 1);
	CU_ASSERT_EQUAL(pread(fd, data, NODE, SPARE * NODE), NODE);
	CU_ASSERT_EQUAL(pwrite(fd, data, NODE, ONE_HIGH * NODE), NODE);
	count(fd, &one);
	CU_ASSERT_EQUAL(one.bytes, 50 << 16);
	write_node(fd, ONE_HIGH, LEAF, 1000, 60, mapping(900, NOW), mapping(1, 0), 1);
	CU_ASSERT_EQUAL(pwrite(fd, "x", 1, ONE_HIGH * NODE + 2000), 1);
	count(fd, &one);
	CU_ASSERT_EQUAL(one.bytes, 50 << 16);
	write_node(fd, ONE_HIGH, LEAF, 1000, 60, mapping(900, NOW), mapping(1, 0), 1);
	count(fd, &one);
	CU_ASSERT_EQUAL(one.bytes, 60 << 16);
}

/* With any bytes, no read goes beyond a node, and the count ends. */
static void test_nonsense(void)
{
	unsigned noise = 1;

	for (int i = 0; i < 2000; i++) {
		struct volume_taken one = { .id = 1 };
		scoped_fd int fd = make();
		unsigned char data[NODE];
		noise = noise * 1103515245 + 12345;
		uint64_t block = 1 + (noise >> 16) % 5;
		CU_ASSERT_EQUAL(pread(fd, data, NODE, (off_t)(block * NODE)), NODE);
		for (int hit = 0; hit < 4; hit++) {
			noise = noise * 1103515245 + 12345;
			data[4 + (noise >> 16) % (hit < 3 ? 28 : NODE - 4)] = (unsigned char)noise;
		}
		write_block(fd, block, data, 121107);
		thin_taken_of(fd, &(struct volume_taken *const){ &one }, 1, clock_ms() + 50);
		CU_ASSERT(one.told != TAKEN_UNASKED && one.bytes <= (uint64_t)BLOCKS * ROOM << 16);
	}
	/* A tree that has itself below. */
	scoped_fd int fd = make();
	struct volume_taken one = { .id = 1 };
	write_node(fd, ONE, INTERNAL, 0, 200, ONE, 0, 1000);
	count(fd, &one);
	CU_ASSERT_EQUAL(one.told, TAKEN_UNKNOWN);
	/* There are no metadata at all. */
	count(-1, &one);
	CU_ASSERT_EQUAL(one.told, TAKEN_UNKNOWN);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "what was taken is counted", test_count },
		{ "what is unchanged is not read", test_unchanged },
		{ "a node that was taken over", test_taken_over },
		{ "nonsense", test_nonsense },
		CU_TEST_INFO_NULL,
	};
	return suite_run("taken", NULL, NULL, tests);
}
