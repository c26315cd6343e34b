/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes of blocks: the lists of the real thin_dump and thin_delta, and their way through a stream by berth-stream. Files
 * stand for devices, since reads, writes and holes are the same.
 */
#include "base/child.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/thin/thin_ranges.h"
#include "stream/stream.h"
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

	snprintf(folder, sizeof folder, "/var/tmp/berth-test-blocks-%d", (int)getpid());
	if (mkdir(folder, 0755) < 0 || chdir(folder) < 0 ||
	    setenv("BERTH_LIBEXEC", TEST_LIBEXEC, 1) < 0)
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

/* A volume whose blocks have these letters; '.' is not mapped, '0' is zeros. */
static int volume(const char *letters, char all[BLOCKS * BLOCK])
{
	int fd = memfd_create("volume", MFD_CLOEXEC);

	memset(all, 0, BLOCKS * BLOCK);
	for (size_t i = 0; i < BLOCKS; i++) {
		if (letters[i] != '.' && letters[i] != '0')
			memset(all + i * BLOCK, letters[i], BLOCK);
	}
	CU_ASSERT_EQUAL_FATAL(write(fd, all, SIZE), SIZE);
	return fd;
}

static void set(char **field, const char *value)
{
	*field = strdup(value);
}

static struct stream_volume describe(const char *base)
{
	struct stream_volume one = { .size = SIZE, .block = BLOCK };

	set(&one.base, base);
	set(&one.base_name, *base ? "s" : "");
	set(&one.content, "");
	set(&one.form, "blocks");
	set(&one.snapshot, "");
	return one;
}

/* Sends the ranges of a volume through a stream, onto a file. */
static int send(int from, int ranges, const char *base, int to, struct err *err)
{
	scoped_fd int stream = memfd_create("stream", MFD_CLOEXEC);
	struct stream_out out = { .fd = stream, .codec = STREAM_LZ4 };
	struct stream_in in = { .fd = stream };
	struct stream_volume volume_in = { 0 }, one = describe(base);
	struct text settings = { 0 }, got = { 0 };
	struct stream_head head = { 0 }, head_in;
	char **const fields[] = { &head.arch, &head.berth, &head.driver, &head.host };

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		set(fields[i], "");
	set(&head.name, "web");
	set(&head.uuid, "01234567-89ab-cdef-0123-456789abcdef");
	CU_ASSERT(text_add(&settings, "#\n") == 0);
	int r = stream_begin(&out, &head, &settings, err);
	if (r == 0)
		r = stream_put_blocks(&out, &one, from, ranges, err);
	if (r == 0)
		r = stream_end(&out, err);
	CU_ASSERT_EQUAL(lseek(stream, 0, SEEK_SET), 0);
	stream_head_free(&head);
	if (r == 0 && (r = stream_open(&in, &head_in, &got, err)) == 0) {
		stream_head_free(&head_in);
		CU_ASSERT_EQUAL(stream_next(&in, &volume_in, err), 1);
		CU_ASSERT_EQUAL(volume_in.block, BLOCK);
		volume_in.size = one.size;
		struct stat st;
		if (fstat(to, &st) == 0)
			volume_in.size = (uint64_t)st.st_size;
		r = stream_get_blocks(&in, to, &volume_in, err);
		stream_volume_free(&volume_in);
		if (r == 0)
			r = stream_next(&in, &volume_in, err);
	}
	if (r < 0)
		fprintf(stderr, "%s\n", err->text);
	text_free(&settings);
	text_free(&got);
	stream_volume_free(&one);
	return r;
}

static bool is_same(int fd, const char *all)
{
	scoped_free char *got = malloc(SIZE);

	return pread(fd, got, SIZE, 0) == SIZE && memcmp(got, all, SIZE) == 0;
}

static void test_whole(void)
{
	static char all[BLOCKS * BLOCK];
	scoped_fd int from = volume("aB0d......e.f.......", all);
	scoped_fd int to = memfd_create("to", MFD_CLOEXEC);
	struct err err = { 0 };
	uint64_t bytes;
	scoped_fd int ranges = list_one(&bytes);

	CU_ASSERT_EQUAL(ftruncate(to, SIZE), 0);
	CU_ASSERT_EQUAL(send(from, ranges, "", to, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_TRUE(is_same(to, all));
}

static void test_increment(void)
{
	static char before[BLOCKS * BLOCK], after[BLOCKS * BLOCK];
	scoped_fd int to = volume("aB0d......e.f.......", before);
	scoped_fd int from = volume("aBC0........f..g...h", after);
	struct err err = { 0 };
	uint64_t bytes;
	scoped_fd int ranges = list_two(&bytes);

	CU_ASSERT_EQUAL(send(from, ranges, "01234567-89ab-cdef-0123-456789abcdef", to, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_TRUE(is_same(to, after));
}

/* Nothing is written behind the end of a device. */
static void test_behind(void)
{
	static char all[BLOCKS * BLOCK];
	scoped_fd int from = volume("aB0d......e.f.......", all);
	scoped_fd int to = memfd_create("to", MFD_CLOEXEC);
	struct err err = { 0 };
	struct stat st;
	uint64_t bytes;
	scoped_fd int ranges = list_one(&bytes);

	CU_ASSERT_EQUAL(ftruncate(to, 12 * BLOCK), 0);
	CU_ASSERT_EQUAL(send(from, ranges, "", to, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "behind the end of the volume"));
	CU_ASSERT_EQUAL(fstat(to, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 12 * BLOCK);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "lists of mapped and of changed blocks", test_lists },
		{ "lists that make no sense", test_wrong_lists },
		{ "a whole volume", test_whole },
		{ "what differs from a base", test_increment },
		{ "blocks behind the end of the volume", test_behind },
		CU_TEST_INFO_NULL,
	};
	int skip = suite_needs_root();

	return skip ? skip : suite_run("blocks", begin, end, tests);
}
