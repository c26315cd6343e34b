/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes of blocks through a stream, by berth-stream. Files stand for devices, since reads, writes and holes are the
 * same.
 */
#include "base/scoped.h"
#include "base/text.h"
#include "storage/storage.h"
#include "stream/stream.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { BLOCK = 64 << 10, BLOCKS = 20, SIZE = BLOCK * BLOCKS - 4096 };

/* A file of the blocks [from, from + count), and of one range of holes. */
static int list(const struct volume_range *ranges, size_t count)
{
	int fd = memfd_create("ranges", MFD_CLOEXEC);

	for (size_t i = 0; i < count; i++) {
		struct volume_range range = ranges[i];
		range.offset *= BLOCK;
		range.length *= BLOCK;
		if (range.offset + range.length > SIZE)
			range.length = SIZE - range.offset;
		CU_ASSERT_EQUAL_FATAL(write(fd, &range, sizeof range), sizeof range);
	}
	return fd;
}

static int list_one(void)
{
	static const struct volume_range ranges[] = { { 0, 4, 0 }, { 10, 1, 0 }, { 12, 1, 0 } };

	return list(ranges, 3);
}

/* Blocks 2 and 3 have changed, 10 was discarded, 15 and 19 are new. */
static int list_two(void)
{
	static const struct volume_range ranges[] = {
		{ 2, 2, 0 }, { 10, 1, 1 }, { 15, 1, 0 }, { 19, 1, 0 }
	};

	return list(ranges, 4);
}

static int begin(void)
{
	return setenv("BERTH_LIBEXEC", TEST_LIBEXEC, 1) < 0;
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
	struct stream_out out = { .fd = stream, .press = { .codec = STREAM_LZ4 } };
	struct stream_in in = { .fd = stream };
	struct stream_volume volume_in = { 0 }, one = describe(base);
	struct text settings = { 0 }, got = { 0 };
	struct stream_head head = { 0 }, head_in;
	char **const fields[] = { &head.arch, &head.berth, &head.driver, &head.host };

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		set(fields[i], "");
	set(&head.kind, "machine");
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
	scoped_fd int ranges = list_one();

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
	scoped_fd int ranges = list_two();

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
	scoped_fd int ranges = list_one();

	CU_ASSERT_EQUAL(ftruncate(to, 12 * BLOCK), 0);
	CU_ASSERT_EQUAL(send(from, ranges, "", to, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "behind the end of the volume"));
	CU_ASSERT_EQUAL(fstat(to, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 12 * BLOCK);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "a whole volume", test_whole },
		{ "what differs from a base", test_increment },
		{ "blocks behind the end of the volume", test_behind },
		CU_TEST_INFO_NULL,
	};
	int skip = suite_needs_root();

	return skip ? skip : suite_run("blocks", begin, NULL, tests);
}
