/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Leaves the tests whose names have the text of UNIT_CASE in them; false: none has. */
static bool choose(CU_TestInfo *tests)
{
	const char *wanted = getenv("UNIT_CASE");
	CU_TestInfo *kept = tests;

	for (CU_TestInfo *test = tests; test->pName; test++) {
		if (!wanted || strstr(test->pName, wanted))
			*kept++ = *test;
	}
	*kept = (CU_TestInfo)CU_TEST_INFO_NULL;
	return kept > tests;
}

int suite_run(const char *name, CU_InitializeFunc begin, CU_CleanupFunc end, CU_TestInfo *tests)
{
	CU_SuiteInfo suites[] = {
		{ name, begin, end, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	if (!choose(tests)) {
		fprintf(stderr, "no test of '%s' has '%s' in its name\n", name,
			getenv("UNIT_CASE"));
		return 99;
	}
	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 99;
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures != 0;
}

int suite_needs_root(void)
{
	if (geteuid() == 0)
		return 0;
	printf("skip: needs root\n");
	return 77;
}

void suite_leaves_out(const char *why)
{
	printf("\nnot looked at: %s\n", why);
}
