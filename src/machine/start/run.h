/*
 * What a start makes, as one object: released backwards by what is filled in, so that the order of
 * undo is written once. And its traces in RUN/machines/NAME, from which a later command finds them.
 */
#ifndef BERTH_MACHINE_START_RUN_H
#define BERTH_MACHINE_START_RUN_H

#include "image/root.h"
#include "kern/idmap.h"
#include "kern/label.h"
#include "kern/pty.h"
#include "kern/sync.h"
#include "machine/life/scope.h"
#include "machine/share/share.h"
#include "machine/start/plan.h"
#include "machine/state/machine.h"
#include "storage/storage.h"

/* RUN/machines/NAME/state, replaced as a whole. */
struct run_state {
	pid_t init, keeper;
	uint64_t started; /* seconds since the epoch */
	struct idmap map;
	dev_t disk;       /* below its root; 0: none, or several */
	char network[64]; /* that it was started on; "": none, or not written down */
};

struct run {
	struct machine *machine; /* borrowed */
	struct site_config site; /* owned */
	struct plan plan;        /* owned */
	struct root_facts facts;
	struct pool pool;       /* owned; open when pool.ops */
	struct network network; /* owned; open when network.site */
	struct lease lease;
	bool networked; /* it has a network, and lease is filled in */
	struct idmap map;
	struct label label;   /* borrowed by the guest side, which opens it */
	struct shares shares; /* owned */
	struct run_state state;
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
/* Ends the guest if there is one and lets go of everything; leaves the run folder to run_clean. */
void run_free(struct run *run);

/*
 * The guest's group, below the cgroup mount: in the machine's scope if it has one, else "berth/NAME".
 * Keepers live in a group of their own beside it, so that freezing, limiting or killing a guest never
 * meets its keeper.
 */
void run_cgroup(const struct machine *machine, char *out, size_t room);
/* One of its files, "memory.current"; the caller owns what is read. 0, or -ENOENT without the controller. */
int run_write_group(const struct machine *machine, const char *file, const char *text);
int run_read_group(const struct machine *machine, const char *file, char **text);
/* The number that one of them holds. */
int run_read_count(const struct machine *machine, const char *file, uint64_t *count);

int run_write_state(const struct machine *machine, const struct run_state *state, struct err *err);
/* -ENOENT, quietly, when there is none. */
int run_read_state(const struct machine *machine, struct run_state *state);

/* Adds to what the command that waits for the start will say although it succeeds; "" adds nothing. */
int run_warn(const struct run *run, const char *text, struct err *err);

/* Whether a keeper lives: its lock is held. */
bool run_alive(const struct machine *machine);

/* Whether anything of a run is there to clean: its folder, or its guest's group. */
bool run_left(const struct machine *machine);

/*
 * From the settings to a running init, as our own child or (sibling) our parent's. On failure run_free ends
 * what began and run_clean removes the traces.
 */
int run_start(struct run *run, bool sibling, struct err *err);

/* Removes every trace of a run whose guest is gone or must go. Under the lock. Idempotent. */
int run_clean(struct machine *machine, struct err *err);

/* The first of run_clean's steps: no process of the guest is left, and no group of it. */
int run_end_processes(struct machine *machine, struct err *err);

/* Before the clean-up: how the guest ended, should somebody else have to do it. */
void run_mark_finished(const struct machine *machine, const char *outcome, const char *how);

/* The same after a keeper that was killed; how it ended is kept and told, if it ever ran. */
int run_clean_dead(struct machine *machine, struct err *err);

/* Of an ephemeral machine: that it has begun to run, so that its host going down under it is told. 0, -errno. */
int run_mark_life(const struct machine *machine, bool lives);

/* Its end was seen and written down; only the clean-up after it was not. */
bool run_has_finished(const struct machine *machine);
/* An ephemeral machine had begun to run, and its end was not settled: see run_mark_life. */
bool run_has_lived(const struct machine *machine);

/* Makes a machine the caller's alone, until *owner, which the caller owns, is closed; and nobody's again. */
int run_claim(const struct machine *machine, int *owner, struct err *err);
void run_unclaim(const struct machine *machine);

/* How its last run ended, while nobody has settled it: a sentence's end, static; NULL: nothing was left behind. */
const char *run_unsettled(const struct machine *machine);

/*
 * If a run was left behind and nobody works on the machine: run_clean_dead. An ephemeral machine owned by a command
 * ends when that command is gone, even while it runs (-ESTALE). Cheap when there is none.
 */
int run_settle(struct machine *machine, struct err *err);

/* The same for all machines that are somebody's alone. */
void run_sweep(const struct site *site);

#endif
