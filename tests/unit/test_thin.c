/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disks of a thin pool: how they are divided, what they gain, and their labels, whole and damaged. */
#include "base/scoped.h"
#include "base/text.h"
#include "storage/thin/thin.h"
#include "suite.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#define UUID    "0b1f2c3d-0001-4002-8003-0123456789ab"
#define FURTHER "0b1f2c3d-0001-4002-8003-0123456789ac"

enum { MIB = 2048 }; /* sectors */
static const uint64_t GIB = 1024 * MIB, TIB = 1024 * 1024 * (uint64_t)MIB;

static bool choose(uint64_t sectors, uint64_t block, struct thin_layout *layout)
{
	struct err err = { 0 };

	return thin_layout_choose(sectors, block, layout, &err) == 0;
}

/* A pool of one disk. */
static int grow(struct thin_layout *layout, uint64_t sectors, uint64_t metadata, struct err *err)
{
	return thin_layout_grow(layout, &sectors, metadata, err);
}

/* No extents overlap, all are on the disk, and the data consist of whole blocks. */
static bool sound(const struct thin_layout *layout, uint64_t sectors)
{
	uint64_t metadata = thin_extents_size(&layout->metadata);
	uint64_t data = thin_extents_size(&layout->data);

	return metadata > 0 && metadata <= DM_POOL_METADATA_MAX &&
	       thin_extents_size(&layout->spare) == metadata && data > 0 &&
	       data % layout->block == 0 && thin_layout_end(layout, 0) <= sectors &&
	       layout->metadata.list[0].start >= 2 * THIN_LABEL_SIZE / DM_SECTOR;
}

static void test_choose(void)
{
	static const uint64_t blocks[] = { 0, 128, 256, 2048, 131072 };
	struct thin_layout layout;

	for (uint64_t sectors = 128 * MIB; sectors < 1024 * TIB; sectors = sectors * 7 / 3 + 13) {
		for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
			CU_ASSERT(!choose(sectors, blocks[i], &layout) || sound(&layout, sectors));
		CU_ASSERT(choose(sectors, 0, &layout));
	}
	CU_ASSERT(choose(10 * GIB, 0, &layout));
	CU_ASSERT_EQUAL(layout.block, 128);
	CU_ASSERT_FALSE(choose(127 * MIB, 0, &layout));
	CU_ASSERT_FALSE(choose(10 * GIB, 100, &layout));
	CU_ASSERT_FALSE(choose(10 * GIB, 2097152 * 2, &layout));
	CU_ASSERT_FALSE(choose(128 * MIB, 2097152, &layout));
}

/* 255 bitmaps of (16384 - 64) blocks of 8 sectors: what is above that, the kernel never uses. */
static void test_metadata_limit(void)
{
	struct err err = { 0 };
	struct thin_layout layout;

	CU_ASSERT_EQUAL(DM_POOL_METADATA_MAX, 255ULL * (16384 - 64) * 8);
	CU_ASSERT(choose(1000 * TIB, 128, &layout));
	CU_ASSERT_EQUAL(thin_extents_size(&layout.metadata), 33292800);
	CU_ASSERT(choose(GIB, 0, &layout));
	CU_ASSERT_EQUAL(grow(&layout, 100 * GIB, 33292801, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "33292800"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(grow(&layout, 100 * GIB, 33292800, &err), 0);
	CU_ASSERT_EQUAL(thin_extents_size(&layout.metadata), 33292800);
	CU_ASSERT(sound(&layout, 100 * GIB));
}

static void test_grow(void)
{
	struct thin_layout layout, before;
	struct err err = { 0 };

	CU_ASSERT(choose(GIB, 0, &layout));
	before = layout;
	/* The disk has not grown, and nothing changes. */
	CU_ASSERT_EQUAL(grow(&layout, GIB, 0, &err), 0);
	CU_ASSERT_EQUAL(memcmp(&layout, &before, sizeof layout), 0);
	CU_ASSERT_EQUAL(grow(&layout, GIB + 100 * MIB, 0, &err), 0);
	CU_ASSERT_EQUAL(layout.data.count, 1);
	CU_ASSERT(thin_extents_size(&layout.data) > thin_extents_size(&before.data) + 99 * MIB);
	/* A pool that becomes a hundred times as large needs more metadata. */
	CU_ASSERT_EQUAL(grow(&layout, 100 * GIB, 0, &err), 0);
	CU_ASSERT_EQUAL(layout.metadata.count, 2);
	CU_ASSERT(thin_extents_size(&layout.metadata) >= 200 * MIB);
	CU_ASSERT(sound(&layout, 100 * GIB));
	CU_ASSERT_EQUAL(layout.metadata.list[0].start, before.metadata.list[0].start);
	CU_ASSERT_EQUAL(layout.data.list[0].start, before.data.list[0].start);
	/* A size without enough room is refused, and so is a smaller size. */
	before = layout;
	CU_ASSERT_EQUAL(grow(&layout, 100 * GIB, 500 * MIB, &err), -ENOSPC);
	CU_ASSERT_EQUAL(memcmp(&layout, &before, sizeof layout), 0);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(grow(&layout, 100 * GIB, MIB, &err), -EINVAL);
	err = (struct err){ 0 };
	/* The label has room for a number of extents; then the growth is refused with a sentence. */
	uint64_t sectors = 100 * GIB, metadata = thin_extents_size(&layout.metadata);
	int r = 0;
	for (int i = 0; i < 30 && r == 0; i++) {
		sectors += 10 * GIB;
		metadata += MIB;
		r = grow(&layout, sectors, metadata, &err);
		CU_ASSERT(sound(&layout, sectors));
	}
	CU_ASSERT(r < 0);
	CU_ASSERT_EQUAL(grow(&layout, sectors, 0, &(struct err){ 0 }), 0);
}

/* The space that a further disk adds, and the room for metadata on it. */
static void test_disks(void)
{
	uint64_t sectors[THIN_DISKS] = { GIB, 100 * GIB };
	struct thin_layout layout, before;
	struct err err = { 0 };

	CU_ASSERT(choose(GIB, 0, &layout));
	CU_ASSERT_EQUAL(layout.disks, 1);
	before = layout;
	CU_ASSERT_EQUAL(thin_layout_add(&layout, FURTHER, 127 * MIB, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "at least 128M"));
	CU_ASSERT_EQUAL(memcmp(&layout, &before, sizeof layout), 0);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(thin_layout_add(&layout, FURTHER, sectors[1], &err), 0);
	CU_ASSERT_EQUAL(thin_layout_end(&layout, 1), THIN_HEAD);
	CU_ASSERT_EQUAL(thin_layout_grow(&layout, sectors, 0, &err), 0);
	CU_ASSERT_EQUAL(layout.data.count, 2);
	CU_ASSERT_EQUAL(layout.data.list[1].disk, 1);
	CU_ASSERT_EQUAL(layout.metadata.count, 2);
	CU_ASSERT_EQUAL(layout.metadata.list[1].disk, 1);
	CU_ASSERT_EQUAL(layout.metadata.list[1].start, THIN_HEAD);
	CU_ASSERT(thin_extents_size(&layout.data) > 99 * GIB);
	CU_ASSERT_EQUAL(thin_extents_size(&layout.data) % layout.block, 0);
	CU_ASSERT(thin_layout_end(&layout, 0) <= sectors[0]);
	CU_ASSERT(thin_layout_end(&layout, 1) <= sectors[1]);
	/* The first one larger as well: what it gains goes behind. */
	sectors[0] = 2 * GIB;
	before = layout;
	CU_ASSERT_EQUAL(thin_layout_grow(&layout, sectors, 0, &err), 0);
	CU_ASSERT(thin_extents_size(&layout.data) >= thin_extents_size(&before.data) + 1000 * MIB);
	CU_ASSERT(thin_layout_end(&layout, 0) <= sectors[0]);
	CU_ASSERT_EQUAL(layout.data.list[1].start, before.data.list[1].start);
	/* Disks are added until there is no room in the label. */
	int r = 0;
	for (uint64_t i = 2; i <= THIN_DISKS && r == 0; i++) {
		if (i < THIN_DISKS)
			sectors[i] = GIB;
		r = thin_layout_add(&layout, FURTHER, GIB, &err);
		CU_ASSERT_EQUAL(r, i < THIN_DISKS ? 0 : -E2BIG);
		CU_ASSERT(thin_layout_grow(&layout, sectors, 0, &(struct err){ 0 }) == 0);
	}
	CU_ASSERT_EQUAL(layout.disks, THIN_DISKS);
	CU_ASSERT_EQUAL(layout.data.count, THIN_DISKS + 1);
}

static int disk(void)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	return fd >= 0 && ftruncate(fd, 1 << 20) == 0 ? fd : -1;
}

static void test_label(void)
{
	scoped_fd int fd = disk();
	struct thin_layout layout, got = { 0 };
	struct err err = { 0 };
	char uuid[37] = "";

	CU_ASSERT_EQUAL(thin_label_read(fd, uuid, &got), -ENOENT);
	CU_ASSERT(choose(GIB, 0, &layout));
	CU_ASSERT_EQUAL(grow(&layout, 100 * GIB, 0, &err), 0);
	CU_ASSERT_EQUAL(thin_label_write(fd, UUID, &layout), 0);
	CU_ASSERT_EQUAL(thin_label_read(fd, uuid, &got), 0);
	CU_ASSERT_STRING_EQUAL(uuid, UUID);
	CU_ASSERT_EQUAL(memcmp(&layout, &got, sizeof layout), 0);
	/* The first copy torn: the second serves. Both: it is told from none. */
	CU_ASSERT_EQUAL(pwrite(fd, "x", 1, 100), 1);
	memset(&got, 0, sizeof got);
	CU_ASSERT_EQUAL(thin_label_read(fd, uuid, &got), 0);
	CU_ASSERT_EQUAL(memcmp(&layout, &got, sizeof layout), 0);
	CU_ASSERT_EQUAL(pwrite(fd, "x", 1, THIN_LABEL_SIZE + 100), 1);
	CU_ASSERT_EQUAL(thin_label_read(fd, uuid, &got), -EUCLEAN);
}

/* The label of berth 0.1 has no counter, device or host. */
static void test_label_of_old(void)
{
	static const char old[] = "berth thin pool 1\nuuid " UUID "\nblock 128\n"
				  "metadata 2048+16384\nspare 18432+16384\n"
				  "data 34816+2062336\n";
	struct thin_layout layout = { 0 }, again = { 0 };
	scoped_text struct text text = { 0 };
	char label[THIN_LABEL_SIZE] = "";
	scoped_fd int fd = disk();
	char uuid[37] = "";

	text_add(&text, "%ssum %016" PRIx64 "\n", old, text_hash(old));
	CU_ASSERT_FALSE(text.failed);
	memcpy(label, text.data, text.length);
	CU_ASSERT_EQUAL(pwrite(fd, label, sizeof label, 0), (ssize_t)sizeof label);
	CU_ASSERT_EQUAL_FATAL(thin_label_read(fd, uuid, &layout), 0);
	CU_ASSERT_STRING_EQUAL(uuid, UUID);
	CU_ASSERT_EQUAL(layout.data.list[0].length, 2062336);
	CU_ASSERT_EQUAL(layout.mark.step, 0);
	CU_ASSERT_EQUAL(layout.backup.length, 0);
	/* The data reach into the place of the tail, which must not be written. */
	CU_ASSERT_EQUAL(thin_layout_end(&layout, 0), GIB);
	CU_ASSERT_EQUAL(ftruncate(fd, (off_t)GIB * DM_SECTOR), 0);
	CU_ASSERT_EQUAL(pwrite(fd, "data", 4, (off_t)(GIB - THIN_TAIL) * DM_SECTOR), 4);
	layout.mark.step = 1;
	CU_ASSERT_EQUAL(thin_label_write(fd, UUID, &layout), 0);
	CU_ASSERT_EQUAL(pread(fd, label, 4, (off_t)(GIB - THIN_TAIL) * DM_SECTOR), 4);
	CU_ASSERT_EQUAL(memcmp(label, "data", 4), 0);
	CU_ASSERT_EQUAL(thin_label_read(fd, uuid, &again), 0);
	CU_ASSERT_EQUAL(memcmp(&layout, &again, sizeof layout), 0);
	/* The head still has a copy. */
	memset(label, 0, sizeof label);
	for (int copy = 0; copy < 2; copy++)
		CU_ASSERT_EQUAL(pwrite(fd, label, sizeof label, copy * THIN_LABEL_SIZE),
				(ssize_t)sizeof label);
	CU_ASSERT_EQUAL(thin_label_read(fd, uuid, &again), -ENOENT);
	CU_ASSERT_EQUAL(thin_label_read_copy(fd, uuid, &again), 0);
	CU_ASSERT_EQUAL(memcmp(&layout, &again, sizeof layout), 0);
}

/* The longest possible label fits, and is read back. The label of one disk has its old form. */
static void test_label_of_disks(void)
{
	struct thin_disk_label label = { UUID, FURTHER, 3, 7, "md" }, got_disk = { 0 };
	struct thin_layout layout, got = { 0 };
	uint64_t sectors[THIN_DISKS] = { GIB };
	scoped_fd int fd = disk(), further = disk();
	struct err err = { 0 };
	char uuid[37] = "", text[THIN_LABEL_SIZE] = "";

	CU_ASSERT(choose(GIB, 0, &layout));
	CU_ASSERT_EQUAL(thin_label_write(fd, UUID, &layout), 0);
	CU_ASSERT_EQUAL(pread(fd, text, sizeof text, 0), (ssize_t)sizeof text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nblock 128\nmetadata 2048+16384\nspare 18432+16384\n"
					    "data 38912+2056192\nbooks 34816+4096\nsum "));
	for (unsigned i = 1; i < THIN_DISKS; i++) {
		sectors[i] = 1000 * TIB + i;
		CU_ASSERT_EQUAL(thin_layout_add(&layout, FURTHER, sectors[i], &err), 0);
		CU_ASSERT_EQUAL(thin_layout_grow(&layout, sectors, 0, &(struct err){ 0 }), 0);
	}
	layout.mark.step = INT64_MAX;
	memset(layout.mark.kind, 'k', sizeof layout.mark.kind - 1);
	memset(layout.mark.host, 'h', sizeof layout.mark.host - 1);
	memset(layout.mark.host_name, 'n', sizeof layout.mark.host_name - 1);
	CU_ASSERT_EQUAL(thin_label_write(fd, UUID, &layout), 0);
	CU_ASSERT_EQUAL(thin_label_read(fd, uuid, &got), 0);
	CU_ASSERT_EQUAL(memcmp(&layout, &got, sizeof layout), 0);
	/* A further disk's is another, to whoever looks for the first. */
	CU_ASSERT_EQUAL(thin_label_read_disk(fd, &got_disk), -ENOENT);
	CU_ASSERT_EQUAL(thin_label_write_disk(further, &label, 0), 0);
	CU_ASSERT_EQUAL(thin_label_read(further, uuid, &got), -ENOENT);
	CU_ASSERT_EQUAL(thin_label_read_disk(further, &got_disk), 0);
	CU_ASSERT_STRING_EQUAL(got_disk.pool, UUID);
	CU_ASSERT_STRING_EQUAL(got_disk.uuid, FURTHER);
	CU_ASSERT_EQUAL(got_disk.index, 3);
	CU_ASSERT_EQUAL(got_disk.step, 7);
	CU_ASSERT_STRING_EQUAL(got_disk.kind, "md");
	/* Gone, with every copy. */
	CU_ASSERT_EQUAL(thin_label_wipe(further, UUID), 0);
	CU_ASSERT_EQUAL(thin_label_read_disk(further, &got_disk), -ENOENT);
	CU_ASSERT_EQUAL(thin_label_read_disk_copy(further, &got_disk), -ENOENT);
	CU_ASSERT_EQUAL(thin_label_write_disk(further, &label, 0), 0);
	for (int copy = 0; copy < 2; copy++)
		CU_ASSERT_EQUAL(pwrite(further, "x", 1, copy * THIN_LABEL_SIZE + 30), 1);
	CU_ASSERT_EQUAL(thin_label_read_disk(further, &got_disk), -EUCLEAN);
}

/* An extent on a disk that the label does not name, or two in one place. */
static void test_label_of_nonsense(void)
{
	uint64_t sectors[] = { GIB, GIB };
	struct thin_layout layout, wrong, got;
	scoped_fd int fd = disk();
	struct err err = { 0 };
	char uuid[37];

	CU_ASSERT(choose(GIB, 0, &layout));
	CU_ASSERT_EQUAL(thin_layout_add(&layout, FURTHER, GIB, &err), 0);
	CU_ASSERT_EQUAL(thin_layout_grow(&layout, sectors, 0, &err), 0);
	wrong = layout;
	wrong.disks = 1;
	CU_ASSERT_EQUAL(thin_label_write(fd, UUID, &wrong), 0);
	CU_ASSERT_EQUAL(thin_label_read(fd, uuid, &got), -EUCLEAN);
	wrong = layout;
	wrong.data.list[1].disk = 0;
	CU_ASSERT_EQUAL(thin_label_write(fd, UUID, &wrong), 0);
	CU_ASSERT_EQUAL(thin_label_read(fd, uuid, &got), -EUCLEAN);
	CU_ASSERT_EQUAL(thin_label_write(fd, UUID, &layout), 0);
	CU_ASSERT_EQUAL(thin_label_read(fd, uuid, &got), 0);
}

/* A change of any byte of both copies gives the label that was written, or none. */
static void test_label_damaged(void)
{
	scoped_fd int fd = disk();
	struct thin_layout layout, got;
	char uuid[37], label[THIN_LABEL_SIZE];

	CU_ASSERT(choose(GIB, 0, &layout));
	CU_ASSERT_EQUAL(thin_label_write(fd, UUID, &layout), 0);
	CU_ASSERT_EQUAL(pread(fd, label, sizeof label, 0), (ssize_t)sizeof label);
	for (size_t i = 0; label[i]; i++) {
		char was = label[i], is = (char)(was ^ 1);
		for (int copy = 0; copy < 2; copy++)
			CU_ASSERT_EQUAL(pwrite(fd, &is, 1, copy * THIN_LABEL_SIZE + (off_t)i), 1);
		int r = thin_label_read(fd, uuid, &got);
		CU_ASSERT(r < 0 || memcmp(&layout, &got, sizeof layout) == 0);
		for (int copy = 0; copy < 2; copy++)
			CU_ASSERT_EQUAL(pwrite(fd, &was, 1, copy * THIN_LABEL_SIZE + (off_t)i), 1);
	}
}

static CU_TestInfo tests[] = {
	{ "a disk divided", test_choose },
	{ "the metadata's limit", test_metadata_limit },
	{ "a disk that has grown", test_grow },
	{ "several disks", test_disks },
	{ "label", test_label },
	{ "a label of earlier times", test_label_of_old },
	{ "labels of several disks", test_label_of_disks },
	{ "a label that cannot be", test_label_of_nonsense },
	{ "a damaged label", test_label_damaged },
	CU_TEST_INFO_NULL,
};

int main(void)
{
	return suite_run("thin", NULL, NULL, tests);
}
