/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/backup.h"

#include "base/fault.h"
#include "base/outfile.h"
#include "base/scoped.h"
#include "machine/backup/held.h"
#include "machine/backup/ledger.h"
#include "machine/backup/making.h"
#include "machine/backup/prune.h"
#include "machine/backup/target.h"
#include "machine/backup/trouble.h"
#include "machine/manage/automatic.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t time_or_now(uint64_t given)
{
	return given ? given : (uint64_t)time(NULL);
}

/* A second has one backup: the next one gets the next free second. */
static int name_it(const struct making *making, struct backup *made, struct err *err)
{
	char date[STAMP_SIZE], base[STAMP_SIZE];

	*made = (struct backup){ .date = making->now,
				 .base = making->base ? making->base->date : 0 };
	while (backups_of(&making->backups, made->date))
		made->date++;
	if (stamp_print(made->date, date) < 0 || stamp_print(made->base, base) < 0)
		return err_set(err, EOVERFLOW, "the clock's time cannot be written");
	snprintf(made->file, sizeof made->file,
		 making->base ? "%s.since-%s.berth" : "%s.full.berth", date, base);
	return 0;
}

/* The written file is read again, from the disk where it can be, before it counts. */
static int check_written(int fd, const char *path, struct err *err)
{
	if (fsync(fd) < 0)
		return err_set(err, errno, "write '%s': %s", path, strerror(errno));
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(err, errno, "read '%s': %s", path, strerror(errno));
	return stream_verify(fd, err) < 0 ? err_wrap(err, "'%s', as it was written", path) : 0;
}

/* ctime counts from the time when the file has its name. */
static void note_written(const char *path, struct backup *made)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return;
	made->size = (uint64_t)st.st_size;
	made->changed = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
	made->checked = (uint64_t)time(NULL);
}

static int write_it(struct making *making, struct backup *made, struct err *err)
{
	scoped_free char *path = text_format("%s/%s", making->backups.folder, made->file);
	const struct outfile_spec file = { .path = path, .what = "a backup", .mode = 0600 };
	scoped_outfile struct outfile out = { .fd = -1 };
	struct export_spec spec = {
		.verb = "write",
		.snapshot = making->snapshot,
		.since = making->base ? making->since : NULL,
		.keep = making->base ? NULL : making->snapshot,
		.codec = making->spec->codec,
		.tick = making->spec->tick,
		.tick_context = making->spec->tick_context,
	};

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (outfile_open(&out, &file, err) < 0)
		return target_remedy(making->spec->target, err);
	spec.fd = out.fd;
	if (machine_export(making->machine, &spec, err) < 0 || check_written(out.fd, path, err) < 0)
		return target_remedy(making->spec->target, err);
	fault_point("backup-written");
	if (outfile_keep(&out, err) < 0)
		return target_remedy(making->spec->target, err);
	note_written(path, made);
	fault_point("backup-kept");
	return 0;
}

/* The folder of a machine keeps the name that it had at its first backup: the uuid finds it. */
struct named {
	const char *uuid;
	char name[64];
};

static int name_there(void *context, const char *name, const char *uuid)
{
	struct named *named = context;

	if (strcmp(uuid, named->uuid) != 0)
		return 0;
	snprintf(named->name, sizeof named->name, "%s", name);
	return 1;
}

static int find_folder(struct machine *machine, const char *target, struct named *named,
		       struct err *err)
{
	*named = (struct named){ .uuid = machine->config.uuid };
	snprintf(named->name, sizeof named->name, "%s", machine->name);
	int r = target_machines(target, name_there, named, err);
	return r < 0 ? r : 0;
}

/* What is there now, with the new one, which a dry run has not made. */
static int prune(struct making *making, struct backup_result *result, struct err *err)
{
	const struct backups *before = &making->backups;
	scoped_backups struct backups now = { 0 };
	struct keep keep;
	const struct pruning_spec spec = { .keep = &keep,
					   .now = making->now,
					   .dry = making->spec->dry };

	if (config_keep(making->machine->config.backup_keep, &keep, err) < 0 ||
	    backups_list(making->spec->target, before->name, before->uuid, &now, err) < 0)
		return -err->code;
	if (making->spec->dry && backups_add(&now, &result->made) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (!making->spec->dry) {
		ledger_copy(&now, before, &result->made);
		backups_judge(&now);
	}
	int r = backups_prune(&now, &spec, &result->removed, err);
	if (!making->spec->dry)
		ledger_write(&now);
	return r;
}

static int make(struct making *making, struct backup *made, struct err *err)
{
	if (snapshot_take_dated(making->machine, making->prefix, made->date,
				making->spec->quiet || making->machine->config.backup_freeze,
				making->snapshot, err) < 0)
		return -err->code;
	fault_point("backup-snapshot");
	if (write_it(making, made, err) < 0) {
		snapshot_delete(making->machine, making->snapshot, &(struct err){ 0 });
		return -err->code;
	}
	return 0;
}

static void tell_made(struct machine *machine, const struct backup *made)
{
	char date[STAMP_SIZE];

	trouble_over(machine);
	if (stamp_print(made->date, date) == 0)
		machine_tell(machine, &(struct event){ .name = "backed-up", .snapshot = date });
}

/* The backup is there, and what follows does not take it back. */
static int tidy(struct making *making, struct backup_result *result, struct err *err)
{
	int r = held_drop(making->machine, making->prefix, making->snapshot, NULL, err);

	if (r == 0)
		r = prune(making, result, err);
	return r < 0 ? err_wrap(err, "the backup was written, but not all old ones are gone") : 0;
}

/* Leftovers of a command that was killed. */
static int clear(struct making *making, struct err *err)
{
	char date[STAMP_SIZE], cause[128];
	uint64_t when;

	if (held_clear(making->machine, making->prefix, &making->backups, &when, err) < 0)
		return -err->code;
	if (when && stamp_print(when, date) == 0) {
		snprintf(cause, sizeof cause,
			 "the backup of %s was interrupted, or its file was removed", date);
		machine_tell(making->machine,
			     &(struct event){ .name = "backup-failed", .cause = cause });
	}
	return 0;
}

static int is_due(const struct making *making, struct err *err)
{
	const struct backups *backups = &making->backups;
	struct schedule schedule;

	if (!making->spec->only_due)
		return 1;
	if (config_schedule(making->machine->config.backup_schedule, &schedule, err) < 0)
		return -err->code;
	scoped_free uint64_t *dates = calloc(backups->count + 1, sizeof *dates);
	if (!dates)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < backups->count; i++)
		dates[i] = backups->list[i].date;
	return !schedule.never && schedule_is_due(&schedule, making->now, dates, backups->count);
}

static int make_if_due(struct making *making, struct backup_result *result, struct err *err)
{
	struct backup made;

	if (!making->spec->dry && clear(making, err) < 0)
		return -err->code;
	int due = is_due(making, err);
	if (due <= 0)
		return due;
	if (base_choose(making, result->why, err) < 0 || name_it(making, &made, err) < 0)
		return -err->code;
	if (making->spec->dry) {
		result->made = made;
		return prune(making, result, err);
	}
	if (make(making, &made, err) < 0)
		return -err->code;
	result->made = made;
	int r = tidy(making, result, err);
	tell_made(making->machine, &made);
	return r;
}

/* The lock is taken before anything is decided: a command that waited for it sees what the other one has made. */
static int make_locked(struct machine *machine, const struct backup_spec *spec,
		       struct backup_result *result, struct err *err)
{
	struct making making = { .machine = machine, .spec = spec };
	struct named named;

	if (find_folder(machine, spec->target, &named, err) < 0)
		return -err->code;
	scoped_fd int lock =
		spec->dry ? -1 : backups_lock(spec->target, named.name, named.uuid, err);
	if (lock < 0 && !spec->dry)
		return lock;
	making.now = time_or_now(spec->now);
	held_prefix(spec->target, making.prefix);
	int r = backups_list(spec->target, named.name, named.uuid, &making.backups, err);
	if (r == 0)
		r = make_if_due(&making, result, err);
	backups_free(&making.backups);
	return r;
}

int backup_make(struct machine *machine, const struct backup_spec *spec,
		struct backup_result *result, struct err *err)
{
	int first = machine_check(machine, err) < 0
			    ? -err->code
			    : target_claim(machine->dirs, spec->target, spec->dry, err);
	int r = first < 0 ? first : make_locked(machine, spec, result, err);

	/* A folder that has taken nothing is not the one to look for next time. */
	if (r < 0 && first > 0)
		target_unclaim(machine->dirs, spec->target);
	/* Another command is at it, and what it does not do is still due at the next look. */
	if (r == -EBUSY && spec->only_due && !result->made.date) {
		*err = (struct err){ 0 };
		return 0;
	}
	return r;
}

bool backup_tell_failure(const struct machine *machine, const struct backup_spec *spec,
			 struct err *err)
{
	err_wrap(err, "back up machine '%s'", machine->name);
	if (spec->dry)
		return true;
	bool told = trouble_note(machine, err, time_or_now(spec->now)) || !spec->only_due;
	if (told)
		machine_tell(machine,
			     &(struct event){ .name = "backup-failed", .cause = err->text });
	return told;
}

void backup_abandon(struct machine *machine, const char *target)
{
	scoped_backups struct backups backups = { 0 };
	struct err ignored = { 0 };
	struct named named;
	char prefix[32];
	uint64_t date;

	if (machine_check(machine, &ignored) < 0 ||
	    target_claim(machine->dirs, target, true, &ignored) < 0 ||
	    find_folder(machine, target, &named, &ignored) < 0)
		return;
	scoped_fd int lock = backups_lock(target, named.name, named.uuid, &ignored);
	held_prefix(target, prefix);
	if (lock >= 0 && backups_list(target, named.name, named.uuid, &backups, &ignored) == 0)
		held_clear(machine, prefix, &backups, &date, &ignored);
}
