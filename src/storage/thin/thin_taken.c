/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many blocks each volume has taken since the pool's last snapshot. Each mapping has the number of the
 * snapshots that there were when it was made; one with the present number is shared with nobody, so it was taken
 * by its volume, as a new block or as a copy, and never is copied again before the next snapshot.
 *
 * Nothing is reserved or stopped for it: what the last commit wrote is read while the next one is made. The nodes
 * of a volume that takes nothing stay where they are and as they are through every commit, so that whatever else
 * is written meanwhile, its count is right. A node of one that takes blocks may be written over by
 * another before it is read; its sum, its number and its keys' range tell, and it is counted again.
 */
#include "storage/thin/thin_taken.h"
#include "base/clock.h"
#include "base/scoped.h"
#include "storage/driver.h"
#include "storage/thin/thin_super.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Constants of the kernel's dm-thin-metadata.c and dm-btree-internal.h; all little-endian. */
enum {
	NODE_SIZE = THIN_SUPER_SIZE,
	TIME_AT = 44,
	MAPPINGS_AT = 320,
	BLOCK_AT = 336, /* sectors of a block of data */
	TIME_BITS = 24,
	HEADER = 32,
	INTERNAL = 1,
	LEAF = 2,
	DEPTH_MAX = 8,
	TRIES = 8,
};
#define SUM_XOR 121107U

enum { SECONDS = 2 }; /* for all of them at one look */

struct node {
	_Alignas(NODE_SIZE) unsigned char data[NODE_SIZE];
};

/* A place in a tree: the keys below it are from low up to high. */
struct place {
	uint64_t block, low, high;
	unsigned depth;
};

struct reading {
	int fd;
	int64_t until;
	uint64_t time; /* as mappings have it */
};

static uint64_t number(const unsigned char *at, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return le64toh(value);
}

static int read_node(const struct reading *reading, uint64_t block, struct node *node)
{
	if (block > INT64_MAX / NODE_SIZE)
		return -EUCLEAN;
	ssize_t n = pread(reading->fd, node->data, NODE_SIZE, (off_t)(block * NODE_SIZE));
	return n == NODE_SIZE ? 0 : n < 0 ? -errno : -EUCLEAN;
}

static unsigned count_of(const struct node *node)
{
	return (unsigned)number(node->data + 16, 4);
}

static uint64_t key_of(const struct node *node, unsigned i)
{
	return number(node->data + HEADER + i * 8, 8);
}

static uint64_t value_of(const struct node *node, unsigned i)
{
	return number(node->data + HEADER + number(node->data + 20, 4) * 8 + i * 8, 8);
}

static bool is_leaf(const struct node *node)
{
	return number(node->data + 4, 4) == LEAF;
}

/* Checks a node: all entries are inside it, its keys are in order and in the range. */
static bool fits(const struct node *node, const struct place *place)
{
	uint64_t flags = number(node->data + 4, 4), room = number(node->data + 20, 4);
	uint64_t low = place->low;

	if (number(node->data, 4) != (thin_sum(node->data + 4, NODE_SIZE - 4) ^ SUM_XOR) ||
	    number(node->data + 8, 8) != place->block || (flags != INTERNAL && flags != LEAF) ||
	    number(node->data + 24, 4) != 8 || room > (NODE_SIZE - HEADER) / 16 ||
	    count_of(node) > room)
		return false;
	for (unsigned i = 0; i < count_of(node); i++) {
		/* The first key of an inner node may be less than all keys below it. */
		if ((i > 0 && key_of(node, i) < low) || key_of(node, i) >= place->high)
			return false;
		if (flags == LEAF && key_of(node, i) < low)
			return false;
		low = key_of(node, i) + 1;
	}
	return true;
}

static int read_fitting(const struct reading *reading, const struct place *place, struct node *node)
{
	if (place->depth >= DEPTH_MAX)
		return -EUCLEAN;
	int r = read_node(reading, place->block, node);
	return r < 0 ? r : fits(node, place) ? 0 : -EUCLEAN;
}

static struct place below(const struct node *node, const struct place *place, unsigned i)
{
	bool last = i + 1 == count_of(node);

	return (struct place){
		.block = value_of(node, i),
		.low = i == 0 ? place->low : key_of(node, i),
		.high = last ? place->high : key_of(node, i + 1),
		.depth = place->depth + 1,
	};
}

/* Counts the mappings with the present number below a node that was read. */
static int count_below(const struct reading *reading, const struct node *node,
		       const struct place *place, uint64_t *blocks)
{
	struct node child;

	if (clock_ms() > reading->until)
		return -ETIME;
	for (unsigned i = 0; i < count_of(node); i++) {
		if (is_leaf(node)) {
			*blocks += (value_of(node, i) & ((1U << TIME_BITS) - 1)) == reading->time;
			continue;
		}
		const struct place next = below(node, place, i);
		int r = read_fitting(reading, &next, &child);
		if (r == 0)
			r = count_below(reading, &child, &next, blocks);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The root of a volume's mappings, in the tree of all volumes. -EUCLEAN also if the volume is not in the tree. */
static int find_root(const struct reading *reading, uint64_t top, uint64_t id, uint64_t *root)
{
	struct place place = { .block = top, .high = UINT64_MAX };
	struct node node;

	for (;;) {
		int r = read_fitting(reading, &place, &node);
		if (r < 0)
			return r;
		unsigned n = count_of(&node);
		while (n > 0 && key_of(&node, n - 1) > id)
			n--;
		if (n == 0 || (is_leaf(&node) && key_of(&node, n - 1) != id))
			return -EUCLEAN;
		if (is_leaf(&node)) {
			*root = value_of(&node, n - 1);
			return 0;
		}
		place = below(&node, &place, n - 1);
	}
}

static int read_super(const struct reading *reading, struct node *super)
{
	for (int i = 0; i < TRIES; i++) {
		int r = read_node(reading, 0, super);
		if (r < 0 || thin_super_is_whole(super->data))
			return r;
	}
	return -EUCLEAN;
}

/* Reads the root into `node`, and the superblock that led to it. -EUCLEAN: another superblock was written meanwhile. */
static int read_root(const struct reading *reading, uint64_t id, struct node *super,
		     struct place *place, struct node *node)
{
	struct node after;

	int r = read_super(reading, super);
	if (r == 0)
		r = find_root(reading, number(super->data + MAPPINGS_AT, 8), id, &place->block);
	if (r == 0)
		r = read_fitting(reading, place, node);
	if (r == 0)
		r = read_node(reading, 0, &after);
	if (r < 0)
		return r;
	return memcmp(super->data, after.data, NODE_SIZE) == 0 ? 0 : -EUCLEAN;
}

static int count_once(struct reading *reading, struct volume_taken *taken)
{
	struct node super, node;
	struct place place = { .high = UINT64_MAX };
	uint64_t blocks = 0;

	int r = read_root(reading, taken->id, &super, &place, &node);
	if (r < 0)
		return r;
	uint32_t since = (uint32_t)number(super.data + TIME_AT, 4);
	uint32_t sum = (uint32_t)number(node.data, 4);
	bool same = taken->root == place.block && taken->sum == sum && taken->since == since;
	if (!same) {
		reading->time = since & ((1U << TIME_BITS) - 1);
		r = count_below(reading, &node, &place, &blocks);
		if (r < 0)
			return r;
		taken->bytes = blocks * number(super.data + BLOCK_AT, 4) * DM_SECTOR;
		taken->since = since;
		taken->root = place.block;
		taken->sum = sum;
	}
	taken->told = TAKEN_COUNTED;
	return 0;
}

/* A volume that changes too fast to be counted keeps its last count. */
static void count_one(struct reading *reading, struct volume_taken *taken)
{
	int r = -EUCLEAN;

	for (int i = 0; i < TRIES && r == -EUCLEAN; i++)
		r = count_once(reading, taken);
	if (r < 0 && (r != -EUCLEAN || taken->told == TAKEN_UNASKED))
		taken->told = TAKEN_UNKNOWN;
}

void thin_taken_of(int fd, struct volume_taken *const *list, size_t count, int64_t until)
{
	struct reading reading = { .fd = fd, .until = until };

	for (size_t i = 0; i < count; i++)
		count_one(&reading, list[i]);
}

/* Past the page cache, which does not see the kernel's writes. A file that cannot be opened so cannot be read. */
void thin_taken(struct pool *pool, struct volume_taken *const *list, size_t count)
{
	char path[32];
	struct err ignored = { 0 };
	bool there = thin_path(pool, "metadata", path, sizeof path, &ignored) == 0;
	scoped_fd int fd = there ? open(path, O_RDONLY | O_DIRECT | O_NONBLOCK | O_CLOEXEC) : -1;

	thin_taken_of(fd, list, count, clock_ms() + SECONDS * 1000);
}
