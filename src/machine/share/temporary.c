/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounts and devices that last as long as the guest: a file in the run folder keeps their sections. */
#include "machine/share/mounts.h"
#include "machine/share/share.h"

#include "base/scoped.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

char *share_temporary_path(const struct machine *machine)
{
	return text_format("%s/shares.conf", machine->run);
}

int share_forget_temporary(const struct machine *machine, struct err *err)
{
	scoped_free char *path = share_temporary_path(machine);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove '%s': %s", path, strerror(errno));
	return 0;
}

int machine_temporary(const struct machine *machine, struct machine_config *config, struct err *err)
{
	scoped_free char *path = share_temporary_path(machine);
	struct err why = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_load(&machine_schema, path, config, &why);
	if (r == -ENOENT)
		return config_defaults(&machine_schema, config, err);
	return r < 0 ? err_set(err, -r, "%s", why.text) : 0;
}
