/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of partitions: GPT, and MBR with its logical ones. */
#include "image/unpack/disk.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

enum {
	SECTOR = 512,
	MBR_ENTRIES = 446,
	MBR_ENTRY = 16,
	GPT_ENTRIES_MAX = 1024,
	GPT_ENTRY_MAX = 4096,
	LOGICAL_MAX = 64,
	FIRST_LOGICAL = 5,
};

static bool is_extended(unsigned char type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

/* The mark alone is two bytes that any file may have there. */
static bool has_mbr(const unsigned char *head)
{
	unsigned used = 0;

	if (head[510] != 0x55 || head[511] != 0xaa)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		const unsigned char *entry = head + MBR_ENTRIES + i * MBR_ENTRY;
		if (entry[0] != 0 && entry[0] != 0x80)
			return false;
		used += entry[4] != 0 && bytes_le32(entry + 8) != 0 && bytes_le32(entry + 12) != 0;
	}
	return used > 0;
}

bool partitions_are(const unsigned char head[4096])
{
	return has_mbr(head) || memcmp(head + SECTOR, "EFI PART", 8) == 0;
}

/* Takes a partition that is in the disk. Returns the new count. */
static int add(struct disk *disk, struct partition *list, int count, unsigned number,
	       uint64_t first, uint64_t sectors)
{
	uint64_t last = disk->size / SECTOR;

	if (count == PARTITIONS_MAX || sectors == 0 || first >= last || sectors > last - first)
		return count;
	list[count] = (struct partition){ number, first * SECTOR, sectors * SECTOR };
	return count + 1;
}

/* A chain of tables, each with a partition and the place of the next table. */
static int add_logical(struct disk *disk, struct partition *list, int count, uint64_t base)
{
	unsigned char table[SECTOR];
	uint64_t at = base;

	for (unsigned i = 0; i < LOGICAL_MAX; i++) {
		if (at >= disk->size / SECTOR)
			return count;
		int r = disk_read(disk, at * SECTOR, table, sizeof table);
		if (r < 0)
			return r;
		const unsigned char *entry = table + MBR_ENTRIES, *next = entry + MBR_ENTRY;
		if (table[510] != 0x55 || table[511] != 0xaa)
			return count;
		count = add(disk, list, count, FIRST_LOGICAL + i, at + bytes_le32(entry + 8),
			    bytes_le32(entry + 12));
		if (!is_extended(next[4]) || bytes_le32(next + 8) == 0)
			return count;
		at = base + bytes_le32(next + 8);
	}
	return count;
}

static int list_mbr(struct disk *disk, const unsigned char *head, struct partition *list)
{
	int count = 0;

	for (unsigned i = 0; i < 4 && count >= 0; i++) {
		const unsigned char *entry = head + MBR_ENTRIES + i * MBR_ENTRY;
		if (is_extended(entry[4]))
			count = add_logical(disk, list, count, bytes_le32(entry + 8));
		else if (entry[4] != 0)
			count = add(disk, list, count, i + 1, bytes_le32(entry + 8),
				    bytes_le32(entry + 12));
	}
	return count;
}

static int list_gpt(struct disk *disk, const unsigned char *header, struct partition *list)
{
	static const unsigned char unused[16];
	unsigned char entry[128];
	uint64_t at = bytes_le64(header + 72);
	uint32_t entries = bytes_le32(header + 80), size = bytes_le32(header + 84);
	int count = 0;

	if (size < sizeof entry || size > GPT_ENTRY_MAX || at > disk->size / SECTOR)
		return err_set(disk->err, EINVAL, "its table of partitions is damaged");
	for (uint32_t i = 0; i < entries && i < GPT_ENTRIES_MAX; i++) {
		int r = disk_read(disk, at * SECTOR + (uint64_t)i * size, entry, sizeof entry);
		if (r < 0)
			return r;
		uint64_t first = bytes_le64(entry + 32), last = bytes_le64(entry + 40);
		if (memcmp(entry, unused, sizeof unused) != 0 && last >= first && last < UINT64_MAX)
			count = add(disk, list, count, i + 1, first, last - first + 1);
	}
	return count;
}

int partitions_list(struct disk *disk, struct partition *list)
{
	unsigned char head[4096] = { 0 };
	size_t n = disk->size < sizeof head ? (size_t)disk->size : sizeof head;
	int r = disk_read(disk, 0, head, n);

	if (r < 0)
		return r;
	if (memcmp(head + SECTOR, "EFI PART", 8) == 0)
		return list_gpt(disk, head + SECTOR, list);
	if (has_mbr(head))
		return list_mbr(disk, head, list);
	list[0] = (struct partition){ 0, 0, disk->size };
	return 1;
}
