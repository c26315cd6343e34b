/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists that are read as memory runs out: each allocation fails once in its turn. The linker puts the functions below
 * before those of the C library.
 */
#include "base/remove.h"
#include "machine/state/private.h"
#include "suite.h"

#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ENTRIES = 5, CALLS_MAX = 10000 };

static char folder[] = "/tmp/berth-test-memory-XXXXXX";
static struct dirs dirs;
static unsigned calls, fails_at;

char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
void *__wrap_realloc(void *old, size_t size);

static bool is_out(void)
{
	return ++calls == fails_at;
}

char *__wrap_strdup(const char *s)
{
	return is_out() ? NULL : __real_strdup(s);
}

/* The block moves at each call, and the old one is overwritten: a use of it is seen without a sanitizer. */
void *__wrap_realloc(void *old, size_t size)
{
	size_t had = old ? malloc_usable_size(old) : 0;
	void *block = is_out() ? NULL : malloc(size);

	if (!block)
		return NULL;
	if (old) {
		memcpy(block, old, had < size ? had : size);
		memset(old, 0xa5, had);
		free(old);
	}
	return block;
}

static int begin(void)
{
	struct err err = { 0 };
	char path[PATH_MAX];

	if (!mkdtemp(folder) || dirs_open(&dirs, folder, &err) < 0 || mkdir(dirs.state, 0755) < 0)
		return -1;
	snprintf(path, sizeof path, "%s/machines", dirs.state);
	int r = mkdir(path, 0755);
	for (unsigned i = 0; r == 0 && i < ENTRIES; i++) {
		snprintf(path, sizeof path, "%s/machines/entry%u", dirs.state, i);
		r = mkdir(path, 0755);
	}
	return r;
}

static int end(void)
{
	dirs_close(&dirs);
	return remove_tree(AT_FDCWD, folder);
}

static int count_one(void *context, const char *name)
{
	unsigned *count = context;

	(*count)++;
	return name ? 0 : -EINVAL;
}

static int list(struct err *err)
{
	unsigned count = 0;
	int r = machine_list(&dirs, count_one, &count, err);

	CU_ASSERT_EQUAL(count, r == 0 ? ENTRIES : 0);
	return r;
}

static int name_nearest(struct err *err)
{
	machine_absent(&dirs, "entrx1", err);
	return strstr(err->text, "did you mean") ? 0 : -ENOENT;
}

/* It fails with a sentence as often as it allocates, and then succeeds. */
static void exhaust(int (*act)(struct err *))
{
	int r = -1;

	for (fails_at = 1; r < 0 && fails_at < CALLS_MAX; fails_at++) {
		struct err err = { 0 };
		calls = 0;
		r = act(&err);
		CU_ASSERT_TRUE(r == 0 || err.code);
	}
	CU_ASSERT_EQUAL(r, 0);
	/* At least each name and the list. */
	CU_ASSERT_TRUE(fails_at > ENTRIES);
	fails_at = 0;
}

static void test_list(void)
{
	exhaust(list);
}

static void test_nearest(void)
{
	exhaust(name_nearest);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the list of machines", test_list },
		{ "the name that is like one's own", test_nearest },
		CU_TEST_INFO_NULL,
	};

	return suite_run("memory", begin, end, tests);
}
