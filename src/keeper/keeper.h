/*
 * A keeper: the small process that owns one guest. What it is given when it begins, by the program
 * that started the guest and then executes berth-keeper in its own place.
 */
#ifndef BERTH_KEEPER_KEEPER_H
#define BERTH_KEEPER_KEEPER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The descriptors it inherits, by number. */
enum keeper_fd {
	KEEPER_PLAN = 3, /* a struct keeper_plan */
	KEEPER_LOCK,     /* flock on RUN/machines/NAME/keeper.lock: held while it lives */
	KEEPER_RUN,      /* the run folder */
	KEEPER_REPORT,   /* one struct err to whoever started us, then closed */
	KEEPER_PIDFD,    /* of the guest's init */
	KEEPER_CONSOLE,  /* master of the guest's console */
	KEEPER_NOTIFY,   /* datagram socket that the guest knows as NOTIFY_SOCKET */
	KEEPER_CGROUP,   /* the guest's cgroup */
	KEEPER_FD_END,
};

enum { KEEPER_PLAN_MAGIC = 0x62657203 };

/* When a guest that ended by itself is started again; a stop that was asked for is always an end. */
enum restart_policy {
	RESTART_NO,
	RESTART_ON_FAILURE, /* its init died or was killed */
	RESTART_ALWAYS,     /* also when it powered itself off */
};

/* Both ends come from one build; the magic number guards against a half-done upgrade. */
struct keeper_plan {
	uint32_t magic;
	pid_t init;
	char name[64];
	char root[PATH_MAX];  /* --root for our children, "" for none */
	char berth[PATH_MAX]; /* the berth program */
	char log[PATH_MAX];   /* console.log */
	uint64_t log_size;    /* rotated when larger */
	uint64_t scrollback;
	int halt_signal;
	unsigned stop_timeout; /* seconds, for a stop that names none */
	enum restart_policy restart;
	unsigned restart_limit;   /* how often in a row without a run of a minute between */
	char thin_pool[128];      /* device of the thin pool that its root is in, "" = in another */
	char pool[64];            /* its name */
	char pool_file[PATH_MAX]; /* which it is, sparse or not; "" = it is none */
	bool notifies;            /* init tells READY=1; else the first login prompt counts */
};

/*
 * What `berth _respawn` sends along with STEP_RUNNING over its end of a sync pair: the descriptors of
 * the next guest, in this order.
 */
enum { RESPAWN_PIDFD, RESPAWN_CONSOLE, RESPAWN_NOTIFY, RESPAWN_CGROUP, RESPAWN_FDS };

/* The exit status of `berth _serve` when the network's dnsmasq ran at its end; 0: none is wanted. */
enum { KEEPER_SERVED = 3 };

#endif
