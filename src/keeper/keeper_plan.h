/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan of a keeper. The program that started the guest writes it, prepares the descriptors, and then executes
 * berth-keeper in its own place.
 */
#ifndef BERTH_KEEPER_KEEPER_PLAN_H
#define BERTH_KEEPER_KEEPER_PLAN_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The descriptors that a keeper inherits, by number. */
enum keeper_fd {
	KEEPER_PLAN = 3, /* a struct keeper_plan */
	KEEPER_LOCK,     /* flock on RUN/machines/NAME/keeper.lock: held while the keeper lives */
	KEEPER_RUN,      /* the run folder */
	KEEPER_REPORT, /* the keeper writes one struct err to the command that starts it, then closes it */
	KEEPER_PIDFD,   /* of the guest's init */
	KEEPER_CONSOLE, /* master of the guest's console */
	KEEPER_NOTIFY,  /* datagram socket that the guest knows as NOTIFY_SOCKET */
	KEEPER_CGROUP,  /* the guest's cgroup */
	KEEPER_FD_END,
};

enum { KEEPER_PLAN_MAGIC = 0x62657204 };

/* The cases in which a guest that ended by itself is started again. A stop on request is always the end. */
enum restart_policy {
	RESTART_NO,
	RESTART_ON_FAILURE, /* its init died or was killed */
	RESTART_ALWAYS,     /* also when it powered itself off */
};

/* Both sides come from one build; the magic number guards against a half-done upgrade. */
struct keeper_plan {
	uint32_t magic;
	pid_t init;
	char name[64];
	char root[PATH_MAX];  /* --root for the keeper's own commands, "" for none */
	char berth[PATH_MAX]; /* the berth program */
	char log[PATH_MAX];   /* console.log */
	uint64_t log_size;    /* rotated when larger */
	uint64_t scrollback;
	int halt_signal;
	unsigned stop_timeout; /* seconds, for a stop that names none */
	enum restart_policy restart;
	unsigned restart_limit; /* restarts in a row without a run of a minute between */
	unsigned idle_after; /* seconds without a use, after which `berth _idle` is run; 0: never */
	char thin_pool
		[128]; /* device of the thin pool that holds the root; "": another kind of pool */
	char pool[64]; /* the pool's name */
	char pool_file[PATH_MAX]; /* the file that is the pool, sparse or not; "": no file */
	bool notifies; /* init sends READY=1; else the first login prompt counts as booted */
};

/*
 * The descriptors of the next guest, in this order. `berth _respawn` sends them with STEP_RUNNING over its end of a
 * sync pair.
 */
enum { RESPAWN_PIDFD, RESPAWN_CONSOLE, RESPAWN_NOTIFY, RESPAWN_CGROUP, RESPAWN_FDS };

/* The exit status of `berth _serve` when the network's dnsmasq runs; 0: the network needs none. */
enum { KEEPER_SERVED = 3 };

#endif
