/*
 * The disks of a thin pool on loop devices, without a pool on them: one joins, is found again when it has
 * moved, is missed, and all lose their labels. What needs device-mapper is seen in the guest.
 */
#include "base/scoped.h"
#include "base/text.h"
#include "kern/loop.h"
#include "scratch.h"
#include "storage/thin/thin_disks.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>

#define UUID "0b1f2c3d-0002-4002-8003-0123456789ab"

enum { DISKS = 4, SIZE = 160 << 20 };

static struct loop loops[DISKS];
static struct pool pool;

/* A disk over the file of that number; its old one is gone. */
static void serve(unsigned slot, unsigned file, unsigned sector)
{
	scoped_fd int fd = open(scratch_path("disk%u", file), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	loop_close(&loops[slot]);
	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, SIZE), 0);
	CU_ASSERT_EQUAL_FATAL(loop_attach(fd, LOOP_WITH_AUTOCLEAR, sector, &loops[slot]), 0);
}

static void set(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
}

/* A labelled first disk, and its pool.conf. */
static void begin_pool(void)
{
	struct thin *thin = calloc(1, sizeof *thin);
	struct err err = { 0 };

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
	/* As pool.conf has it by now. */
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
	CU_ASSERT(says(join(scratch_path("pool.conf"), true), "no block device"));
	CU_ASSERT(says(join(loops[0].path, true), "very pool"));
	CU_ASSERT_EQUAL(ftruncate(small, 32 << 20), 0);
	CU_ASSERT_EQUAL_FATAL(loop_attach(small, LOOP_WITH_AUTOCLEAR, 512, &tiny), 0);
	CU_ASSERT(says(join(tiny.path, true), "at least 128M"));
	serve(2, 2, 4096);
	CU_ASSERT(says(join(loops[2].path, true), "sectors of 4096"));
	CU_ASSERT_FALSE(labelled(loops[2].path));
	/* A copy of the first disk, and another pool's further one. */
	scoped_fd int fd = open(loops[1].path, O_RDWR | O_CLOEXEC);
	struct thin_disk_label other = { "0b1f2c3d-0003-4002-8003-0123456789ab", UUID, 1 };
	CU_ASSERT_EQUAL(thin_label_write(fd, UUID, &before), 0);
	CU_ASSERT(says(join(loops[1].path, true), "copy"));
	CU_ASSERT_EQUAL(thin_label_write_disk(fd, &other), 0);
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
	struct thin_disk_label label = { UUID, "0b1f2c3d-0003-4002-8003-0123456789ab", 1 };
	struct thin_disks disks;
	struct err err = { 0 };

	begin_pool();
	scoped_fd int fd = open(loops[1].path, O_RDWR | O_CLOEXEC);
	CU_ASSERT_EQUAL(thin_label_write_disk(fd, &label), 0);
	scoped_close_fd(&fd);
	/* It is no harm to the pool, is another's place, and is taken up without --force. */
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
	/* Each where the other was; the fourth device is of no pool. */
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
	/* Two of the same: neither. */
	set(&pool.config.devices, "");
	serve(3, 1, 512);
	CU_ASSERT_EQUAL(thin_disks_open(&pool, &disks, &err), -ENOTUNIQ);
	loop_close(&loops[3]);
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
	CU_TEST_INFO_NULL,
};

int main(void)
{
	int r = suite_needs_root();

	return r ? r : suite_run("disks", begin, end, tests);
}
