/* SPDX-License-Identifier: GPL-2.0-or-later */
/* apply: the verb. It prints a line for each action when it is done, or with --diff without doing it. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/verbs.h"
#include "machine/manage/manage.h"

#include <limits.h>
#include <string.h>

enum { LOCK_SECONDS = 60 };

static const struct flag flag_diff = { "diff", 0, false, NULL,
				       "only show what would be done, and do nothing" };
static const struct flag flag_prune = {
	"prune", 0, false, NULL,
	"delete machines that this file has made and describes no more, running or not"
};
static const struct flag flag_restart = { "restart", 0, false, NULL,
					  "restart machines whose changes need it" };
static const struct flag *const apply_flags[] = { &flag_diff, &flag_json, &flag_prune,
						  &flag_restart, NULL };

/* ---- Output */

static const struct {
	const char *verb, *object;
} action_words[] = {
	[APPLY_PULL] = { "pull", "template" },
	[APPLY_NETWORK] = { "create", "network" },
	[APPLY_NETWORK_CHANGE] = { "change", "network" },
	[APPLY_NETWORK_RULES] = { "renew rules of", "network" },
	[APPLY_CREATE] = { "create", "machine" },
	[APPLY_CHANGE] = { "change", "machine" },
	[APPLY_RULES] = { "renew rules of", "machine" },
	[APPLY_STOP] = { "stop", "machine" },
	[APPLY_RESTART] = { "restart", "machine" },
	[APPLY_START] = { "start", "machine" },
	[APPLY_SETUP] = { "set up", "machine" },
	[APPLY_DELETE] = { "delete", "machine" },
};

/* "change machine 'web': limits.pids = 200 (was 100)" */
static void action_line(const struct apply_action *action, struct text *out)
{
	text_add(out, "%s %s '%s'", action_words[action->kind].verb,
		 action_words[action->kind].object, action->name);
	if (action->kind == APPLY_PULL)
		text_add(out, " of '%s'", action->group->image);
	if (action->kind == APPLY_CREATE)
		text_add(out, " of template '%s'", action->group->settings.machine.template);
	for (size_t i = 0; i < action->count; i++) {
		const struct apply_change *change = &action->changes[i];
		bool section = section_of(change->key, NULL) != NULL;
		text_add(out, "%s ", i ? "," : ":");
		if (!change->to)
			text_add(out, "no %s", change->key);
		else if (section)
			text_add(out, "%s (%s)", change->key, change->to);
		else
			text_add(out, "%s = %s", change->key, change->to);
		if (change->from && *change->from)
			text_add(out, " (was %s)", change->from);
	}
}

static void print_action(const struct apply_action *action)
{
	scoped_text struct text line = { 0 }, plain = { 0 };

	action_line(action, &line);
	print_plain(text_str(&line), &plain);
	printf("%s\n", text_str(&plain));
	output_flush();
}

static json_t *action_object(const struct apply_action *action)
{
	json_t *changes = json_array();

	for (size_t i = 0; i < action->count; i++) {
		const struct apply_change *change = &action->changes[i];
		json_array_append_new(changes, json_members((const struct json_member[]){
						       { "key", json_string(change->key) },
						       { "from", json_text(change->from) },
						       { "to", json_text(change->to) },
						       { 0 },
					       }));
	}
	return json_members((const struct json_member[]){
		{ "action", json_string(action_words[action->kind].verb) },
		{ "kind", json_string(action_words[action->kind].object) },
		{ "name", json_string(action->name) },
		{ "changes", changes },
		{ "done", json_boolean(action->done) },
		{ 0 },
	});
}

static int print_all(const struct apply *apply, struct err *err)
{
	json_t *array = json_array();

	for (size_t i = 0; i < apply->count; i++)
		json_array_append_new(array, action_object(&apply->actions[i]));
	return print_json(array, err);
}

/* ---- The work */

/* Without a name in the file, two files of one name in two folders are still two. */
static int find_id(struct apply *apply, struct err *err)
{
	char real[PATH_MAX], stem[48];

	if (apply->file.name) {
		apply->id = strdup(apply->file.name);
		return apply->id ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	if (!realpath(apply->path, real))
		return err_set(err, errno, "read '%s': %s", apply->path, strerror(errno));
	const char *base = strrchr(real, '/') + 1;
	const char *dot = strrchr(base, '.');
	snprintf(stem, sizeof stem, "%.*s", (int)(dot && dot != base ? dot - base : 40), base);
	apply->id = text_format("%.40s-%08x", stem, (unsigned)text_hash(real));
	return apply->id ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int find_network(struct apply *apply, struct err *err)
{
	struct berth_config config = { 0 };

	if (config_load_berth(&apply->call->dirs, &config, err) < 0)
		return -err->code;
	apply->network = take_ptr(&config.network);
	config_free(&berth_schema, &config);
	return 0;
}

/*
 * Finished actions are kept, and the same command does the others; steps that have begun in a machine are not repeated.
 */
static int tell_rest(struct apply *apply, size_t failed, struct err *err)
{
	scoped_text struct text line = { 0 }, again = { 0 };

	apply_start_again(apply, failed, &again);

	size_t first = apply->actions[failed].begun ? failed + 1 : failed;
	for (size_t i = first; i < apply->count && line.length < 300; i++)
		text_add(&line, "%s%s %s '%s'", i > first ? ", " : "",
			 action_words[apply->actions[i].kind].verb,
			 action_words[apply->actions[i].kind].object, apply->actions[i].name);
	if (apply->count > first && line.length >= 300)
		text_add(&line, ", ...");
	struct err cause = *err;
	if (first == apply->count)
		return err_set(err, cause.code, "%.600s%.300s", cause.text, text_str(&again));
	if (first > failed)
		return err_set(
			err, cause.code,
			"%.500s; %zu of %zu actions were done, and not: %.320s%.300s; the same "
			"command does these",
			cause.text, failed, apply->count, text_str(&line), text_str(&again));
	return err_set(err, cause.code,
		       "%.500s; %zu of %zu actions were done, and not: %.320s%.300s; when that is "
		       "mended, the same command does the rest",
		       cause.text, failed, apply->count, text_str(&line), text_str(&again));
}

static int do_all(struct apply *apply, struct err *err)
{
	bool json = call_has(apply->call, &flag_json);

	for (size_t i = 0; i < apply->count; i++) {
		struct apply_action *action = &apply->actions[i];
		if (apply_do(apply, action, err) != 0) {
			if (!strstr(err->text, action->name))
				err_wrap(err, "%s '%s'", action_words[action->kind].object,
					 action->name);
			return tell_rest(apply, i, err);
		}
		action->done = true;
		if (!json)
			print_action(action);
	}
	return 0;
}

static int finish(struct apply *apply, int r, struct err *err)
{
	if (call_has(apply->call, &flag_json) &&
	    print_all(apply, r == 0 ? err : &(struct err){ 0 }) < 0)
		return r == 0 ? -err->code : r;
	if (r != 0)
		return r;
	print_notes(&apply->notes);
	return setup_tell_unready(apply, err);
}

static int run(struct apply *apply, struct err *err)
{
	bool diff = call_has(apply->call, &flag_diff), json = call_has(apply->call, &flag_json);
	scoped_fd int lock = diff ? -1
				  : dirs_lock(&apply->call->dirs, "apply", LOCK_SECONDS,
					      "the list of machines", err);

	if (err->code)
		return -err->code;
	if (!diff)
		machine_sweep(&apply->call->dirs);
	int r = apply_plan(apply, err);
	if (r < 0)
		return r;
	for (size_t i = 0; diff && !json && i < apply->count; i++)
		print_action(&apply->actions[i]);
	if (apply->count == 0 && !json)
		printf("nothing to do\n");
	if (!diff)
		r = do_all(apply, err);
	return finish(apply, r, err);
}

static void apply_close(struct apply *apply)
{
	for (size_t i = 0; i < apply->count; i++) {
		struct apply_action *action = &apply->actions[i];
		for (size_t k = 0; k < action->count; k++) {
			free(action->changes[k].key);
			free(action->changes[k].from);
			free(action->changes[k].to);
		}
		free(action->changes);
		free(action->name);
	}
	free(apply->actions);
	free(apply->id);
	free(apply->network);
	for (size_t i = 0; i < apply->loss_count; i++) {
		free(apply->losses[i].machine);
		free(apply->losses[i].section);
	}
	free(apply->losses);
	free(apply->macs);
	causes_free(&apply->causes);
	text_free(&apply->notes);
	text_free(&apply->unready);
	apply_file_free(&apply->file);
}

static int run_apply(struct call *call, struct err *err)
{
	__attribute__((cleanup(apply_close))) struct apply apply = {
		.call = call,
		.path = call->words[0],
		.prune = call_has(call, &flag_prune),
		.restart = call_has(call, &flag_restart),
	};
	int r = apply_file_load(apply.path, &apply.file, &apply.causes);

	if (r < 0)
		return apply_tell_faults(&apply, err);
	r = find_id(&apply, err);
	if (r == 0)
		r = find_network(&apply, err);
	return r < 0 ? r : run(&apply, err);
}

const struct command command_apply = {
	.name = "apply",
	.args = "FILE",
	.help = "Make machines and networks what a file describes",
	.flags = apply_flags,
	.min = 1,
	.max = 1,
	.first = WORD_FILE,
	.run = run_apply,
};
