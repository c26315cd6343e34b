/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image of a disk into a folder. The kernel would have to trust the image's file system to mount it; so it is read
 * in this process, in the sandbox, by libext2fs.
 */
#include "image/unpack/disk.h"

#include "base/scoped.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 4096, EXT4_MAGIC_AT = 1080, BTRFS_MAGIC_AT = 0x10040 };

/* File systems and containers of them that are told from each other, the first by what it is read with. */
static const struct {
	uint64_t at;
	const char *magic;
	size_t length;
	const char *name;
} kinds[] = {
	{ EXT4_MAGIC_AT, "\x53\xef", 2, "ext4" },
	{ 0, "XFSB", 4, "xfs" },
	{ BTRFS_MAGIC_AT, "_BHRfS_M", 8, "btrfs" },
	{ 0, "LUKS\xba\xbe", 6, "LUKS" },
	{ 512, "LABELONE", 8, "LVM" },
};

/* The name of what is in a partition, or NULL. */
static const char *kind_of(struct disk *disk, const struct partition *partition)
{
	struct err *told = disk->err, ignored = { 0 };
	const char *name = NULL;
	char magic[8];

	/* A partition may be smaller than a magic's place. */
	disk->err = &ignored;
	for (size_t i = 0; !name && i < sizeof kinds / sizeof *kinds; i++) {
		if (partition->size >= kinds[i].at + kinds[i].length &&
		    disk_read(disk, partition->offset + kinds[i].at, magic, kinds[i].length) == 0 &&
		    memcmp(magic, kinds[i].magic, kinds[i].length) == 0)
			name = kinds[i].name;
	}
	disk->err = told;
	return name;
}

bool disk_is(int fd)
{
	unsigned char head[HEAD] = { 0 };
	struct err err = { 0 };
	struct stat st;
	ssize_t n = pread(fd, head, sizeof head, 0);

	if (n < 512 || fstat(fd, &st) < 0)
		return n > 0 && qcow2_is(head, (size_t)n);
	struct disk disk = { .fd = fd, .err = &err };
	disk.size = disk.file_size = (uint64_t)st.st_size;
	const struct partition whole = { 0, 0, disk.size };
	return qcow2_is(head, (size_t)n) || partitions_are(head) || kind_of(&disk, &whole);
}

static int refuse_kind(const char *kind, const struct partition *partition, struct err *err)
{
	char where[40] = "it";

	if (partition->number)
		snprintf(where, sizeof where, "its partition %u", partition->number);
	return err_set(
		err, ENOTSUP,
		"%s is %s, of which berth reads nothing, since the kernel would have to trust "
		"it: boot the image in a virtual machine, and import a tar of its root",
		where, kind);
}

/* The only partition with a root; others with a reason for none. */
static int choose(struct disk *disk, const struct partition *list, int count,
		  const struct partition **chosen)
{
	const struct partition *other = NULL;
	const char *kind = NULL;

	*chosen = NULL;
	for (int i = 0; i < count; i++) {
		const char *name = kind_of(disk, &list[i]);
		if (name && strcmp(name, "ext4") != 0 && !other) {
			other = &list[i];
			kind = name;
		}
		if (!name || strcmp(name, "ext4") != 0 || !ext4_is_root(disk, &list[i]))
			continue;
		if (*chosen)
			return err_set(
				disk->err, EINVAL,
				"it has roots in partitions %u and %u: copy the one that you "
				"want to a file of its own, and import that",
				(*chosen)->number, list[i].number);
		*chosen = &list[i];
	}
	if (*chosen)
		return 0;
	if (other)
		return refuse_kind(kind, other, disk->err);
	return err_set(disk->err, EINVAL,
		       "it is an image of a disk, and none of its %d partitions is an ext4 with a "
		       "root that can be read",
		       count);
}

static int extract(struct disk *disk, struct unpack_report *report)
{
	scoped_free struct partition *list = calloc(PARTITIONS_MAX, sizeof *list);
	const struct partition *root;

	if (!list)
		return err_set(disk->err, ENOMEM, "out of memory");
	int count = partitions_list(disk, list);
	if (count < 0 || choose(disk, list, count, &root) < 0)
		return -disk->err->code;
	return ext4_extract(disk, root, report);
}

int disk_extract(int fd, struct unpack_report *report)
{
	struct disk disk = { .fd = fd, .err = &report->err };
	unsigned char magic[4] = { 0 };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(&report->err, errno, "%s", strerror(errno));
	disk.size = disk.file_size = (uint64_t)st.st_size;
	int r = disk_read_file(&disk, 0, magic, sizeof magic);
	if (r == 0 && qcow2_is(magic, sizeof magic))
		r = qcow2_open(&disk);
	if (r == 0)
		r = extract(&disk, report);
	qcow2_close(&disk);
	return r;
}
