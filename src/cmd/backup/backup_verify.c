/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backup verify: every byte of backups is read, and what builds on a damaged one is not counted as whole. */
#include "cmd/backup/backup.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/travel/there.h"
#include "machine/backup/ledger.h"
#include "machine/backup/reader.h"
#include "machine/backup/target.h"
#include "machine/backup/view.h"
#include "stream/stream.h"

#include <string.h>
#include <time.h>

static const struct flag flag_decrypt = { "decrypt", 0, false, NULL,
					  "decrypt encrypted ones too, by backup.decrypt" };
static const struct flag *const verify_flags[] = { &flag_there, &flag_decrypt, &flag_json,
						   &flag_ssh,   &flag_target,  NULL };

struct verifying {
	const char *word; /* NULL: all machines */
	struct sought *sought;
	const char *decrypt; /* the command; NULL: encrypted ones are not decrypted */
	json_t *array;       /* owned; NULL: sentences are shown */
	size_t whole, damaged, broken;
};

static void tell(struct verifying *verifying, const struct backups *backups,
		 const struct backup *one, const struct err *fault)
{
	const char *kind = fault->code ? backup_kind(one) : "whole";
	char date[STAMP_SIZE] = "";

	stamp_print(one->date, date);
	if (!fault->code)
		verifying->whole++;
	else if (one->fault == BACKUP_GAP || one->fault == BACKUP_ON_DAMAGED)
		verifying->broken++;
	else
		verifying->damaged++;
	if (!verifying->array) {
		/* A fault that follows from another one is no error of its own. */
		if (fault->code && one->fault == BACKUP_ON_DAMAGED)
			printf("%s\n", fault->text);
		else if (fault->code)
			print_error(fault);
		return;
	}
	json_array_append_new(verifying->array,
			      json_members((const struct json_member[]){
				      { "machine", json_string(backups->name) },
				      { "uuid", json_string(backups->uuid) },
				      { "date", json_string(date) },
				      { "file", json_string(one->file) },
				      { "verdict", json_string(kind) },
				      { "error", json_text(fault->text) },
				      { "target", json_string(verifying->sought->target) },
				      { 0 },
			      }));
}

/* Whether one is last, or a backup that last builds on. last NULL: all count. */
static bool is_wanted(const struct backups *backups, const struct backup *last,
		      const struct backup *one)
{
	size_t steps = 0;

	for (const struct backup *at = last; at && at != one; steps++) {
		at = at->base && steps <= backups->count ? backups_of(backups, at->base) : NULL;
		if (!at)
			return false;
	}
	return true;
}

/* A key that does not fit is no damage. */
static void check_one(const struct verifying *verifying, struct backups *backups,
		      struct backup *one, struct err *fault)
{
	struct backup_reader reader;

	if (backups_check(backups, one, fault) < 0 || !verifying->decrypt || !one->sealed)
		return;
	if (backup_reader_open(&reader, backups, one, verifying->decrypt, fault) == 0)
		stream_verify(reader.fd, fault);
	backup_reader_close(&reader, fault);
	if (fault->code)
		err_wrap(fault, "backup '%s' of machine '%s'", one->file, backups->name);
}

static void tell_remedy(const struct backups *backups)
{
	const struct backup *whole = backups_newest(backups, (uint64_t)time(NULL), true);
	char date[STAMP_SIZE];

	if (whole && stamp_print(whole->date, date) == 0)
		printf("%s@%s is the newest that is not known to be damaged\n", backups->name,
		       date);
	else
		printf("no backup of machine '%s' is whole\n", backups->name);
	printf("the next backup of machine '%s' builds on no damaged one; only a copy of its file "
	       "mends "
	       "one\n",
	       backups->name);
}

/* All are read before one is judged: a base may be damaged too. */
static int verify_list(struct verifying *verifying, struct backups *backups,
		       const struct backup *last, struct err *err)
{
	scoped_free struct err *faults = calloc(backups->count + 1, sizeof *faults);

	bool damaged = false;

	if (!faults)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < backups->count; i++) {
		if (is_wanted(backups, last, &backups->list[i]))
			check_one(verifying, backups, &backups->list[i], &faults[i]);
	}
	backups_judge(backups);
	ledger_keep(backups);
	for (size_t i = 0; i < backups->count; i++) {
		const struct backup *one = &backups->list[i];
		if (!is_wanted(backups, last, one))
			continue;
		if (!faults[i].code)
			backups_fault(backups, one, &faults[i]);
		damaged = damaged || faults[i].code;
		tell(verifying, backups, one, &faults[i]);
	}
	if (damaged && !verifying->array)
		tell_remedy(backups);
	return 0;
}

static int verify_machine(void *context, const char *name, const char *uuid)
{
	struct verifying *verifying = context;
	scoped_backups struct backups backups = { 0 };
	struct err err = { 0 };

	if (backups_list(&verifying->sought->store, name, uuid, &backups, &err) < 0 ||
	    verify_list(verifying, &backups, NULL, &err) < 0) {
		print_error(&err);
		verifying->damaged++;
	}
	return 0;
}

static int verify_named(struct verifying *verifying, struct err *err)
{
	scoped_backups struct backups backups = { 0 };
	const struct backup *one;

	if (sought_backups(verifying->sought, verifying->word, &backups, &one, err) < 0)
		return -err->code;
	if (backups.count == 0)
		return err_set(err, ENOENT, "there is no backup of machine '%s' in '%s'",
			       verifying->word, verifying->sought->target);
	return verify_list(verifying, &backups, one, err);
}

static int verify_there(void *context, struct sought *sought, struct err *err)
{
	struct verifying *verifying = context;

	verifying->sought = sought;
	return verifying->word ? verify_named(verifying, err)
			       : target_machines(&sought->store, verify_machine, verifying, err);
}

static void sum_up(const struct verifying *verifying)
{
	printf("%zu backup%s whole", verifying->whole, verifying->whole == 1 ? " is" : "s are");
	if (verifying->damaged)
		printf(", %zu %s damaged", verifying->damaged,
		       verifying->damaged == 1 ? "is" : "are");
	if (verifying->broken)
		printf(", %zu %s on one that is damaged or gone", verifying->broken,
		       verifying->broken == 1 ? "builds" : "build");
	printf("\n");
}

static int run_verify(struct call *call, struct err *err)
{
	struct verifying verifying = { .word = call->count ? call->words[0] : NULL };
	scoped_free char *decrypt = NULL;

	if (sought_check(call, err) != 0)
		return EXIT_USAGE;
	if (call_has(call, &flag_decrypt) && backup_commands(&call->dirs, NULL, &decrypt, err) < 0)
		return -err->code;
	if (decrypt && !*decrypt)
		return err_set(
			err, EINVAL,
			"--decrypt needs the key backup.decrypt of berth.conf, the command that "
			"decrypts a backup");
	if (call_has(call, &flag_json) && !(verifying.array = json_array()))
		return err_set(err, ENOMEM, "out of memory");
	verifying.decrypt = decrypt;
	int r = sought_each(call, verify_there, &verifying, err);
	if (r < 0) {
		json_decref(verifying.array);
		return r;
	}
	if (!verifying.array)
		sum_up(&verifying);
	else if (print_json(verifying.array, err) < 0)
		return -err->code;
	return verifying.damaged || verifying.broken ? EXIT_FAILED : r;
}

const struct command backup_verify_verb = {
	.traits = COMMAND_LOOKS,
	.group = "backup",
	.name = "verify",
	.args = "[MACHINE[@DATE]]",
	.help = "Read backups, and check their sums",
	.flags = verify_flags,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_verify,
};
