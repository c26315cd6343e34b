/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backup take, scheduled, forget: backups that are made, and folders that are let go. */
#include "cmd/backup/backup.h"

#include "base/file.h"
#include "base/scoped.h"
#include "cmd/backup/backup_run.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/policy.h"
#include "cmd/cli/print.h"
#include "cmd/cli/verbs.h"
#include "cmd/travel/there.h"
#include "config/place.h"
#include "machine/backup/target.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RUN_WAIT_SECONDS = 2, RUN_LONG_SECONDS = 86400, JSON_MAX = 64 << 20 };

#define RUN_LOCK "backups-by-schedule"

static const struct flag flag_full = { "full", 0, false, NULL,
				       "a full backup, and not only what has changed" };
static const struct flag *const take_flags[] = { &flag_there, &flag_dry_run, &flag_freeze,
						 &flag_full,  &flag_json,    &flag_label,
						 &flag_now,   &flag_ssh,     &flag_target,
						 NULL };
static const struct flag *const scheduled_flags[] = { &flag_there,  &flag_dry_run, &flag_json,
						      &flag_label,  &flag_now,     &flag_ssh,
						      &flag_target, NULL };
static const struct command *const members[];

/* ---- Making them */

/* A run over machines. */
struct run {
	uint64_t now;
	int json;   /* owned: a file in memory; -1: none */
	int signal; /* that has ended it; 0: none */
	bool scheduled;
};

static int act(struct call *call, struct machine *machine, struct err *err)
{
	struct run *run = call->context;
	scoped_free char *target = NULL;
	struct backup_spec spec = {
		.now = run->now,
		.full = call_has(call, &flag_full),
		.only_due = run->scheduled,
		.dry = call_has(call, &flag_dry_run),
		.quiet = !run->scheduled && call_has(call, &flag_freeze),
		.press = { .codec = STREAM_LZ4 },
	};

	/* After an interrupt no further one is begun. */
	if (run->signal)
		return EXIT_FAILED;
	if (machine_check(machine, err) < 0)
		return backup_failed(machine, &spec, err);
	if (run->scheduled && !*machine->config.backup_schedule)
		return 0;
	if (backup_target_wanted(call, machine, &target, err) < 0)
		return backup_failed(machine, &spec, err);
	spec.where = backup_where(call, target, "back up to");
	int r = backup_run(call, machine, &spec, run->json, &run->signal, err);
	/* The volumes that stay behind are no news to the reader of a schedule's messages. */
	if (r == 0 && !run->scheduled && !spec.dry)
		tell_left_volumes(machine, "the backup", machine->config.backup_volumes);
	return r;
}

/* One array of the lines that the processes have written. */
static int print_lines(int fd, struct err *err)
{
	scoped_free char *bytes = NULL;
	json_t *array = json_array();

	if (lseek(fd, 0, SEEK_SET) < 0 || file_read_opened(fd, JSON_MAX, &bytes) < 0) {
		json_decref(array);
		return err_set(err, EIO, "read what was done");
	}
	char *rest = bytes;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (*line)
			json_array_append_new(array, json_loads(line, 0, NULL));
	}
	return print_json(array, err);
}

static int run_all(struct call *call, struct run *run, struct err *err)
{
	run->json = call_has(call, &flag_json) ? memfd_create("made", MFD_CLOEXEC) : -1;
	if (call_has(call, &flag_json) && run->json < 0)
		return err_set(err, errno, "make a file in memory: %s", strerror(errno));
	call->context = run;
	int r = for_each_machine(call, act, false, err);
	call->context = NULL;
	struct err failed = { 0 };
	if (run->json >= 0 && print_lines(run->json, &failed) < 0 && r == 0) {
		*err = failed;
		r = -err->code;
	}
	scoped_close_fd(&run->json);
	if (!run->signal)
		return r;
	/* The caller learns that it was a signal. */
	if (err->code)
		print_error(err);
	output_flush();
	signal(run->signal, SIG_DFL);
	raise(run->signal);
	return EXIT_FAILED;
}

/* The word that was to be a verb, or a machine. */
static int refuse_first(const struct call *call, const char *word, struct err *err)
{
	static const char *const removal[] = { "prune", "delete", "rm", "remove", "expire", NULL };
	const char *names[16] = { NULL };
	size_t count = 0;

	for (size_t i = 0; removal[i]; i++) {
		if (strcmp(word, removal[i]) == 0)
			return err_set(err, EINVAL,
				       "there is no verb 'backup %s', and no machine of that name; "
				       "'backup take' removes what backup.keep does not keep",
				       word);
	}
	for (size_t i = 0; members[i]; i++)
		names[count++] = members[i]->name;
	const char *near = text_nearest(word, names);
	scoped_machine struct machine machine = { 0 };
	machine_look(&machine, &call->dirs, word, err);
	if (near && !strstr(err->text, "did you mean"))
		return err_set(
			err, EINVAL,
			"there is no verb 'backup %.60s', and no machine of that name; did you "
			"mean 'backup %s'?",
			word, near);
	return -err->code;
}

static bool is_machine(const struct call *call, const char *word)
{
	scoped_machine struct machine machine = { 0 };

	return strpbrk(word, "*?[") ||
	       machine_look(&machine, &call->dirs, word, &(struct err){ 0 }) != -ENOENT;
}

static int look_only(struct call *call, struct machine *machine, struct err *err)
{
	(void)call;
	(void)machine;
	(void)err;
	return 0;
}

/* All names are known before the first backup is begun. */
static int check_names(struct call *call, struct err *err)
{
	if (call->count > 0) {
		int r = strpbrk(call->words[0], "*?[") ? 0 : name_check(call->words[0], err);
		if (r != 0)
			return r;
		if (!is_machine(call, call->words[0])) {
			int code = refuse_first(call, call->words[0], err);
			return code == -EINVAL ? EXIT_USAGE : code;
		}
	}
	return call->count > 1 ? for_each_machine(call, look_only, false, err) : 0;
}

static int run_take(struct call *call, struct err *err)
{
	struct run run = { 0 };

	if (call->count == 0 && !call_has(call, &flag_label)) {
		err_set(err, EINVAL, "name the machines, or choose them by --label; '*' is all");
		return EXIT_USAGE;
	}
	int r = now_given(call, &run.now, err);
	if (r == 0)
		r = check_names(call, err);
	return r != 0 ? r : run_all(call, &run, err);
}

/* ---- By schedule */

/* A run that takes long is no failure; one of more than a day is told once a day. */
static int tell_busy(const struct call *call, struct err *err)
{
	scoped_free char *lock = dirs_run_path(&call->dirs, "locks/" RUN_LOCK);
	scoped_free char *told = dirs_run_path(&call->dirs, "locks/" RUN_LOCK ".told");
	char when[32] = "";
	struct stat st;
	time_t now = time(NULL);

	*err = (struct err){ 0 };
	if (!lock || !told)
		return err_set(err, ENOMEM, "out of memory");
	if (stat(lock, &st) < 0)
		return 0;
	print_time((uint64_t)st.st_mtime, when, sizeof when);
	if (now - st.st_mtime < RUN_LONG_SECONDS) {
		printf("another 'berth backup scheduled' is at work since %s\n", when);
		return 0;
	}
	if (stat(told, &st) == 0 && now >= st.st_mtime && now - st.st_mtime < RUN_LONG_SECONDS)
		return EXIT_FAILED;
	file_replace(told, "", 0, 0600, &(struct err){ 0 });
	return err_set(err, EBUSY,
		       "another 'berth backup scheduled' is at work since %s, and no backup is "
		       "begun meanwhile: look whether its target answers, and end it if not",
		       when);
}

static int run_scheduled(struct call *call, struct err *err)
{
	struct run run = { .scheduled = true };
	int r = now_given(call, &run.now, err);

	if (r != 0)
		return r;
	scoped_fd int lock = call_has(call, &flag_dry_run)
				     ? -1
				     : dirs_lock(&call->dirs, RUN_LOCK, RUN_WAIT_SECONDS,
						 "the schedule of backups", err);
	if (err->code == EBUSY)
		return tell_busy(call, err);
	if (err->code)
		return -err->code;
	if (lock >= 0)
		futimens(lock, NULL);
	return run_all(call, &run, err);
}

/* ---- Letting a target go */

struct forgetting {
	const char *target;
	size_t count;
};

static int act_forget(struct call *call, struct machine *machine, struct err *err)
{
	struct forgetting *forgetting = call->context;

	return backup_forget(machine, forgetting->target, &forgetting->count, err);
}

static int never_used(const struct call *call, const char *target, struct err *err)
{
	scoped_text struct text known = { 0 };

	if (backup_folders_known(&call->dirs, &known, err) < 0)
		return -err->code;
	return err_set(err, ENOENT, "no backups of this host go to '%s'; %s%s", target,
		       known.length ? "those that it knows are: " : "it knows no folder for them",
		       text_str(&known));
}

static int run_forget(struct call *call, struct err *err)
{
	scoped_free char *target = backup_target_plain(call->words[0]);
	struct forgetting forgetting = { .target = target };

	if (!target)
		return err_set(err, ENOMEM, "out of memory");
	if (config_place_fault(target))
		return target_check(&call->dirs, target, err) < 0 ? EXIT_USAGE : 0;
	int known = target_forget(&call->dirs, target, err);
	if (known < 0)
		return known;
	/* All machines of this host had a snapshot for it. */
	call->context = &forgetting;
	call->count = 0;
	int r = for_each_machine(call, act_forget, false, err);
	call->context = NULL;
	if (r == 0 && !known && !forgetting.count)
		return never_used(call, target, err);
	return r;
}

static const struct command take = {
	.group = "backup",
	.name = "take",
	.aliases = "create",
	.args = "[MACHINE...]",
	.help = "Write backups of machines, running or not; the word take may be left out",
	.flags = take_flags,
	.min = 0,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_take,
};

static const struct command scheduled = {
	.group = "backup",
	.name = "scheduled",
	.traits = COMMAND_ALL,
	.args = "[MACHINE...]",
	.help = "Write the backups that are due by backup.schedule, and delete old ones",
	.flags = scheduled_flags,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_scheduled,
};

static const struct command forget = {
	.group = "backup",
	.name = "forget",
	.traits = COMMAND_ALL,
	.args = "PLACE",
	.help = "Delete the snapshots that backups in a folder build on; the backups stay",
	.min = 1,
	.max = 1,
	.first = WORD_FILE,
	.run = run_forget,
};

static int run_serve(struct call *call, struct err *err)
{
	if (isatty(STDIN_FILENO))
		return err_set(err, EINVAL,
			       "standard input is a terminal, and 'berth backup serve' is what the "
			       "other commands run on the host of ssh:HOST:/FOLDER");
	if (target_check(&call->dirs, call->words[0], err) == 0)
		store_serve(call->words[0], err);
	else
		printf("fault EINVAL %s\n", err->text);
	/* The other side prints it. */
	bool failed = err->code != 0;
	*err = (struct err){ 0 };
	return failed ? EXIT_FAILED : 0;
}

const struct command backup_serve_verb = {
	.group = "backup",
	.name = "serve",
	.args = "FOLDER",
	.help = "Keep the backups of another host; run by it on the host of ssh:HOST:/FOLDER",
	.min = 1,
	.max = 1,
	.first = WORD_FILE,
	.run = run_serve,
};

static const struct command *const members[] = {
	&take,
	&scheduled,
	&backup_list_verb,
	&backup_verify_verb,
	&backup_restore_verb,
	&forget,
	&backup_serve_verb,
	NULL,
};

const struct command command_backups = {
	.name = "backup",
	.args = "",
	.help = "Keep machines in files: take, scheduled, list, verify, restore, forget, serve",
	.max = -1,
	.members = members,
	.other = &take,
};
