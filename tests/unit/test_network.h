/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the network layer's test program. */
#ifndef BERTH_TESTS_TEST_NETWORK_H
#define BERTH_TESTS_TEST_NETWORK_H

#include "base/dirs.h"
#include "network/network.h"
#include "own_net.h"
#include "suite.h"

extern struct dirs test_dirs; /* while a suite runs */
extern CU_TestInfo lease_tests[], live_tests[], dns_tests[], tests6[];

/* Creates and opens; a failure is the test's. */
void test_make_network(struct network *network, const char *name, const char *subnet);
/* Takes it down, deletes and closes it. */
void test_delete_network(struct network *network);
/* A lease, or false with the reason printed. */
bool test_lease(struct network *network, const char *name, const char *mac, struct lease *lease);
/* Writes a file of the network's folder. */
void test_write_in(const struct network *network, const char *name, const char *text);

/* ---- Networks with links and packets, of test_network_live.c */

enum { LIVE_SECONDS = 60 }; /* the longest wait */

extern const char *const live_macs[3];

/* Whether a program is on PATH or in one of the folders. */
bool live_has_program(const char *name, const char *paths);
/* False: dnsmasq is not installed, and the test is told to be left out. */
bool live_has_dnsmasq(void);
/* Brings it up; a failure or a warning is the test's. */
void live_up(struct network *network);
struct network_status live_look(struct network *network);
/* Waits until the process is gone; a daemon that was ended is a child of this program. */
bool live_is_gone(pid_t pid);
/* The pid in the network's file; 0: there is none. */
pid_t live_dnsmasq_pid(const struct network *network);
/* Attaches a guest of the lease; a failure is the test's. */
void live_attach(struct network *network, const struct lease *lease, pid_t pid);
/* A guest that does nothing until it is ended. */
int live_stay(void *context);

#endif
