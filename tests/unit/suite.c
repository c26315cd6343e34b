#include "suite.h"

#include <stdio.h>
#include <unistd.h>

int suite_run(const char *name, CU_InitializeFunc begin, CU_CleanupFunc end, CU_TestInfo *tests)
{
	CU_SuiteInfo suites[] = {
		{ name, begin, end, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

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
