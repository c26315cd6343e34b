/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/backup.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/scoped.h"
#include "machine/backup/filter.h"
#include "machine/backup/held.h"
#include "machine/backup/ledger.h"
#include "machine/backup/making.h"
#include "machine/backup/prune.h"
#include "machine/backup/seal.h"
#include "machine/backup/target.h"
#include "machine/backup/trouble.h"
#include "machine/backup/view.h"
#include "machine/manage/automatic.h"
#include "machine/state/content.h"
#include "machine/state/private.h"

#include <string.h>
#include <time.h>

enum { AWAIT_SECONDS = 5 };

static uint64_t time_or_now(uint64_t given)
{
	return given ? given : clock_seconds();
}

/* The clock is awaited that long for a second without a backup; behind that, it was put back. */
static void await_second(uint64_t date)
{
	const struct timespec pause = { .tv_nsec = 20000000 };

	while (date > clock_seconds() && date - clock_seconds() <= AWAIT_SECONDS)
		nanosleep(&pause, NULL);
}

/* Volumes that it only reads belong to the backups of the machine that writes to them. */
static bool has_volumes(const struct machine *machine)
{
	const struct section *at = machine->config.backup_volumes ? machine->config.volumes : NULL;

	while (at && ((const struct attached_config *)at)->readonly)
		at = at->next;
	return at;
}

/* A second has one backup: the next one gets the next free second. */
static int name_it(const struct making *making, struct backup *made, struct err *err)
{
	char date[STAMP_SIZE], base[STAMP_SIZE];

	*made = (struct backup){ .date = making->now,
				 .base = making->base ? making->base->date : 0,
				 .volumes = has_volumes(making->machine),
				 .sealed = *making->encrypt };
	while (backups_of(&making->backups, made->date))
		made->date++;
	if (!making->spec->now && !making->spec->dry)
		await_second(made->date);
	if (stamp_print(made->date, date) < 0 || stamp_print(made->base, base) < 0)
		return err_set(err, EOVERFLOW, "the clock's time cannot be written");
	snprintf(made->file, sizeof made->file,
		 making->base ? "%s.since-%s%s.berth%s" : "%s.full%.0s%s.berth%s", date, base,
		 made->volumes ? BACKUP_VOLUMES : "", made->sealed ? SEAL_SUFFIX : "");
	if (making->spec->begun)
		*making->spec->begun = *made;
	return 0;
}

static int export_to(struct making *making, int fd, struct err *err)
{
	const struct export_spec spec = {
		.fd = fd,
		.verb = "write",
		.snapshot = making->snapshot,
		.since = making->base ? making->since : NULL,
		.since_is_older = true,
		.keep = making->base ? NULL : making->snapshot,
		.volumes = making->machine->config.backup_volumes,
		.volumes_anew = true,
		.press = making->spec->press,
		.tick = making->spec->tick,
		.tick_context = making->spec->tick_context,
	};

	return machine_export(making->machine, &spec, err);
}

/* The contents of the new snapshot, for the record of an encrypted backup. */
static int find_content(struct making *making, char content[UUID_TEXT], struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	struct content found;
	size_t count = 0;

	if (snapshot_list(making->machine, &list, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].name, making->snapshot) != 0)
			continue;
		if (content_find(making->machine->folder, list[i].name, list[i].volume_made, &found,
				 err) < 0)
			return -err->code;
		memcpy(content, found.files, UUID_TEXT);
		return 0;
	}
	return err_set(err, ENOENT, "the snapshot '%s' is gone", making->snapshot);
}

static int pour_sealed(struct making *making, int fd, struct seal *seal, struct err *err)
{
	const struct filter_spec spec = { .key = "backup.encrypt", .command = making->encrypt };
	struct filter filter;

	int r = filter_to(&filter, &spec, fd, err);
	if (r == 0)
		export_to(making, filter.fd, err);
	filter_end(&filter, seal->sum, err);
	return err->code ? -err->code : find_content(making, seal->content, err);
}

/* The record is there before the file that it is of. */
static int fill(struct making *making, const char *path, struct store_writing *writing,
		struct store_file *file, struct err *err)
{
	struct store *store = making->store;
	bool sealed = *making->encrypt;
	struct seal seal = { .sum = "" };

	int r = sealed ? pour_sealed(making, writing->fd, &seal, err)
		       : export_to(making, writing->fd, err);
	if (r == 0)
		r = store_end(store, writing, err);
	if (r == 0 && sealed)
		r = seal_write(store, path, &seal, err);
	if (r < 0)
		return r;
	r = store_keep(store, writing, sealed ? seal.sum : NULL, file, err);
	if (r < 0 && sealed)
		seal_remove(store, path, &(struct err){ 0 });
	return r;
}

static int write_it(struct making *making, struct backup *made, struct err *err)
{
	scoped_free char *path = text_format("%s/%s", making->backups.folder, made->file);
	struct store_file file = { .size = 0 };
	struct store_writing writing;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = store_begin(making->store, path, &writing, err);
	if (r == 0)
		r = fill(making, path, &writing, &file, err);
	store_drop(making->store, &writing, err);
	if (r < 0)
		return target_remedy(making->store->target, err);
	made->size = file.size;
	made->changed = file.changed;
	made->checked = clock_seconds();
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

static int find_folder(struct machine *machine, struct store *store, struct named *named,
		       struct err *err)
{
	*named = (struct named){ .uuid = machine->config.uuid };
	snprintf(named->name, sizeof named->name, "%s", machine->name);
	int r = target_machines(store, name_there, named, err);
	return r < 0 ? r : 0;
}

/* Old backups go, judged beside the new one, which a dry run has not made. */
static int prune(struct making *making, struct backup_result *result, struct err *err)
{
	const struct backups *before = &making->backups;
	scoped_backups struct backups now = { 0 };
	struct keep keep;
	const struct pruning_spec spec = { .keep = &keep,
					   .now = making->now,
					   .dry = making->spec->dry };

	if (config_keep(making->machine->config.backup_keep, &keep, err) < 0 ||
	    backups_list(making->store, before->name, before->uuid, &now, err) < 0)
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
	const struct machine_config *config = &making->machine->config;
	const unsigned how = (making->spec->quiet || config->backup_freeze ? SNAPSHOT_QUIET : 0) |
			     (made->volumes ? SNAPSHOT_VOLUMES : 0);

	if (snapshot_take_dated(making->machine, making->prefix, made->date, how, making->snapshot,
				err) < 0)
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
static int make_locked(struct making *making, struct backup_result *result, struct err *err)
{
	const struct backup_spec *spec = making->spec;
	struct store *store = making->store;
	struct named named;

	if (find_folder(making->machine, store, &named, err) < 0 ||
	    (!spec->dry && backups_lock(store, named.name, named.uuid, err) < 0))
		return -err->code;
	making->now = time_or_now(spec->now);
	held_prefix(store->target, making->prefix);
	int r = backups_list(store, named.name, named.uuid, &making->backups, err);
	if (r == 0)
		r = make_if_due(making, result, err);
	backups_free(&making->backups);
	store_unlock(store);
	return r;
}

static int make_there(struct machine *machine, const struct backup_spec *spec, struct store *store,
		      struct backup_result *result, struct err *err)
{
	scoped_free char *encrypt = NULL;

	if (backup_commands(machine->dirs, &encrypt, NULL, err) < 0)
		return -err->code;
	struct making making = {
		.machine = machine, .spec = spec, .store = store, .encrypt = encrypt
	};
	int first = target_claim(machine->dirs, store, spec->dry, err);
	int r = first < 0 ? first : make_locked(&making, result, err);
	/* A folder that has taken nothing is not the one to look for next time. */
	if (r < 0 && first > 0)
		target_unclaim(machine->dirs, store);
	return r;
}

int backup_make(struct machine *machine, const struct backup_spec *spec,
		struct backup_result *result, struct err *err)
{
	scoped_store struct store store = { .lock = -1 };
	int r = machine_check(machine, err);

	if (r == 0)
		r = target_check(machine->dirs, spec->where.target, err);
	if (r == 0)
		r = store_open(&store, &spec->where, err);
	if (r == 0)
		r = make_there(machine, spec, &store, result, err);
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
	bool told = trouble_note(machine, err, spec->only_due, time_or_now(spec->now));
	if (told)
		machine_tell(machine,
			     &(struct event){ .name = "backup-failed", .cause = err->text });
	return told;
}

bool backup_abandon(struct machine *machine, const struct store_spec *where,
		    const struct backup *begun)
{
	scoped_store struct store store = { .lock = -1 };
	scoped_backups struct backups backups = { 0 };
	struct err ignored = { 0 };
	struct named named;
	char prefix[32];
	uint64_t date;

	if (machine_check(machine, &ignored) < 0 || store_open(&store, where, &ignored) < 0 ||
	    target_claim(machine->dirs, &store, true, &ignored) < 0 ||
	    find_folder(machine, &store, &named, &ignored) < 0 ||
	    backups_lock(&store, named.name, named.uuid, &ignored) < 0 ||
	    backups_list(&store, named.name, named.uuid, &backups, &ignored) < 0)
		return false;
	held_prefix(where->target, prefix);
	held_clear(machine, prefix, &backups, &date, &ignored);
	const struct backup *made = begun->date ? backups_of(&backups, begun->date) : NULL;
	bool whole = made && strcmp(made->file, begun->file) == 0;
	if (whole)
		tell_made(machine, made);
	return whole;
}
