#include "base/text.h"
#include "storage/thin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "berth thin pool 1\n"

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

static uint64_t metadata_size(uint64_t sectors, uint64_t block)
{
	uint64_t size = round_up(sectors / block * MAPPING_BYTES / DM_SECTOR, MIB);
	uint64_t part = round_up(sectors / SPARE_PART, MIB);

	if (part > METADATA_GOOD)
		part = METADATA_GOOD;
	if (size < part)
		size = part;
	return size < METADATA_MIN ? METADATA_MIN : size;
}

int thin_layout_choose(uint64_t sectors, uint64_t block, struct thin_layout *layout,
		       struct err *err)
{
	uint64_t size = 0;

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
	for (uint64_t try = block ? block : BLOCK_MIN;; try *= 2) {
		size = metadata_size(sectors, try);
		/* Twice the metadata stays below 4 GiB, as long as the block may be chosen. */
		if (block || size <= 4 * METADATA_GOOD || try >= BLOCK_MAX / 2) {
			block = try;
			break;
		}
	}
	if (size > DM_POOL_METADATA_MAX)
		size = DM_POOL_METADATA_MAX;
	uint64_t data = round_up(THIN_HEAD + 2 * size, MIB);
	*layout = (struct thin_layout){
		.block = block,
		.metadata = THIN_HEAD,
		.metadata_size = size,
		.spare = THIN_HEAD + size,
		.data = data,
		.data_size = (sectors - data) / block * block,
	};
	return 0;
}

/* Text, so that hexdump(1) tells a stranger what the disk is. */
int thin_label_write(int fd, const char *uuid, const struct thin_layout *layout)
{
	char label[THIN_LABEL_SIZE] = "";
	int n = snprintf(label, sizeof label,
			 MAGIC "uuid %s\nblock %" PRIu64 "\nmetadata %" PRIu64 " %" PRIu64
			       "\nspare %" PRIu64 "\ndata %" PRIu64 "\n",
			 uuid, layout->block, layout->metadata, layout->metadata_size,
			 layout->spare, layout->data);
	uint64_t sum = text_hash(label);

	snprintf(label + n, sizeof label - (size_t)n, "sum %016" PRIx64 "\n", sum);
	if (pwrite(fd, label, sizeof label, 0) != (ssize_t)sizeof label)
		return errno ? -errno : -EIO;
	return fsync(fd) < 0 ? -errno : 0;
}

static int check_sum(char *label)
{
	char *line = strstr(label, "\nsum ");
	uint64_t sum = 0;

	if (!line || sscanf(line, "\nsum %" SCNx64, &sum) != 1)
		return -EUCLEAN;
	line[1] = '\0';
	return text_hash(label) == sum ? 0 : -EUCLEAN;
}

int thin_label_read(int fd, char *uuid, struct thin_layout *layout)
{
	char label[THIN_LABEL_SIZE + 1] = "";
	struct thin_layout got = { 0 };
	char id[37] = "";

	ssize_t n = pread(fd, label, THIN_LABEL_SIZE, 0);
	if (n < 0)
		return -errno;
	if (n < THIN_LABEL_SIZE || !text_starts(label, MAGIC))
		return -ENOENT;
	if (check_sum(label) < 0 ||
	    sscanf(label + strlen(MAGIC),
		   "uuid %36s block %" SCNu64 " metadata %" SCNu64 " %" SCNu64 " spare %" SCNu64
		   " data %" SCNu64,
		   id, &got.block, &got.metadata, &got.metadata_size, &got.spare, &got.data) != 6)
		return -EUCLEAN;
	if (got.block < BLOCK_MIN || got.block > BLOCK_MAX || got.block % BLOCK_MIN != 0 ||
	    got.metadata < THIN_LABEL_SIZE / DM_SECTOR || got.metadata_size == 0 ||
	    got.metadata_size > DM_POOL_METADATA_MAX || got.metadata > got.data ||
	    got.spare < got.metadata + got.metadata_size ||
	    got.data < got.spare + got.metadata_size)
		return -EUCLEAN;
	memcpy(uuid, id, sizeof id);
	*layout = got;
	return 0;
}
