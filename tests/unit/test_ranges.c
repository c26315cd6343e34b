/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of the blocks of thin volumes, by the real thin_dump and thin_delta. */
#include "base/child.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/thin/thin_ranges.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { BLOCK = 64 << 10, BLOCKS = 20, SIZE = BLOCK * BLOCKS - 4096 };

/* Volume 2 is a snapshot of volume 1: blocks 2 and 3 were copied, 10 was discarded, 15 and 19 are new. */
static const char mappings[] =
	"<superblock uuid=\"\" time=\"1\" transaction=\"2\" flags=\"0\" version=\"2\" "
	"data_block_size=\"128\" "
	"nr_data_blocks=\"1000\">\n"
	"<device dev_id=\"1\" mapped_blocks=\"6\" transaction=\"0\" creation_time=\"0\" "
	"snap_time=\"1\">\n"
	"<range_mapping origin_begin=\"0\" data_begin=\"0\" length=\"4\" time=\"0\"/>\n"
	"<single_mapping origin_block=\"10\" data_block=\"7\" time=\"0\"/>\n"
	"<single_mapping origin_block=\"12\" data_block=\"9\" time=\"0\"/>\n"
	"</device>\n"
	"<device dev_id=\"2\" mapped_blocks=\"7\" transaction=\"0\" creation_time=\"0\" "
	"snap_time=\"1\">\n"
	"<range_mapping origin_begin=\"0\" data_begin=\"0\" length=\"2\" time=\"0\"/>\n"
	"<range_mapping origin_begin=\"2\" data_begin=\"20\" length=\"2\" time=\"1\"/>\n"
	"<single_mapping origin_block=\"12\" data_block=\"9\" time=\"0\"/>\n"
	"<single_mapping origin_block=\"15\" data_block=\"30\" time=\"1\"/>\n"
	"<single_mapping origin_block=\"19\" data_block=\"31\" time=\"1\"/>\n"
	"</device>\n"
	"</superblock>\n";

static char folder[64];

static int begin(void)
{
	struct err err = { 0 };

	snprintf(folder, sizeof folder, "/var/tmp/berth-test-ranges-%d", (int)getpid());
	if (mkdir(folder, 0755) < 0 || chdir(folder) < 0)
		return 1;
	FILE *f = fopen("mappings.xml", "w");
	int fd = open("metadata", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const char *const argv[] = {
		"/usr/sbin/thin_restore", "-i", "mappings.xml", "-o", "metadata", NULL
	};
	struct text out = { 0 };
	if (!f || fputs(mappings, f) < 0 || fclose(f) || fd < 0 || ftruncate(fd, 4 << 20) < 0)
		return 1;
	close(fd);
	int r = child_run(argv, &(struct child_io){ .out = &out, .errors = &out }, &err);
	text_free(&out);
	return r < 0;
}

static int end(void)
{
	return chdir("/") < 0 || remove_tree(AT_FDCWD, folder) < 0;
}

/* The ranges that a program lists, in a file; the bytes of data in them. */
static int list(const char *const *argv, uint64_t *bytes)
{
	scoped_fd int text = memfd_create("text", MFD_CLOEXEC);
	int fd = memfd_create("ranges", MFD_CLOEXEC);
	struct err err = { 0 };
	struct thin_ranges ranges = { .block = BLOCK, .size = SIZE, .fd = fd };

	CU_ASSERT_EQUAL_FATAL(child_run(argv, &(struct child_io){ .out_fd = text }, &err), 0);
	CU_ASSERT_EQUAL(lseek(text, 0, SEEK_SET), 0);
	FILE *in = fdopen(take_fd(&text), "r");
	CU_ASSERT_EQUAL_FATAL(thin_ranges_read(in, &ranges, &err), 0);
	fclose(in);
	*bytes = ranges.bytes;
	return fd;
}

static int list_one(uint64_t *bytes)
{
	static const char *const argv[] = { "/usr/sbin/thin_dump", "--dev-id", "1", "metadata",
					    NULL };

	return list(argv, bytes);
}

static int list_two(uint64_t *bytes)
{
	static const char *const argv[] = {
		"/usr/sbin/thin_delta", "--thin1", "1", "--thin2", "2", "metadata", NULL
	};

	return list(argv, bytes);
}

static void test_lists(void)
{
	struct volume_range range[8];
	uint64_t bytes;

	scoped_fd int one = list_one(&bytes);
	CU_ASSERT_EQUAL(bytes, 6 * BLOCK);
	CU_ASSERT_EQUAL(pread(one, range, sizeof range, 0), 3 * sizeof *range);
	CU_ASSERT_EQUAL(range[0].offset, 0);
	CU_ASSERT_EQUAL(range[0].length, 4 * BLOCK);
	CU_ASSERT_EQUAL(range[2].offset, 12 * BLOCK);
	scoped_fd int two = list_two(&bytes);
	/* The last block of the volume is shorter. */
	CU_ASSERT_EQUAL(bytes, 4 * BLOCK - 4096);
	CU_ASSERT_EQUAL(pread(two, range, sizeof range, 0), 4 * sizeof *range);
	CU_ASSERT_EQUAL(range[0].offset, 2 * BLOCK);
	CU_ASSERT_EQUAL(range[1].offset, 10 * BLOCK);
	CU_ASSERT_EQUAL(range[1].hole, 1);
	CU_ASSERT_EQUAL(range[3].length, BLOCK - 4096);
}

/* Lists that no thin_dump makes. */
static void test_wrong_lists(void)
{
	static const char *const wrong[] = {
		"",
		"<superblock data_block_size=\"128\">\n",
		"<superblock data_block_size=\"256\">\n</superblock>\n",
		"<range_mapping origin_begin=\"0\" length=\"21\"/>\n</superblock>\n",
		"<range_mapping origin_begin=\"20\" length=\"1\"/>\n</superblock>\n",
		"<range_mapping origin_begin=\"1\" "
		"length=\"18446744073709551615\"/>\n</superblock>\n",
		"<range_mapping origin_begin=\"99999999999999999999\" "
		"length=\"1\"/>\n</superblock>\n",
		"<range_mapping origin_begin=\"5\" length=\"2\"/>\n<single_mapping "
		"origin_block=\"6\"/>\n"
		"</superblock>\n",
		"<different begin=\"5\" length=\"0\"/>\n</superblock>\n",
		"something else\n</superblock>\n",
		"<range_mapping origin_begin=\"5\"",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		scoped_fd int fd = memfd_create("ranges", MFD_CLOEXEC);
		struct thin_ranges ranges = { .block = BLOCK, .size = SIZE, .fd = fd };
		struct err err = { 0 };
		char *text = strdup(*wrong[i] ? wrong[i] : "\n");
		FILE *in = fmemopen(text, strlen(text), "r");
		CU_ASSERT(thin_ranges_read(in, &ranges, &err) < 0 && *err.text);
		fclose(in);
		free(text);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "lists of mapped and of changed blocks", test_lists },
		{ "lists that make no sense", test_wrong_lists },
		CU_TEST_INFO_NULL,
	};

	return suite_run("ranges", begin, end, tests);
}
