/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream of a backup, fetched from where it is, and decrypted. */
#ifndef BERTH_MACHINE_BACKUP_READER_H
#define BERTH_MACHINE_BACKUP_READER_H

#include "machine/backup/backups.h"
#include "machine/backup/filter.h"

struct backup_reader {
	int fd; /* borrowed: has the stream */
	struct pump pump;
	struct filter filter;
	bool sealed;
};

/* decrypt: the key backup.decrypt, of which "" is an error if the backup is encrypted. backup_reader_close after both. */
int backup_reader_open(struct backup_reader *reader, const struct backups *backups,
		       const struct backup *one, const char *decrypt, struct err *err);
/* failed: of the reader; it is replaced by the cause if the command that decrypts has failed. */
void backup_reader_close(struct backup_reader *reader, struct err *failed);

#endif
