/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device-mapper without a kernel that has it: status lines, and requests to a feigned one. */
#include "kern/dm_thin.h"
#include "suite.h"

#include <errno.h>
#include <linux/dm-ioctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define FRESH "0 1648/16384 0/1024 - rw discard_passdown queue_if_no_space - 1024"

/* Whether a commit went through: the pool writes, needs no check, and is at this transaction. */
static bool is_sound(const struct dm_pool_status *status, uint64_t transaction)
{
	return status->mode == DM_POOL_WRITE && !status->needs_check &&
	       status->transaction == transaction;
}

static void test_pool_fresh(void)
{
	struct dm_pool_status s = { .transaction = 77 };

	CU_ASSERT_EQUAL(dm_pool_parse(FRESH, &s), 0);
	CU_ASSERT_EQUAL(s.transaction, 0);
	CU_ASSERT_EQUAL(s.metadata_used, 1648);
	CU_ASSERT_EQUAL(s.metadata_total, 16384);
	CU_ASSERT_EQUAL(s.data_used, 0);
	CU_ASSERT_EQUAL(s.data_total, 1024);
	CU_ASSERT_EQUAL(s.held_root, 0);
	CU_ASSERT_EQUAL(s.mode, DM_POOL_WRITE);
	CU_ASSERT_EQUAL(s.discard, DM_DISCARD_PASSDOWN);
	CU_ASSERT_FALSE(s.error_if_no_space);
	CU_ASSERT_FALSE(s.needs_check);
	CU_ASSERT_EQUAL(s.metadata_low_water, 1024);
	CU_ASSERT_TRUE(is_sound(&s, 0));
	CU_ASSERT_FALSE(is_sound(&s, 1));
}

static void test_pool_troubled(void)
{
	struct dm_pool_status s;

	CU_ASSERT_EQUAL(dm_pool_parse("18446744073709551615 9/9 3/3 42 ro no_discard_passdown "
				      "error_if_no_space needs_check 1024",
				      &s),
			0);
	CU_ASSERT_EQUAL(s.transaction, UINT64_MAX);
	CU_ASSERT_EQUAL(s.held_root, 42);
	CU_ASSERT_EQUAL(s.mode, DM_POOL_READ_ONLY);
	CU_ASSERT_EQUAL(s.discard, DM_DISCARD_NO_PASSDOWN);
	CU_ASSERT_TRUE(s.error_if_no_space);
	CU_ASSERT_TRUE(s.needs_check);
	CU_ASSERT_FALSE(is_sound(&s, UINT64_MAX));

	CU_ASSERT_EQUAL(dm_pool_parse("1 9/9 3/3 - out_of_data_space ignore_discard "
				      "queue_if_no_space - 2",
				      &s),
			0);
	CU_ASSERT_EQUAL(s.mode, DM_POOL_OUT_OF_DATA);
	CU_ASSERT_EQUAL(s.discard, DM_DISCARD_IGNORED);
	CU_ASSERT_FALSE(is_sound(&s, 1));

	/* rw, and yet to be checked: what a failed commit leaves for a moment. */
	CU_ASSERT_EQUAL(dm_pool_parse("1 9/9 3/3 - rw discard_passdown queue_if_no_space "
				      "needs_check 2",
				      &s),
			0);
	CU_ASSERT_FALSE(is_sound(&s, 1));
}

static void test_pool_words(void)
{
	struct dm_pool_status s = { .transaction = 5, .data_total = 5 };

	CU_ASSERT_EQUAL(dm_pool_parse("Fail", &s), 0);
	CU_ASSERT_EQUAL(s.mode, DM_POOL_FAIL);
	CU_ASSERT_EQUAL(s.transaction, 0);
	CU_ASSERT_EQUAL(s.data_total, 0);
	CU_ASSERT_FALSE(is_sound(&s, 0));
	CU_ASSERT_EQUAL(dm_pool_parse("Error ", &s), 0);
	CU_ASSERT_EQUAL(s.mode, DM_POOL_ERROR);
	CU_ASSERT_FALSE(is_sound(&s, 0));
	for (int mode = DM_POOL_WRITE; mode <= DM_POOL_ERROR; mode++)
		CU_ASSERT_STRING_NOT_EQUAL(dm_pool_mode_name((enum dm_pool_mode)mode), "unknown");
}

/* Older kernels end the line sooner, newer ones may end it later. */
static void test_pool_ages(void)
{
	struct dm_pool_status s;

	CU_ASSERT_EQUAL(dm_pool_parse("7 1/2 3/4 - rw discard_passdown queue_if_no_space", &s), 0);
	CU_ASSERT_FALSE(s.needs_check);
	CU_ASSERT_EQUAL(s.metadata_low_water, 0);
	CU_ASSERT_EQUAL(
		dm_pool_parse("7 1/2 3/4 - rw discard_passdown queue_if_no_space needs_check", &s),
		0);
	CU_ASSERT_TRUE(s.needs_check);
	CU_ASSERT_EQUAL(dm_pool_parse(FRESH " and more", &s), 0);
	CU_ASSERT_EQUAL(s.metadata_low_water, 1024);
}

static void test_pool_garbage(void)
{
	static const char *const lines[] = {
		"",
		" ",
		"Failed",
		"Fail 0 1/2",
		"fail",
		"x 1/2 3/4 - rw discard_passdown queue_if_no_space - 1",
		"-1 1/2 3/4 - rw discard_passdown queue_if_no_space - 1",
		"1",
		"1 1/2",
		"1 12 3/4 - rw discard_passdown queue_if_no_space - 1",
		"1 1/ 3/4 - rw discard_passdown queue_if_no_space - 1",
		"1 /2 3/4 - rw discard_passdown queue_if_no_space - 1",
		"1 3/2 3/4 - rw discard_passdown queue_if_no_space - 1",
		"1 1/2 5/4 - rw discard_passdown queue_if_no_space - 1",
		"1 1/2/3 3/4 - rw discard_passdown queue_if_no_space - 1",
		"1 1/2 3/4 -- rw discard_passdown queue_if_no_space - 1",
		"1 1/2 3/4 - rwx discard_passdown queue_if_no_space - 1",
		"1 1/2 3/4 - rw discard queue_if_no_space - 1",
		"1 1/2 3/4 - rw discard_passdown - - 1",
		"1 1/2 3/4 - rw discard_passdown",
		"1 1/2 3/4 - rw discard_passdown queue_if_no_space check 1",
		"1 1/2 3/4 - rw discard_passdown queue_if_no_space - x",
		"18446744073709551616 1/2 3/4 - rw discard_passdown queue_if_no_space - 1",
	};
	struct dm_pool_status s, before = { .transaction = 9, .data_total = 3 };

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		s = before;
		int r = dm_pool_parse(lines[i], &s);
		if (r != -EINVAL)
			printf("taken: '%s'\n", lines[i]);
		CU_ASSERT_EQUAL(r, -EINVAL);
		CU_ASSERT_EQUAL(memcmp(&s, &before, sizeof s), 0);
	}
}

static void test_thin(void)
{
	static const char *const garbage[] = { "", "1", "x 1", "1 x", "Fail 1", "-1 3", "--" };
	struct dm_thin_status s = { .fail = true }, before = { .mapped = 4 };

	CU_ASSERT_EQUAL(dm_thin_parse("0 -", &s), 0);
	CU_ASSERT_FALSE(s.fail);
	CU_ASSERT_EQUAL(s.mapped, 0);
	CU_ASSERT_EQUAL(s.highest, 0);
	CU_ASSERT_EQUAL(dm_thin_parse("2048 65535", &s), 0);
	CU_ASSERT_EQUAL(s.mapped, 2048);
	CU_ASSERT_EQUAL(s.highest, 65535);
	CU_ASSERT_EQUAL(dm_thin_parse("Fail", &s), 0);
	CU_ASSERT_TRUE(s.fail);
	CU_ASSERT_EQUAL(s.mapped, 0);
	s.fail = false;
	CU_ASSERT_EQUAL(dm_thin_parse("-", &s), 0);
	CU_ASSERT_TRUE(s.fail);
	for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
		s = before;
		CU_ASSERT_EQUAL(dm_thin_parse(garbage[i], &s), -EINVAL);
		CU_ASSERT_EQUAL(memcmp(&s, &before, sizeof s), 0);
	}
}

/* Any bytes give 0 or -EINVAL, and consistent figures. */
static void try_bytes(const char *line)
{
	struct dm_pool_status pool;
	struct dm_thin_status thin;
	int r = dm_pool_parse(line, &pool);

	CU_ASSERT(r == 0 || r == -EINVAL);
	if (r == 0) {
		CU_ASSERT(pool.data_used <= pool.data_total);
		CU_ASSERT(pool.metadata_used <= pool.metadata_total);
	}
	r = dm_thin_parse(line, &thin);
	CU_ASSERT(r == 0 || r == -EINVAL);
}

static void test_random_bytes(void)
{
	const char *text = getenv("BERTH_TEST_SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 0) : 4711;
	char line[2 * DM_PARAMS_MAX];

	printf("seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < 20000; i++) {
		size_t length = (size_t)rand() % (sizeof line - 1);
		for (size_t k = 0; k < length; k++)
			line[k] = (char)(1 + rand() % 255);
		line[length] = 0;
		try_bytes(line);
		/* A good line with one byte changed, and one cut short. */
		strcpy(line, FRESH);
		line[(size_t)rand() % strlen(FRESH)] = (char)(1 + rand() % 255);
		try_bytes(line);
		line[(size_t)rand() % strlen(FRESH)] = 0;
		try_bytes(line);
	}
}

/* ---- Requests: a feigned kernel looks at what comes in. */

struct feigned {
	unsigned long command;
	int result;      /* the result of each call */
	int busy;        /* number of EBUSY before that */
	int calls;       /* number of calls */
	unsigned events; /* all event_nr, or-ed */
	char message[64];
	unsigned targets;
	char last_params[64];
	bool full; /* says that the buffer was too small unless it is big */
};

static int feign(struct dm *dm, unsigned long command, struct dm_ioctl *io)
{
	struct feigned *f = dm->context;
	const char *data = (const char *)io + io->data_start;

	f->calls++;
	f->command = command;
	f->events |= io->event_nr;
	if (f->busy > 0) {
		f->busy--;
		return -EBUSY;
	}
	if (f->result < 0)
		return f->result;
	if (command == DM_TARGET_MSG)
		snprintf(f->message, sizeof f->message, "%s",
			 ((const struct dm_target_msg *)(const void *)data)->message);
	if (command == DM_TABLE_LOAD) {
		f->targets = io->target_count;
		for (unsigned i = 0; i < io->target_count; i++) {
			const struct dm_target_spec *spec = (const void *)data;
			CU_ASSERT_EQUAL((size_t)data % 8, 0);
			snprintf(f->last_params, sizeof f->last_params, "%s",
				 (const char *)(spec + 1));
			data += spec->next;
		}
		CU_ASSERT((size_t)(data - (const char *)io) <= io->data_size);
	}
	if (f->full && io->data_size < 100000)
		io->flags |= DM_BUFFER_FULL_FLAG;
	return 0;
}

static void test_requests(void)
{
	static const struct dm_target table[] = {
		{ 0, 8, "linear", "7:0 0" },
		{ 8, 8, "error", "" },
		{ 16, 8, "linear", "7:0 1234567" },
	};
	struct feigned f = { 0 };
	struct dm dm = { .fd = -1, .request = feign, .context = &f };
	struct dm_line line;
	char name[200] = { 0 };

	CU_ASSERT_EQUAL(dm_load(&dm, "x", 0, table, 3), 0);
	CU_ASSERT_EQUAL(f.targets, 3);
	CU_ASSERT_STRING_EQUAL(f.last_params, "7:0 1234567");
	CU_ASSERT_EQUAL(dm_message(&dm, "x", "create_snap %u %u", 2, 1), 0);
	CU_ASSERT_STRING_EQUAL(f.message, "create_snap 2 1");
	/* The cookie never has the number of a semaphore. */
	CU_ASSERT_EQUAL(dm_resume(&dm, "x"), 0);
	CU_ASSERT_EQUAL(dm_remove(&dm, "x", 0), 0);
	CU_ASSERT_EQUAL(f.events & 0xffff, 0);
	CU_ASSERT_NOT_EQUAL(f.events >> 16, 0);

	memset(name, 'n', sizeof name - 1);
	CU_ASSERT_EQUAL(dm_resume(&dm, name), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(dm_message(&dm, "x", "%0600d", 1), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(dm_table(&dm, "x", &line), -ENODATA);
	f.full = true;
	CU_ASSERT_EQUAL(dm_table(&dm, "x", &line), -ENODATA);
	dm_close(&dm);
}

/* Two devices. Only the first has a uuid of berth's; "first" has a table of one line. */
static int answer(struct dm *dm, unsigned long command, struct dm_ioctl *io)
{
	char *data = (char *)io + io->data_start;
	struct dm_name_list *list = (void *)data;
	struct dm_target_spec *line = (void *)data;

	(void)dm;
	if (command == DM_LIST_DEVICES) {
		list->dev = 0xfd01;
		list->next = 64;
		list = (void *)(data + 64);
		list->dev = 0xfd02;
		list->next = 0;
	} else if (command == DM_DEV_STATUS) {
		memset(io->uuid, 'u', sizeof io->uuid);
		snprintf(io->name, sizeof io->name, "of-%x", (unsigned)io->dev);
		memcpy(io->uuid, io->dev == 0xfd01 ? "BERTH-" : "OTHER-", 6);
		io->flags = DM_READONLY_FLAG | DM_INACTIVE_PRESENT_FLAG;
		io->open_count = 3;
		io->event_nr = 7;
	} else if (command == DM_TABLE_STATUS) {
		*line = (struct dm_target_spec){ .sector_start = 8, .length = 1024 };
		snprintf(line->target_type, sizeof line->target_type, "linear");
		strcpy((char *)(line + 1), "7:0 5");
		io->target_count = 1;
	}
	return 0;
}

static int keep_info(void *context, const struct dm_info *info)
{
	struct dm_info *kept = context;

	CU_ASSERT_EQUAL(kept->dev, 0);
	*kept = *info;
	return 0;
}

static void test_answers(void)
{
	struct dm dm = { .fd = -1, .request = answer };
	struct dm_info info = { 0 };
	struct dm_line line;

	CU_ASSERT_EQUAL(dm_list(&dm, "BERTH-", keep_info, &info), 0);
	CU_ASSERT_EQUAL(info.dev, 0xfd01);
	CU_ASSERT_STRING_EQUAL(info.name, "of-fd01");
	/* Texts that the kernel has filled in are terminated. */
	CU_ASSERT_EQUAL(strlen(info.uuid), sizeof info.uuid - 1);
	CU_ASSERT(info.read_only && info.inactive && !info.live && !info.suspended);
	CU_ASSERT_EQUAL(info.open_count, 3);
	CU_ASSERT_EQUAL(info.event_nr, 7);
	CU_ASSERT_EQUAL(dm_info_dev(&dm, 0xfd02, &info), 0);
	CU_ASSERT_STRING_EQUAL(info.name, "of-fd02");

	CU_ASSERT_EQUAL(dm_table(&dm, "first", &line), 0);
	CU_ASSERT(line.start == 8 && line.length == 1024);
	CU_ASSERT_STRING_EQUAL(line.type, "linear");
	CU_ASSERT_STRING_EQUAL(line.params, "7:0 5");
}

static void test_remove_retries(void)
{
	struct feigned f = { .busy = 3 };
	struct dm dm = { .fd = -1, .request = feign, .context = &f };

	CU_ASSERT_EQUAL(dm_remove(&dm, "x", 60000), 0);
	CU_ASSERT_EQUAL(f.calls, 4);
	f = (struct feigned){ .busy = 1 };
	CU_ASSERT_EQUAL(dm_remove(&dm, "x", 0), -EBUSY);
	f = (struct feigned){ .result = -ENXIO };
	CU_ASSERT_EQUAL(dm_remove(&dm, "x", 60000), -ENXIO);
	CU_ASSERT_EQUAL(f.calls, 1);
}

/* The last call is the clean-up: nothing stays of a device whose table was refused. */
static int refuse_load(struct dm *dm, unsigned long command, struct dm_ioctl *io)
{
	int r = feign(dm, command, io);

	return command == DM_TABLE_LOAD ? -EINVAL : r;
}

static void test_create_undone(void)
{
	static const struct dm_target table = { 0, 8, "none", "" };
	struct feigned f = { 0 };
	struct dm dm = { .fd = -1, .request = refuse_load, .context = &f };
	dev_t dev = 99;

	CU_ASSERT_EQUAL(dm_create(&dm, "x", "BERTH-x", 0, &table, 1, &dev), -EINVAL);
	CU_ASSERT_EQUAL(f.command, DM_DEV_REMOVE);
	CU_ASSERT_EQUAL(dev, 99);
}

/* dm_open succeeds, or says in a sentence that the kernel has no device-mapper. */
static void test_open(void)
{
	struct dm dm = { .fd = -1 };
	int r = dm_open(&dm);

	if (r == 0) {
		CU_ASSERT(dm.fd >= 0);
	} else {
		printf("no device-mapper here: %s\n", dm_why(r));
		CU_ASSERT(r == -ENODEV || r == -EACCES || r == -EPERM);
		CU_ASSERT_EQUAL(dm.fd, -1);
	}
	dm_close(&dm);
	dm_close(&dm);
	CU_ASSERT_EQUAL(dm.fd, -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(dm_why(-ENODEV), "device-mapper"));
}

static int pause_of(uint64_t used, uint64_t total, uint64_t mark)
{
	const struct dm_pool_status status = {
		.metadata_used = used,
		.metadata_total = total,
		.metadata_low_water = mark,
	};
	return dm_pool_metadata_pause(&status, 80);
}

/* The kernel's mark is a quarter of it, at most 1024 blocks, of which the reserve is part. */
static void test_metadata_pause(void)
{
	CU_ASSERT_EQUAL(pause_of(300, 2048, 512), -1);
	CU_ASSERT_EQUAL(pause_of(500, 4096, 1024), -1);
	/* 48 MiB, of a pool of 12 GiB: told when the kernel has stopped it already. */
	CU_ASSERT_TRUE(pause_of(1300, 12288, 1024) > 1000);
	CU_ASSERT_TRUE(pause_of(1300, 12288, 1024) < 10000);
	CU_ASSERT_EQUAL(pause_of(9830, 12288, 1024), 1000);
	CU_ASSERT_EQUAL(pause_of(12288, 12288, 1024), 1000);
	CU_ASSERT_EQUAL(pause_of(4200, 4000000, 1024), 300000);
	CU_ASSERT_TRUE(pause_of(3000000, 4000000, 1024) < 300000);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a fresh pool's status", test_pool_fresh },
		{ "a troubled pool's status", test_pool_troubled },
		{ "a status of one word", test_pool_words },
		{ "status lines of older and newer kernels", test_pool_ages },
		{ "garbage for a pool's status", test_pool_garbage },
		{ "a thin volume's status", test_thin },
		{ "random bytes", test_random_bytes },
		{ "tables, messages and flags", test_requests },
		{ "what the kernel answers", test_answers },
		{ "remove retries while busy", test_remove_retries },
		{ "a refused table leaves no device", test_create_undone },
		{ "a kernel with or without", test_open },
		{ "how long metadata may go unseen", test_metadata_pause },
		CU_TEST_INFO_NULL,
	};

	return suite_run("dm", NULL, NULL, tests);
}
