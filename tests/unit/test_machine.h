/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the machine layer's test program. */
#ifndef BERTH_TESTS_TEST_MACHINE_H
#define BERTH_TESTS_TEST_MACHINE_H

#include "machine/state/machine.h"

/* An installation while the tests run. */
extern char folder[];
extern struct dirs dirs;

/* Gives a machine the paths of that name, and the usual settings. */
void open_machine(struct machine *machine, const char *name);
/* Makes the run folder of a machine. */
void make_run(const char *name);

/* Writes a file below the folder / compares one. */
void put(int root, const char *path, const char *text);
void expect(int root, const char *path, const char *text);

/* test_machine_ids.c */
void test_ids(void);
void test_ids_nesting(void);
void test_ids_stale(void);
void test_ids_of_other_settings(void);
void test_ids_race(void);

/* test_machine_identity.c */
void test_identity(void);
void test_resolver_seeds(void);
void test_identity_hostile(void);

/* test_machine_index.c */
void test_index(void);
void test_index_damaged(void);

/* test_machine_limits.c */
void test_limits(void);
void test_rates(void);
void test_headroom(void);

/* test_machine_state.c */
void test_run_state(void);
void test_run_state_formats(void);
void test_run_nics(void);
void test_ended(void);
void test_held_for_a_pool(void);

#endif
