/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/source.h"

#include <errno.h>

int source_open(struct source *source, const struct backups *backups, const struct backup *one,
		const char *decrypt, struct err *err)
{
	const struct filter_spec spec = { .key = "backup.decrypt", .command = decrypt };

	*source = (struct source){ .fd = -1, .pump = { .fd = -1 }, .filter = { .fd = -1 } };
	if (one->sealed && !*decrypt)
		return err_set(err, ENOKEY,
			       "'%s' is encrypted; set backup.decrypt in berth.conf, the command "
			       "that decrypts it",
			       one->file);
	if (backups_open(backups, one, &source->pump, err) < 0)
		return -err->code;
	source->sealed = one->sealed;
	source->fd = source->pump.fd;
	if (!one->sealed)
		return 0;
	int r = filter_from(&source->filter, &spec, source->pump.fd, err);
	source->fd = source->filter.fd;
	return r;
}

void source_close(struct source *source, struct err *failed)
{
	struct err cause = { 0 };

	if (source->sealed && filter_end(&source->filter, NULL, &cause) < 0 &&
	    failed->code == EBADMSG)
		*failed = cause;
	pump_end(&source->pump);
	source->fd = -1;
}
