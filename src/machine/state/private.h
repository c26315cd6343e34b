/* Shared inside the machine layer only. */
#ifndef BERTH_MACHINE_STATE_PRIVATE_H
#define BERTH_MACHINE_STATE_PRIVATE_H

#include "base/unfinished.h"
#include "keeper/event.h"
#include "machine/state/machine.h"
#include "storage/storage.h"

/* How long one command waits for another on the same machine. */
enum { LOCK_SECONDS = 60 };

/* Fills in names and paths, reads nothing. */
int machine_paths(struct machine *machine, const struct site *site, const char *name,
		  struct err *err);

/*
 * The machine's lock, as a descriptor. Whoever holds it must not wait for a keeper to end, since the
 * keeper's own clean-up takes it.
 */
int machine_lock(const struct machine *machine, unsigned seconds, struct err *err);
/* Removes the lock's file, by who holds it, when the machine is gone. */
void machine_lock_forget(const struct machine *machine);

/* The same, with others who only want the machine to stay as it is. */
int machine_lock_shared(const struct machine *machine, unsigned seconds, struct err *err);

/* Whether a command is at work on it. Looks only. */
bool machine_busy(const struct machine *machine);

/* What marks it as half made or half removed. */
struct unfinished machine_mark(const struct machine *machine);

/* A uuid, hardware address and time of its making: what makes it another machine than any before. */
int machine_draw_identity(struct machine_config *config, struct err *err);

/* Appends to the site's event log, for those who follow it (machine/state/events.h); a failure does not fail the caller. */
void site_tell(const struct site *site, const struct event *event);
/* The same with the machine's name. */
void machine_tell(const struct machine *machine, const struct event *event);

/* Reads machine.conf again, into a config that is empty. */
int machine_load(struct machine *machine, struct err *err);

/* FOLDER/file; the caller owns it; NULL: out of memory. */
char *machine_path(const struct machine *machine, const char *file);

/* "It has just been deleted", by another command since ours has opened it. -ENOENT. */
int machine_gone(const struct machine *machine, struct err *err);

/*
 * Under the lock, stopped: snapshots, volume, lease and folder go. The first step marks it as half
 * removed, durably; if we die after it, the next machine_open or machine_sweep goes on from there. A pool
 * that cannot be reached is refused before that; forget: its volumes stay there.
 */
int machine_erase(struct machine *machine, bool forget, struct err *err);

/*
 * Its lease on a network, made if there is none; under its lock. A hardware address that another has
 * there is drawn again, in machine.conf; a new lease is its only one.
 */
int machine_lease(struct machine *machine, struct network *network, struct lease *lease,
		  struct err *err);
/* Gives back what it holds on all networks, or all but one. What fails is tried again by its deletion. */
void machine_leave_networks(const struct machine *machine, const char *except);

/* "machine.NAME", "restoring.NAME" while a restore is at work, and "snapshot.NAME.SNAP". */
void machine_volume(const char *name, char volume[VOLUME_NAME_MAX + 1]);
void restoring_volume(const char *name, char volume[VOLUME_NAME_MAX + 1]);
void snapshot_volume(const char *name, const char *snapshot, char volume[VOLUME_NAME_MAX + 1]);

/* -ENOENT in words. */
int snapshot_exists(struct machine *machine, const char *name, struct err *err);

/* One look. */
bool machine_paused(const struct machine *machine);

/*
 * Holds its processes still until there is room in its pool, why being a sentence for who looks, or
 * (NULL) lets them go on, unless it is paused as well. 0, or -errno; -ESRCH: it is not one to hold.
 */
int machine_hold(struct machine *machine, const char *why);

/* What is the machine's own in a fresh copy of a root, and what berth keeps there: see identity.c. */
int identity_apply(struct machine *machine, int root_fd, const struct lease *lease,
		   struct err *err);

#endif
