/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copies of the host's settings on the disk of a thin pool: two copies, one of which is always whole; records that
 * cannot be misused; and a catalogue that is made from them.
 */
#include "base/scoped.h"
#include "base/text.h"
#include "scratch.h"
#include "storage/backup.h"
#include "storage/thin/thin_backup.h"
#include "storage/thin/thin_backup_area.h"
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define UUID "0b1f2c3d-0004-4002-8003-0123456789ab"

static int disk(void)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	return fd >= 0 && ftruncate(fd, 8 << 20) == 0 ? fd : -1;
}

static const struct thin_layout roomy = { .backup = { 4096, 4096 } };
static const struct thin_layout old;

static int put(int fd, const struct thin_layout *layout, const char *words)
{
	scoped_text struct text text = { 0 };

	text_add(&text, "%s", words);
	return thin_backup_area_write(fd, layout, &text);
}

static bool is(int fd, const struct thin_layout *layout, const char *wanted)
{
	scoped_text struct text text = { 0 };

	int r = thin_backup_area_read(fd, layout, &text);
	return r == 0 ? strcmp(text_str(&text), wanted) == 0 : !wanted;
}

static void test_copies(void)
{
	const struct thin_layout *const layouts[] = { &roomy, &old };
	scoped_text struct text none = { 0 };

	for (size_t i = 0; i < 2; i++) {
		const struct thin_layout *layout = layouts[i];
		scoped_fd int fd = disk();
		CU_ASSERT_EQUAL(thin_backup_area_read(fd, layout, &none), -ENOENT);
		CU_ASSERT_EQUAL(put(fd, layout, "one"), 0);
		CU_ASSERT(is(fd, layout, "one"));
		CU_ASSERT_EQUAL(put(fd, layout, "two"), 0);
		CU_ASSERT(is(fd, layout, "two"));
		CU_ASSERT_EQUAL(put(fd, layout, "three"), 0);
		CU_ASSERT(is(fd, layout, "three"));
		/* The place of the label was not written to. */
		char label[2 * THIN_LABEL_SIZE] = "", zeros[sizeof label] = "";
		CU_ASSERT_EQUAL(pread(fd, label, sizeof label, 0), (ssize_t)sizeof label);
		CU_ASSERT_EQUAL(memcmp(label, zeros, sizeof label), 0);
		CU_ASSERT_EQUAL(pread(fd, label, sizeof label, 512 << 10), (ssize_t)sizeof label);
		CU_ASSERT_EQUAL(memcmp(label, zeros, sizeof label), 0);
		CU_ASSERT_EQUAL(pread(fd, label, sizeof label, 1 << 20), (ssize_t)sizeof label);
		CU_ASSERT_EQUAL(memcmp(label, zeros, sizeof label), 0);
	}
}

/* A loss of any byte during a write leaves the other copy whole. Equal contents are not written again. */
static void test_torn(void)
{
	scoped_fd int fd = disk();
	char block[4096 + 8], was[sizeof block];
	off_t at = (off_t)roomy.backup.start * DM_SECTOR;

	CU_ASSERT_EQUAL(put(fd, &roomy, "before"), 0);
	CU_ASSERT_EQUAL(put(fd, &roomy, "behind"), 0);
	at += (off_t)roomy.backup.length / 2 * DM_SECTOR;
	CU_ASSERT_EQUAL(pread(fd, was, sizeof was, at), (ssize_t)sizeof was);
	CU_ASSERT_EQUAL(put(fd, &roomy, "behind"), 0);
	CU_ASSERT_EQUAL(pread(fd, block, sizeof block, at), (ssize_t)sizeof block);
	CU_ASSERT_EQUAL(memcmp(block, was, sizeof was), 0);
	for (size_t i = 0; i < sizeof was; i++) {
		if (!was[i])
			continue;
		memcpy(block, was, sizeof was);
		block[i] ^= 1;
		CU_ASSERT_EQUAL(pwrite(fd, block, sizeof block, at), (ssize_t)sizeof block);
		/* The number may be the only damaged part; then the text is whole. */
		CU_ASSERT(is(fd, &roomy, "before") || is(fd, &roomy, "behind"));
	}
}

static void test_too_long(void)
{
	scoped_text struct text text = { 0 };
	scoped_fd int fd = disk();

	CU_ASSERT_EQUAL(put(fd, &roomy, "short"), 0);
	while (text.length <= roomy.backup.length / 2 * DM_SECTOR - 4096)
		text_add(&text, "%s", "and so on, ");
	CU_ASSERT_EQUAL(thin_backup_area_write(fd, &roomy, &text), -ENOSPC);
	CU_ASSERT(is(fd, &roomy, "short"));
}

/* ---- Records */

static int list(void *context, const char *kind, const char *name, const char *bytes, size_t length)
{
	return text_add(context, "[%s|%s|%zu|%s]", kind, name, length, bytes);
}

static const char *records(const char *text, int wanted)
{
	static struct text all;
	scoped_text struct text given = { 0 };

	text_free(&all);
	all = (struct text){ 0 };
	text_add(&given, "%s", text);
	CU_ASSERT_EQUAL(backup_each(&given, list, &all), wanted);
	return text_str(&all);
}

static void test_records(void)
{
	scoped_text struct text text = { 0 };

	backup_add(&text, "pool", "default", "a = b\n", 6);
	backup_add(&text, "file", "machines/m/machine.conf", "", 0);
	CU_ASSERT_STRING_EQUAL(records(text_str(&text), 0),
			       "[pool|default|6|a = b\n][file|machines/m/machine.conf|0|]");
	CU_ASSERT_STRING_EQUAL(records("", 0), "");
	CU_ASSERT_STRING_EQUAL(records("pool a 3\nabc", -EUCLEAN), "");
	CU_ASSERT_STRING_EQUAL(records("pool a 99999999999\nabc\n", -EUCLEAN), "");
	CU_ASSERT_STRING_EQUAL(records("pool a -1\nabc\n", -EUCLEAN), "");
	CU_ASSERT_STRING_EQUAL(records("pool a 18446744073709551615\nabc\n", -EUCLEAN), "");
	CU_ASSERT_STRING_EQUAL(records("pool\na 3\nabc\n", -EUCLEAN), "");
	CU_ASSERT_STRING_EQUAL(records("pool a 3\nabc\nno", -EUCLEAN), "[pool|a|3|abc]");
	CU_ASSERT_STRING_EQUAL(records("pool a 2\nabc\n", -EUCLEAN), "");
	records("", 0);
}

/* ---- As a file */

static ino_t inode_of(int folder)
{
	struct stat st;

	return fstatat(folder, ".berth-books", &st, 0) == 0 ? st.st_ino : 0;
}

static int write_words(int folder, const char *words)
{
	scoped_text struct text text = { 0 };
	struct err err = { 0 };

	text_add(&text, "%s", words);
	return backup_write(folder, &text, &err);
}

static bool file_is(int folder, const char *wanted)
{
	scoped_text struct text text = { 0 };

	return backup_read(folder, &text) == 0 && strcmp(text_str(&text), wanted) == 0;
}

static void test_file(void)
{
	scoped_text struct text text = { 0 };
	const char *path = scratch_path("volumes");

	CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
	scoped_fd int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CU_ASSERT_EQUAL(backup_read(folder, &text), -ENOENT);
	CU_ASSERT_EQUAL(write_words(folder, ""), 0);
	CU_ASSERT(file_is(folder, ""));
	CU_ASSERT_EQUAL(write_words(folder, "pool a 1\nb\n"), 0);
	CU_ASSERT(file_is(folder, "pool a 1\nb\n"));
	/* The same is not written again. */
	ino_t was = inode_of(folder);
	CU_ASSERT_EQUAL(write_words(folder, "pool a 1\nb\n"), 0);
	CU_ASSERT_EQUAL(inode_of(folder), was);
	CU_ASSERT_EQUAL(write_words(folder, "pool a 1\nc\n"), 0);
	CU_ASSERT_NOT_EQUAL(inode_of(folder), was);
	/* A file of somebody else in its place is no copy, and is replaced. */
	CU_ASSERT_EQUAL(unlinkat(folder, ".berth-books", 0), 0);
	CU_ASSERT_EQUAL(mkfifoat(folder, ".berth-books", 0600), 0);
	CU_ASSERT(backup_read(folder, &text) < 0);
	CU_ASSERT_EQUAL(write_words(folder, "whole"), 0);
	CU_ASSERT(file_is(folder, "whole"));
	CU_ASSERT_EQUAL(backup_remove(folder), 0);
	CU_ASSERT_EQUAL(backup_remove(folder), 0);
	CU_ASSERT_EQUAL(rmdir(path), 0);
}

/* ---- A catalogue */

static int describe(void *context, const struct catalog_volume *volume)
{
	return text_add(context, "%llu %s %d %llu\n", (unsigned long long)volume->id, volume->name,
			(int)volume->state, (unsigned long long)volume->size);
}

static void test_refill(void)
{
	static const char rows[] = "12 7\n"
				   "1 u1 65536 0 7 1 template.debian\n"
				   "2 44u2 65536 1 8 1 machine.web\n"
				   "3 u3 65536 1 8 0 partial.4711\n"
				   "4 u4 65536 1 8 2 machine.going\n"
				   "5 u5 65536 0 8 3 -\n"
				   "6 u6 65536 0 8 4 machine.lost\n"
				   "2 u7 1 0 8 1 machine.twice\n"
				   "7 u8 1 0 8 1 machine.web\n"
				   "8 u9 65536 0 8 1 ../../etc/passwd\n"
				   "99999999999 u10 1 0 8 1 machine.far\n"
				   "rubbish\n";
	scoped_catalog struct catalog catalog = { 0 };
	scoped_text struct text backup = { 0 }, got = { 0 };
	scoped_free char *path = strdup(scratch_path("catalog.db"));
	struct catalog_head head;
	struct err err = { 0 };

	catalog_remove(path);
	backup_add(&backup, "pool", "p", "", 0);
	backup_add(&backup, "catalog", "volumes", rows, strlen(rows));
	CU_ASSERT_EQUAL_FATAL(thin_catalog_restore(&backup, path, UUID, &err), 0);
	CU_ASSERT_EQUAL_FATAL(catalog_open(&catalog, path, UUID, &err), 0);
	CU_ASSERT_EQUAL(catalog_list_all(&catalog, describe, &got, &err), 0);
	CU_ASSERT_STRING_EQUAL(text_str(&got), "1 template.debian 1 65536\n2 machine.web 1 65536\n"
					       "3  3 65536\n4  3 65536\n5  3 65536\n"
					       "6 machine.lost 1 65536\n8  3 65536\n");
	/* An id is never used twice. */
	CU_ASSERT_EQUAL(catalog_read_head(&catalog, &head, &err), 0);
	CU_ASSERT_EQUAL(head.next_id, 12);
	CU_ASSERT_EQUAL(head.transaction, 7);
	CU_ASSERT_EQUAL(head.intent.op, CATALOG_NOTHING);
}

static CU_TestInfo tests[] = {
	{ "two copies", test_copies },
	{ "one that is torn", test_torn },
	{ "more than there is room for", test_too_long },
	{ "records", test_records },
	{ "as a file", test_file },
	{ "a catalogue made of them", test_refill },
	CU_TEST_INFO_NULL,
};

static int begin(void)
{
	return !scratch_begin();
}

static int end(void)
{
	return scratch_end();
}

int main(void)
{
	int r = suite_needs_root();

	return r ? r : suite_run("backup", begin, end, tests);
}
