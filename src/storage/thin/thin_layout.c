/* How the disk of a thin pool is divided, and what is done with what it gains. Pure. */
#include "base/text.h"
#include "storage/thin/thin.h"

#include <errno.h>
#include <inttypes.h>

enum {
	MIB = 2048,      /* sectors */
	BLOCK_MIN = 128, /* 64 KiB: the cheapest copy, and the most metadata */
	BLOCK_MAX = 2097152,
	SIZE_MIN = 128 * MIB,
	METADATA_MIN = 8 * MIB,
	METADATA_GOOD = 1024 * MIB, /* beyond that only what the blocks need */
	SPARE_PART = 256,           /* of the disk, for mappings that clones do not share */
	MAPPING_BYTES = 128,        /* twice what LVM takes for a block */
};

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

uint64_t thin_extents_size(const struct thin_extents *extents)
{
	uint64_t size = 0;

	for (unsigned i = 0; i < extents->count; i++)
		size += extents->list[i].length;
	return size;
}

static uint64_t end_of(const struct thin_extents *extents, uint64_t end)
{
	for (unsigned i = 0; i < extents->count; i++) {
		if (extents->list[i].start + extents->list[i].length > end)
			end = extents->list[i].start + extents->list[i].length;
	}
	return end;
}

uint64_t thin_layout_end(const struct thin_layout *layout)
{
	return end_of(&layout->data, end_of(&layout->spare, end_of(&layout->metadata, 0)));
}

/* One that goes on where the last one ends only makes that longer. */
static int add(struct thin_extents *extents, uint64_t start, uint64_t length)
{
	unsigned n = extents->count;

	if (n > 0 && extents->list[n - 1].start + extents->list[n - 1].length == start) {
		extents->list[n - 1].length += length;
		return 0;
	}
	if (n == THIN_EXTENTS)
		return -E2BIG;
	extents->list[n].start = start;
	extents->list[n].length = length;
	extents->count++;
	return 0;
}

static uint64_t metadata_size(uint64_t sectors, uint64_t block)
{
	uint64_t size = round_up(sectors / block * MAPPING_BYTES / DM_SECTOR, MIB);
	uint64_t part = round_up(sectors / SPARE_PART, MIB);

	if (part > METADATA_GOOD)
		part = METADATA_GOOD;
	if (size < part)
		size = part;
	if (size < METADATA_MIN)
		size = METADATA_MIN;
	return size < DM_POOL_METADATA_MAX ? size : DM_POOL_METADATA_MAX;
}

int thin_layout_choose(uint64_t sectors, uint64_t block, struct thin_layout *layout,
		       struct err *err)
{
	struct thin_layout chosen = { 0 };

	if (sectors < SIZE_MIN)
		return err_set(err, EINVAL,
			       "%" PRIu64 " MiB are too small for a thin pool; give "
			       "at least 128M",
			       sectors / MIB);
	if (block && (block < BLOCK_MIN || block > BLOCK_MAX || block % BLOCK_MIN != 0))
		return err_set(err, EINVAL,
			       "a block of %" PRIu64 " KiB cannot be: it is a multiple of 64K, "
			       "at most 1G",
			       block / 2);
	/* Twice the metadata stays below 4 GiB, as long as the block may be chosen. */
	if (!block) {
		block = BLOCK_MIN;
		while (block < BLOCK_MAX / 2 && metadata_size(sectors, block) > 4 * METADATA_GOOD)
			block *= 2;
	}
	uint64_t size = metadata_size(sectors, block);
	uint64_t data = round_up(THIN_HEAD + 2 * size, MIB);
	if (data + block > sectors)
		return err_set(err, EINVAL,
			       "there is no room for one block of %" PRIu64 " MiB on %" PRIu64
			       " MiB; give smaller blocks",
			       block / MIB, sectors / MIB);
	chosen.block = block;
	add(&chosen.metadata, THIN_HEAD, size);
	add(&chosen.spare, THIN_HEAD + size, size);
	add(&chosen.data, data, (sectors - data) / block * block);
	*layout = chosen;
	return 0;
}

static int grow_metadata(struct thin_layout *layout, uint64_t sectors, uint64_t wanted,
			 bool insisted, struct err *err)
{
	uint64_t have = thin_extents_size(&layout->metadata);
	uint64_t start = round_up(thin_layout_end(layout), DM_POOL_METADATA_UNIT);

	if (wanted <= have)
		return 0;
	uint64_t more = round_up(wanted - have, MIB);
	if (more > DM_POOL_METADATA_MAX - have)
		more = DM_POOL_METADATA_MAX - have;
	struct thin_layout grown = *layout;
	if (start + 2 * more + layout->block <= sectors && add(&grown.metadata, start, more) == 0 &&
	    add(&grown.spare, start + more, more) == 0) {
		*layout = grown;
		return 0;
	}
	if (!insisted)
		return 0;
	return err_set(err, ENOSPC,
		       "for %" PRIu64
		       " MiB more of metadata, and as much to repair it, the disk must "
		       "become %" PRIu64 " MiB larger than what is in use",
		       more / MIB,
		       (start + 2 * more + layout->block - thin_layout_end(layout)) / MIB + 1);
}

int thin_layout_grow(struct thin_layout *layout, uint64_t sectors, uint64_t metadata,
		     struct err *err)
{
	struct thin_layout grown = *layout;
	uint64_t wanted = metadata_size(sectors, layout->block);

	if (metadata > DM_POOL_METADATA_MAX)
		return err_set(err, EINVAL,
			       "the metadata of a thin pool has at most 33292800 sectors (15.875 "
			       "GiB); the kernel uses no more");
	if (metadata && metadata < thin_extents_size(&layout->metadata))
		return err_set(err, EINVAL, "the metadata of a thin pool cannot be made smaller");
	if (grow_metadata(&grown, sectors, metadata > wanted ? metadata : wanted, metadata > 0,
			  err) < 0)
		return -err->code;
	uint64_t start = thin_layout_end(&grown);
	uint64_t more = sectors > start ? (sectors - start) / grown.block * grown.block : 0;
	if (more > 0 && add(&grown.data, start, more) < 0)
		return err_set(err, E2BIG,
			       "it has been made larger %d times, each time with more metadata; "
			       "make a new pool",
			       THIN_EXTENTS);
	*layout = grown;
	return 0;
}
