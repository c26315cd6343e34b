/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The places that a command about backups works in, and the backups there that it names. */
#include "cmd/backup/backup.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/travel/there.h"
#include "machine/backup/target.h"
#include "machine/backup/view.h"

#include <errno.h>
#include <string.h>

const struct flag flag_target = {
	"target", 0, false, "PLACE",
	"where the backups are, a folder or ssh:HOST:/FOLDER; else as backup.target says"
};

int backup_folders_known(const struct dirs *dirs, struct text *out, struct err *err)
{
	if (target_known(dirs, out, err) < 0)
		return -err->code;
	for (size_t i = 0; i < out->length; i++) {
		if (out->data[i] == '\n')
			out->data[i] = i + 1 < out->length ? ' ' : '\0';
	}
	return 0;
}

/* The folders that this host has used may be those of a machine that is gone. */
static int no_target(const struct call *call, const struct machine *machine, struct err *err)
{
	scoped_text struct text known = { 0 };

	backup_folders_known(&call->dirs, &known, &(struct err){ 0 });
	if (!machine && call->count > 0 && known.length)
		return err_set(
			err, ENOENT,
			"there is no machine '%.*s' here, which would tell the folder of its "
			"backups; give --target; this host has used %s",
			(int)strcspn(call->words[0], "@"), call->words[0], text_str(&known));
	return err_set(err, EINVAL,
		       "no folder for backups is set%s%s; give --target, or set backup.target of "
		       "the machine or of berth.conf",
		       known.length ? ", and this host has used " : "", text_str(&known));
}

char *backup_target_plain(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/' && path[n - 2] != ':')
		n--;
	return strndup(path, n);
}

int backup_target_wanted(const struct call *call, const struct machine *machine, char **target,
			 struct err *err)
{
	const char *given = call_value(call, &flag_target);
	scoped_free char *found = given ? strdup(given) : NULL;

	*target = NULL;
	if (!given && backup_target_of(&call->dirs, machine, &found, err) < 0)
		return -err->code;
	if (!found)
		return err_set(err, ENOMEM, "out of memory");
	if (!*found)
		return no_target(call, machine, err);
	if (target_check(&call->dirs, found, err) < 0)
		return -err->code;
	*target = backup_target_plain(found);
	return *target ? 0 : err_set(err, ENOMEM, "out of memory");
}

struct store_spec backup_where(const struct call *call, const char *target, const char *what)
{
	return (struct store_spec){ .target = target,
				    .ssh = call_value(call, &flag_ssh),
				    .berth = call_value(call, &flag_there),
				    .what = what };
}

void backup_remark(const struct machine *machine)
{
	scoped_free char *target = NULL;

	if (*machine->config.backup_schedule &&
	    backup_target_of(machine->dirs, machine, &target, &(struct err){ 0 }) == 0 && !*target)
		print_note(
			"machine '%s' has backup.schedule, and no folder for backups is set: set "
			"backup.target of the machine or of berth.conf",
			machine->name);
}

void backup_remark_made(const struct dirs *dirs, const char *name)
{
	scoped_machine struct machine machine = { 0 };

	if (machine_read(&machine, dirs, name, &(struct err){ 0 }) == 0)
		backup_remark(&machine);
}

void sought_free(struct sought *sought)
{
	machine_close(&sought->machine);
	free(sought->target);
	store_close(&sought->store);
}

static int open_target(struct sought *sought, const struct call *call, struct err *err)
{
	const struct store_spec where = backup_where(call, sought->target, "look for backups in");

	return store_open(&sought->store, &where, err) < 0 ? -err->code
							   : target_look(&sought->store, err);
}

int sought_check(const struct call *call, struct err *err)
{
	char name[80];

	if (call->count == 0)
		return 0;
	text_print(name, sizeof name, "%.*s", (int)strcspn(call->words[0], "@"), call->words[0]);
	return name_check(name, err);
}

int sought_find(struct sought *sought, const struct call *call, struct err *err)
{
	const char *word = call->count ? call->words[0] : "";
	char name[64];

	sought->store = (struct store){ .lock = -1 };
	if (text_print(name, sizeof name, "%.*s", (int)strcspn(word, "@"), word) == 0 &&
	    !text_label_fault(name) &&
	    machine_read(&sought->machine, &call->dirs, name, &(struct err){ 0 }) == 0)
		sought->uuid = sought->machine.config.uuid;
	if (backup_target_wanted(call, sought->uuid ? &sought->machine : NULL, &sought->target,
				 err) < 0)
		return -err->code;
	return open_target(sought, call, err);
}

/* ---- All places of this host */

struct places {
	const struct call *call;
	char **list; /* owned, without repeats */
	size_t count;
	bool failed; /* a machine's place is not known; reported already */
};

static void places_free(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->list[i]);
	free(places->list);
}
#define scoped_places __attribute__((cleanup(places_free)))

static int add_place(struct places *places, const struct machine *machine, struct err *err)
{
	scoped_free char *target = NULL;

	if (backup_target_of(&places->call->dirs, machine, &target, err) < 0)
		return -err->code;
	scoped_free char *plain = backup_target_plain(target);
	for (size_t i = 0; plain && i < places->count; i++) {
		if (strcmp(places->list[i], plain) == 0)
			return 0;
	}
	if (plain && !*plain)
		return 0;
	char **list = reallocarray(places->list, places->count + 1, sizeof *list);
	if (!plain || !list) {
		places->list = list ? list : places->list;
		return err_set(err, ENOMEM, "out of memory");
	}
	places->list = list;
	list[places->count++] = take_ptr(&plain);
	return 0;
}

/* A machine that is being made or deleted has no settings yet, or no longer. */
static int add_machine(void *context, const char *name)
{
	scoped_machine struct machine machine = { 0 };
	struct places *places = context;
	struct err err = { 0 };

	if (machine_read(&machine, &places->call->dirs, name, &err) == 0)
		add_place(places, &machine, &err);
	if (err.code && err.code != ENOENT) {
		print_error(&err);
		places->failed = true;
	}
	return 0;
}

static int act_there(const struct call *call, const char *target, sought_act *act, void *context,
		     struct err *err)
{
	scoped_sought struct sought sought = { .store = { .lock = -1 }, .target = strdup(target) };

	if (!sought.target)
		return err_set(err, ENOMEM, "out of memory");
	if (target_check(&call->dirs, target, err) < 0 || open_target(&sought, call, err) < 0)
		return -err->code;
	return act(context, &sought, err);
}

/* Whether the word names no machine of this host, and no setting tells where its backups are. */
static bool is_nowhere(const struct call *call)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free char *target = NULL;
	scoped_free char *name = strndup(call->words[0], strcspn(call->words[0], "@"));

	return name && machine_read(&machine, &call->dirs, name, &(struct err){ 0 }) == -ENOENT &&
	       backup_target_of(&call->dirs, NULL, &target, &(struct err){ 0 }) == 0 && !*target;
}

/*
 * The backups of a machine that is gone, in all places that this host has used. A place that has none of them is no
 * fault if another one has.
 */
static int each_known(const struct call *call, sought_act *act, void *context, struct err *err)
{
	scoped_text struct text known = { 0 };
	struct err none = { 0 };
	size_t found = 0;
	int worst = 0;

	if (target_known(&call->dirs, &known, err) < 0)
		return -err->code;
	char *rest = known.data;
	for (char *target; (target = strsep(&rest, "\n"));) {
		struct err one = { 0 };
		int r = *target ? act_there(call, target, act, context, &one) : -ENOENT;
		found += r == 0;
		if (r == -ENOENT)
			none = none.code ? none : one;
		if (r == 0 || r == -ENOENT)
			continue;
		print_error(&one);
		worst = EXIT_FAILED;
	}
	if (found > 0 || worst)
		return worst;
	return none.code ? err_set(err, none.code, "%s", none.text) : no_target(call, NULL, err);
}

int sought_each(const struct call *call, sought_act *act, void *context, struct err *err)
{
	scoped_places struct places places = { .call = call };

	if (call->count > 0 && !call_has(call, &flag_target) && is_nowhere(call))
		return each_known(call, act, context, err);
	if (call->count > 0 || call_has(call, &flag_target)) {
		scoped_sought struct sought sought = { 0 };
		return sought_find(&sought, call, err) < 0 ? -err->code
							   : act(context, &sought, err);
	}
	if (add_place(&places, NULL, err) < 0 ||
	    machine_list(&call->dirs, add_machine, &places, err) < 0)
		return -err->code;
	if (places.count == 0)
		return places.failed ? EXIT_FAILED : no_target(call, NULL, err);
	if (places.count == 1 && !places.failed)
		return act_there(call, places.list[0], act, context, err);
	int worst = places.failed ? EXIT_FAILED : 0;
	for (size_t i = 0; i < places.count; i++) {
		struct err one = { 0 };
		if (act_there(call, places.list[i], act, context, &one) == 0)
			continue;
		print_error(&one);
		worst = EXIT_FAILED;
	}
	return worst;
}

int sought_backups(struct sought *sought, const char *word, struct backups *backups,
		   const struct backup **one, struct err *err)
{
	char *date;
	scoped_free char *name = name_split(word, &date, err);
	uint64_t when;

	if (!name)
		return -err->code;
	*one = NULL;
	bool here = sought->uuid &&
		    backups_find(&sought->store, sought->uuid, backups, &(struct err){ 0 }) == 0;
	if (!here && backups_find(&sought->store, name, backups, err) < 0)
		return -err->code;
	if (!date)
		return 0;
	if (strlen(date) == STAMP_SIZE - 1 && stamp_parse(date, &when) > 0)
		*one = backups_of(backups, when);
	return *one ? 0
		    : err_set(err, ENOENT,
			      "there is no backup '%s' of machine '%s'; see: berth backup list "
			      "--target %s %s",
			      date, name, sought->target, name);
}

const char *backup_kind(const struct backup *one)
{
	if (one->fault == BACKUP_DAMAGED)
		return "damaged";
	if (one->fault != BACKUP_SOUND)
		return "broken";
	return one->base ? "increment" : "full";
}
