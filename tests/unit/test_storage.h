/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the storage layer's contract. */
#ifndef BERTH_TESTS_TEST_STORAGE_H
#define BERTH_TESTS_TEST_STORAGE_H

#include <stdint.h>

/* The place of a suite's pool. */
struct place {
	const char *name;
	const char *driver;
	const char
		*disk; /* file system made for the whole installation; NULL: the scratch folder's */
	uint64_t size; /* of a loop file */
};

/* That of the suite that runs, whose pool is "main". */
extern const struct place *here;

/* test_storage_many.c */
void test_at_once(void);
void test_killed(void);
void test_reboot(void);
void test_reboot_at_once(void);

/* test_storage_trees.c */
void test_nested(void);
void test_deep_destroy(void);
void test_immutable(void);
void test_immutable_elsewhere(void);

#endif
