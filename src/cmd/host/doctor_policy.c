/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor: schedules of snapshots and backups that nothing looks at, and backups that fail. */
#include "cmd/host/doctor.h"

#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/print.h"
#include "machine/backup/view.h"
#include "machine/state/machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SYSTEMD "/run/systemd/system"

enum { TABLE_MAX = 1 << 20 };

/* A verb that a timer or a line of cron runs. */
struct runner {
	const char *key, *words, *timer;
	char machine[64]; /* the first that needs it; "": none does */
	size_t machines;
};

struct schedules {
	struct report *report;
	struct runner snapshots, backups;
};

static void count(struct runner *runner, const char *name, const char *schedule)
{
	if (!*schedule)
		return;
	if (runner->machines++ == 0)
		snprintf(runner->machine, sizeof runner->machine, "%s", name);
}

static int look_at_machine(void *context, const char *name)
{
	struct schedules *schedules = context;
	scoped_machine struct machine machine = { 0 };
	__attribute__((cleanup(backup_view_free))) struct backup_view view = { 0 };
	char since[32];

	if (machine_read(&machine, schedules->report->dirs, name, &(struct err){ 0 }) < 0)
		return 0;
	count(&schedules->snapshots, name, machine.config.snapshots_schedule);
	count(&schedules->backups, name, machine.config.backup_schedule);
	backup_look(&machine, NULL, 0, &view);
	print_time(view.trouble.since, since, sizeof since);
	if (*machine.config.backup_schedule && !view.target)
		report_add(schedules->report, VERDICT_PROBLEM, "backups",
			   "set backup.target of the machine or of berth.conf",
			   "machine '%s' has backup.schedule, and no folder for backups is set",
			   name);
	else if (view.failed)
		report_add(schedules->report, VERDICT_PROBLEM, "backups", NULL,
			   "the backups of machine '%s' fail since %s: %s", name, since,
			   view.trouble.text);
	return 0;
}

static bool has_line(const char *path, const char *words)
{
	scoped_free char *bytes = NULL;
	bool systemd = access(SYSTEMD, F_OK) == 0;

	if (file_read(AT_FDCWD, path, TABLE_MAX, &bytes) < 0)
		return false;
	char *rest = bytes;
	for (char *line; (line = strsep(&rest, "\n"));) {
		/* berth's own line does nothing where systemd runs. */
		if (*text_trim(line) != '#' && strstr(line, words) &&
		    !(systemd && strstr(line, SYSTEMD)))
			return true;
	}
	return false;
}

static bool cron_runs(const char *words)
{
	static const char *const tables[] = { "/etc/crontab", "/var/spool/cron/crontabs/root",
					      "/var/spool/cron/root", NULL };
	DIR *stream = opendir("/etc/cron.d");
	bool found = false;

	for (size_t i = 0; tables[i] && !found; i++)
		found = has_line(tables[i], words);
	for (struct dirent *entry; stream && !found && (entry = readdir(stream));) {
		scoped_free char *path = text_format("/etc/cron.d/%s", entry->d_name);
		found = path && entry->d_name[0] != '.' && has_line(path, words);
	}
	if (stream)
		closedir(stream);
	return found;
}

static bool timer_runs(const char *timer)
{
	const char *const argv[] = { "systemctl", "is-active", timer, NULL };
	scoped_text struct text out = { 0 };
	scoped_text struct text errors = { 0 };
	int code = -1;
	const struct child_io io = { .out = &out, .errors = &errors, .code = &code, .seconds = 10 };

	return access(SYSTEMD, F_OK) == 0 && child_run(argv, &io, &(struct err){ 0 }) == 0 &&
	       code == 0;
}

static void check_runner(struct report *report, const struct runner *runner)
{
	scoped_free char *remedy =
		text_format("systemctl enable --now %s; without systemd, a line of cron that runs "
			    "'berth %s', such as /etc/cron.d/berth",
			    runner->timer, runner->words);
	char others[48] = "";

	if (runner->machines == 0)
		return;
	if (runner->machines > 1)
		snprintf(others, sizeof others, " and %zu more", runner->machines - 1);
	if (timer_runs(runner->timer) || cron_runs(runner->words))
		report_add(report, VERDICT_OK, "schedules", NULL, "'berth %s' is run regularly",
			   runner->words);
	else
		report_add(report, VERDICT_PROBLEM, "schedules", remedy,
			   "machine '%s'%s %s %s, and nothing runs 'berth %s'", runner->machine,
			   others, runner->machines > 1 ? "have" : "has", runner->key,
			   runner->words);
}

void doctor_policy(struct report *report)
{
	struct schedules schedules = {
		.report = report,
		.snapshots = { "snapshots.schedule", "snapshot scheduled", "berth-snapshots.timer",
			       "", 0 },
		.backups = { "backup.schedule", "backup scheduled", "berth-backups.timer", "", 0 },
	};
	struct err err = { 0 };

	if (machine_list(report->dirs, look_at_machine, &schedules, &err) < 0)
		return;
	check_runner(report, &schedules.snapshots);
	check_runner(report, &schedules.backups);
}
