/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backup list, verify, restore: backups that are there. */
#include "cmd/machine/backup.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/table.h"
#include "cmd/machine/placement.h"
#include "machine/backup/backup.h"

#include <string.h>

static const struct flag flag_trust_backup = { "trust", 0, false, NULL,
					       "keep settings that open it to this host" };
static const struct flag *const list_flags[] = { &flag_json, &flag_target, NULL };
static const struct flag *const target_flags[] = { &flag_target, NULL };
static const struct flag *const restore_flags[] = { &flag_network, &flag_pool,         &flag_set,
						    &flag_target,  &flag_trust_backup, NULL };

/* ---- The machine that a user names */

/*
 * The first word, NAME or NAME@DATE. If that machine is here, its backups are where its settings say, and have its uuid,
 * also if it had another name then.
 */
struct sought {
	struct machine machine; /* owned; empty: it is not here, or no word is given */
	const char *uuid;       /* of the machine, or NULL */
	char *target;           /* owned */
};

static void sought_free(struct sought *sought)
{
	machine_close(&sought->machine);
	free(sought->target);
}
#define scoped_sought __attribute__((cleanup(sought_free)))

static int sought_find(struct sought *sought, const struct call *call, struct err *err)
{
	const char *word = call->count ? call->words[0] : "";
	char name[64];

	if (text_print(name, sizeof name, "%.*s", (int)strcspn(word, "@"), word) == 0 &&
	    !text_label_fault(name) &&
	    machine_read(&sought->machine, &call->dirs, name, &(struct err){ 0 }) == 0)
		sought->uuid = sought->machine.config.uuid;
	return backup_target_wanted(call, sought->uuid ? &sought->machine : NULL, &sought->target,
				    err);
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
	scoped_sought struct sought sought = { 0 };
	struct listing listing = { .word = call->count ? call->words[0] : NULL, .err = err };

	if (sought_find(&sought, call, err) < 0)
		return -err->code;
	listing.target = sought.target;
	listing.uuid = sought.uuid;
	table_begin(&listing.table, heads);
	if (call_has(call, &flag_json) && !(listing.array = json_array()))
		return err_set(err, ENOMEM, "out of memory");
	if (target_machines(sought.target, list_machine, &listing, err) < 0) {
		json_decref(listing.array);
		return -err->code;
	}
	return listing.array ? print_json(listing.array, err) : table_print(&listing.table, err);
}

/* Finds the machine's backups, and that of the date. one: NULL without a date. */
static int find_named(const struct sought *sought, const char *word, struct backups *backups,
		      const struct backup **one, struct err *err)
{
	char *date;
	scoped_free char *name = name_split(word, &date, err);
	uint64_t when;

	if (!name)
		return -err->code;
	*one = NULL;
	bool here = sought->uuid &&
		    backups_find(sought->target, sought->uuid, backups, &(struct err){ 0 }) == 0;
	if (!here && backups_find(sought->target, name, backups, err) < 0)
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
static int verify_named(const struct sought *sought, const char *word, struct verifying *verifying,
			struct err *err)
{
	scoped_backups struct backups backups = { 0 };
	const struct backup *one;

	if (find_named(sought, word, &backups, &one, err) < 0)
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
	scoped_sought struct sought sought = { 0 };
	struct verifying verifying = { 0 };

	if (sought_find(&sought, call, err) < 0)
		return -err->code;
	verifying.target = sought.target;
	int r = call->count ? verify_named(&sought, call->words[0], &verifying, err)
			    : target_machines(sought.target, verify_machine, &verifying, err);
	if (r < 0)
		return r;
	printf("%zu backups are whole", verifying.good);
	if (verifying.bad)
		printf(", %zu are damaged", verifying.bad);
	printf("\n");
	return verifying.bad ? EXIT_FAILED : 0;
}

/* ---- Using them */

static int restore_named(struct call *call, const struct import_spec *spec,
			 const struct sought *sought, struct err *err)
{
	scoped_backups struct backups backups = { 0 };
	scoped_text struct text notes = { 0 };
	scoped_progress struct progress progress = { 0 };
	const struct backup *one;
	char made[64];

	if (find_named(sought, call->words[0], &backups, &one, err) < 0)
		return -err->code;
	if (!one && backups.count == 0)
		return err_set(err, ENOENT, "there is no backup of machine '%s' in '%s'",
			       call->words[0], sought->target);
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
	scoped_sought struct sought sought = { 0 };
	struct placement placement = { 0 };
	struct import_spec spec = {
		.name = call->count > 1 ? call->words[1] : NULL,
		.trust = call_has(call, &flag_trust_backup),
	};
	int r = placement_begin(&placement, call, &words, &spec, err);

	if (r == 0)
		r = sought_find(&sought, call, err);
	if (r == 0)
		r = restore_named(call, &spec, &sought, err);
	free(placement.pool);
	return r;
}

const struct command backup_list_verb = {
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

const struct command backup_verify_verb = {
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

const struct command backup_restore_verb = {
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
