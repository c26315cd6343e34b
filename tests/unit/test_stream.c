/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The format of streams: what was written is read, and nothing else. */
#include "base/scoped.h"
#include "stream/sink.h"
#include "stream/source.h"
#include "stream/stream.h"
#include "stream_bytes.h"
#include "suite.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char *text_of(const char *value)
{
	return strdup(value);
}

/* Writes a start, and a description of one volume. */
static void put_texts(struct stream_out *out, struct err *err)
{
	struct stream_head head = { .arch = text_of("x86_64"),
				    .berth = text_of("1"),
				    .driver = text_of("dir"),
				    .host = text_of("here"),
				    .name = text_of("web"),
				    .uuid = text_of("01234567-89ab-cdef-0123-456789abcdef"),
				    .epoch = 12345,
				    .plan = text_of(""),
				    .kind = text_of("machine"),
				    .volumes = text_of(""),
				    .resumes = text_of("") };
	struct text settings = { 0 };

	text_add(&settings, "description = one\n");
	CU_ASSERT_EQUAL_FATAL(stream_begin(out, &head, &settings, err), 0);
	text_free(&settings);
	stream_head_free(&head);
}

/* stream_put without berth-stream: contents from memory, in pieces of that size. */
static void put_volume(struct stream_out *out, const struct stream_press *how, const char *bytes,
		       size_t n, size_t piece, struct err *err)
{
	struct stream_volume volume = { .base = text_of(""),
					.base_name = text_of(""),
					.content = text_of(""),
					.form = text_of("tree"),
					.snapshot = text_of(""),
					.created = 1 };
	struct stream_report report = { 0 };
	struct sink sink = { .fd = out->fd, .moved_fd = -1, .how = *how, .report = &report };
	struct text text = { 0 };
	struct stream_writer writer;
	uint8_t head[STREAM_HEAD], last[STREAM_SUM_SIZE];

	stream_volume_print(&volume, &text);
	const struct stream_chunk chunk = { .type = STREAM_VOLUME,
					    .stored = (uint32_t)text.length,
					    .plain = (uint32_t)text.length };
	stream_writer_begin(&writer, out->sum, err);
	stream_writer_add(&writer, &chunk, text.data, head);
	CU_ASSERT_EQUAL(write(out->fd, head, sizeof head), sizeof head);
	CU_ASSERT_EQUAL(write(out->fd, text.data, text.length), (ssize_t)text.length);
	stream_writer_end(&writer, last, out->sum);
	CU_ASSERT_EQUAL(write(out->fd, last, sizeof last), sizeof last);
	text_free(&text);
	stream_volume_free(&volume);

	CU_ASSERT_EQUAL(sink_open(&sink, out->sum), 0);
	for (size_t at = 0; at < n; at += piece)
		CU_ASSERT_EQUAL(sink_add(&sink, bytes + at, n - at < piece ? n - at : piece), 0);
	CU_ASSERT_EQUAL(sink_remove(&sink, "./gone", 7), 0);
	CU_ASSERT_EQUAL(sink_finish(&sink), 0);
	sink_close(&sink);
	memcpy(out->sum, report.sum, sizeof out->sum);
	out->volumes++;
}

/* A whole stream in memory, which the caller frees. */
static uint8_t *make_by(const struct stream_press *how, const char *bytes, size_t n, size_t piece,
			size_t *size)
{
	scoped_fd int fd = memfd_create("stream", MFD_CLOEXEC);
	struct stream_out out = { .fd = fd };
	struct err err = { 0 };
	struct stat st;

	put_texts(&out, &err);
	put_volume(&out, how, bytes, n, piece, &err);
	CU_ASSERT_EQUAL(stream_end(&out, &err), 0);
	CU_ASSERT_EQUAL_FATAL(fstat(fd, &st), 0);
	*size = (size_t)st.st_size;
	uint8_t *all = malloc(*size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	CU_ASSERT_EQUAL(pread(fd, all, *size, 0), (ssize_t)*size);
	return all;
}

static uint8_t *make(enum stream_codec codec, const char *bytes, size_t n, size_t piece,
		     size_t *size)
{
	return make_by(&(struct stream_press){ .codec = codec }, bytes, n, piece, size);
}

static char *sample(size_t n)
{
	char *bytes = malloc(n);

	for (size_t i = 0; bytes && i < n; i++)
		bytes[i] = (char)(i % 7 ? i / 64 : i * i);
	return bytes;
}

static void test_whole(void)
{
	static const size_t sizes[] = { 1, 1000, STREAM_CHUNK_MAX, 3 * STREAM_CHUNK_MAX + 17 };

	for (enum stream_codec how = STREAM_NONE; how < STREAM_CODECS; how++) {
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			scoped_free char *bytes = sample(sizes[i]);
			struct stream_seen seen;
			struct err err = { 0 };
			size_t size;
			scoped_free uint8_t *all = make(how, bytes, sizes[i], 70000, &size);

			CU_ASSERT_EQUAL(stream_bytes_read(all, size, &seen, &err), 0);
			CU_ASSERT_EQUAL(seen.volumes, 1);
			CU_ASSERT_EQUAL(seen.bytes, sizes[i] + 7);
		}
	}
}

/* The same bytes, whatever the number of processes, up to more of them than there are chunks. */
static void test_threads(void)
{
	const size_t n = 9 * STREAM_CHUNK_MAX + 17;
	scoped_free char *bytes = sample(n);

	for (enum stream_codec codec = STREAM_NONE; codec < STREAM_CODECS; codec++) {
		struct stream_press how = { .codec = codec };
		size_t size, other_size;
		scoped_free uint8_t *all = make_by(&how, bytes, n, 70000, &size);
		for (how.threads = 1; how.threads <= STREAM_THREADS_MAX; how.threads += 5) {
			scoped_free uint8_t *other = make_by(&how, bytes, n, 70000, &other_size);
			CU_ASSERT_EQUAL_FATAL(other_size, size);
			CU_ASSERT_EQUAL(memcmp(other, all, size), 0);
		}
	}
}

static void test_levels(void)
{
	scoped_free char *bytes = sample(STREAM_CHUNK_MAX);
	const struct stream_press low[] = { { STREAM_LZ4, 1, 0 }, { STREAM_ZSTD, 1, 0 } };
	const struct stream_press high[] = { { STREAM_LZ4, 12, 2 },
					     { STREAM_ZSTD, STREAM_LEVEL_MAX, 2 } };

	for (size_t i = 0; i < 2; i++) {
		struct stream_seen seen;
		struct err err = { 0 };
		size_t size, other_size;
		scoped_free uint8_t *one =
			make_by(&low[i], bytes, STREAM_CHUNK_MAX, STREAM_CHUNK_MAX, &size);
		scoped_free uint8_t *other =
			make_by(&high[i], bytes, STREAM_CHUNK_MAX, STREAM_CHUNK_MAX, &other_size);
		CU_ASSERT_TRUE(other_size < size);
		CU_ASSERT_EQUAL(stream_bytes_read(one, size, &seen, &err), 0);
		CU_ASSERT_EQUAL(stream_bytes_read(other, other_size, &seen, &err), 0);
		CU_ASSERT_EQUAL(seen.bytes, STREAM_CHUNK_MAX + 7);
	}
}

/* A process that cannot confine itself gets no bytes, and the writer says so. */
static int refuse(struct err *err)
{
	return err_set(err, EPERM, "no");
}

static void test_lost_helper(void)
{
	struct stream_report report = { 0 };
	scoped_fd int fd = memfd_create("lost", MFD_CLOEXEC);
	struct sink sink = { .fd = fd,
			     .moved_fd = -1,
			     .how = { STREAM_LZ4, 0, 2 },
			     .confine = refuse,
			     .report = &report };

	signal(SIGPIPE, SIG_IGN);
	CU_ASSERT_EQUAL_FATAL(sink_open(&sink, STREAM_NO_SUM), 0);
	CU_ASSERT_TRUE(sink_add(&sink, "first", 5) < 0 || sink_finish(&sink) < 0);
	CU_ASSERT_STRING_EQUAL(report.err.text, "a process that compresses has ended");
	sink_close(&sink);
}

static void test_flips(void)
{
	for (enum stream_codec how = STREAM_NONE; how < STREAM_CODECS; how++) {
		scoped_free char *bytes = sample(600);
		unsigned wrong = 0;
		size_t size;
		scoped_free uint8_t *all = make(how, bytes, 600, 600, &size);

		for (size_t bit = 0; bit < size * 8; bit++) {
			struct stream_seen seen;
			struct err err = { 0 };
			all[bit / 8] ^= (uint8_t)(1U << bit % 8);
			wrong += stream_bytes_read(all, size, &seen, &err) == 0 || !*err.text;
			all[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		CU_ASSERT_EQUAL(wrong, 0);
	}
}

static void test_truncations(void)
{
	scoped_free char *bytes = sample(600);
	unsigned wrong = 0;
	size_t size;
	scoped_free uint8_t *all = make(STREAM_LZ4, bytes, 600, 600, &size);

	for (size_t length = 0; length < size; length++) {
		/* Copied, so that a read past the end is seen by a sanitizer. */
		scoped_free uint8_t *part = malloc(length + 1);
		struct stream_seen seen;
		struct err err = { 0 };
		memcpy(part, all, length);
		wrong += stream_bytes_read(part, length, &seen, &err) == 0 || !*err.text;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void test_behind(void)
{
	scoped_free char *bytes = sample(10);
	struct stream_seen seen;
	struct err err = { 0 };
	size_t size;
	scoped_free uint8_t *all = make(STREAM_LZ4, bytes, 10, 10, &size);
	scoped_free uint8_t *longer = calloc(1, size + 1);

	memcpy(longer, all, size);
	CU_ASSERT_EQUAL(stream_bytes_read(longer, size + 1, &seen, &err), -EBADMSG);
}

static void test_version(void)
{
	scoped_free char *bytes = sample(10);
	struct stream_seen seen;
	struct err err = { 0 };
	size_t size;
	scoped_free uint8_t *all = make(STREAM_LZ4, bytes, 10, 10, &size);

	all[14] = '2';
	CU_ASSERT_EQUAL(stream_bytes_read(all, size, &seen, &err), -EPROTONOSUPPORT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another version"));
	err = (struct err){ 0 };
	all[0] = 'B';
	CU_ASSERT_EQUAL(stream_bytes_read(all, size, &seen, &err), -EINVAL);
}

/* Sections are checked one by one: a section of one stream does not fit into another. */
static void test_chain(void)
{
	scoped_free char *bytes = sample(600);
	size_t size, other_size;
	scoped_free uint8_t *all = make(STREAM_NONE, bytes, 600, 600, &size);
	bytes[0]++;
	scoped_free uint8_t *other = make(STREAM_NONE, bytes, 600, 600, &other_size);
	struct stream_seen seen;
	struct err err = { 0 };
	size_t end = STREAM_HEAD + 8 + STREAM_SUM_SIZE;

	CU_ASSERT_EQUAL_FATAL(size, other_size);
	/* The end of the one behind the contents of the other. */
	memcpy(all + size - end, other + size - end, end);
	CU_ASSERT_EQUAL(stream_bytes_read(all, size, &seen, &err), -EBADMSG);
}

static int from_file(struct source *source, void *out, size_t n, struct err *err)
{
	return read(source->fd, out, n) == (ssize_t)n ? 0 : err_set(err, EBADMSG, "an early end");
}

/* Reads one part with these bytes. sum: of the section before, and then of this one. point: behind it. */
static int read_part(int fd, char sum[SHA256_HEX + 1], const char *bytes, char *point)
{
	struct source source = { .read = from_file, .fd = fd, .moved_fd = -1 };
	struct err err = { 0 };
	int r = source_open(&source, sum, &err);

	while (r >= 0 && (r = source_next(&source, &err)) > 0) {
		CU_ASSERT_EQUAL(source.reader.chunk.plain, strlen(bytes));
		CU_ASSERT_EQUAL(memcmp(source.plain, bytes, strlen(bytes)), 0);
	}
	strcpy(sum, source.reader.so_far);
	strcpy(point, source.reader.point);
	source_close(&source);
	return r;
}

/* Each part has a sum of its own, which covers the one before. */
static void test_parts(void)
{
	struct stream_report report = { 0 };
	scoped_fd int fd = memfd_create("parts", MFD_CLOEXEC);
	struct sink sink = { .fd = fd, .moved_fd = -1, .report = &report };
	char sum[SHA256_HEX + 1] = STREAM_NO_SUM, point[STREAM_POINT_MAX + 1],
			      middle[SHA256_HEX + 1];

	CU_ASSERT_EQUAL_FATAL(sink_open(&sink, STREAM_NO_SUM), 0);
	CU_ASSERT_EQUAL(sink_add(&sink, "first", 5), 0);
	CU_ASSERT_EQUAL(sink_part(&sink, "1:0:abc"), 0);
	off_t second = lseek(fd, 0, SEEK_CUR);
	CU_ASSERT_EQUAL(sink_add(&sink, "second", 6), 0);
	CU_ASSERT_EQUAL(sink_finish(&sink), 0);
	CU_ASSERT_EQUAL(report.bytes, 11);
	sink_close(&sink);
	lseek(fd, 0, SEEK_SET);
	CU_ASSERT_EQUAL(read_part(fd, sum, "first", point), 0);
	CU_ASSERT_STRING_EQUAL(point, "1:0:abc");
	CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_CUR), second);
	strcpy(middle, sum);
	CU_ASSERT_EQUAL(read_part(fd, sum, "second", point), 0);
	CU_ASSERT_STRING_EQUAL(point, "");
	CU_ASSERT_STRING_EQUAL(sum, report.sum);
	/* Behind another part it does not fit. */
	middle[0] = middle[0] == '0' ? '1' : '0';
	lseek(fd, second, SEEK_SET);
	CU_ASSERT_EQUAL(read_part(fd, middle, "second", point), -EBADMSG);
}

static void test_points(void)
{
	static const char long_one[STREAM_POINT_MAX + 2] = { 0 };
	char most[STREAM_POINT_MAX + 2];

	memset(most, 'a', sizeof most);
	CU_ASSERT_TRUE(stream_point_is("12:0:00ff", 9));
	CU_ASSERT_TRUE(stream_point_is(most, STREAM_POINT_MAX));
	CU_ASSERT_FALSE(stream_point_is(most, STREAM_POINT_MAX + 1));
	CU_ASSERT_FALSE(stream_point_is("", 0));
	CU_ASSERT_FALSE(stream_point_is("1 2", 3));
	CU_ASSERT_FALSE(stream_point_is("1\n2", 3));
	CU_ASSERT_FALSE(stream_point_is(long_one, 2));
}

/* A chunk that says how large it gets, and lies. */
static void test_bombs(void)
{
	struct codec *codec = codec_open();
	scoped_free char *bytes = calloc(1, STREAM_CHUNK_MAX);
	scoped_free char *small = malloc(STREAM_STORED_MAX);
	scoped_free char *out = malloc(STREAM_CHUNK_MAX);

	for (enum stream_codec how = STREAM_LZ4; how < STREAM_CODECS; how++) {
		struct err err = { 0 };
		size_t n = codec_press(codec, &(struct stream_press){ .codec = how }, bytes,
				       STREAM_CHUNK_MAX, small);
		struct stream_chunk chunk = { .type = STREAM_TREE,
					      .codec = how,
					      .stored = (uint32_t)n,
					      .plain = STREAM_CHUNK_MAX };
		CU_ASSERT_TRUE(n > 0 && n < 20000);
		CU_ASSERT_EQUAL(codec_expand(codec, &chunk, small, out, &err), 0);
		for (uint32_t plain = 1; plain < STREAM_CHUNK_MAX; plain *= 2) {
			chunk.plain = plain;
			err = (struct err){ 0 };
			CU_ASSERT_EQUAL(codec_expand(codec, &chunk, small, out, &err), -EBADMSG);
		}
		/* The context is of use after a fault. */
		chunk.plain = STREAM_CHUNK_MAX;
		err = (struct err){ 0 };
		CU_ASSERT_EQUAL(codec_expand(codec, &chunk, small, out, &err), 0);
	}
	codec_close(codec);
}

static void test_texts(void)
{
	struct stream_head head;
	struct err err = { 0 };
	static const char nameless[] = "uuid = 01234567-89ab-cdef-0123-456789abcdef\n";
	static const char path[] = "name = ../x\n";

	CU_ASSERT_EQUAL(stream_head_parse(nameless, sizeof nameless - 1, &head, &err), -EBADMSG);
	err = (struct err){ 0 };
	CU_ASSERT_TRUE(stream_head_parse(path, sizeof path - 1, &head, &err) < 0);
}

static void test_methods(void)
{
	static const char *const wrong[] = { "gzip",    "",       "lz",       "lz44",
					     "none:1",  "lz4:",   "lz4:0",    "lz4:13",
					     "zstd:20", "zstd:x", "zstd:3:1", NULL };
	struct stream_press press = { .threads = 7 };

	CU_ASSERT_EQUAL(stream_press_of("zstd", &press), 0);
	CU_ASSERT_TRUE(press.codec == STREAM_ZSTD && press.level == 0 && press.threads == 7);
	CU_ASSERT_EQUAL(stream_press_of("zstd:19", &press), 0);
	CU_ASSERT_TRUE(press.codec == STREAM_ZSTD && press.level == 19);
	CU_ASSERT_EQUAL(stream_press_of("lz4:12", &press), 0);
	CU_ASSERT_TRUE(press.codec == STREAM_LZ4 && press.level == 12);
	CU_ASSERT_EQUAL(stream_press_of("none", &press), 0);
	CU_ASSERT_TRUE(press.codec == STREAM_NONE && press.level == 0);
	for (size_t i = 0; wrong[i]; i++)
		CU_ASSERT_EQUAL(stream_press_of(wrong[i], &press), -EINVAL);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "what was written is read", test_whole },
		{ "several processes write the same bytes", test_threads },
		{ "levels of compression", test_levels },
		{ "a process that compresses ends", test_lost_helper },
		{ "the words of --compress", test_methods },
		{ "a bit that was flipped anywhere is noticed", test_flips },
		{ "a stream that was cut anywhere is noticed", test_truncations },
		{ "bytes behind the end are noticed", test_behind },
		{ "another version is refused by its number", test_version },
		{ "a section belongs to the one before", test_chain },
		{ "parts of contents have sums of their own", test_parts },
		{ "points behind parts are short words", test_points },
		{ "chunks that get larger than they say are refused", test_bombs },
		{ "texts", test_texts },
		CU_TEST_INFO_NULL,
	};

	return suite_run("stream", NULL, NULL, tests);
}
