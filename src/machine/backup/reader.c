/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/reader.h"

#include <errno.h>

int backup_reader_open(struct backup_reader *reader, const struct backups *backups,
		       const struct backup *one, const char *decrypt, struct err *err)
{
	const struct filter_spec spec = { .key = "backup.decrypt", .command = decrypt };

	*reader = (struct backup_reader){ .fd = -1, .pump = { .fd = -1 }, .filter = { .fd = -1 } };
	if (one->sealed && !*decrypt)
		return err_set(err, ENOKEY,
			       "'%s' is encrypted; set backup.decrypt in berth.conf, the command "
			       "that decrypts it",
			       one->file);
	if (backups_open(backups, one, &reader->pump, err) < 0)
		return -err->code;
	reader->sealed = one->sealed;
	reader->fd = reader->pump.fd;
	if (!one->sealed)
		return 0;
	int r = filter_from(&reader->filter, &spec, reader->pump.fd, err);
	reader->fd = reader->filter.fd;
	return r;
}

void backup_reader_close(struct backup_reader *reader, struct err *failed)
{
	struct err cause = { 0 };

	if (reader->sealed && filter_end(&reader->filter, NULL, &cause) < 0 &&
	    failed->code == EBADMSG)
		*failed = cause;
	pump_end(&reader->pump);
	reader->fd = -1;
}
