/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives that were damaged on their way: what carries a checksum is refused, whichever bit it is. */
#include "base/child.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "image/unpack/unpack.h"
#include "kern/mount.h"
#include "suite.h"
#include "tarball.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { DATA = 20000, PLACES = 40, ROOM = 256 << 10 };

static const struct idmap map = { .base = 1900000000, .count = IDMAP_COUNT };

static char folder[64]; /* all of this run */
static char data[DATA + 1];

static int begin(void)
{
	snprintf(folder, sizeof folder, "/var/tmp/berth-test-damaged-%d", (int)getpid());
	return mkdir(folder, 0755) < 0 || chdir(folder) < 0 ||
	       setenv("BERTH_LIBEXEC", TEST_LIBEXEC, 1) < 0;
}

static int end(void)
{
	return chdir("/") < 0 || remove_tree(AT_FDCWD, folder) < 0;
}

static int unpack(const char *bytes, size_t n, struct err *err)
{
	struct unpack_report report;
	scoped_fd int fd = open("archive", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	*err = (struct err){ 0 };
	CU_ASSERT_FATAL(write(fd, bytes, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0);
	remove_tree(AT_FDCWD, "root");
	CU_ASSERT_FATAL(mkdir("root", 0700) == 0);
	scoped_fd int mount_fd = mount_clone(AT_FDCWD, "root", 0);
	mount_private(mount_fd);
	return unpack_run(mount_fd, &(struct unpack_input){ fd, -1, -1, NULL }, &map, &report, err);
}

/* Text that packs well, and no two places of it are alike. */
static size_t make_tar(char *tar)
{
	struct member file = { .name = "usr/file", .type = '0', .data = data };
	struct member other = { .name = "etc/other", .type = '0', .data = "other" };
	FILE *f = fopen("test.tar", "w");
	unsigned seed = 1;

	for (size_t i = 0; i < DATA; i++) {
		seed = seed * 1103515245 + 12345;
		data[i] = (char)('a' + (seed >> 16) % 20);
	}
	tarball_add(f, &file);
	tarball_add(f, &other);
	tarball_end(f);
	fclose(f);
	scoped_fd int fd = open("test.tar", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, tar, ROOM);
	CU_ASSERT_FATAL(n > DATA);
	return (size_t)n;
}

static bool is_whole(void)
{
	scoped_free char *file = NULL;
	scoped_free char *other = NULL;

	return file_read(AT_FDCWD, "root/usr/file", ROOM, &file) >= 0 && strcmp(file, data) == 0 &&
	       file_read(AT_FDCWD, "root/etc/other", ROOM, &other) >= 0 &&
	       strcmp(other, "other") == 0;
}

/* Compresses with libarchive, as a filter around one raw entry. */
static size_t compress_by(int filter, const char *tar, size_t n, char *out)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	size_t used = 0;

	CU_ASSERT_FATAL(archive_write_add_filter(a, filter) == ARCHIVE_OK);
	archive_write_set_format_raw(a);
	archive_write_set_bytes_in_last_block(a, 1);
	CU_ASSERT_FATAL(archive_write_open_memory(a, out, ROOM, &used) == ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_write_header(a, entry);
	CU_ASSERT_FATAL(archive_write_data(a, tar, n) == (la_ssize_t)n);
	CU_ASSERT_FATAL(archive_write_close(a) == ARCHIVE_OK);
	archive_entry_free(entry);
	archive_write_free(a);
	return used;
}

/* libarchive writes zstd without a checksum, the program with one. 0: not installed. */
static size_t compress_zstd(char *out)
{
	const char *const zstd[] = { "zstd", "-qf", "test.tar", NULL };
	struct child_io io = { 0 };
	struct err err = { 0 };

	if (child_run(zstd, &io, &err) < 0)
		return 0;
	scoped_fd int fd = open("test.tar.zst", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, out, ROOM);
	return n > 0 ? (size_t)n : 0;
}

static const struct {
	const char *name;
	int filter;
} kinds[] = {
	{ "gzip", ARCHIVE_FILTER_GZIP }, { "bzip2", ARCHIVE_FILTER_BZIP2 },
	{ "xz", ARCHIVE_FILTER_XZ },     { "lzip", ARCHIVE_FILTER_LZIP },
	{ "lz4", ARCHIVE_FILTER_LZ4 },   { "zstd", ARCHIVE_FILTER_ZSTD },
};

static char tar[ROOM], packed[ROOM], bad[ROOM];

static void complain(const char *kind, const char *what, size_t at, size_t n)
{
	fprintf(stderr, "\n  %s: %s at %zu of %zu passed", kind, what, at, n);
}

/* A bit that says nothing, such as the time in gzip's header, may pass if all is as it was. */
static unsigned flip(const char *kind, size_t at, size_t n)
{
	struct err err;

	memcpy(bad, packed, n);
	bad[at] ^= (char)(1 << at % 8);
	if (unpack(bad, n, &err) < 0 || is_whole())
		return 0;
	complain(kind, "a flipped bit", at, n);
	return 1;
}

/* Ends and what stands behind them. */
static unsigned cut_and_extend(const char *kind, size_t n)
{
	struct err err;
	unsigned passed = 0;

	for (size_t less = 1; less < 9; less += 3) {
		if (unpack(packed, n - less, &err) == 0) {
			complain(kind, "a cut", n - less, n);
			passed++;
		}
	}
	memcpy(bad, packed, n);
	memcpy(bad + n, "garbage, and more of it", 23);
	if (unpack(bad, n + 23, &err) == 0) {
		complain(kind, "garbage", n, n);
		passed++;
	}
	return passed;
}

static void test_every_compression(void)
{
	size_t length = make_tar(tar);
	unsigned passed = 0;
	struct err err;

	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		size_t n = kinds[k].filter == ARCHIVE_FILTER_ZSTD
				   ? compress_zstd(packed)
				   : compress_by(kinds[k].filter, tar, length, packed);
		if (n == 0)
			continue;
		CU_ASSERT_EQUAL(unpack(packed, n, &err), 0);
		CU_ASSERT_TRUE(is_whole());
		for (size_t i = 0; i < PLACES; i++)
			passed += flip(kinds[k].name, i * (n - 1) / (PLACES - 1), n);
		/* The last bytes, where the checksums are. */
		for (size_t i = 1; i <= 8; i++)
			passed += flip(kinds[k].name, n - i, n);
		passed += cut_and_extend(kinds[k].name, n);
	}
	CU_ASSERT_EQUAL(passed, 0);
}

/* The others have no checksum; they still work, and a cut is seen. */
static void test_without_checksums(void)
{
	static const int filters[] = { ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_LZMA,
				       ARCHIVE_FILTER_COMPRESS };
	size_t length = make_tar(tar);
	struct err err;

	for (size_t k = 0; k < sizeof filters / sizeof *filters; k++) {
		size_t n = compress_by(filters[k], tar, length, packed);
		CU_ASSERT_EQUAL(unpack(packed, n, &err), 0);
		CU_ASSERT_TRUE(is_whole());
		CU_ASSERT_TRUE(unpack(packed, n / 2, &err) < 0);
	}
}

/* gzip files joined by cat are one, as gunzip has it; a tape's last block is filled with zeros. */
static void test_joined(void)
{
	size_t length = make_tar(tar);
	struct err err;

	for (int kind = 0; kind < 2; kind++) {
		int filter = kind ? ARCHIVE_FILTER_LZ4 : ARCHIVE_FILTER_GZIP;
		size_t n = compress_by(filter, tar, 10000, packed);
		n += compress_by(filter, tar + 10000, length - 10000, packed + n);
		CU_ASSERT_EQUAL(unpack(packed, n, &err), 0);
		CU_ASSERT_TRUE(is_whole());
		CU_ASSERT_EQUAL(flip("joined", n / 2 - 9, n), 0);
	}
	size_t n = compress_by(ARCHIVE_FILTER_GZIP, tar, length, packed);
	memset(packed + n, 0, 10240);
	CU_ASSERT_EQUAL(unpack(packed, n + 10240, &err), 0);
	CU_ASSERT_TRUE(is_whole());
	memset(tar + length, 0, 10240);
	CU_ASSERT_EQUAL(unpack(tar, length + 10240, &err), 0);
	memcpy(tar + length + 10240, "no tar", 6);
	CU_ASSERT_TRUE(unpack(tar, length + 10246, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "after its end"));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every compression", test_every_compression },
		{ "without checksums", test_without_checksums },
		{ "joined and padded", test_joined },
		CU_TEST_INFO_NULL,
	};
	int skip = suite_needs_root();

	return skip ? skip : suite_run("damaged", begin, end, tests);
}
