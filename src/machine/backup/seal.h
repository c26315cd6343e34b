/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record beside an encrypted backup, FILE.enc.sha256, by which it is checked, built on and removed without a key.
 * sha256sum(1) reads it too.
 */
#ifndef BERTH_MACHINE_BACKUP_SEAL_H
#define BERTH_MACHINE_BACKUP_SEAL_H

#include "machine/backup/store.h"

#define SEAL_SUFFIX ".enc"
#define SEAL_RECORD ".sha256"

struct seal {
	char sum[STORE_SUM];     /* of the encrypted file */
	char content[UUID_TEXT]; /* of the snapshot in it */
};

/* path: of the backup. -ENOENT: it has no record; -EBADMSG: it is none; or -code. */
int seal_read(struct store *store, const char *path, struct seal *seal, struct err *err);
int seal_write(struct store *store, const char *path, const struct seal *seal, struct err *err);
int seal_remove(struct store *store, const char *path, struct err *err);

#endif
