/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Division of a thin pool's disks, and use of the space that they gain. Pure. */
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
	MAPPING_BYTES = 128,        /* twice the bytes that LVM plans for a block */
	BACKUP_PART = 512,          /* of the disk */
	BACKUP_MAX = 16 * MIB,      /* two copies of the settings of ten thousand machines */
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

static uint64_t end_of(const struct thin_extents *extents, unsigned disk, uint64_t end)
{
	for (unsigned i = 0; i < extents->count; i++) {
		uint64_t behind = extents->list[i].start + extents->list[i].length;
		if (extents->list[i].disk == disk && behind > end)
			end = behind;
	}
	return end;
}

uint64_t thin_layout_end(const struct thin_layout *layout, unsigned disk)
{
	uint64_t end = end_of(&layout->metadata, disk, THIN_HEAD);

	if (disk == 0 && layout->backup.start + layout->backup.length > end)
		end = layout->backup.start + layout->backup.length;
	return end_of(&layout->data, disk, end_of(&layout->spare, disk, end));
}

uint64_t thin_layout_tail(uint64_t sectors)
{
	return sectors < THIN_TAIL ? 0 : sectors / MIB * MIB - THIN_TAIL;
}

/* A piece that begins where the last one ends extends the last one. */
static int add(struct thin_extents *extents, unsigned disk, uint64_t start, uint64_t length)
{
	uint64_t n = extents->count;

	if (n > 0 && extents->list[n - 1].disk == disk &&
	    extents->list[n - 1].start + extents->list[n - 1].length == start) {
		extents->list[n - 1].length += length;
		return 0;
	}
	if (n == THIN_EXTENTS)
		return -E2BIG;
	extents->list[n].disk = disk;
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

static uint64_t backup_size(uint64_t sectors)
{
	uint64_t size = round_up(sectors / BACKUP_PART, MIB);

	return size < BACKUP_MAX ? size : BACKUP_MAX;
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
	/* Twice the metadata stays below 4 GiB if the block size can be chosen. */
	if (!block) {
		block = BLOCK_MIN;
		while (block < BLOCK_MAX / 2 && metadata_size(sectors, block) > 4 * METADATA_GOOD)
			block *= 2;
	}
	uint64_t size = metadata_size(sectors, block);
	uint64_t backup = round_up(THIN_HEAD + 2 * size, MIB);
	uint64_t data = backup + backup_size(sectors), end = thin_layout_tail(sectors);
	if (data + block > end)
		return err_set(err, EINVAL,
			       "there is no room for one block of %" PRIu64 " MiB on %" PRIu64
			       " MiB; give smaller blocks",
			       block / MIB, sectors / MIB);
	chosen.block = block;
	chosen.disks = 1;
	add(&chosen.metadata, 0, THIN_HEAD, size);
	add(&chosen.spare, 0, THIN_HEAD + size, size);
	chosen.backup = (struct thin_place){ backup, data - backup };
	add(&chosen.data, 0, data, (end - data) / block * block);
	*layout = chosen;
	return 0;
}

int thin_layout_add(struct thin_layout *layout, const char *uuid, uint64_t sectors, struct err *err)
{
	if (sectors < SIZE_MIN || sectors < THIN_HEAD + layout->block + THIN_TAIL)
		return err_set(err, EINVAL,
			       "%" PRIu64 " MiB are too small for a disk of a thin pool whose "
			       "blocks have %" PRIu64 " KiB; give at least %" PRIu64 "M",
			       sectors / MIB, layout->block / 2,
			       (SIZE_MIN > THIN_HEAD + layout->block + THIN_TAIL
					? SIZE_MIN
					: THIN_HEAD + layout->block + THIN_TAIL) /
				       MIB);
	if (layout->disks == THIN_DISKS)
		return err_set(err, E2BIG,
			       "a thin pool lies on at most %d disks; make a second pool",
			       THIN_DISKS);
	char *place = layout->uuids[layout->disks++];
	text_print(place, sizeof *layout->uuids, "%s", uuid);
	return 0;
}

/* The metadata are placed on the first disk with room for both and for one block of data. */
static int place_metadata(struct thin_layout *layout, const uint64_t *sectors, uint64_t more)
{
	for (unsigned disk = 0; disk < layout->disks; disk++) {
		struct thin_layout grown = *layout;
		uint64_t start = round_up(thin_layout_end(layout, disk), DM_POOL_METADATA_UNIT);
		if (start + 2 * more + layout->block <= thin_layout_tail(sectors[disk]) &&
		    add(&grown.metadata, disk, start, more) == 0 &&
		    add(&grown.spare, disk, start + more, more) == 0) {
			*layout = grown;
			return 0;
		}
	}
	return -ENOSPC;
}

static int grow_metadata(struct thin_layout *layout, const uint64_t *sectors, uint64_t wanted,
			 bool insisted, struct err *err)
{
	uint64_t have = thin_extents_size(&layout->metadata);

	if (wanted <= have)
		return 0;
	uint64_t more = round_up(wanted - have, MIB);
	if (more > DM_POOL_METADATA_MAX - have)
		more = DM_POOL_METADATA_MAX - have;
	if (place_metadata(layout, sectors, more) == 0 || !insisted)
		return 0;
	return err_set(err, ENOSPC,
		       "for %" PRIu64
		       " MiB more of metadata, and as much to repair it, a disk must "
		       "become %" PRIu64 " MiB larger than what is in use",
		       more / MIB, (2 * more + layout->block + DM_POOL_METADATA_UNIT) / MIB + 1);
}

int thin_layout_grow(struct thin_layout *layout, const uint64_t *sectors, uint64_t metadata,
		     struct err *err)
{
	struct thin_layout grown = *layout;
	uint64_t whole = 0;

	for (unsigned disk = 0; disk < layout->disks; disk++)
		whole += sectors[disk];
	uint64_t wanted = metadata_size(whole, layout->block);
	if (metadata > DM_POOL_METADATA_MAX)
		return err_set(err, EINVAL,
			       "the metadata of a thin pool has at most 33292800 sectors (15.875 "
			       "GiB); the kernel uses no more");
	if (metadata && metadata < thin_extents_size(&layout->metadata))
		return err_set(err, EINVAL, "the metadata of a thin pool cannot be made smaller");
	if (grow_metadata(&grown, sectors, metadata > wanted ? metadata : wanted, metadata > 0,
			  err) < 0)
		return -err->code;
	for (unsigned disk = 0; disk < grown.disks; disk++) {
		uint64_t start = thin_layout_end(&grown, disk);
		uint64_t end = thin_layout_tail(sectors[disk]);
		uint64_t more = end > start ? (end - start) / grown.block * grown.block : 0;
		if (more > 0 && add(&grown.data, disk, start, more) < 0)
			return err_set(err, E2BIG,
				       "it has been made larger %d times, each time elsewhere or "
				       "with more metadata; make a new pool",
				       THIN_EXTENTS);
	}
	*layout = grown;
	return 0;
}
