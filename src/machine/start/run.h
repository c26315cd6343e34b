/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All objects that a start makes, in one struct. run_free releases each field that is set, in reverse order, so that
 * the order of undo is written once.
 */
#ifndef BERTH_MACHINE_START_RUN_H
#define BERTH_MACHINE_START_RUN_H

#include "image/template/root.h"
#include "kern/idmap.h"
#include "kern/lsm_label.h"
#include "kern/pty.h"
#include "kern/sync.h"
#include "machine/life/run_state.h"
#include "machine/life/scope.h"
#include "machine/share/share.h"
#include "machine/start/plan.h"
#include "machine/state/machine.h"
#include "network/network.h"
#include "storage/storage.h"

/* A network interface of the machine's. */
struct nic {
	struct network network; /* owned, open */
	struct lease lease;
	bool further; /* it is not eth0 */
};

struct run {
	struct machine *machine;      /* borrowed */
	struct berth_config settings; /* owned */
	struct plan plan;             /* owned */
	struct root_facts facts;
	struct pool pool; /* owned; open when pool.ops */
	struct nic nics[NICS_MAX];
	size_t nic_count;
	struct idmap map;
	struct lsm_label label; /* borrowed by the guest side, which opens it */
	struct shares shares;   /* owned */
	struct run_state state;
	bool fresh;            /* the first start of a copy of a root */
	struct scope scope;    /* owned: what berth-scope is at, if there is one */
	bool scoped;           /* the machine has a scope of systemd's */
	int run_fd;            /* owned: the run folder */
	int lock_fd;           /* owned: the keeper's lock */
	int cgroup_fd;         /* owned: the guest's group */
	int root_fd;           /* owned: detached mount of the volume */
	int init_fd;           /* owned: detached mount of guest-init, or -1 */
	pid_t init;            /* the guest's, while we must kill it on failure */
	int pidfd;             /* owned */
	int console_fd;        /* owned: master */
	struct winsize window; /* its size from the first byte on; zeros: the kernel's own */
	int notify_fd;         /* owned */
	struct sync sync;      /* to the guest side */
};

void run_init(struct run *run, struct machine *machine);
/*
 * Ends the guest if there is one and lets go of everything; leaves the run folder to run_clean (machine/life/clean.h).
 */
void run_free(struct run *run);

/* The lease of its first interface; NULL: it has none. */
const struct lease *run_first_lease(const struct run *run);

/* Adds lines to what the command that waits for the start will say although it succeeds; "" adds nothing. */
int run_warn(const struct run *run, const char *text, struct err *err);

/*
 * Runs all steps from the settings to a running init, as a child of this process or (sibling) of its parent. On failure
 * run_free ends what began and run_clean removes the traces.
 */
int run_start(struct run *run, bool sibling, struct err *err);

#endif
