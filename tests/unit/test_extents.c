/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extents that volumes refer to, and extents of one volume alone. */
#include "base/clock.h"
#include "storage/extents.h"
#include "suite.h"

#include <errno.h>

static void test_sharing(void)
{
	scoped_extents struct extents extents = { 0 };
	uint64_t alone[4];

	extents_begin(&extents);
	CU_ASSERT_EQUAL(extents_add(&extents, 4096, 8192), 0);
	CU_ASSERT_EQUAL(extents_add(&extents, 4096, 8192), 0);
	CU_ASSERT_EQUAL(extents_add(&extents, 65536, 4096), 0);
	CU_ASSERT_EQUAL(extents.used, 12288);
	extents_begin(&extents);
	CU_ASSERT_EQUAL(extents_add(&extents, 4096, 8192), 0);
	CU_ASSERT_EQUAL(extents_add(&extents, 4096, 8192), 0);
	CU_ASSERT_EQUAL(extents.used, 8192);
	extents_begin(&extents);
	CU_ASSERT_EQUAL(extents_add(&extents, 4096, 8192), 0);
	CU_ASSERT_EQUAL(extents_add(&extents, 1 << 20, 1 << 20), 0);
	CU_ASSERT_EQUAL(extents.used, (1 << 20) + 8192);
	extents_alone(&extents, alone);
	CU_ASSERT_EQUAL(alone[1], 4096);
	CU_ASSERT_EQUAL(alone[2], 0);
	CU_ASSERT_EQUAL(alone[3], 1 << 20);
}

static void test_many(void)
{
	scoped_extents struct extents extents = { 0 };
	uint64_t alone[3];

	for (unsigned volume = 0; volume < 2; volume++) {
		extents_begin(&extents);
		for (uint64_t i = 0; i < 100000; i++) {
			if (extents_add(&extents, (i + volume * 50000) * 4096, 4096) < 0)
				CU_FAIL_FATAL("add");
		}
		CU_ASSERT_EQUAL(extents.used, 100000 * 4096ULL);
	}
	CU_ASSERT_EQUAL(extents.count, 150000);
	CU_ASSERT_FALSE(extents.overflown);
	extents_alone(&extents, alone);
	CU_ASSERT_EQUAL(alone[1], 50000 * 4096ULL);
	CU_ASSERT_EQUAL(alone[2], 50000 * 4096ULL);
}

static void test_deadline(void)
{
	scoped_extents struct extents extents = { .deadline = clock_ms() - 1 };

	extents_begin(&extents);
	CU_ASSERT_TRUE(extents_is_late(&extents));
	CU_ASSERT_EQUAL(extents_add(&extents, 1, 1), -ETIME);
	extents.deadline = 0;
	CU_ASSERT_FALSE(extents_is_late(&extents));
}

static CU_TestInfo tests[] = {
	{ "what is shared", test_sharing },
	{ "a great many", test_many },
	{ "a deadline", test_deadline },
	CU_TEST_INFO_NULL,
};

int main(void)
{
	return suite_run("extents", NULL, NULL, tests);
}
