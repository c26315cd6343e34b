/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps a root unchanged while it is copied. */
#ifndef BERTH_MACHINE_MANAGE_QUIESCE_H
#define BERTH_MACHINE_MANAGE_QUIESCE_H

#include "machine/state/machine.h"
#include "storage/storage.h"

#include <sys/types.h>

struct quiesce {
	int lock;      /* owned; the machine's, while it is stopped; -1 */
	int mark;      /* owned; the lock on FREEZE_COPY, while it runs; -1 */
	int watch;     /* owned; open for as long as this command lives; -1 */
	pid_t watcher; /* thaws the guest if we are killed; 0: none */
};

/*
 * From here to quiesce_end nothing writes into the machine's root: a running guest is frozen, a stopped machine does
 * not start. Nothing is done where the pool copies atomically; pool NULL: the copy is not atomic. lock: the machine's,
 * which is taken over, or -1: a shared lock is taken, which other copies may have too.
 */
int quiesce_begin(struct quiesce *still, struct machine *machine, struct pool *pool, int lock,
		  struct err *err);

/* Lets the machine go on. -ESTALE with an error text: it went on before, so the copy is not of one moment. */
int quiesce_end(struct quiesce *still, struct machine *machine, struct err *err);

/* Writes what the guest has written into its root so far to the disk. 0 or -code. */
int quiesce_flush(struct pool *pool, const char *volume, struct err *err);

#endif
