/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The folder that a command about backups works in. */
#include "cmd/machine/backup.h"

#include "cmd/cli/common.h"

#include <errno.h>
#include <string.h>

const struct flag flag_target = { "target", 0, false, "FOLDER",
				  "where the backups are; else as backup.target says" };
static int no_target(struct err *err)
{
	return err_set(err, EINVAL,
		       "no folder for backups is set; give --target, or set backup.target of the "
		       "machine or of berth.conf");
}

int backup_target_check(const char *path, struct err *err)
{
	return path[0] == '/'
		       ? 0
		       : err_set(err, EINVAL,
				 "the folder for backups is '%.200s'; use an absolute path", path);
}

int backup_target_wanted(const struct call *call, const struct machine *machine, char **target,
			 struct err *err)
{
	const char *given = call_value(call, &flag_target);
	struct berth_config site = { 0 };

	if (!given && machine && *machine->config.backup_target)
		given = machine->config.backup_target;
	if (!given && config_load_berth(&call->dirs, &site, err) < 0)
		return -err->code;
	if (!given)
		given = site.backup_target;
	int r = *given ? backup_target_check(given, err) : no_target(err);
	*target = r == 0 ? strdup(given) : NULL;
	config_free(&berth_schema, &site);
	return r == 0 && !*target ? err_set(err, ENOMEM, "out of memory") : r;
}
