/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of the files of a machine's backups: TARGET/MACHINE.UUID/.checked has a line for each that was read,
 * with its size and the time of its last change, by which a later damage is seen without reading it again. It saves
 * work only: a lost ledger makes the next backup read the chain.
 */
#ifndef BERTH_MACHINE_BACKUP_LEDGER_H
#define BERTH_MACHINE_BACKUP_LEDGER_H

#include "machine/backup/backups.h"

/* Fills in what is known of the backups of a list. Lines that are none are ignored. */
void ledger_read(struct backups *backups);
/*
 * Takes over what another list of the same machine knows, and what is known of one that was just written. backups_judge
 * is called afterwards.
 */
void ledger_copy(struct backups *backups, const struct backups *from, const struct backup *made);
/* Keeps what is known. Under the lock. A failure costs only time. */
void ledger_write(const struct backups *backups);
/* The same without the lock, which it takes if no other command has it. */
void ledger_keep(const struct backups *backups);

#endif
