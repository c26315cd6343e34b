/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The index of list: only a whole one of this berth and this boot is read. */
#include "base/file.h"
#include "base/scoped.h"
#include "machine/life/index.h"
#include "suite.h"
#include "test_machine.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void write_index(void)
{
	scoped_text struct text entries = { 0 };

	entry_add(&entries, (struct entry){ .kind = ENTRY_POOL, .settings = 3 },
		  (const char *[]){ "default", NULL });
	entry_add(&entries,
		  (struct entry){ .kind = ENTRY_MACHINE,
				  .flags = ENTRY_WHOLE | ENTRY_LEASED,
				  .folder = 5,
				  .labels = 1 },
		  (const char *[]){ "web", "", "default", "lan", "role", "db", NULL });
	entry_add(&entries, (struct entry){ .kind = ENTRY_MACHINE }, (const char *[]){ "x", NULL });
	index_write(&dirs, 7, 2, &entries);
}

static bool is_read(void)
{
	struct index index;

	index_open(&index, &dirs);
	bool read = index.data;
	index_close(&index);
	return read;
}

static void compare_entries(const struct index *index)
{
	const struct entry *pool = index_next(index, NULL);
	const struct entry *web = index_next(index, pool);
	const struct entry *x = index_next(index, web);

	CU_ASSERT_EQUAL(pool->kind, ENTRY_POOL);
	CU_ASSERT_EQUAL(pool->settings, 3);
	CU_ASSERT_STRING_EQUAL(entry_text(pool, 0), "default");
	CU_ASSERT_EQUAL(web->folder, 5);
	CU_ASSERT_EQUAL(web->texts, 6);
	CU_ASSERT_STRING_EQUAL(entry_text(web, 1), "");
	CU_ASSERT_STRING_EQUAL(entry_text(web, 5), "db");
	CU_ASSERT_STRING_EQUAL(entry_text(x, 0), "x");
	CU_ASSERT_PTR_NULL(index_next(index, x));
}

void test_index(void)
{
	struct index index;

	CU_ASSERT_FALSE(is_read());
	write_index();
	index_open(&index, &dirs);
	CU_ASSERT_PTR_NOT_NULL_FATAL(index.data);
	CU_ASSERT_EQUAL(index.machines, 7);
	CU_ASSERT_EQUAL(index.count, 2);
	compare_entries(&index);
	index_close(&index);
	CU_ASSERT_PTR_NULL(index_next(&index, NULL));
}

static void put_bytes(const char *path, const char *bytes, size_t length)
{
	scoped_fd int fd = open(path, O_WRONLY | O_TRUNC | O_NONBLOCK | O_CLOEXEC);

	CU_ASSERT_EQUAL(file_write_all(fd, bytes, length, 0), 0);
}

/* A kill, a full disk and a power cut leave a part; another berth or boot has other bytes at the beginning. */
void test_index_damaged(void)
{
	scoped_free char *path = dirs_run_path(&dirs, "list.index");
	scoped_free char *bytes = NULL;
	size_t read = 0;

	write_index();
	ssize_t length = file_read(AT_FDCWD, path, 1 << 20, &bytes);
	CU_ASSERT_FATAL(length > 0);
	for (ssize_t i = 0; i < length; i++) {
		put_bytes(path, bytes, (size_t)i);
		read += is_read();
	}
	for (ssize_t i = 0; i < length; i++) {
		bytes[i] = (char)(bytes[i] ^ 4);
		put_bytes(path, bytes, (size_t)length);
		read += is_read();
		bytes[i] = (char)(bytes[i] ^ 4);
	}
	CU_ASSERT_EQUAL(read, 0);
	put_bytes(path, bytes, (size_t)length);
	CU_ASSERT(is_read());
	/* Others could have written it. */
	CU_ASSERT_EQUAL(chmod(path, 0644), 0);
	CU_ASSERT_FALSE(is_read());
	CU_ASSERT_EQUAL(unlink(path), 0);
}
