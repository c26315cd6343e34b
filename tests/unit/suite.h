/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of every unit-test program: it runs the tests, prints their number, and exits by the failures. */
#ifndef BERTH_TESTS_SUITE_H
#define BERTH_TESTS_SUITE_H

#include <CUnit/Basic.h>

/* CU_basic_run_tests() returns 0 even when tests fail, so the count decides. For main's return. */
int suite_run(const char *name, CU_InitializeFunc begin, CU_CleanupFunc end, CU_TestInfo *tests);

/* Without root: prints the reason for tests/run, and returns automake's code for skipped; else 0. */
int suite_needs_root(void);

/* The rest of a test is left out, for something is not installed: tests/run counts that as a skip, by this line. */
void suite_leaves_out(const char *why);

#endif
