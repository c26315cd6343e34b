/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set-up of new machines: keys "provision.KEY" are options of launch, and a label tells how far a machine is. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "cmd/cli/print.h"
#include "cmd/machine/cloud_init.h"
#include "cmd/machine/provision.h"
#include "cmd/machine/provision_options.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "machine/state/fresh.h"

#include <string.h>

enum { BOOT_SECONDS = 300 };

#define VALUE(key) offsetof(struct apply_provision, key)

static const struct setup_key {
	const char *name; /* behind "provision." */
	const struct flag *flag;
	size_t offset;
	bool words; /* each word is a value of the flag */
	bool path;  /* its values begin with a path, which is relative to the file */
	bool step;
} setup_keys[] = {
	{ "cloud_init", &flag_cloud_init, VALUE(cloud_init), false, true, false },
	{ "file", &flag_file, VALUE(file), true, true, false },
	{ "keymap", &flag_keymap, VALUE(keymap), false, false, true },
	{ "locale", &flag_locale, VALUE(locale), false, false, true },
	{ "password_hash", &flag_password, VALUE(password_hash), false, true, true },
	{ "run", &flag_run, VALUE(run), true, true, true },
	{ "ssh_key", &flag_ssh_key, VALUE(ssh_key), true, true, true },
	{ "timezone", &flag_timezone, VALUE(timezone), false, false, true },
	{ "user", &flag_provision_user, VALUE(user), true, false, true },
};
enum { SETUP_KEYS = sizeof setup_keys / sizeof *setup_keys };

static const char *value_of(const struct apply_group *group, const struct setup_key *key)
{
	const char *provision = (const char *)&group->settings.provision;

	return *(char *const *)(const void *)(provision + key->offset);
}

static bool has(const struct apply_group *group, bool steps_only)
{
	for (size_t i = 0; i < SETUP_KEYS; i++) {
		if (*value_of(group, &setup_keys[i]) && (setup_keys[i].step || !steps_only))
			return true;
	}
	return false;
}

bool setup_is_wanted(const struct apply_group *group)
{
	return has(group, false);
}

bool setup_has_steps(const struct apply_group *group)
{
	return has(group, true);
}

/* ---- The keys as options */

/* A command line with the keys as its options. */
struct options {
	struct call call;
	struct given *given; /* owned */
	char **values;       /* owned; of given */
	size_t count;
};

static void options_free(struct options *options)
{
	for (size_t i = 0; i < options->count; i++)
		free(options->values[i]);
	free(options->values);
	free(options->given);
}
#define scoped_options __attribute__((cleanup(options_free)))

static int add_option(struct options *options, const struct flag *flag, char *value,
		      struct err *err)
{
	size_t size = options->count + 1;
	struct given *given = realloc(options->given, size * sizeof *given);
	if (given)
		options->given = given;
	char **values = realloc(options->values, size * sizeof *values);
	if (values)
		options->values = values;
	if (!given || !values || !value) {
		free(value);
		return err_set(err, ENOMEM, "out of memory");
	}
	values[options->count] = value;
	given[options->count++] = (struct given){ flag, value };
	options->call.given = options->given;
	options->call.given_count = options->count;
	return 0;
}

static int add_value(const struct apply *apply, const struct setup_key *key, const char *value,
		     struct options *options, struct err *err)
{
	const char *slash = strrchr(apply->path, '/');
	bool moved = key->path && *value != '/' && slash;

	return add_option(options, key->flag,
			  text_format("%.*s%s", moved ? (int)(slash + 1 - apply->path) : 0,
				      apply->path, value),
			  err);
}

static int add_key(const struct apply *apply, const struct apply_group *group,
		   const struct setup_key *key, struct options *options, struct err *err)
{
	const char *value = value_of(group, key);
	scoped_free char **words = NULL;
	int r = 0;

	if (!*value)
		return 0;
	if (!key->words)
		return add_value(apply, key, value, options, err);
	if (config_words(value, &words, err) < 0)
		return -err->code;
	for (size_t i = 0; r == 0 && words[i]; i++)
		r = add_value(apply, key, words[i], options, err);
	return r;
}

static int options_make(const struct apply *apply, const struct apply_group *group,
			struct options *options, struct err *err)
{
	int r = 0;

	options->call = (struct call){ .command = apply->call->command, .dirs = apply->call->dirs };
	if (call_has(apply->call, &flag_json))
		r = add_option(options, &flag_json, strdup(""), err);
	for (size_t i = 0; r == 0 && i < SETUP_KEYS; i++)
		r = add_key(apply, group, &setup_keys[i], options, err);
	return r;
}

/* ---- Checks */

/* Puts the name of the key in place of the option in a sentence. */
static void name_key(const struct setup_key *key, struct err *err)
{
	char option[64];
	struct err as_option = *err;

	snprintf(option, sizeof option, "--%s", key->flag->name);
	const char *at = strstr(as_option.text, option);
	if (at)
		err_set(err, as_option.code, "%.*sprovision.%s%s", (int)(at - as_option.text),
			as_option.text, key->name, at + strlen(option));
	else
		err_wrap(err, "provision.%s", key->name);
}

static bool is_planned(const struct apply *apply, const struct apply_group *group)
{
	for (size_t i = 0; i < apply->count; i++) {
		const struct apply_action *action = &apply->actions[i];
		if (action->group == group &&
		    (action->kind == APPLY_CREATE || action->kind == APPLY_SETUP))
			return true;
	}
	return false;
}

int setup_tell_unready(const struct apply *apply, struct err *err)
{
	const char *names = text_str(&apply->unready);
	bool several = strchr(names, ',');
	int first = (int)strcspn(names + (*names != '\0'), "'");

	if (!*names)
		return 0;
	return err_set(err, ECANCELED,
		       "machine%s %.500s %s not set up to the end; look inside: berth shell %.*s; "
		       "then reset or delete %s, or keep %s: berth set %.*s " SETUP_LABEL
		       "=" SETUP_DONE,
		       several ? "s" : "", names, several ? "were" : "was", first, names + 1,
		       several ? "them" : "it", several ? "them" : "it", first, names + 1);
}

void setup_check(struct apply *apply, const struct apply_group *group)
{
	for (size_t i = 0; i < SETUP_KEYS && is_planned(apply, group); i++) {
		const struct setup_key *key = &setup_keys[i];
		scoped_options struct options options = { 0 };
		scoped_free char *name = text_format("provision.%s", key->name);
		struct err err = { 0 };
		if (!name)
			err_set(&err, ENOMEM, "out of memory");
		else if (add_key(apply, group, key, &options, &err) == 0 &&
			 provision_check(&options.call, &err) != 0)
			name_key(key, &err);
		apply_fault(apply,
			    name ? apply_line_of(group->given, group->given_count, name)
				 : group->line,
			    &err);
	}
}

/* ---- The label */

static const char *mark_of(const struct machine *machine)
{
	return config_label(machine->config.labels, "provisioned");
}

static bool is_mark(const struct machine *machine, const char *mark)
{
	const char *now = mark_of(machine);

	return now && strcmp(now, mark) == 0;
}

static int mark(struct machine *machine, const char *value, struct err *err)
{
	const struct config_change change = { SETUP_LABEL, value };

	return machine_set(machine, &change, 1, err);
}

/* The word of a key in the label of a machine that is set up: " run:0a1b2c3d". */
static void add_hash(const struct apply_group *group, const struct setup_key *key, struct text *out)
{
	const char *value = value_of(group, key);

	text_add(out, " %s:", key->name);
	if (*value)
		text_add(out, "%08x", (unsigned)text_hash(value));
}

static int mark_done(const struct apply_group *group, struct machine *machine, struct err *err)
{
	scoped_text struct text value = { 0 };

	text_add(&value, SETUP_DONE);
	for (size_t i = 0; i < SETUP_KEYS; i++) {
		if (*value_of(group, &setup_keys[i]))
			add_hash(group, &setup_keys[i], &value);
	}
	return value.failed ? err_set(err, ENOMEM, "out of memory")
			    : mark(machine, text_str(&value), err);
}

/* ---- The plan */

/* The keys that have other values than those that a machine was set up with; done: its label, "": by none. */
static void add_changed(const struct apply_group *group, const char *done, struct text *out)
{
	for (size_t i = 0; i < SETUP_KEYS; i++) {
		scoped_text struct text word = { 0 };
		add_hash(group, &setup_keys[i], &word);
		bool given = *value_of(group, &setup_keys[i]);
		bool there = strstr(done, text_str(&word));
		if (given != there)
			text_add(out, "%sprovision.%s", out->length ? ", " : "",
				 setup_keys[i].name);
	}
}

static void note(struct apply *apply, const struct apply_group *group,
		 const struct machine *machine)
{
	const char *now = mark_of(machine), *name = machine->name;
	scoped_text struct text keys = { 0 };

	if (is_mark(machine, SETUP_BEGUN) || is_mark(machine, SETUP_COPYING)) {
		text_add(&apply->unready, "%s'%s'", apply->unready.length ? ", " : "", name);
		return;
	}
	if (!is_mark(machine, SETUP_DONE))
		add_changed(group, now ? now : "", &keys);
	if (keys.length)
		text_add(
			&apply->notes,
			"machine '%s' is there already, and %s is only for new machines; %s it, or "
			"keep it: berth set %s " SETUP_LABEL "=" SETUP_DONE "\n",
			name, text_str(&keys), now ? "reset or delete" : "delete", name);
}

/* Whether a kill has left a part of the files, in a root that was never started and has nothing else. */
static bool can_copy_anew(const struct machine *machine)
{
	return is_mark(machine, SETUP_COPYING) && fresh_is(machine, NULL);
}

int setup_plan(struct apply *apply, const struct apply_group *group, const struct machine *machine,
	       struct err *err)
{
	if (!is_mark(machine, SETUP_NONE) && !is_mark(machine, SETUP_FILES) &&
	    !can_copy_anew(machine)) {
		note(apply, group, machine);
		return 0;
	}
	if (!setup_is_wanted(group))
		return 0;
	struct apply_action *action = apply_add(apply, APPLY_SETUP, machine->name, err);
	if (action)
		action->group = group;
	return -err->code;
}

/* ---- The work */

/*
 * Notes that the copy begins. A second copy of a folder would go into the first one, so it needs the root of the
 * template again; a machine that runs already cannot get that.
 */
static int begin_copy(struct machine *machine, struct err *err)
{
	struct machine_status status = { 0 };

	if (can_copy_anew(machine))
		return machine_reset(machine, NULL, err);
	machine_status(machine, NULL, &status);
	return mark(machine, machine_is_down(status.state) ? SETUP_COPYING : SETUP_BEGUN, err);
}

int setup_files(const struct apply *apply, const struct apply_group *group, struct machine *machine,
		struct err *err)
{
	scoped_options struct options options = { 0 };

	if ((!is_mark(machine, SETUP_NONE) && !can_copy_anew(machine)) || !setup_is_wanted(group))
		return 0;
	int r = options_make(apply, group, &options, err);
	if (r == 0 && provision_has_files(&options.call))
		r = begin_copy(machine, err);
	if (r == 0)
		r = provision_files(&options.call, machine, err);
	if (r != 0)
		return r;
	return setup_has_steps(group) ? mark(machine, SETUP_FILES, err)
				      : mark_done(group, machine, err);
}

bool setup_awaits_steps(const struct machine *machine)
{
	return is_mark(machine, SETUP_FILES);
}

int setup_steps(const struct apply *apply, struct apply_action *action, struct machine *machine,
		struct err *err)
{
	scoped_options struct options options = { 0 };
	int r = options_make(apply, action->group, &options, err);

	if (r == 0)
		r = machine_wait_booted(machine, BOOT_SECONDS, err);
	if (r == 0)
		r = mark(machine, SETUP_BEGUN, err);
	if (r != 0)
		return r;
	action->begun = true;
	r = provision_run(&options.call, machine, err);
	return r != 0 ? r : mark_done(action->group, machine, err);
}
