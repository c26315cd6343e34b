/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the kern layer's test program. */
#ifndef BERTH_TESTS_TEST_KERN_H
#define BERTH_TESTS_TEST_KERN_H

#include "kern/idmap.h"

extern const struct idmap map;

/* The control group of this run, below which a test makes its own. */
extern char group[64];

/* test_kern_confine.c */
void test_seccomp(void);
void test_seccomp_openings(void);
void test_files_only(void);
void test_devices(void);
void test_labels(void);

/* test_kern_process.c */
void test_process(void);
void test_signal_wait(void);
void test_timed_child(void);

#endif
