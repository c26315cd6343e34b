/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BERTH_MACHINE_BACKUP_PRUNE_H
#define BERTH_MACHINE_BACKUP_PRUNE_H

#include "base/text.h"
#include "machine/backup/backups.h"

struct pruning_spec {
	const struct keep *keep;
	uint64_t now; /* seconds since the epoch */
	bool dry;     /* only says what would be removed */
};

/*
 * Removes the backups that the policy does not keep, and that no kept one builds on. removed: receives the names of the
 * files, a line each. Under the lock. 0 or -code.
 */
int backups_prune(struct backups *backups, const struct pruning_spec *spec, struct text *removed,
		  struct err *err);

#endif
