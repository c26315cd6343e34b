/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/view.h"

#include "base/scoped.h"
#include "machine/backup/held.h"

#include <string.h>

int backup_target_of(const struct dirs *dirs, const struct machine *machine, char **target,
		     struct err *err)
{
	struct berth_config site = { 0 };
	const char *given = machine ? machine->config.backup_target : "";

	if (!*given && config_load_berth(dirs, &site, err) < 0)
		return -err->code;
	if (!*given)
		given = site.backup_target;
	*target = strdup(given);
	config_free(&berth_schema, &site);
	return *target ? 0 : err_set(err, ENOMEM, "out of memory");
}

int backup_commands(const struct dirs *dirs, char **encrypt, char **decrypt, struct err *err)
{
	struct berth_config site = { 0 };

	if (config_load_berth(dirs, &site, err) < 0)
		return -err->code;
	if (encrypt)
		*encrypt = strdup(site.backup_encrypt);
	if (decrypt)
		*decrypt = strdup(site.backup_decrypt);
	config_free(&berth_schema, &site);
	return (encrypt && !*encrypt) || (decrypt && !*decrypt)
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

void backup_look(const struct machine *machine, const struct snapshot_entry *snapshots,
		 size_t count, struct backup_view *view)
{
	char prefix[32];
	uint64_t date;

	*view = (struct backup_view){ .failed = false };
	view->failed = trouble_read(machine, &view->trouble);
	bool any = *machine->config.backup_schedule || view->failed;
	for (size_t i = 0; i < count && !any; i++)
		any = held_is(snapshots[i].name, NULL, NULL);
	if (!any)
		return;
	if (backup_target_of(machine->dirs, machine, &view->target, &(struct err){ 0 }) == 0 &&
	    !*view->target) {
		free(view->target);
		view->target = NULL;
	}
	held_prefix(view->target ? view->target : "", prefix);
	for (size_t i = 0; i < count; i++) {
		if (held_is(snapshots[i].name, prefix, &date) && date > view->last)
			view->last = date;
	}
}

void backup_view_free(struct backup_view *view)
{
	free(view->target);
	view->target = NULL;
}
