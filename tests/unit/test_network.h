/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the network layer's test program. */
#ifndef BERTH_TESTS_TEST_NETWORK_H
#define BERTH_TESTS_TEST_NETWORK_H

#include "base/dirs.h"
#include "network/network.h"
#include "own_net.h"
#include "suite.h"

extern struct dirs test_dirs; /* while a suite runs */
extern CU_TestInfo lease_tests[], live_tests[], tests6[];

/* Creates and opens; a failure is the test's. */
void test_make_network(struct network *network, const char *name, const char *subnet);
/* Takes it down, deletes and closes it. */
void test_delete_network(struct network *network);
/* A lease, or false with the reason printed. */
bool test_lease(struct network *network, const char *name, const char *mac, struct lease *lease);
/* Writes a file of the network's folder. */
void test_write_in(const struct network *network, const char *name, const char *text);

#endif
