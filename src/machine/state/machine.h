/*
 * Machines: the domain, and the only place where settings, volumes, networks and processes meet.
 * A machine is its folder STATE/machines/NAME with machine.conf; its root is volume "machine.NAME".
 */
#ifndef BERTH_MACHINE_STATE_MACHINE_H
#define BERTH_MACHINE_STATE_MACHINE_H

#include "base/err.h"
#include "base/site.h"
#include "base/text.h"
#include "config/config.h"
#include "network/network.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct machine {
	const struct site *site; /* borrowed: outlives the machine */
	char *name;              /* owned */
	char *folder;            /* owned; STATE/machines/NAME */
	char *run;               /* owned; RUN/machines/NAME, there while it runs */
	struct machine_config config;
	/* Borrowed, or NULL: saves machine_status opening config.network, for who looks at many. */
	struct network *network;
	struct err
		fault; /* why its settings cannot be read; then they are defaults, but for the pool */
	char warning[256]; /* by machine_start: what works without, in a sentence; "" = nothing */
};

/*
 * Reads a machine's settings, for who will act on it. -ENOENT names the nearest machine. What a killed
 * command left half made or half removed is finished off first, and what a killed keeper left of a run is
 * cleared away. Settings that are missing or cannot be read leave a fault: such a machine can still be
 * entered, stopped and deleted. -ESTALE: it was there for a command that was killed, and so it has been
 * deleted now.
 */
int machine_open(struct machine *machine, const struct site *site, const char *name,
		 struct err *err);
/* The same for who only looks: nothing is changed, finished off or cleared away. */
int machine_look(struct machine *machine, const struct site *site, const char *name,
		 struct err *err);
/* The fault as an error, for what cannot be done without the settings. */
int machine_check(const struct machine *machine, struct err *err);
/* For who looks at many: -ENOENT where there are no settings, -code where they cannot be read. */
int machine_read(struct machine *machine, const struct site *site, const char *name,
		 struct err *err);
/*
 * Finishes off whatever commands have left half made or half removed, or had for themselves alone, unless
 * others are at it; for who makes or deletes machines, since a name that was made up is known to nobody
 * else. Quiet: what cannot be cleared now is tried again by the next.
 */
void machine_sweep(const struct site *site);
void machine_close(struct machine *machine);
#define scoped_machine __attribute__((cleanup(machine_close)))

/*
 * Calls visit with every machine's name, sorted; stops at nonzero and returns it. A name may be of
 * one that is just being made or deleted: reading it is then -ENOENT.
 */
int machine_list(const struct site *site, int (*visit)(void *, const char *name), void *context,
		 struct err *err);

/* "key=value" words as a user gives them, checked before anything is made. */
struct settings {
	const char *const *words; /* borrowed */
	size_t count;
};

/* A new, stopped machine from a template (NULL pool, network: the site's defaults). -EEXIST. */
struct machine_spec {
	const char *template;
	const char *pool;
	struct settings settings;
	/*
	 * Not NULL: if the machine is ephemeral it is there for the caller alone, who owns the
	 * descriptor put here: when that is closed, also by a kill, whoever looks next removes it.
	 */
	int *owner;
};
int machine_create(const struct site *site, const char *name, const struct machine_spec *spec,
		   struct err *err);

/* Its owner (-1: it has none) lets it live by itself from here on, and its descriptor is closed. */
void machine_disown(const struct machine *machine, int *owner);

/*
 * A new, stopped machine from another (running or not) or, with snapshot, from what that kept. It
 * gets its own uuid, machine-id, host name, MAC and address.
 */
int machine_clone(const struct site *site, const char *from, const char *snapshot, const char *name,
		  const struct settings *settings, struct err *err);

/*
 * The root of that name in a pool (NULL: in the only one that holds it) becomes a machine again, with its
 * snapshots. Its settings are those of conf, a backup, or (NULL) of the copy that the pool has; 1: there is no
 * such copy, and it has those of a new machine. -EEXIST: it has settings.
 */
int machine_adopt(const struct site *site, const char *name, const char *pool, const char *conf,
		  struct err *err);

/* A running machine only with force. Snapshots, volume, lease and folder go. */
int machine_delete(struct machine *machine, bool force, struct err *err);

enum machine_state {
	MACHINE_STOPPED, /* nothing of it runs and nothing is left */
	MACHINE_FAILED, /* the same, and its last run or start failed, which no stop has acknowledged */
	MACHINE_STARTING, /* a command is starting it */
	MACHINE_RUNNING,
	MACHINE_PAUSED,   /* its processes are held still, as somebody asked */
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

/* Cheap: reads cached state only. A half-dead machine (its keeper killed) reads as failed. */
int machine_status(struct machine *machine, struct machine_status *status, struct err *err);
const char *machine_state_name(enum machine_state state);
/* Stopped or failed: nothing of it runs. */
bool machine_is_down(enum machine_state state);

/*
 * What a running machine uses, as far as the host's controllers count it; UNKNOWN what none counts.
 * Sums since its start, but for memory, swap and pids, which are of now.
 */
#define MACHINE_USAGE_UNKNOWN UINT64_MAX
struct machine_usage {
	uint64_t cpu;           /* microseconds of all its processors */
	uint64_t memory, swap;  /* bytes */
	uint64_t pids;          /* processes and threads */
	uint64_t read, written; /* bytes, of disks */
};
void machine_usage(const struct machine *machine, struct machine_usage *usage);

/*
 * Whether it runs, and the host's firewall has lost the rules of its port, which keep it from using
 * others' addresses, or its port is no longer one of its network's bridge; and puts both right for all
 * on a network that is up, one after the other, whatever becomes of one. Cheap where nothing is lost.
 */
bool machine_unguarded(const struct machine *machine);
bool machine_cut_off(const struct machine *machine);
int machine_reconnect_all(struct network *network, struct err *err);

/* How its last run ended: "powered off", "killed". -ENOENT when it never ran to an end. */
int machine_last_end(const struct machine *machine, char *out, size_t room);

/* Running already: success, *was_running true (may be NULL). On failure nothing is left. */
int machine_start(struct machine *machine, bool *was_running, struct err *err);

/* Until the guest has booted: -ETIMEDOUT; -ECANCELED when it ends before, with how. */
int machine_wait_booted(struct machine *machine, unsigned seconds, struct err *err);

/*
 * A descriptor with which the machine ends: once it is closed, also by the death of who has it, the
 * keeper kills the guest.
 */
int machine_own(struct machine *machine, struct err *err);

/*
 * Until its run ends: 0 when it went down or was stopped, -ECHILD with how when it failed. Whenever
 * stop_fd becomes readable, it is read, and the machine asked to halt; the second time it is killed.
 */
int machine_follow(struct machine *machine, int stop_fd, struct err *err);

enum stop_outcome {
	STOP_WAS_STOPPED,
	STOP_WAS_FAILED, /* now it is stopped */
	STOP_CLEAN,      /* the guest went down by itself */
	STOP_KILLED,     /* after the time-out, or because of force */
};

/*
 * Holds every process of a running machine still, by the cgroup freezer, or lets them go on. *was (may
 * be NULL): whether it was so already. Time-outs inside run on; a stop wakes it first.
 */
int machine_pause(struct machine *machine, bool paused, bool *was, struct err *err);

/* Whether its pool has no room for what it writes, so that it is held still; why (may be NULL): a sentence. */
bool machine_held(const struct machine *machine, char *why, size_t room);

/*
 * Looks after a pool that runs out of room until there is room again: grows it where it may, holds
 * machines still that would fill it, and tells who follows events. Returns at once while another
 * process does; run by keepers, as `berth _tend`.
 */
int machine_tend(const struct site *site, const char *pool, struct err *err);

/*
 * Starts the dnsmasq of the network that it runs on, where that has ended or asks other name servers than the
 * host's by now, and tells who follows events; again: not that it failed. Run by keepers, as `berth _serve`.
 * 1: it runs; 0: none is wanted; or -errno.
 */
int machine_serve(const struct machine *machine, bool again, struct err *err);

/*
 * With the last machine its site's empty cgroups go; where a process lives in them, as a network's dnsmasq
 * does, they stay until it ends.
 */
void machine_leave_groups(const struct site *site);

/*
 * Asks init to halt and waits for stop.timeout (or `seconds`, if not 0), then kills; with force it
 * kills at once. Returns when everything of the machine's run is gone. Works with the keeper dead.
 */
int machine_stop(struct machine *machine, bool force, unsigned seconds, enum stop_outcome *outcome,
		 struct err *err);

/*
 * Makes all of the changes, or none: they are checked against the rules of machine.conf(5) and against this
 * host, with all that is wrong in one error. Limits apply to a running machine at once, the rest at its next
 * start.
 */
int machine_set(struct machine *machine, const struct config_change *changes, size_t count,
		struct err *err);

/*
 * What a start would refuse, all of it in one error, found without a start: settings, pool, root, init,
 * network, shared folders, devices, limits. For who stops a machine only if it can start again.
 */
int machine_check_start(const struct machine *machine, struct err *err);

/* STATE/machines/NAME/console.log, and the older console.log.1 (NULL: out of memory). */
char *machine_log_path(const struct machine *machine, bool older);

/* Snapshots: of a running machine, consistent as after a power cut. Names are DNS labels. */
struct snapshot_entry {
	char name[64];
	uint64_t created; /* seconds since the epoch */
};
int snapshot_take(struct machine *machine, const char *name, struct err *err);
int snapshot_list(struct machine *machine, struct snapshot_entry **list, size_t *count,
		  struct err *err);
int snapshot_delete(struct machine *machine, const char *name, struct err *err);
/* A stopped machine's root becomes what the snapshot kept; the snapshot stays. */
int snapshot_restore(struct machine *machine, const char *name, struct err *err);

/*
 * Shows a folder or file, or a device, of the host's to a machine, at once if it runs. It is kept in
 * machine.conf, or, if temporary, lasts only as long as the guest, who must be running. A section
 * without a name gets one, made of the target or path. -EEXIST.
 */
int machine_mount(struct machine *machine, struct mount_config *mount, bool temporary,
		  struct err *err);
int machine_add_device(struct machine *machine, struct device_config *device, bool temporary,
		       struct err *err);

/* By name or by target. *was_there: whether the machine still had it. */
int machine_unmount(struct machine *machine, const char *which, bool *was_there, struct err *err);
int machine_remove_device(struct machine *machine, const char *which, bool *was_there,
			  struct err *err);

/* The temporary ones of a running machine, as its config; freed with machine_schema. */
int machine_temporary(const struct machine *machine, struct machine_config *config,
		      struct err *err);

struct exec_spec {
	const char *const *argv; /* NULL-terminated; NULL: the user's login shell */
	const char *user;        /* a name or number of the guest's own; NULL: root */
	const char *cwd;         /* NULL: the user's home, or / */
	const char *const *env;  /* "NAME=value", NULL-terminated; NULL: none more */
	bool no_input;           /* its standard input is at its end from the start */
	bool detach;             /* neither waited for nor heard: it reads and writes /dev/null */
	enum {
		EXEC_TTY_AUTO,
		EXEC_TTY_YES,
		EXEC_TTY_NO
	} tty; /* AUTO: when stdin and stdout are terminals */
};

enum { EXEC_FAILED = 125, EXEC_CANNOT = 126, EXEC_NOT_FOUND = 127 };

/*
 * Runs a command in a running machine, by its namespaces only. *code: the command's own, 128+signal,
 * or EXEC_* with err set when berth or exec(2) itself failed, or its output could not be written. Returns 0
 * when the command ran. It ends when we do, by whatever, unless it is detached.
 */
int machine_exec(struct machine *machine, const struct exec_spec *spec, int *code, struct err *err);

/*
 * Attaches our terminal to the console until detach is typed or the guest ends. Shows the scroll-back
 * first. One writer: -EBUSY unless force takes over; read_only needs none. detach: e.g. 0x1d, Ctrl-].
 * 1: it has ended, and what it showed last did not reach us, who stood still.
 */
int machine_console(struct machine *machine, bool force, bool read_only, char detach,
		    struct err *err);
/*
 * Whether a running machine asks for a login at its console that root cannot pass, since its files give root no
 * password. Waits a second at most. False where the files do not tell.
 */
bool machine_root_locked(struct machine *machine);

/*
 * What the keeper leaves to a program with more libraries: berth itself, as its child. finish cleans
 * up after a guest's end; respawn starts the next guest of a reboot and hands it to the keeper.
 */
int machine_finish(struct machine *machine, const char *how, const char *outcome, struct err *err);
int machine_respawn(struct machine *machine, int keeper_fd, struct err *err);

#endif
