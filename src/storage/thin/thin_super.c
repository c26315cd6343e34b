/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The superblock of a thin pool's metadata, which is needed to find all the rest: its check, and copies of it from the
 * last detach, for a superblock that was overwritten.
 */
#include "storage/thin/thin_super.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Offsets of the kernel's dm-thin-metadata.c; all little-endian. */
enum { SUM_AT = 0, FROM = 4, MAGIC_AT = 32, TRANSACTION_AT = 48 };
#define MAGIC   27022010U
#define SUM_XOR 160774U

/* Copies beside those of the label, in the head and the tail of the first disk: in bytes. */
enum { BEHIND_LABEL = THIN_LABEL_SIZE };

#define SUPER_FILE "superblock"

static void fill_table(uint32_t *table)
{
	for (unsigned i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0x82F63B78U : 0);
	}
}

uint32_t thin_sum(const unsigned char *data, size_t length)
{
	static uint32_t table[256];
	uint32_t sum = UINT32_MAX;

	if (!table[1])
		fill_table(table);
	for (size_t i = 0; i < length; i++)
		sum = sum >> 8 ^ table[(sum ^ data[i]) & 0xff];
	return sum;
}

bool thin_super_is_whole(const unsigned char *super)
{
	return bytes_le64(super + MAGIC_AT) == MAGIC &&
	       bytes_le32(super + SUM_AT) ==
		       (thin_sum(super + FROM, THIN_SUPER_SIZE - FROM) ^ SUM_XOR);
}

uint64_t thin_super_transaction(const unsigned char *super)
{
	return bytes_le64(super + TRANSACTION_AT);
}

bool thin_super_read(int fd, uint64_t sector, unsigned char *super)
{
	off_t at = (off_t)(sector * DM_SECTOR);

	/* The kernel's writes through its own devices bypass the cache of the disk below. */
	posix_fadvise(fd, at, THIN_SUPER_SIZE, POSIX_FADV_DONTNEED);
	return pread(fd, super, THIN_SUPER_SIZE, at) == THIN_SUPER_SIZE &&
	       thin_super_is_whole(super);
}

bool thin_super_keep(const struct pool *pool, int fd)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	scoped_free char *path = text_format("%s/" SUPER_FILE, pool->folder);
	unsigned char super[THIN_SUPER_SIZE];
	struct err ignored = { 0 };
	off_t places[2];

	if (!path || !thin_super_read(fd, layout->metadata.list[0].start, super))
		return false;
	unsigned n = thin_label_copies(fd, thin_layout_end(layout, 0), places);
	for (unsigned i = 0; i < n; i++) {
		if (pwrite(fd, super, sizeof super, places[i] + BEHIND_LABEL) !=
		    (ssize_t)sizeof super)
			return false;
	}
	return fsync(fd) == 0 &&
	       file_replace(path, (const char *)super, sizeof super, 0600, &ignored) == 0;
}

bool thin_super_kept(const struct pool *pool, int fd, unsigned char *super)
{
	scoped_free char *path = text_format("%s/" SUPER_FILE, pool->folder);
	scoped_fd int file = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	off_t places[2];
	unsigned n = thin_label_copies(fd, thin_layout_end(&thin_of(pool)->layout, 0), places);

	for (unsigned i = 0; i < n; i++) {
		if (thin_super_read(fd, (uint64_t)(places[i] + BEHIND_LABEL) / DM_SECTOR, super))
			return true;
	}
	return file >= 0 && thin_super_read(file, 0, super);
}
