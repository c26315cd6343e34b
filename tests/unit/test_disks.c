/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disks of a thin pool on loop devices, without a pool on them: one joins, is found again when it has
 * moved, is missed, is told from its copies and from its parts, and gets its label back; and all lose their
 * labels. What needs device-mapper is seen in the guest.
 */
#include "base/scoped.h"
#include "base/text.h"
#include "kern/loop.h"
#include "scratch.h"
#include "storage/thin/thin_disks.h"
#include "suite.h"

#include <endian.h>
#include <fcntl.h>
#include <string.h>

#define UUID "0b1f2c3d-0002-4002-8003-0123456789ab"

enum { DISKS = 4, SIZE = 160 << 20 };

static struct loop loops[DISKS];
static unsigned files[DISKS]; /* that each serves */
static struct pool pool;

/* A disk over the file of that number; its old one is gone. */
static void serve(unsigned slot, unsigned file, unsigned sector)
{
	scoped_fd int fd = open(scratch_path("disk%u", file), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	loop_close(&loops[slot]);
	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, SIZE), 0);
	CU_ASSERT_EQUAL_FATAL(loop_attach(fd, LOOP_WITH_AUTOCLEAR, sector, &loops[slot]), 0);
	files[slot] = file;
}

static void set(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
}

/* Nothing is attached here. */
static int no_device(struct dm *dm, unsigned long number, struct dm_ioctl *io)
{
	(void)dm, (void)number, (void)io;
	return -ENXIO;
}

/* A labelled first disk, its pool.conf and its catalogue. */
static void begin_pool(void)
{
	struct thin *thin = calloc(1, sizeof *thin);
	struct err err = { 0 };

	thin->dm.request = no_device;
	catalog_remove(scratch_path("catalog.db"));
	CU_ASSERT_EQUAL_FATAL(catalog_create(scratch_path("catalog.db"), UUID, &err), 0);

	for (unsigned i = 0; i < DISKS; i++) {
		unlink(scratch_path("disk%u", i));
		serve(i, i, 512);
	}
	pool = (struct pool){ .use_fd = -1, .driver = thin };
	CU_ASSERT_EQUAL_FATAL(config_defaults(&pool_schema, &pool.config, &err), 0);
	pool.name = strdup("p");
	pool.folder = strdup(scratch_dir);
	set(&pool.config.uuid, UUID);
	set(&pool.config.source, loops[0].path);
	CU_ASSERT_EQUAL(thin_layout_choose(SIZE / DM_SECTOR, 0, &thin->layout, &err), 0);
	scoped_fd int fd = open(loops[0].path, O_RDWR | O_CLOEXEC);
	CU_ASSERT_EQUAL(thin_label_write(fd, UUID, &thin->layout), 0);
	CU_ASSERT_EQUAL(config_save(&pool_schema, scratch_path("pool.conf"), &pool.config, &err),
			0);
}

static void end_pool(void)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(thin_wipe_further(&pool, &err), 0);
	config_free(&pool_schema, &pool.config);
	free(pool.name);
	free(pool.folder);
	catalog_close(&thin_of(&pool)->catalog);
	free(pool.driver);
	for (unsigned i = 0; i < DISKS; i++)
		loop_close(&loops[i]);
}

static bool labelled(const char *path)
{
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct thin_disk_label label;

	return thin_label_read_disk(fd, &label) == 0 && strcmp(label.pool, UUID) == 0;
}

/* The sentence with which it is refused; "" when it is not. */
static const char *join(const char *path, bool force)
{
	static struct err err;

	err = (struct err){ 0 };
	thin_join(&pool, path, force, 0, &err);
	return err.text;
}

static bool says(const char *text, const char *wanted)
{
	if (!text || !wanted)
		return false;
	if (!strstr(text, wanted))
		fprintf(stderr, "no '%s' in: %s\n", wanted, text);
	return strstr(text, wanted) != NULL;
}

static void test_join(void)
{
	struct thin_disks disks;
	struct err err = { 0 };

	begin_pool();
	set(&pool.config.grow_devices, scratch_path("nothing"));
	scoped_free char *named = text_format("%s %s", loops[1].path, pool.config.grow_devices);
	set(&pool.config.grow_devices, named);
	CU_ASSERT_EQUAL(thin_can_join(&pool, loops[1].path, &err), 0);
	CU_ASSERT_FALSE(labelled(loops[1].path));
	CU_ASSERT_STRING_EQUAL(join(loops[1].path, false), "");
	CU_ASSERT_EQUAL(thin_of(&pool)->layout.disks, 2);
	CU_ASSERT(labelled(loops[1].path));
	/* The paths are those in pool.conf now. */
	config_free(&pool_schema, &pool.config);
	CU_ASSERT_EQUAL(config_load(&pool_schema, scratch_path("pool.conf"), &pool.config, &err),
			0);
	CU_ASSERT_STRING_EQUAL(pool.config.devices, loops[1].path);
	CU_ASSERT_STRING_EQUAL(pool.config.grow_devices, scratch_path("nothing"));
	CU_ASSERT_EQUAL(thin_disks_open(&pool, &disks, &err), 0);
	CU_ASSERT_EQUAL(disks.count, 2);
	CU_ASSERT_EQUAL(disks.list[1].sectors, SIZE / DM_SECTOR);
	CU_ASSERT_EQUAL(thin_disks_sector(&disks), 512);
	thin_disks_close(&disks);
	/* Again: it is one already, as the caller is told. */
	CU_ASSERT_EQUAL(thin_join(&pool, loops[1].path, false, 0, &err), 1);
	CU_ASSERT_EQUAL(thin_of(&pool)->layout.disks, 2);
	end_pool();
	CU_ASSERT_FALSE(labelled(loops[1].path));
}

static void test_refused(void)
{
	scoped_fd int small = open(scratch_path("small"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	scoped_loop struct loop tiny = { .fd = -1 };
	struct thin_layout before;

	begin_pool();
	before = thin_of(&pool)->layout;
	CU_ASSERT(says(join(scratch_path("pool.conf"), true), "not a block device"));
	CU_ASSERT(says(join(loops[0].path, true), "very pool"));
	CU_ASSERT_EQUAL(ftruncate(small, 32 << 20), 0);
	CU_ASSERT_EQUAL_FATAL(loop_attach(small, LOOP_WITH_AUTOCLEAR, 512, &tiny), 0);
	CU_ASSERT(says(join(tiny.path, true), "at least 128M"));
	serve(2, 2, 4096);
	CU_ASSERT(says(join(loops[2].path, true), "sectors of 4096"));
	CU_ASSERT_FALSE(labelled(loops[2].path));
	/* A copy of the first disk, and another pool's further one. */
	scoped_fd int fd = open(loops[1].path, O_RDWR | O_CLOEXEC);
	struct thin_disk_label other = { "0b1f2c3d-0003-4002-8003-0123456789ab", UUID, 1, 0, "" };
	CU_ASSERT_EQUAL(thin_label_write(fd, UUID, &before), 0);
	CU_ASSERT(says(join(loops[1].path, true), "copy"));
	CU_ASSERT_EQUAL(thin_label_write_disk(fd, &other, 0), 0);
	CU_ASSERT(says(join(loops[1].path, false), "is a disk of a thin pool already"));
	CU_ASSERT_EQUAL(memcmp(&before, &thin_of(&pool)->layout, sizeof before), 0);
	scoped_close_fd(&fd);
	CU_ASSERT_STRING_EQUAL(join(loops[1].path, true), "");
	end_pool();
	unlink(scratch_path("small"));
}

/* Labelled by who was killed before the first disk named it. */
static void test_left_over(void)
{
	struct thin_disk_label label = { UUID, "0b1f2c3d-0003-4002-8003-0123456789ab", 1, 0, "" };
	struct thin_disks disks;
	struct err err = { 0 };

	begin_pool();
	scoped_fd int fd = open(loops[1].path, O_RDWR | O_CLOEXEC);
	CU_ASSERT_EQUAL(thin_label_write_disk(fd, &label, 0), 0);
	scoped_close_fd(&fd);
	/* The disk does no harm to the pool, belongs to another one, and is added without --force. */
	CU_ASSERT_EQUAL(thin_disks_open(&pool, &disks, &err), 0);
	CU_ASSERT_EQUAL(disks.count, 1);
	thin_disks_close(&disks);
	CU_ASSERT_STRING_EQUAL(join(loops[2].path, false), "");
	CU_ASSERT_STRING_EQUAL(join(loops[1].path, false), "");
	CU_ASSERT_EQUAL(thin_disks_open(&pool, &disks, &err), 0);
	CU_ASSERT_EQUAL(disks.count, 3);
	thin_disks_close(&disks);
	end_pool();
}

static void test_moved_and_missing(void)
{
	struct thin_disks disks;
	struct err err = { 0 };

	begin_pool();
	CU_ASSERT_STRING_EQUAL(join(loops[1].path, false), "");
	CU_ASSERT_STRING_EQUAL(join(loops[2].path, false), "");
	scoped_free char *one = strdup(loops[1].path);
	/* The disks have exchanged their devices; the fourth device belongs to no pool. */
	loop_close(&loops[1]);
	CU_ASSERT(scratch_await_loops(DISKS - 1));
	CU_ASSERT_EQUAL(thin_disks_open(&pool, &disks, &err), -ENODEV);
	CU_ASSERT(says(err.text, "disk 2 of 3, which was"));
	CU_ASSERT(says(err.text, one));
	CU_ASSERT_EQUAL(disks.count, 0);
	err = (struct err){ 0 };
	loop_close(&loops[2]);
	CU_ASSERT(scratch_await_loops(DISKS - 2));
	serve(1, 2, 512);
	serve(2, 1, 512);
	CU_ASSERT_EQUAL(thin_disks_open(&pool, &disks, &err), 0);
	CU_ASSERT_EQUAL(disks.count, 3);
	thin_disks_close(&disks);
	scoped_free char *places = text_format("%s %s", loops[2].path, loops[1].path);
	CU_ASSERT_STRING_EQUAL(pool.config.devices, places);
	/* Of two equal disks, neither is taken. */
	set(&pool.config.devices, "");
	serve(3, 1, 512);
	CU_ASSERT_EQUAL(thin_disks_open(&pool, &disks, &err), -ENOTUNIQ);
	loop_close(&loops[3]);
	end_pool();
}

/* Writes the beginning of metadata as the kernel does, with the given checksum. */
static void put_superblock(unsigned transaction, uint32_t sum)
{
	const struct thin_layout *layout = &thin_of(&pool)->layout;
	scoped_fd int fd = open(loops[0].path, O_RDWR | O_CLOEXEC);
	unsigned char super[4096] = { [32] = 0xba, 0x52, 0x9c, 0x01 };

	super[48] = (unsigned char)transaction;
	memcpy(super, &(uint32_t){ htole32(sum) }, sizeof sum);
	CU_ASSERT_EQUAL(pwrite(fd, super, sizeof super,
			       (off_t)(layout->metadata.list[0].start * DM_SECTOR)),
			(ssize_t)sizeof super);
}

/* ---- Copies, hosts and kinds */

/* The sentence with which this host is refused it; "" when it is not, and then it has it. */
static const char *claim(void)
{
	static struct err err;
	struct thin_disks disks;

	err = (struct err){ 0 };
	if (thin_disks_open(&pool, &disks, &err) == 0) {
		thin_claim(&pool, &disks, &err);
		thin_disks_close(&disks);
	}
	return err.text;
}

static void release(void)
{
	struct thin_disks disks;
	struct err err = { 0 };

	put_superblock(0, 0xfa3555ee);
	CU_ASSERT_EQUAL(thin_disks_open(&pool, &disks, &err), 0);
	CU_ASSERT_EQUAL(thin_release(&pool, &disks, &err), 0);
	thin_disks_close(&disks);
}

static void copy_disk(unsigned from, unsigned to)
{
	scoped_free char *source = strdup(scratch_path("disk%u", from));
	scoped_fd int in = open(source, O_RDONLY | O_CLOEXEC);
	scoped_fd int out = open(scratch_path("disk%u", to), O_RDWR | O_CLOEXEC);
	static char chunk[1 << 20];

	for (off_t at = 0; at < SIZE; at += (off_t)sizeof chunk) {
		CU_ASSERT_EQUAL(pread(in, chunk, sizeof chunk, at), (ssize_t)sizeof chunk);
		CU_ASSERT_EQUAL(pwrite(out, chunk, sizeof chunk, at), (ssize_t)sizeof chunk);
	}
	fsync(out);
}

/* Each file gets a new loop device, so that no device caches old contents. */
static void swap_files(unsigned one, unsigned other)
{
	unsigned first = files[one], second = files[other];

	loop_close(&loops[one]);
	loop_close(&loops[other]);
	CU_ASSERT(scratch_await_loops(DISKS - 2));
	serve(one, second, 512);
	serve(other, first, 512);
	/* The numbers of devices are whoever's comes first. */
	if (one == 0)
		set(&pool.config.source, loops[0].path);
	else
		set(&pool.config.devices, loops[one].path);
}

static void test_copies(void)
{
	struct err err = { 0 };

	begin_pool();
	CU_ASSERT_STRING_EQUAL(claim(), "");
	CU_ASSERT_EQUAL(thin_refuse_copies(&pool, &err), 0);
	release();
	loop_close(&loops[2]);
	CU_ASSERT(scratch_await_loops(DISKS - 1));
	copy_disk(0, 2);
	serve(2, 2, 512);
	/* Of two copies of the same time, neither is taken. */
	CU_ASSERT_EQUAL(thin_refuse_copies(&pool, &err), -ENOTUNIQ);
	CU_ASSERT(says(err.text, "nothing tells which is the copy"));
	/* Used once more: the other is the copy, and it is named, whatever pool.conf says. */
	CU_ASSERT_STRING_EQUAL(claim(), "");
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(thin_refuse_copies(&pool, &err), -ENOTUNIQ);
	scoped_free char *older = text_format("'%s' is a copy of an earlier time", loops[2].path);
	CU_ASSERT(says(err.text, older));
	/* Alone, at the name that the disk had. */
	swap_files(0, 2);
	CU_ASSERT(says(claim(), "copy of its disk, of an earlier time"));
	CU_ASSERT(says(claim(), "pool import --force"));
	/* The refusal has changed nothing: at its old place, the disk is taken. */
	swap_files(0, 2);
	CU_ASSERT_STRING_EQUAL(claim(), "");
	/* The copy, on purpose: from then on the disk is what is old. */
	swap_files(0, 2);
	thin_of(&pool)->taken_over = true;
	CU_ASSERT_STRING_EQUAL(claim(), "");
	thin_of(&pool)->taken_over = false;
	CU_ASSERT_STRING_EQUAL(claim(), "");
	end_pool();
}

/* A further disk too. */
static void test_copy_of_further(void)
{
	begin_pool();
	CU_ASSERT_STRING_EQUAL(join(loops[1].path, false), "");
	CU_ASSERT_STRING_EQUAL(claim(), "");
	loop_close(&loops[2]);
	CU_ASSERT(scratch_await_loops(DISKS - 1));
	copy_disk(1, 2);
	CU_ASSERT_STRING_EQUAL(claim(), "");
	serve(2, 2, 512);
	swap_files(1, 2);
	loop_close(&loops[2]);
	CU_ASSERT(scratch_await_loops(DISKS - 1));
	CU_ASSERT(says(claim(), "copy of its disk, of an earlier time"));
	serve(2, 2, 512);
	end_pool();
}

/* A label as another host, or another kind of device, left it. */
static void relabel_as(const char *host, const char *kind)
{
	scoped_fd int fd = open(loops[0].path, O_RDWR | O_CLOEXEC);
	struct thin_layout layout;
	char uuid[37];

	CU_ASSERT_EQUAL(thin_label_read(fd, uuid, &layout), 0);
	text_print(layout.mark.host, sizeof layout.mark.host, "%s", host);
	text_print(layout.mark.host_name, sizeof layout.mark.host_name, "%s", host);
	text_print(layout.mark.kind, sizeof layout.mark.kind, "%s", kind);
	CU_ASSERT_EQUAL(thin_label_write(fd, uuid, &layout), 0);
}

static void test_hosts(void)
{
	begin_pool();
	CU_ASSERT_STRING_EQUAL(claim(), "");
	CU_ASSERT_STRING_EQUAL(claim(), "");
	relabel_as("alpha", "loop");
	CU_ASSERT(says(claim(), "host 'alpha' has it attached; detach it there"));
	/* Because of that, the deletion of the pool here only forgets it. */
	CU_ASSERT(thin_is_elsewhere(&thin_of(&pool)->layout));
	relabel_as("", "loop");
	CU_ASSERT_STRING_EQUAL(claim(), "");
	CU_ASSERT_NOT_EQUAL(*thin_of(&pool)->layout.mark.host, '\0');
	CU_ASSERT_FALSE(thin_is_elsewhere(&thin_of(&pool)->layout));
	/* The label is invalid, so no copy of it is made. */
	put_superblock(0, 1);
	struct thin_disks disks;
	struct err err = { 0 };
	CU_ASSERT_EQUAL(thin_disks_open(&pool, &disks, &err), 0);
	CU_ASSERT_EQUAL(thin_release(&pool, &disks, &err), -EIO);
	CU_ASSERT_NOT_EQUAL(*thin_of(&pool)->layout.mark.host, '\0');
	thin_disks_close(&disks);
	release();
	CU_ASSERT_EQUAL(*thin_of(&pool)->layout.mark.host, '\0');
	end_pool();
}

static void test_parts(void)
{
	struct err err = { 0 };
	char *found = NULL;

	begin_pool();
	CU_ASSERT_STRING_EQUAL(claim(), "");
	CU_ASSERT_STRING_EQUAL(thin_of(&pool)->layout.mark.kind, "loop");
	relabel_as("", "md");
	CU_ASSERT(says(claim(), "the pool lay on an md array"));
	/* Wherever pool.conf believes it to be, which stays as it is. */
	CU_ASSERT_EQUAL(thin_find_disk(&pool, NULL, &found, &err), -EBUSY);
	CU_ASSERT_PTR_NULL(found);
	relabel_as("", "multipath");
	CU_ASSERT(says(claim(), "a multipath disk, of which this (loop)"));
	/* A pool that was copied from another kind of disk counts as a copy. */
	relabel_as("", "lvm");
	CU_ASSERT_STRING_EQUAL(claim(), "");
	CU_ASSERT_STRING_EQUAL(thin_of(&pool)->layout.mark.kind, "loop");
	end_pool();
}

/* ---- Labels that something has written over */

/* Zeros from there on. */
static void wipe_out(unsigned slot, off_t at, size_t length)
{
	scoped_fd int fd = open(loops[slot].path, O_RDWR | O_CLOEXEC);
	scoped_free char *zeros = calloc(1, length);

	CU_ASSERT_EQUAL(pwrite(fd, zeros, length, at), (ssize_t)length);
	fsync(fd);
}

/* The sentence of a failure, or the report. */
static const char *relabel(void)
{
	static struct err err;
	static char told[512];
	scoped_text struct text report = { 0 };

	err = (struct err){ 0 };
	if (thin_relabel(&pool, &report, &err) < 0)
		return err.text;
	text_print(told, sizeof told, "%s", text_str(&report));
	return told;
}

static void test_written_over(void)
{
	const struct thin_layout *layout;

	begin_pool();
	CU_ASSERT_STRING_EQUAL(join(loops[1].path, false), "");
	CU_ASSERT_STRING_EQUAL(claim(), "");
	const struct thin_layout before = thin_of(&pool)->layout;
	layout = &thin_of(&pool)->layout;
	CU_ASSERT_STRING_EQUAL(relabel(), "");
	/* A partition table, at both ends; then the whole head, on both disks. */
	for (size_t head = 17 << 10; head <= 1 << 20; head = head < 1 << 20 ? 1 << 20 : head + 1) {
		for (unsigned slot = 0; slot < 2; slot++) {
			wipe_out(slot, 0, head);
			wipe_out(slot, SIZE - (17 << 10), 17 << 10);
		}
		CU_ASSERT(says(claim(), "written over the pool's label"));
		CU_ASSERT(says(claim(), "pool repair p"));
		scoped_free char *both = strdup(relabel());
		CU_ASSERT(says(both, loops[0].path));
		CU_ASSERT(says(both, loops[1].path));
		CU_ASSERT(says(both, "written back from a copy on the disk"));
		CU_ASSERT_STRING_EQUAL(claim(), "");
	}
	CU_ASSERT_EQUAL(memcmp(&before.data, &layout->data, sizeof before.data), 0);
	/* Only the copy in the folder is left, so the other contents of the disk must identify it. */
	wipe_out(0, 0, 1 << 20);
	wipe_out(0, SIZE - (1 << 20), 1 << 20);
	CU_ASSERT(says(relabel(), "nothing there tells that it is a disk of the pool"));
	put_superblock(40, 0x5dd5a06a);
	CU_ASSERT(says(relabel(), "nothing there tells that it is a disk of the pool"));
	put_superblock(0, 1);
	CU_ASSERT(says(relabel(), "nothing there tells that it is a disk of the pool"));
	put_superblock(0, 0xfa3555ee);
	CU_ASSERT(says(relabel(), "written back from the copy in the pool's folder"));
	CU_ASSERT_STRING_EQUAL(claim(), "");
	CU_ASSERT_EQUAL(memcmp(&before.data, &layout->data, sizeof before.data), 0);
	end_pool();
}

/* Nothing is written to a disk in use, nor over the label of another pool. */
static void test_written_over_in_use(void)
{
	begin_pool();
	CU_ASSERT_STRING_EQUAL(claim(), "");
	wipe_out(0, 0, 17 << 10);
	scoped_fd int user = open(loops[0].path, O_RDWR | O_EXCL | O_CLOEXEC);
	CU_ASSERT(says(relabel(), "something uses it"));
	scoped_close_fd(&user);
	scoped_fd int fd = open(loops[0].path, O_RDWR | O_CLOEXEC);
	CU_ASSERT_EQUAL(thin_label_write(fd, "0b1f2c3d-0003-4002-8003-0123456789ab",
					 &thin_of(&pool)->layout),
			0);
	CU_ASSERT_STRING_EQUAL(relabel(), "");
	CU_ASSERT(says(claim(), "holds another pool"));
	end_pool();
}

static int begin(void)
{
	for (unsigned i = 0; i < DISKS; i++)
		loops[i].fd = -1;
	return !scratch_begin();
}

static int end(void)
{
	return scratch_end();
}

static CU_TestInfo tests[] = {
	{ "a disk joins", test_join },
	{ "disks that are refused", test_refused },
	{ "one that a killed command had labelled", test_left_over },
	{ "disks that have moved, and a missing one", test_moved_and_missing },
	{ "a copy of a disk", test_copies },
	{ "a copy of a further disk", test_copy_of_further },
	{ "another host's", test_hosts },
	{ "a part of what it was", test_parts },
	{ "labels that were written over", test_written_over },
	{ "one whose disk is something else by now", test_written_over_in_use },
	CU_TEST_INFO_NULL,
};

int main(void)
{
	int r = suite_needs_root();

	return r ? r : suite_run("disks", begin, end, tests);
}
