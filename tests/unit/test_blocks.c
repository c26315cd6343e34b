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
#include <inttypes.h>
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

/* Writes the ranges of a volume as a stream into a file. */
static int write_stream(int from, int ranges, const char *base, enum stream_codec codec, int stream,
			struct err *err)
{
	struct stream_out out = { .fd = stream, .press = { .codec = codec } };
	struct stream_volume one = describe(base);
	struct text settings = { 0 };
	struct stream_head head = { 0 };
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
	stream_head_free(&head);
	text_free(&settings);
	stream_volume_free(&one);
	return r;
}

/* Reads it to its end onto a file, which stands for a device of its size. */
static int read_stream(int stream, int to, struct err *err)
{
	struct stream_in in = { .fd = stream };
	struct stream_volume volume = { 0 };
	struct text settings = { 0 };
	struct stream_head head;
	struct stat st;

	CU_ASSERT_EQUAL(lseek(stream, 0, SEEK_SET), 0);
	int r = stream_open(&in, &head, &settings, err);
	if (r < 0)
		return r;
	stream_head_free(&head);
	text_free(&settings);
	r = stream_next(&in, &volume, err);
	if (r == 1) {
		CU_ASSERT_EQUAL(fstat(to, &st), 0);
		volume.size = (uint64_t)st.st_size;
		r = stream_get_blocks(&in, to, &volume, err);
		stream_volume_free(&volume);
		if (r == 0)
			r = stream_next(&in, &volume, err);
	}
	return r;
}

static int send(int from, int ranges, const char *base, int to, struct err *err)
{
	scoped_fd int stream = memfd_create("stream", MFD_CLOEXEC);
	int r = write_stream(from, ranges, base, STREAM_LZ4, stream, err);

	return r < 0 ? r : read_stream(stream, to, err);
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

/* ---- Kept streams */

/* A stream that an earlier version has written; with BERTH_WRITE_STREAMS=1 this one writes it. */
static int open_kept(const char *name, int from, int ranges, const char *base)
{
	char path[512];
	struct err err = { 0 };

	snprintf(path, sizeof path, "%s/%s", TEST_STREAMS, name);
	if (getenv("BERTH_WRITE_STREAMS")) {
		scoped_fd int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		CU_ASSERT_EQUAL(write_stream(from, ranges, base, STREAM_LZ4, fd, &err), 0);
	}
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void test_kept(void)
{
	static char before[BLOCKS * BLOCK], after[BLOCKS * BLOCK];
	scoped_fd int from = volume("aB0d......e.f.......", before);
	scoped_fd int later = volume("aBC0........f..g...h", after);
	scoped_fd int to = memfd_create("to", MFD_CLOEXEC);
	scoped_fd int ranges = list_one(), others = list_two();
	scoped_fd int base = open_kept("blocks.berth", from, ranges, "");
	scoped_fd int step = open_kept("blocks-increment.berth", later, others,
				       "01234567-89ab-cdef-0123-456789abcdef");
	struct err err = { 0 };

	CU_ASSERT_EQUAL(ftruncate(to, SIZE), 0);
	CU_ASSERT_EQUAL(read_stream(base, to, &err), 0);
	CU_ASSERT_TRUE(is_same(to, before));
	CU_ASSERT_EQUAL(read_stream(step, to, &err), 0);
	CU_ASSERT_TRUE(is_same(to, after));
}

/* ---- Damage */

/* Bytes of a stream, and a copy of them that gets damaged. */
struct damaged {
	uint8_t *bytes;
	size_t size;
	int fd;
};

static struct damaged load(int stream)
{
	struct stat st;

	CU_ASSERT_EQUAL_FATAL(fstat(stream, &st), 0);
	struct damaged one = { malloc((size_t)st.st_size), (size_t)st.st_size,
			       memfd_create("damaged", MFD_CLOEXEC) };
	CU_ASSERT_EQUAL_FATAL(pread(stream, one.bytes, one.size, 0), (ssize_t)one.size);
	return one;
}

static uint64_t draw(uint64_t *seed, uint64_t below)
{
	*seed = *seed * 6364136223846793005U + 1442695040888963407U;
	return (*seed >> 33) % below;
}

/* A flipped bit in its first bytes or anywhere, or a cut. How it was damaged is told if it is taken. */
static int take_damaged(const struct damaged *one, int to, uint64_t *seed, struct err *err)
{
	enum { FIRST = 2000 };
	const uint64_t kind = draw(seed, 3);
	const size_t at = draw(seed, kind == 0 && one->size > FIRST ? FIRST : one->size);
	const uint8_t bit = (uint8_t)(1U << draw(seed, 8));

	CU_ASSERT_EQUAL(ftruncate(one->fd, 0), 0);
	if (kind < 2)
		one->bytes[at] ^= bit;
	CU_ASSERT_EQUAL(pwrite(one->fd, one->bytes, kind < 2 ? one->size : at, 0),
			(ssize_t)(kind < 2 ? one->size : at));
	if (kind < 2)
		one->bytes[at] ^= bit;
	int r = read_stream(one->fd, to, err);
	if (r >= 0)
		printf("taken: %s %zu of %zu\n", kind < 2 ? "bit of byte" : "cut to", at,
		       one->size);
	return r;
}

/*
 * As many as STREAM_FLIPS says, by the program that an import runs: each is refused with a sentence, in all methods of
 * compression, of a whole volume and of an increment.
 */
static void test_damaged(void)
{
	static char before[BLOCKS * BLOCK], after[BLOCKS * BLOCK];
	const char *wanted = getenv("STREAM_FLIPS");
	uint64_t refused = 0, count = 48;
	scoped_fd int from = volume("aB0d......e.f.......", before);
	scoped_fd int later = volume("aBC0........f..g...h", after);
	scoped_fd int to = memfd_create("to", MFD_CLOEXEC);
	struct damaged list[2 * STREAM_CODECS];
	uint64_t seed = 5;

	CU_ASSERT_TRUE(!wanted || text_to_u64(wanted, 1, UINT32_MAX, &count) == 0);
	CU_ASSERT_EQUAL(ftruncate(to, SIZE), 0);
	for (int i = 0; i < 2 * STREAM_CODECS; i++) {
		scoped_fd int ranges = i % 2 ? list_two() : list_one();
		scoped_fd int stream = memfd_create("stream", MFD_CLOEXEC);
		struct err err = { 0 };
		CU_ASSERT_EQUAL_FATAL(write_stream(i % 2 ? later : from, ranges,
						   i % 2 ? "01234567-89ab-cdef-0123-456789abcdef"
							 : "",
						   (enum stream_codec)(i / 2), stream, &err),
				      0);
		CU_ASSERT_EQUAL(read_stream(stream, to, &err), 0);
		list[i] = load(stream);
	}
	for (uint64_t i = 0; i < count; i++) {
		struct err err = { 0 };
		refused += take_damaged(&list[i % (2 * STREAM_CODECS)], to, &seed, &err) < 0 &&
			   *err.text;
	}
	printf("damaged streams of blocks that were refused: %" PRIu64 " of %" PRIu64 "\n", refused,
	       count);
	CU_ASSERT_EQUAL(refused, count);
	for (int i = 0; i < 2 * STREAM_CODECS; i++) {
		free(list[i].bytes);
		close(list[i].fd);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "a whole volume", test_whole },
		{ "what differs from a base", test_increment },
		{ "blocks behind the end of the volume", test_behind },
		{ "streams of earlier versions", test_kept },
		{ "damaged streams of blocks", test_damaged },
		CU_TEST_INFO_NULL,
	};
	int skip = suite_needs_root();

	return skip ? skip : suite_run("blocks", begin, NULL, tests);
}
