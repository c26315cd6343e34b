/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of a run in RUN/machines/NAME and beside machine.conf, by which a later command finds init, keeper, ids, and
 * whether the run ended. Nothing here starts, stops or cleans up.
 */
#ifndef BERTH_MACHINE_LIFE_RUN_STATE_H
#define BERTH_MACHINE_LIFE_RUN_STATE_H

#include "kern/idmap.h"
#include "machine/state/machine.h"

#include <net/if.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The format of RUN/machines/NAME/state, the ninth field of its line; without one it is 1. A field that is added before
 * it, or comes to mean something else, steps it: a berth that does not know the format reads the first five fields, and
 * takes the others for not written down. After it come the further interfaces, NAME=NETWORK each, which older versions
 * do not read. No field has a blank or more than 79 bytes.
 */
enum { RUN_STATE_FORMAT = 1 };

/* An interface of a run beside eth0. */
struct run_nic {
	char name[IFNAMSIZ];
	char network[64];
};

/* RUN/machines/NAME/state, replaced as a whole. */
struct run_state {
	pid_t init, keeper;
	uint64_t started; /* seconds since the epoch */
	struct idmap map;
	dev_t disk;       /* the disk below its root; 0: there is none, or more than one */
	char network[64]; /* the network that it was started on; "": none, or not written down */
	struct run_nic nics[NICS_MAX];
	size_t nic_count;
};

int run_write_state(const struct machine *machine, const struct run_state *state, struct err *err);
/* -ENOENT, without an error text, when there is none. */
int run_read_state(const struct machine *machine, struct run_state *state);

/* The name of the interface that it runs with on a network, borrowed; NULL: there is none. */
const char *run_nic_on(const struct run_state *state, const char *network);
/* The network of an interface that it runs with, borrowed; NULL: there is no such interface. */
const char *run_network_of(const struct run_state *state, const char *nic);
/* Notes another interface, or another network of a noted one; -E2BIG. */
int run_add_nic(struct run_state *state, const char *nic, const char *network);
void run_drop_nic(struct run_state *state, const char *nic);

/* Whether a keeper lives: its lock is held. */
bool run_alive(const struct machine *machine);

/* Whether a guest runs, starts or reboots: a keeper lives, and does more than clean up after its guest. */
bool run_going(const struct machine *machine);

/* A keeper writes its control socket before it says that the machine has started. */
bool run_has_begun(const struct machine *machine);

/* Whether the keeper has noted how its last guest ended, which it does before the clean-up. */
bool run_has_finished(const struct machine *machine);
/* The outcome in *text, which the caller owns, and how it ended in *how, within *text. False: there is no note. */
bool run_read_finished(const struct machine *machine, char **text, const char **how);

/* Notes of an ephemeral machine that it has begun to run, so that a crash of its host is told. 0 or -errno. */
int run_mark_life(const struct machine *machine, bool lives);
/* Whether an ephemeral machine had begun to run, and its end was not settled. */
bool run_has_lived(const struct machine *machine);

/* How the last run ended while no command has settled it: the end of a sentence, static; NULL: nothing is left. */
const char *run_unsettled(const struct machine *machine);

#endif
