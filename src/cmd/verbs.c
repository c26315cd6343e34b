/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All verbs, by family, in the order of the help text, and the search for the verb of a command line. */
#include "cmd/cli/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct command *const make[] = { &command_launch, &command_create, &command_clone,
					      &command_run,    &command_apply,  &command_adopt,
					      &command_rename, &command_delete, NULL };
static const struct command *const run[] = {
	&command_start, &command_stop,   &command_kill, &command_restart,
	&command_pause, &command_resume, NULL
};
static const struct command *const look[] = {
	&command_list,    &command_info,    &command_top,       &command_logs, &command_events,
	&command_capture, &command_metrics, &command_autostart, NULL
};
static const struct command *const enter[] = {
	&command_shell,   &command_exec,    &command_each, &command_console,
	&command_push,    &command_pull,    &command_cp,   &command_files,
	&command_desktop, &command_inhibit, NULL
};
static const struct command *const settings[] = { &command_set, &command_get, &command_unset,
						  NULL };
static const struct command *const shown[] = { &command_mount,
					       &command_unmount,
					       &command_device,
					       &command_forward,
					       &command_nic,
					       &command_rule,
					       NULL };
static const struct command *const keep[] = { &command_snapshot,
					      &command_restore,
					      &command_reset,
					      &command_diff,
					      &command_publish,
					      &command_backups,
					      NULL };
static const struct command *const travel[] = {
	&command_export,  &command_import,  &command_send, &command_move,
	&command_receive, &command_halfway, NULL
};
static const struct command *const around[] = { &command_template, &command_pool, &command_network,
						&command_volume, NULL };
static const struct command *const about[] = {
	&command_doctor,    &command_api,     &command_web, &command_completion,
	&command_help_verb, &command_version, NULL
};
static const struct command *const internal[] = { &command_complete,
						  &command_finish,
						  &command_respawn,
						  &command_pool_watch,
						  &command_backup,
						  &command_serve,
						  &command_idle,
						  &command_wake,
						  &command_free,
						  &command_attached,
						  NULL };

const struct family families[] = {
	{ "Make and delete machines", make },
	{ "Run them", run },
	{ "See what they do", look },
	{ "Go inside, copy in and out", enter },
	{ "Change settings", settings },
	{ "Share the host's folders, devices, ports and networks", shown },
	{ "Keep states", keep },
	{ "Move machines", travel },
	{ "Templates, pools, networks, volumes", around },
	{ "berth itself", about },
	{ NULL, internal },
	{ NULL, NULL },
};

enum { WORDS_MAX = 160 };

/* All visible names and aliases, for the search of the nearest one. Each alias is copied out of its list. */
struct names {
	char room[WORDS_MAX][24];
	const char *list[WORDS_MAX + 1];
	size_t count;
};

static void add_names(struct names *names, const struct command *command)
{
	const char *at = command->aliases ? command->aliases : "";

	snprintf(names->room[names->count], sizeof names->room[0], "%s", command->name);
	for (;;) {
		names->list[names->count] = names->room[names->count];
		names->count++;
		size_t n = strcspn(at, " ");
		if (n == 0 || names->count == WORDS_MAX)
			return;
		snprintf(names->room[names->count], sizeof names->room[0], "%.*s", (int)n, at);
		at += n + (at[n] == ' ');
	}
}

static const struct command *find_member(const struct command *group, const char *word,
					 struct err *err)
{
	struct names names = { .count = 0 };

	for (const struct command *const *m = group->members; *m; m++) {
		if (command_is(*m, word))
			return *m;
		add_names(&names, *m);
	}
	const char *near = text_nearest(word, names.list);
	if (near)
		err_set(err, EINVAL, "unknown verb '%s %.60s'; did you mean '%s %s'?", group->name,
			word, group->name, near);
	else
		err_set(err, EINVAL, "unknown verb '%s %.60s'; 'berth help %s' lists what there is",
			group->name, word, group->name);
	return NULL;
}

/* Verbs of similar programs that are no aliases, because they do something different there. */
static const char *hint_for(const char *word)
{
	static const char *const rows[][2] = {
		{ "attach", "for a shell in a machine: berth shell MACHINE; for its console: berth "
			    "console MACHINE" },
		{ "config",
		  "settings are shown and changed by: berth get, berth set, berth unset" },
		{ "edit", "settings are changed by: berth set MACHINE KEY=VALUE" },
		{ "file", "a file goes in and out with: berth push FILE MACHINE:PATH, berth pull "
			  "MACHINE:PATH FILE" },
		{ "image", "machines are made from templates: berth template list" },
		{ "images", "machines are made from templates: berth template list" },
		{ "migrate",
		  "a machine goes to another host by: berth move MACHINE HOST; to another "
		  "pool: berth pool move MACHINE POOL" },
		{ "inspect", "all that is known of a machine: berth info MACHINE" },
		{ "wait",
		  "a start that waits until it has booted: berth start --wait MACHINE; what "
		  "happens to machines: berth events" },
		{ "storage", "machines' roots are kept in pools: berth pool list" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(rows[i][0], word) == 0)
			return rows[i][1];
	}
	return NULL;
}

static const struct command *find_verb(const char *word, struct err *err)
{
	struct names names = { .count = 0 };

	for (const struct family *family = families; family->commands; family++) {
		for (const struct command *const *c = family->commands; *c; c++) {
			if (command_is(*c, word))
				return *c;
			if (!((*c)->traits & COMMAND_HIDDEN))
				add_names(&names, *c);
		}
	}
	const char *hint = hint_for(word);
	const char *near = text_nearest(word, names.list);
	if (hint)
		err_set(err, EINVAL, "unknown verb '%.60s'; %s", word, hint);
	else if (near)
		err_set(err, EINVAL, "unknown verb '%.60s'; did you mean '%s'?", word, near);
	else
		err_set(err, EINVAL, "unknown verb '%.60s'; 'berth help' lists what there is",
			word);
	return NULL;
}

/* `snapshot restore web s` has too many words for a snapshot of a machine named 'restore'. */
static bool is_other_verb(const char *const *words, int count, struct err *err)
{
	const struct command *other = count == 4 ? find_verb(words[1], &(struct err){ 0 }) : NULL;

	if (!other || words[2][0] == '-' || words[3][0] == '-')
		return false;
	/* A machine may have the name of a verb that takes no words, such as 'web'. */
	if (!other->members && other->max >= 0 && other->max < 2)
		return false;
	err_set(err, EINVAL, "there is no '%s %.60s'; did you mean 'berth %s %.60s %.60s'?",
		words[0], words[1], words[1], words[2], words[3]);
	return true;
}

const struct command *command_find(const char *const *words, int count, int *used, struct err *err)
{
	*used = 0;
	if (count == 0) {
		err_set(err, EINVAL, "no verb; 'berth help' lists what there is");
		return NULL;
	}
	const struct command *command = find_verb(words[0], err);
	*used = command != NULL;
	if (!command || !command->members || count < 2)
		return command;
	/* Flags may stand before the words: `backup --full web`. */
	if (words[1][0] == '-')
		return command->other && strcmp(words[1], "--help") != 0 &&
				       strcmp(words[1], "-h") != 0
			       ? command->other
			       : command;
	for (const struct command *const *m = command->members; *m; m++) {
		if (command_is(*m, words[1])) {
			*used = 2;
			return *m;
		}
	}
	if (command->other && is_other_verb(words, count, err))
		return NULL;
	if (command->other)
		return command->other;
	*used = 2;
	return find_member(command, words[1], err);
}
