/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backup list, restore: backups that are there. */
#include "cmd/backup/backup.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/table.h"
#include "cmd/travel/placement.h"
#include "cmd/travel/stream_file.h"
#include "cmd/travel/there.h"
#include "machine/backup/backup.h"
#include "machine/backup/ledger.h"
#include "machine/backup/target.h"

#include <string.h>
#include <time.h>

static const struct flag flag_trust_backup = { "trust", 0, false, NULL,
					       "keep settings that open it to this host" };
static const struct flag flag_whole = { "whole", 0, false, NULL,
					"the newest that is whole, if the newest is damaged" };
static const struct flag *const list_flags[] = { &flag_there, &flag_json, &flag_ssh, &flag_target,
						 NULL };
static const struct flag *const restore_flags[] = {
	&flag_there, &flag_network, &flag_stream_no_volumes, &flag_pool,       &flag_set,
	&flag_ssh,   &flag_target,  &flag_trust_backup,      &flag_volumes_as, &flag_whole,
	NULL
};

/* ---- Seeing them */

struct listing {
	struct store *store;
	const char *target, *word; /* word NULL: all machines */
	const char *uuid;          /* of the machine here that word names, or NULL */
	struct table table;
	json_t *array; /* owned; NULL: a table is shown */
	size_t count;
	struct err *err;
};

static void list_one(struct listing *listing, const struct backups *backups,
		     const struct backup *one)
{
	char when[32], size[32], stamp[STAMP_SIZE];

	if (stamp_print(one->date, stamp) < 0)
		return;
	struct err fault = { 0 };
	const char *kind = backup_kind(one);
	backups_fault(backups, one, &fault);
	if (listing->array) {
		json_array_append_new(listing->array,
				      json_members((const struct json_member[]){
					      { "machine", json_string(backups->name) },
					      { "uuid", json_string(backups->uuid) },
					      { "date", json_string(stamp) },
					      { "time", json_integer((json_int_t)one->date) },
					      { "kind", json_string(kind) },
					      { "volumes", json_boolean(one->volumes) },
					      { "bytes", json_integer((json_int_t)one->size) },
					      { "checked", json_count(one->checked) },
					      { "error", json_text(fault.text) },
					      { "target", json_string(listing->target) },
					      { 0 },
				      }));
		return;
	}
	scoped_free char *name = text_format("%s@%s", backups->name, stamp);
	print_time(one->date, when, sizeof when);
	text_human_size(one->size, size, sizeof size);
	table_add(&listing->table, name ? name : "");
	table_add(&listing->table, when);
	scoped_free char *what = text_format("%s%s", kind, one->volumes ? "+volumes" : "");
	table_add(&listing->table, what ? what : kind);
	table_add(&listing->table, size);
	table_add(&listing->table, listing->target);
}

static int list_machine(void *context, const char *name, const char *uuid)
{
	struct listing *listing = context;
	scoped_backups struct backups backups = { 0 };

	if (listing->word && strcmp(listing->word, name) != 0 && strcmp(listing->word, uuid) != 0 &&
	    !(listing->uuid && strcmp(listing->uuid, uuid) == 0))
		return 0;
	if (backups_list(listing->store, name, uuid, &backups, listing->err) < 0)
		return -listing->err->code;
	for (size_t i = 0; i < backups.count; i++)
		list_one(listing, &backups, &backups.list[i]);
	listing->count += backups.count;
	return 0;
}

/* A machine that is here may have none yet; a word that is nothing at all is a mistake. */
static int none_there(const struct listing *listing, struct err *err)
{
	if (listing->word && !listing->uuid)
		return err_set(err, ENOENT,
			       "there is no backup of machine '%s' in '%s'; see: berth backup list "
			       "--target %s",
			       listing->word, listing->target, listing->target);
	if (!listing->array)
		print_note("there is no backup%s%s%s in '%s'; 'berth backup take' writes one",
			   listing->word ? " of machine '" : "", listing->word ? listing->word : "",
			   listing->word ? "'" : "", listing->target);
	return 0;
}

static int list_there(void *context, struct sought *sought, struct err *err)
{
	struct listing *listing = context;
	size_t before = listing->count;

	listing->store = &sought->store;
	listing->target = sought->target;
	listing->uuid = sought->uuid;
	listing->err = err;
	if (target_machines(&sought->store, list_machine, listing, err) < 0)
		return -err->code;
	return listing->count > before ? 0 : none_there(listing, err);
}

/* Backups of the places that could be read are shown, also if others could not. */
static int run_list(struct call *call, struct err *err)
{
	static const char *const heads[] = { "BACKUP", "TIME", "KIND", "SIZE", "TARGET", NULL };
	struct listing listing = { .word = call->count ? call->words[0] : NULL };

	if (sought_check(call, err) != 0)
		return EXIT_USAGE;
	table_begin(&listing.table, heads);
	if (call_has(call, &flag_json) && !(listing.array = json_array()))
		return err_set(err, ENOMEM, "out of memory");
	int r = sought_each(call, list_there, &listing, err);
	if (r < 0) {
		json_decref(listing.array);
		return r;
	}
	if (listing.array && print_json(listing.array, err) < 0)
		return -err->code;
	if (!listing.array && listing.count > 0 && table_print(&listing.table, err) < 0)
		return -err->code;
	return r;
}

/* ---- Using them */

/* The newest that is whole, with all that it builds on: each candidate is read. */
static int find_whole(struct backups *backups, const struct backup **one, struct err *err)
{
	int r = 1;

	while (r > 0 && (*one = backups_newest(backups, (uint64_t)time(NULL), true)))
		r = backups_check_chain(backups, *one, true, err);
	ledger_keep(backups);
	if (r < 0)
		return r;
	return *one ? 0
		    : err_set(err, EBADMSG,
			      "no backup of machine '%s' is whole; see: berth backup verify",
			      backups->name);
}

/* If a backup is damaged, the sentence says which one is not. */
static int add_remedy(struct backups *backups, const struct backup *one, struct err *err)
{
	struct err cause = *err;
	char date[STAMP_SIZE];

	/* The ledger remembers the files that were read. */
	if (one->fault == BACKUP_SOUND &&
	    backups_check_chain(backups, one, true, &(struct err){ 0 }) > 0)
		ledger_keep(backups);
	if (one->fault == BACKUP_SOUND)
		return -err->code;
	const struct backup *whole = backups_newest(backups, (uint64_t)time(NULL), true);
	*err = (struct err){ 0 };
	if (!whole || stamp_print(whole->date, date) < 0)
		return err_set(err, cause.code,
			       "%.900s; no other backup of it is known to be whole", cause.text);
	return err_set(err, cause.code,
		       "%.800s; '%s@%s' is the newest that is not known to be damaged: name it, or "
		       "let --whole find the newest whole one",
		       cause.text, backups->name, date);
}

static int restore_named(struct call *call, const struct import_spec *spec, struct sought *sought,
			 struct err *err)
{
	scoped_backups struct backups backups = { 0 };
	scoped_text struct text notes = { 0 };
	scoped_progress struct progress progress = { 0 };
	const struct backup *one;
	char made[64];

	if (sought_backups(sought, call->words[0], &backups, &one, err) < 0)
		return -err->code;
	if (!one && backups.count == 0)
		return err_set(err, ENOENT, "there is no backup of machine '%s' in '%s'",
			       call->words[0], sought->target);
	if (!one && call_has(call, &flag_whole) && find_whole(&backups, &one, err) < 0)
		return -err->code;
	if (!one)
		one = backups_newest(&backups, (uint64_t)time(NULL), false);
	progress_begin(&progress, "restoring machine '%s'", backups.name);
	int r = backup_restore(&call->dirs, &backups, one, spec, made, &notes, err);
	progress_end(&progress);
	if (r < 0) {
		err_wrap(err, "restore '%s' of machine '%s'", one->file, backups.name);
		return add_remedy(&backups, one, err);
	}
	print_notes(&notes);
	output_print_made("machine", made);
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
		.no_volumes = call_has(call, &flag_stream_no_volumes),
		.volumes_as = call_value(call, &flag_volumes_as),
	};
	int r = sought_check(call, err);

	if (r == 0 && spec.volumes_as)
		r = name_check(spec.volumes_as, err);
	if (r == 0)
		r = placement_begin(&placement, call, &words, &spec, err);
	if (r == 0)
		r = sought_find(&sought, call, err);
	spec.trusted_target = sought.target;
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
