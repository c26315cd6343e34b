/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of what runs of a machine: how it is looked at, held still, spoken to, ended and cleaned up after, while it
 * runs or after it died. Starting it is in start/, going inside in attach/.
 */
#ifndef BERTH_MACHINE_LIFE_LIFE_H
#define BERTH_MACHINE_LIFE_LIFE_H

#include "machine/state/machine.h"
#include "network/network.h"

#include <stdint.h>
#include <sys/types.h>

enum machine_state {
	MACHINE_STOPPED, /* nothing of it runs and nothing is left */
	MACHINE_FAILED, /* the same, and its last run or start failed, which no stop has acknowledged */
	MACHINE_STARTING, /* a command is starting it */
	MACHINE_RUNNING,
	MACHINE_PAUSED,   /* its processes are held still, as a user asked */
	MACHINE_HELD,     /* the same, until there is room in its pool: machine_held() */
	MACHINE_STOPPING, /* its end was asked for, or is being cleaned up */
};

struct machine_status {
	enum machine_state state;
	bool booted;         /* its init said so, or the best honest sign (berth(1), Booting) */
	pid_t init;          /* its init on the host, 0 when stopped */
	pid_t keeper;        /* 0 when stopped */
	uint64_t started;    /* seconds since the epoch, 0 when stopped */
	uint64_t memory;     /* bytes, where a memory controller counts them, else 0 */
	uint64_t memory_max; /* bytes it may use; 0: no limit, or no controller */
	char cgroup[256];    /* below the mount point of version 2, "" when stopped */
	bool leased;         /* lease is filled in */
	struct lease lease;
};

/*
 * Cheap: reads cached state only. A machine whose keeper was killed reads as failed. network: borrowed, or NULL; if
 * it is the machine's, it need not be opened once more.
 */
void machine_status(const struct machine *machine, struct network *network,
		    struct machine_status *status);
/* The same without the lease. */
void machine_glance(const struct machine *machine, struct machine_status *status);
const char *machine_state_name(enum machine_state state);
/* Stopped or failed: nothing of it runs. */
bool machine_is_down(enum machine_state state);

/*
 * Usage of a running machine, as far as the host's controllers count it; UNKNOWN for all else. Values are sums since
 * its start, except for memory, swap and pids, which are present values.
 */
#define MACHINE_USAGE_UNKNOWN UINT64_MAX
struct machine_usage {
	uint64_t cpu;           /* microseconds of all its processors */
	uint64_t memory, swap;  /* bytes */
	uint64_t pids;          /* processes and threads */
	uint64_t read, written; /* bytes, of disks */
	uint64_t restarts; /* guests after the first one: reboots, and what restart.policy did */
};
void machine_usage(const struct machine *machine, struct machine_usage *usage);

/* What has gone through the interfaces of a running machine that have a port: their number. */
struct nic_traffic {
	char nic[IFNAMSIZ];
	struct traffic traffic;
};
size_t machine_traffic(const struct machine *machine, struct nic_traffic list[NICS_MAX]);

/* How its last run ended: "powered off", "killed". -ENOENT when it never ran to an end. */
int machine_last_end(const struct machine *machine, char *out, size_t room);

/*
 * The firewall rules of the ports of a running machine: as they are to be, lost, or others than settings and lease say
 * now; and whether a port is no longer one of its network's bridge; with the name of the network. machine_reconnect_all mends both
 * for all machines of a network that is up, one after the other, whatever becomes of one. Cheap where nothing is lost.
 * notes: a line for each forward that does not lead to its machine any more is added.
 */
enum guards { GUARDS_CURRENT, GUARDS_LOST, GUARDS_OUTDATED };
enum guards machine_guards(const struct machine *machine, char network[64]);
bool machine_cut_off(const struct machine *machine, char network[64]);
int machine_reconnect_all(struct network *network, struct text *notes, struct err *err);
/*
 * Makes the firewall rules of a running machine's ports those of its settings and its networks; of all machines of a
 * network; and the same if a rule there names a machine, whose hardware address is another one now.
 */
int machine_renew_rules(const struct machine *machine, struct err *err);
int machine_renew_rules_on(struct network *network, struct err *err);
/* Whether a port on the network has rules that a killed command has not renewed. */
bool machine_guards_outdated_on(struct network *network);
int machine_renew_peers(struct network *network, struct err *err);
/* machine_renew_peers for the networks of a machine whose name or lease has come or gone. Quiet: doctor tells what failed. */
void machine_renew_peers_of(const struct machine *machine);
/*
 * The packets that firewall rules have dropped on the ports of a running machine since they were made or changed: an
 * entry for each rule that is in force, in *list, which the caller frees; the one of section NULL has those that no
 * rule allowed. Returns their number. machine_network_drops adds what a rule of a network has dropped, on all ports.
 */
struct rule_drops {
	const struct section *section; /* of the machine's settings */
	uint64_t packets;
};
size_t machine_rule_drops(const struct machine *machine, struct rule_drops **list);
void machine_network_drops(const struct network *network, struct rule_drops *drops);
/*
 * network_set, for the machines that run on the network too. notes: lines for the user about what works from the next
 * start on, or not.
 */
int machine_change_network(struct network *network, const struct config_change *changes,
			   size_t count, struct text *notes, struct err *err);
/* Whether it could make these changes, and the settings then, as network_set_check. */
int machine_check_network(struct network *network, const struct config_change *changes,
			  size_t count, struct network_config *config, struct err *err);

/* Waits until the guest has booted: -ETIMEDOUT; -ECANCELED when it ends before, with how. */
int machine_wait_booted(struct machine *machine, unsigned seconds, struct err *err);

/*
 * A descriptor with which the machine ends: once it is closed, also by the death of the process that has it, the
 * keeper kills the guest.
 */
int machine_own(struct machine *machine, struct err *err);

/*
 * Waits until its run ends: 0 when it went down or was stopped, -ECHILD with how when it failed. Whenever
 * stop_fd becomes readable, it is read, and the machine asked to halt; the second time it is killed.
 */
int machine_follow(struct machine *machine, int stop_fd, struct err *err);

/*
 * Holds every process of a running machine still, by the cgroup freezer, or lets them go on. *was (may
 * be NULL): whether it was so already. Time-outs inside run on; a stop wakes it first.
 */
int machine_pause(struct machine *machine, bool paused, bool *was, struct err *err);
/* Pauses it because nobody has used it: the next use lets it go on (machine/life/use.h). */
int machine_pause_idle(struct machine *machine, bool *was, struct err *err);
/* Whether it is paused. One look. */
bool machine_paused(const struct machine *machine);

/*
 * Holds its processes still until there is room in a pool that it writes to, why being a sentence for users who look,
 * or (NULL) lets them go on, unless it is paused as well. 0, or -errno; -ESRCH: it is not one to hold; -EBUSY: it is
 * held for another pool.
 */
int machine_hold(struct machine *machine, const char *pool, const char *why);
/* Whether such a pool has no room for what it writes, so that it is held still; why (may be NULL): a sentence. */
bool machine_held(const struct machine *machine, char *why, size_t room);
/* Refuses a machine that is paused or held still (-EBUSY): for commands that would wait for its processes. */
int machine_check_thawed(const struct machine *machine, struct err *err);

/*
 * Watches a pool that runs out of room until there is room again: grows it where it may, holds machines still that
 * would fill it, and tells who follows events. Returns at once while another process does; run by keepers, as
 * `berth _tend`.
 */
int machine_watch_pool(const struct dirs *dirs, const char *pool, struct err *err);

/*
 * Starts the dnsmasq of the network that it runs on, where that has ended or asks other name servers than the
 * host's by now, and tells who follows events; again: not that it failed. Run by keepers, as `berth _serve`.
 * 1: it runs; 0: none is wanted; or -errno.
 */
int machine_serve(const struct machine *machine, bool again, struct err *err);

enum stop_outcome {
	STOP_WAS_STOPPED,
	STOP_WAS_FAILED, /* now it is stopped */
	STOP_CLEAN,      /* the guest went down by itself */
	STOP_KILLED,     /* after the time-out, or because of force */
};

/*
 * Asks init to halt and waits for stop.timeout (or `seconds`, if not 0), then kills; with force it
 * kills at once. Returns when everything of the machine's run is gone. Works with the keeper dead.
 */
int machine_stop(struct machine *machine, bool force, unsigned seconds, enum stop_outcome *outcome,
		 struct err *err);

/*
 * Cleans up after a guest's end. erase: what removes an ephemeral machine, as machine_erase does. A keeper has `berth
 * _finish` do it, which has more libraries.
 */
int machine_finish(struct machine *machine, const char *how, const char *outcome,
		   int (*erase)(struct machine *, bool forget, struct err *), struct err *err);

/*
 * Removes the installation's empty cgroups after its last machine. A cgroup with a process, such as a network's
 * dnsmasq, stays until that process ends.
 */
void machine_leave_groups(const struct dirs *dirs);

#endif
