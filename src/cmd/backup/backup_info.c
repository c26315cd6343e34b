/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/backup/backup_info.h"

#include "cmd/cli/print.h"

static bool is_any(const struct machine *machine, const struct backup_view *view)
{
	return *machine->config.backup_schedule || view->last || view->failed;
}

void backup_show(const struct machine *machine, const struct backup_view *view,
		 void (*show)(const char *label, const char *form, ...)
			 __attribute__((format(printf, 2, 3))))
{
	const char *schedule = machine->config.backup_schedule;
	char last[32] = "", since[32] = "";

	if (!is_any(machine, view))
		return;
	print_time(view->last, last, sizeof last);
	print_time(view->failed ? view->trouble.since : 0, since, sizeof since);
	show("backups:", "%s%s%s, %s%s%s%s%s%s", *schedule ? schedule : "by hand",
	     view->target ? " to " : ", to no folder", view->target ? view->target : "",
	     *last ? "the last of " : "none yet", last, view->failed ? "; failed since " : "",
	     since, view->failed ? ": " : "", view->failed ? view->trouble.text : "");
}

json_t *backup_object(const struct machine *machine, const struct backup_view *view)
{
	if (!is_any(machine, view))
		return json_null();
	return json_members((const struct json_member[]){
		{ "schedule", json_text(machine->config.backup_schedule) },
		{ "target", json_text(view->target) },
		{ "last", json_count(view->last) },
		{ "failed", json_count(view->failed ? view->trouble.since : 0) },
		{ "error", json_text(view->failed ? view->trouble.text : "") },
		{ 0 },
	});
}
