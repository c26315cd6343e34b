/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_EXT2FS

#include "image/unpack/ext4_io.h"

#include <stdlib.h>
#include <string.h>

struct place {
	struct disk *disk;
	struct partition partition;
};

/* The place for the open that is under way, since the function that opens a channel gets only a name. */
static struct place opening;

static errcode_t io_open(const char *name, int flags, io_channel *out);

static errcode_t io_close(io_channel channel)
{
	if (--channel->refcount > 0)
		return 0;
	free(channel->private_data);
	free(channel->name);
	free(channel);
	return 0;
}

static errcode_t io_blksize(io_channel channel, int size)
{
	channel->block_size = size;
	return 0;
}

/* A negative count is of bytes. */
static errcode_t io_read64(io_channel channel, unsigned long long block, int count, void *data)
{
	struct place *place = channel->private_data;
	uint64_t size = (uint64_t)channel->block_size;
	uint64_t n = count < 0 ? (uint64_t) - (int64_t)count : (uint64_t)count * size;
	struct err ignored = { 0 }, *told = place->disk->err;

	if (block > place->partition.size / size || n > place->partition.size - block * size)
		return EXT2_ET_SHORT_READ;
	place->disk->err = &ignored;
	int r = disk_read(place->disk, place->partition.offset + block * size, data, (size_t)n);
	place->disk->err = told;
	return r < 0 ? EXT2_ET_SHORT_READ : 0;
}

static errcode_t io_read(io_channel channel, unsigned long block, int count, void *data)
{
	return io_read64(channel, block, count, data);
}

static errcode_t io_no_write(io_channel channel, unsigned long block, int count, const void *data)
{
	(void)channel;
	(void)block;
	(void)count;
	(void)data;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t io_flush(io_channel channel)
{
	(void)channel;
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "berth's disk",
	.open = io_open,
	.close = io_close,
	.set_blksize = io_blksize,
	.read_blk = io_read,
	.read_blk64 = io_read64,
	.write_blk = io_no_write,
	.flush = io_flush,
};

static errcode_t io_open(const char *name, int flags, io_channel *out)
{
	io_channel channel = calloc(1, sizeof *channel);
	struct place *place = malloc(sizeof *place);
	char *copy = strdup(name);

	(void)flags;
	if (!channel || !place || !copy) {
		free(channel);
		free(place);
		free(copy);
		return EXT2_ET_NO_MEMORY;
	}
	*place = opening;
	*channel = (struct struct_io_channel){
		.magic = EXT2_ET_MAGIC_IO_CHANNEL,
		.manager = &manager,
		.name = copy,
		.block_size = 1024,
		.refcount = 1,
		.private_data = place,
	};
	*out = channel;
	return 0;
}

errcode_t ext4_open(struct disk *disk, const struct partition *partition, ext2_filsys *fs)
{
	opening = (struct place){ disk, *partition };
	return ext2fs_open2("disk", NULL, EXT2_FLAG_64BITS, 0, 0, &manager, fs);
}

#else

/* A translation unit is not empty. */
typedef int ext4_io_is_absent;

#endif
