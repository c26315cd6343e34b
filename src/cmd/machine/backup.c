/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backup take, scheduled, list, verify, restore, prune, forget. */
#include "cmd/cli/verbs.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/table.h"
#include "cmd/machine/placement.h"
#include "cmd/machine/policy.h"
#include "machine/backup/backup.h"

#include <string.h>

static const struct flag flag_target = { "target", 0, false, "FOLDER",
					 "where the backups are; else as backup.target says" };
static const struct flag flag_full = { "full", 0, false, NULL,
				       "a full backup, and not only what has changed" };
static const struct flag flag_trust_backup = { "trust", 0, false, NULL,
					       "keep settings that open it to this host" };
static const struct flag *const take_flags[] = { &flag_full, &flag_label, &flag_now, &flag_target,
						 NULL };
static const struct flag *const scheduled_flags[] = { &flag_label, &flag_now, &flag_target, NULL };
static const struct flag *const list_flags[] = { &flag_json, &flag_target, NULL };
static const struct flag *const target_flags[] = { &flag_target, NULL };
static const struct flag *const restore_flags[] = { &flag_network, &flag_pool,         &flag_set,
						    &flag_target,  &flag_trust_backup, NULL };

/* ---- Where */

static int no_target(struct err *err)
{
	return err_set(err, EINVAL,
		       "no folder for backups is set; give --target, or set backup.target of the "
		       "machine or of berth.conf");
}

static int check_target(const char *path, struct err *err)
{
	return path[0] == '/'
		       ? 0
		       : err_set(err, EINVAL,
				 "the folder for backups is '%.200s'; use an absolute path", path);
}

/* Of a machine (NULL: of none). *target: the caller frees it. */
static int target_wanted(const struct call *call, const struct machine *machine, char **target,
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
	int r = *given ? check_target(given, err) : no_target(err);
	*target = r == 0 ? strdup(given) : NULL;
	config_free(&berth_schema, &site);
	return r == 0 && !*target ? err_set(err, ENOMEM, "out of memory") : r;
}

/*
 * The machine that a user names, as NAME or NAME@DATE, if it is here: its backups are where its settings say, and have its
 * uuid, also if it had another name then.
 */
static bool find_here(const struct call *call, const char *word, struct machine *machine)
{
	char name[64];

	return word && text_print(name, sizeof name, "%.*s", (int)strcspn(word, "@"), word) == 0 &&
	       !text_label_fault(name) &&
	       machine_read(machine, &call->dirs, name, &(struct err){ 0 }) == 0;
}

static int target_of(const struct call *call, char **target, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	bool here = find_here(call, call->count ? call->words[0] : NULL, &machine);

	return target_wanted(call, here ? &machine : NULL, target, err);
}

/* ---- Making them */

static void show(void *context, uint64_t bytes)
{
	progress_show_bytes(context, bytes);
}

static int make_one(struct call *call, struct machine *machine, const char *target, uint64_t now,
		    struct err *err)
{
	scoped_free char *doing = text_format("backing up machine '%s'", machine->name);
	struct progress_bytes shown = { .doing = doing, .began = clock_ms() };
	struct backup_spec spec = {
		.target = target,
		.now = now,
		.full = call_has(call, &flag_full),
		.codec = STREAM_LZ4,
		.tick = progress_is_shown() ? show : NULL,
		.tick_context = &shown,
	};
	struct backup made;
	char size[32];

	if (!doing)
		return err_set(err, ENOMEM, "out of memory");
	int r = backup_make(machine, &spec, &made, err);
	if (progress_is_shown())
		progress_write("%s", "");
	if (r < 0)
		return r;
	text_human_size(made.size, size, sizeof size);
	printf("%s@%.15s: %s, %s\n", machine->name, made.file, made.base ? "increment" : "full",
	       size);
	return 0;
}

static int act_take(struct call *call, struct machine *machine, struct err *err)
{
	scoped_free char *target = NULL;
	uint64_t now;
	int r = now_given(call, &now, err);

	if (r == 0)
		r = machine_check(machine, err);
	if (r == 0)
		r = target_wanted(call, machine, &target, err);
	return r != 0 ? r : make_one(call, machine, target, now, err);
}

static int run_take(struct call *call, struct err *err)
{
	if (call->count == 0 && !call_has(call, &flag_label)) {
		err_set(err, EINVAL, "name the machines, or choose them by --label; '*' is all");
		return EXIT_USAGE;
	}
	return for_each_machine(call, act_take, false, err);
}

static int act_scheduled(struct call *call, struct machine *machine, struct err *err)
{
	scoped_free char *target = NULL;
	uint64_t now;
	int r = now_given(call, &now, err);

	if (r == 0)
		r = machine_check(machine, err);
	if (r != 0 || !*machine->config.backup_schedule)
		return r;
	r = target_wanted(call, machine, &target, err);
	if (r == 0)
		r = backup_is_due(machine, target, now, err);
	return r <= 0 ? r : make_one(call, machine, target, now, err);
}

static int run_scheduled(struct call *call, struct err *err)
{
	return for_each_machine(call, act_scheduled, false, err);
}

/* ---- Seeing them */

struct listing {
	const char *target, *word; /* word NULL: all machines */
	const char *uuid;          /* of the machine here that word names, or NULL */
	struct table table;
	json_t *array; /* owned; NULL: a table is shown */
	struct err *err;
};

static void list_one(struct listing *listing, const struct backups *backups,
		     const struct backup *one)
{
	char when[32], size[32], stamp[STAMP_SIZE];

	if (stamp_print(one->date, stamp) < 0)
		return;
	const char *kind = one->broken ? "broken" : one->base ? "increment" : "full";
	if (listing->array) {
		json_array_append_new(listing->array,
				      json_members((const struct json_member[]){
					      { "machine", json_string(backups->name) },
					      { "uuid", json_string(backups->uuid) },
					      { "date", json_string(stamp) },
					      { "time", json_integer((json_int_t)one->date) },
					      { "kind", json_string(kind) },
					      { "bytes", json_integer((json_int_t)one->size) },
					      { 0 },
				      }));
		return;
	}
	scoped_free char *name = text_format("%s@%s", backups->name, stamp);
	print_time(one->date, when, sizeof when);
	text_human_size(one->size, size, sizeof size);
	table_add(&listing->table, name ? name : "");
	table_add(&listing->table, when);
	table_add(&listing->table, kind);
	table_add(&listing->table, size);
}

static int list_machine(void *context, const char *name, const char *uuid)
{
	struct listing *listing = context;
	scoped_backups struct backups backups = { 0 };

	if (listing->word && strcmp(listing->word, name) != 0 && strcmp(listing->word, uuid) != 0 &&
	    !(listing->uuid && strcmp(listing->uuid, uuid) == 0))
		return 0;
	if (backups_list(listing->target, name, uuid, &backups, listing->err) < 0)
		return -listing->err->code;
	for (size_t i = 0; i < backups.count; i++)
		list_one(listing, &backups, &backups.list[i]);
	return 0;
}

static int run_list(struct call *call, struct err *err)
{
	static const char *const heads[] = { "BACKUP", "TIME", "KIND", "SIZE", NULL };
	scoped_free char *target = NULL;
	scoped_machine struct machine machine = { 0 };
	struct listing listing = { .word = call->count ? call->words[0] : NULL, .err = err };

	if (target_of(call, &target, err) < 0)
		return -err->code;
	listing.target = target;
	if (find_here(call, listing.word, &machine))
		listing.uuid = machine.config.uuid;
	table_begin(&listing.table, heads);
	if (call_has(call, &flag_json) && !(listing.array = json_array()))
		return err_set(err, ENOMEM, "out of memory");
	if (target_machines(target, list_machine, &listing, err) < 0) {
		json_decref(listing.array);
		return -err->code;
	}
	return listing.array ? print_json(listing.array, err) : table_print(&listing.table, err);
}

/* Splits NAME@DATE, and finds both. one: NULL without a date. */
static int find_named(const struct call *call, const char *target, struct backups *backups,
		      const struct backup **one, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free char *name = strdup(call->words[0]);
	char *date = name ? strchr(name, '@') : NULL;
	uint64_t when;

	if (!name)
		return err_set(err, ENOMEM, "out of memory");
	if (date)
		*date++ = '\0';
	*one = NULL;
	bool here = find_here(call, call->words[0], &machine) &&
		    backups_find(target, machine.config.uuid, backups, &(struct err){ 0 }) == 0;
	if (!here && backups_find(target, name, backups, err) < 0)
		return -err->code;
	if (!date)
		return 0;
	if (strlen(date) == STAMP_SIZE - 1 && stamp_parse(date, &when) > 0)
		*one = backups_of(backups, when);
	return *one ? 0
		    : err_set(err, ENOENT,
			      "there is no backup '%s' of machine '%s'; see: berth backup list %s",
			      date, name, name);
}

struct verifying {
	const char *target;
	size_t good, bad;
};

static void verify_one(struct verifying *verifying, const struct backups *backups,
		       const struct backup *one)
{
	struct err err = { 0 };

	if (backup_verify(backups, one, &err) == 0) {
		verifying->good++;
		return;
	}
	verifying->bad++;
	print_error(&err);
}

static void verify_list(struct verifying *verifying, const struct backups *backups)
{
	for (size_t i = 0; i < backups->count; i++)
		verify_one(verifying, backups, &backups->list[i]);
}

static int verify_machine(void *context, const char *name, const char *uuid)
{
	struct verifying *verifying = context;
	scoped_backups struct backups backups = { 0 };
	struct err err = { 0 };

	if (backups_list(verifying->target, name, uuid, &backups, &err) < 0) {
		print_error(&err);
		verifying->bad++;
	} else {
		verify_list(verifying, &backups);
	}
	return 0;
}

/* A backup is as good as those that it builds on. */
static int verify_named(const struct call *call, struct verifying *verifying, struct err *err)
{
	scoped_backups struct backups backups = { 0 };
	const struct backup *one;

	if (find_named(call, verifying->target, &backups, &one, err) < 0)
		return -err->code;
	if (!one) {
		verify_list(verifying, &backups);
		return 0;
	}
	for (bool broken = one->broken; one;
	     one = one->base ? backups_of(&backups, one->base) : NULL) {
		verify_one(verifying, &backups, one);
		if (broken)
			break;
	}
	return 0;
}

static int run_verify(struct call *call, struct err *err)
{
	scoped_free char *target = NULL;
	struct verifying verifying = { 0 };

	if (target_of(call, &target, err) < 0)
		return -err->code;
	verifying.target = target;
	int r = call->count ? verify_named(call, &verifying, err)
			    : target_machines(target, verify_machine, &verifying, err);
	if (r < 0)
		return r;
	printf("%zu backups are whole", verifying.good);
	if (verifying.bad)
		printf(", %zu are damaged", verifying.bad);
	printf("\n");
	return verifying.bad ? EXIT_FAILED : 0;
}

/* ---- Using them */

static int restore_named(struct call *call, const struct import_spec *spec, const char *target,
			 struct err *err)
{
	scoped_backups struct backups backups = { 0 };
	scoped_text struct text notes = { 0 };
	scoped_progress struct progress progress = { 0 };
	const struct backup *one;
	char made[64];

	if (find_named(call, target, &backups, &one, err) < 0)
		return -err->code;
	if (!one && backups.count == 0)
		return err_set(err, ENOENT, "there is no backup of machine '%s' in '%s'",
			       call->words[0], target);
	if (!one)
		one = &backups.list[backups.count - 1];
	progress_begin(&progress, "restoring machine '%s'", backups.name);
	int r = backup_restore(&call->dirs, &backups, one, spec, made, &notes, err);
	progress_end(&progress);
	if (r < 0)
		return err_wrap(err, "restore '%s' of machine '%s'", one->file, backups.name);
	print_notes(&notes);
	printf("%s\n", made);
	return 0;
}

static int run_restore(struct call *call, struct err *err)
{
	scoped_settings struct words words = { 0 };
	scoped_free char *target = NULL;
	struct placement placement = { call, &words, NULL };
	struct import_spec spec = {
		.name = call->count > 1 ? call->words[1] : NULL,
		.trust = call_has(call, &flag_trust_backup),
		.place = placement_find,
		.place_context = &placement,
	};
	int r = spec.name ? name_check(spec.name, err) : 0;

	if (r == 0)
		r = settings_given(call, false, &words, err);
	if (r == 0)
		r = settings_check(&words, err);
	if (r == 0)
		r = target_of(call, &target, err);
	if (r != 0)
		return r;
	spec.settings = settings_of(&words);
	r = restore_named(call, &spec, target, err);
	free(placement.pool);
	return r;
}

/* ---- Letting a target go */

static int act_forget(struct call *call, struct machine *machine, struct err *err)
{
	return backup_forget(machine, call->context, err);
}

static int run_forget(struct call *call, struct err *err)
{
	scoped_free char *target = strdup(call->words[0]);

	if (!target)
		return err_set(err, ENOMEM, "out of memory");
	if (check_target(target, err) < 0 || target_forget(&call->dirs, target, err) < 0)
		return -err->code;
	/* All machines of this host had a snapshot for it. */
	call->context = target;
	call->count = 0;
	int r = for_each_machine(call, act_forget, false, err);
	call->context = NULL;
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

static const struct command list = {
	.traits = COMMAND_LOOKS,
	.group = "backup",
	.name = "list",
	.aliases = "ls",
	.args = "[MACHINE]",
	.help = "List the backups of machines",
	.flags = list_flags,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_list,
};

static const struct command verify = {
	.traits = COMMAND_LOOKS,
	.group = "backup",
	.name = "verify",
	.args = "[MACHINE[@DATE]]",
	.help = "Read backups, and check their sums",
	.flags = target_flags,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_verify,
};

static const struct command restore = {
	.group = "backup",
	.name = "restore",
	.args = "MACHINE[@DATE] [NEW]",
	.help = "Make a machine of a backup; the newest if no date is given",
	.flags = restore_flags,
	.min = 1,
	.max = 2,
	.first = WORD_MACHINE,
	.run = run_restore,
};

static const struct command forget = {
	.group = "backup",
	.name = "forget",
	.traits = COMMAND_ALL,
	.args = "FOLDER",
	.help = "Delete the snapshots that backups in a folder build on; the backups stay",
	.min = 1,
	.max = 1,
	.first = WORD_FILE,
	.run = run_forget,
};

static const struct command *const members[] = { &take,    &scheduled, &list, &verify,
						 &restore, &forget,    NULL };

const struct command command_backups = {
	.name = "backup",
	.args = "",
	.help = "Keep machines in files: take, scheduled, list, verify, restore, forget",
	.max = -1,
	.members = members,
	.other = &take,
};
