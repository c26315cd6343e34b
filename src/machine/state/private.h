/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions on a machine that the rooms of the machine layer share. Not for commands. */
#ifndef BERTH_MACHINE_STATE_PRIVATE_H
#define BERTH_MACHINE_STATE_PRIVATE_H

#include "base/unfinished.h"
#include "keeper/event.h"
#include "machine/state/machine.h"
#include "network/network.h"
#include "storage/storage.h"

/* How long one command waits for another on the same machine. */
enum { LOCK_SECONDS = 60 };

/* Fills in names and paths, reads nothing. */
int machine_paths(struct machine *machine, const struct dirs *dirs, const char *name,
		  struct err *err);

/*
 * The machine's lock, as a descriptor. A process that has it must not wait for a keeper to end, since
 * the keeper's own clean-up takes it.
 */
int machine_lock(const struct machine *machine, unsigned seconds, struct err *err);
/* Removes the lock's file, under the lock, when the machine is gone. */
void machine_lock_forget(const struct machine *machine);

/* The lock shared with other commands that need the machine to stay as it is. */
int machine_lock_shared(const struct machine *machine, unsigned seconds, struct err *err);

/* Whether a command has the lock. Looks only. */
bool machine_busy(const struct machine *machine);

/* The mark of a machine that is half made or half removed. */
struct unfinished machine_mark(const struct machine *machine);

/* Appends to the installation's event log, which machine/state/events.h follows; a failure does not fail the caller. */
void events_append(const struct dirs *dirs, const struct event *event);
/* The same with the machine's name. */
void machine_tell(const struct machine *machine, const struct event *event);

/* Reads machine.conf into a config that is empty. */
int machine_load(struct machine *machine, struct err *err);

/*
 * The same for a machine that may be broken, half made, half removed or absent: its config is read or filled with
 * defaults, and a fault is left where settings are missing or cannot be read. -ENOENT: there is nothing of it.
 * act: what a killed command has left half made or half removed is finished off first; else nothing is changed.
 */
int machine_find(struct machine *machine, bool act, struct err *err);

/* "There is no such machine", with the nearest name: -ENOENT. */
int machine_absent(const struct dirs *dirs, const char *name, struct err *err);

/* "It has just been deleted", by another command since ours has opened it: -ENOENT. */
int machine_gone(const struct machine *machine, struct err *err);

/* FOLDER/file; the caller owns it; NULL: out of memory. */
char *machine_path(const struct machine *machine, const char *file);

/*
 * Under the lock, stopped: snapshots, volume, lease and folder are removed. The first step marks the machine as half
 * removed, durably; after a kill the next machine_open or machine_sweep goes on from there. A pool that cannot be
 * reached is refused before that; forget: its volumes stay there.
 */
int machine_erase(struct machine *machine, bool forget, struct err *err);
/* Under the lock: its root and its snapshots in that pool go. Idempotent. */
int machine_destroy_volumes(const struct machine *machine, struct pool *pool, struct err *err);
/* Under the lock: what a restore that was killed has left goes. */
int restoring_clear(const struct machine *machine, struct pool *pool, struct err *err);
/* Whether its root and snapshots in that pool can be destroyed. -EBUSY, with what holds them. */
int machine_unused(const struct machine *machine, struct pool *pool, struct err *err);

/*
 * Gives back the leases on all networks, or on all but those that its interfaces are on. A failure is left to the
 * machine's deletion.
 */
void machine_leave_networks(struct machine *machine, bool all);
/* Gives back the lease on one network. */
void machine_leave_network(struct machine *machine, const char *network);

/*
 * Gives the lease of eth0 the addresses that the settings name now, if there is one. A failure is left to the next
 * start.
 */
void machine_renew_lease(struct machine *machine);

/* "machine.NAME", "restoring.NAME" while a restore is at work, and "snapshot.NAME.SNAP". */
void machine_volume(const char *name, char volume[VOLUME_NAME_MAX + 1]);
void restoring_volume(const char *name, char volume[VOLUME_NAME_MAX + 1]);
void snapshot_volume(const char *name, const char *snapshot, char volume[VOLUME_NAME_MAX + 1]);
/* Sets err, whatever it was: the machine has no such snapshot. -ENOENT. */
int snapshot_missing(const struct machine *machine, const char *snapshot, struct err *err);
/* "data.NAME" and "datasnapshot.NAME.SNAP": a volume for data, and what a snapshot of it kept. */
void data_volume(const char *name, char volume[VOLUME_NAME_MAX + 1]);
void data_snapshot_volume(const char *name, const char *snapshot, char volume[VOLUME_NAME_MAX + 1]);

#endif
