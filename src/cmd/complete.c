/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Candidates for the completion of a shell: the words that may stand at the place of the last word. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "image/template/template.h"
#include "machine/data/data.h"
#include "machine/manage/halfway.h"
#include "machine/manage/manage.h"
#include "machine/share/mounts.h"
#include "machine/state/machine.h"
#include "network/network.h"
#include "storage/storage.h"

#include <stdio.h>
#include <string.h>

/* The exit code that tells the shell's script to offer its files. */
enum { EXIT_FILES = 3 };

/* The incomplete word. Candidates that begin with it are printed. */
struct typed {
	const char *prefix;
	const char *
		head; /* printed before each candidate, not part of prefix: "--network=", "restart=" */
	const char *tail; /* printed after each candidate: "=" for keys to set */
};

/* The words before the incomplete one. */
struct line {
	const struct command *command;
	const char *first; /* the verb's first word, NULL: none yet */
	int given;         /* number of the verb's words */
	const struct flag
		*open; /* the flag before the incomplete word, if that word is its value */
};

static int offer(void *context, const char *word)
{
	const struct typed *typed = context;

	if (text_starts(word, typed->prefix))
		printf("%s%s%s\n", typed->head, word, typed->tail);
	return 0;
}

static int offer_template(void *context, const char *name, const struct template_config *config,
			  const struct err *fault)
{
	(void)fault;
	/* A step of the cache is no template to work with. */
	return config && config->cached ? 0 : offer(context, name);
}

static int offer_volume(void *context, const char *name, const struct volume_config *config,
			const struct err *fault)
{
	(void)config;
	(void)fault;
	return offer(context, name);
}

static void offer_commands(struct typed *typed, const struct command *const *commands)
{
	for (; *commands; commands++) {
		if (!((*commands)->traits & COMMAND_HIDDEN))
			offer(typed, (*commands)->name);
	}
}

static void offer_verbs(struct typed *typed)
{
	for (const struct family *family = families; family->commands; family++)
		offer_commands(typed, family->commands);
}

static void offer_flags(struct typed *typed, const struct flag *const *flags)
{
	char word[40];

	for (; flags && *flags; flags++) {
		snprintf(word, sizeof word, "--%s", (*flags)->name);
		offer(typed, word);
	}
}

static void offer_keys(struct typed *typed, const struct schema *schema)
{
	for (size_t i = 0; i < schema->count; i++) {
		if (!(schema->keys[i].flags & KEY_FIXED))
			offer(typed, schema->keys[i].name);
	}
}

static void offer_presets(struct typed *typed)
{
	char word[80];

	offer(typed, "description");
	for (size_t i = 0; i < machine_schema.count; i++) {
		snprintf(word, sizeof word, "default.%s", machine_schema.keys[i].name);
		if (!(machine_schema.keys[i].flags & KEY_FIXED))
			offer(typed, word);
	}
}

static void offer_snapshots(struct typed *typed, const struct dirs *dirs, const char *name)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free struct snapshot_entry *list = NULL;
	size_t count = 0;
	struct err err = { 0 };

	if (text_label_fault(name) || machine_read(&machine, dirs, name, &err) < 0 ||
	    snapshot_list(&machine, &list, &count, &err) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		offer(typed, list[i].name);
}

static void offer_volume_snapshots(struct typed *typed, const struct dirs *dirs, const char *name)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_free struct snapshot_entry *list = NULL;
	struct volume_config config = { 0 };
	size_t count = 0;
	struct err err = { 0 };

	if (text_label_fault(name) || data_open(dirs, name, &config, &err) < 0)
		return;
	if (pool_view_attached(&pool, dirs, config.pool, &err) == 0)
		data_snapshots(&pool, name, &list, &count, &err);
	config_free(&volume_schema, &config);
	for (size_t i = 0; i < count; i++)
		offer(typed, list[i].name);
}

static void offer_sections(struct typed *typed, const struct dirs *dirs, const char *name,
			   enum word kind)
{
	scoped_machine struct machine machine = { 0 };
	struct machine_config temporary = { 0 };
	struct err err = { 0 };

	if (text_label_fault(name) || machine_read(&machine, dirs, name, &err) < 0 ||
	    machine_temporary(&machine, &temporary, &err) < 0)
		return;
	const struct machine_config *configs[] = { &machine.config, &temporary };
	for (size_t i = 0; i < 2; i++) {
		const struct section *at = kind == WORD_MOUNT      ? configs[i]->mounts
					   : kind == WORD_DEVICE   ? configs[i]->devices
					   : kind == WORD_NIC      ? configs[i]->nics
					   : kind == WORD_RULE     ? configs[i]->rules
					   : kind == WORD_ATTACHED ? configs[i]->volumes
								   : configs[i]->forwards;
		for (; at; at = at->next)
			offer(typed, at->name);
	}
	config_free(&machine_schema, &temporary);
}

static void offer_halfway(void *context, const char *name)
{
	offer(context, name);
}

static void offer_shells(struct typed *typed)
{
	offer(typed, "bash");
	offer(typed, "zsh");
	offer(typed, "fish");
}

/* A failure offers no candidates and prints nothing, because the user is in the middle of a line. */
static void offer_words(struct typed *typed, enum word kind, const struct dirs *dirs,
			const char *before)
{
	struct err ignored = { 0 };

	switch (kind) {
	case WORD_MACHINE:
		machine_list(dirs, offer, typed, &ignored);
		break;
	case WORD_SNAPSHOT:
		offer_snapshots(typed, dirs, before);
		break;
	case WORD_VOLUME_SNAPSHOT:
		offer_volume_snapshots(typed, dirs, before);
		break;
	case WORD_MOUNT:
	case WORD_DEVICE:
	case WORD_FORWARD:
	case WORD_NIC:
	case WORD_RULE:
	case WORD_ATTACHED:
		offer_sections(typed, dirs, before, kind);
		break;
	case WORD_KEY:
	case WORD_NETWORK_KEY:
	case WORD_VOLUME_KEY:
		offer_keys(typed, kind == WORD_KEY          ? &machine_schema
				  : kind == WORD_VOLUME_KEY ? &volume_schema
							    : &network_schema);
		break;
	case WORD_PRESET:
		offer_presets(typed);
		break;
	case WORD_TEMPLATE:
		template_list(dirs, offer_template, typed, &ignored);
		break;
	case WORD_VOLUME:
		data_list(dirs, offer_volume, typed, &ignored);
		break;
	case WORD_HALFWAY:
		halfway_each(dirs, offer_halfway, typed);
		break;
	case WORD_RECIPE:
		template_recipes(offer, typed, &ignored);
		break;
	case WORD_POOL:
		pool_list(dirs, offer, typed, &ignored);
		break;
	case WORD_NETWORK:
		network_list(dirs, offer, typed, &ignored);
		break;
	case WORD_VERB:
		offer_verbs(typed);
		break;
	case WORD_SHELL:
		offer_shells(typed);
		break;
	case WORD_OTHER:
	case WORD_FILE:
		break;
	}
}

/* The possible values of a key, if they can be listed. */
static void offer_values(struct typed *typed, const struct schema *schema, const char *name,
			 const struct dirs *dirs)
{
	static const char *const truths[] = { "yes", "no", NULL };
	struct err ignored = { 0 };
	const struct key *key = config_find(schema, name, &ignored);
	const char *const *words = !key                      ? NULL
				   : key->type == KEY_BOOL   ? truths
				   : key->type == KEY_CHOICE ? key->choices
							     : NULL;

	if (key && strcmp(key->name, "network") == 0)
		offer_words(typed, WORD_NETWORK, dirs, "");
	for (; words && *words; words++)
		offer(typed, *words);
}

/* Offers "KEY", and behind the '=' the values of KEY. */
static void offer_setting(struct typed *typed, const struct schema *schema, const struct dirs *dirs)
{
	const char *equals = strchr(typed->prefix, '=');

	if (!equals) {
		typed->tail = "=";
		offer_keys(typed, schema);
		return;
	}
	scoped_free char *name = strndup(typed->prefix, (size_t)(equals - typed->prefix));
	scoped_free char *head = name ? text_format("%s%s=", typed->head, name) : NULL;
	if (!head)
		return;
	struct typed value = { .prefix = equals + 1, .head = head, .tail = "" };
	offer_values(&value, schema, name, dirs);
}

/* Offers values by the name that the flag gives to its value. */
static int offer_value_of(struct typed *typed, const struct flag *flag, const struct dirs *dirs,
			  const struct line *line)
{
	bool of_volume = line->command->group && strcmp(line->command->group, "volume") == 0;
	const char *first = line->first ? line->first : "";

	if (flag == &flag_set)
		offer_setting(typed, &machine_schema, dirs);
	else if (strcmp(flag->value, "NETWORK") == 0)
		offer_words(typed, WORD_NETWORK, dirs, "");
	else if (strcmp(flag->value, "POOL") == 0)
		offer_words(typed, WORD_POOL, dirs, "");
	else if (strcmp(flag->value, "SNAP") == 0)
		offer_words(typed, of_volume ? WORD_VOLUME_SNAPSHOT : WORD_SNAPSHOT, dirs, first);
	else if (text_starts(flag->value, "VOLUME"))
		offer_words(typed, WORD_VOLUME, dirs, "");
	else if (strcmp(flag->value, "DIR") == 0 || strcmp(flag->value, "PATH") == 0)
		return EXIT_FILES;
	return 0;
}

/* Finds the flag of "--pool" or "-s"; a value behind '=' is ignored. */
static const struct flag *find_flag(const struct command *command, const char *word, size_t length)
{
	for (const struct flag *const *flag = command->flags; flag && *flag; flag++) {
		bool is_long = length > 2 && text_starts(word, "--") &&
			       strlen((*flag)->name) == length - 2 &&
			       strncmp((*flag)->name, word + 2, length - 2) == 0;
		bool is_short = length == 2 && (*flag)->letter && word[1] == (*flag)->letter;
		if (is_long || is_short)
			return *flag;
	}
	return NULL;
}

/* words[0..count) are complete words, and the verb is the first of them. */
static bool read_line(struct line *line, const char *const *words, int count)
{
	struct err ignored = { 0 };
	int used = 0;

	*line = (struct line){ .command = command_find(words, count, &used, &ignored) };
	for (int i = used; line->command && i < count; i++) {
		const struct flag *flag =
			words[i][0] == '-' ? find_flag(line->command, words[i], strlen(words[i]))
					   : NULL;
		if (flag && flag->value && !flag->optional && i + 1 == count)
			line->open = flag;
		else if (flag && flag->value && !flag->optional)
			i++;
		else if (words[i][0] != '-' && line->given++ == 0)
			line->first = words[i];
	}
	return line->command != NULL;
}

/* The keys that the next word of a verb sets; NULL: it sets none. */
static const struct schema *set_schema(const struct command *command, int given)
{
	bool sets = strcmp(command->name, "set") == 0;

	if (sets && command->rest == WORD_NIC)
		return given > 1 ? &nic_schema : NULL;
	if (command->rest == WORD_NETWORK_KEY && (sets || strcmp(command->name, "create") == 0))
		return given > 0 ? &network_schema : NULL;
	if (sets && command->rest == WORD_VOLUME_KEY)
		return given > 0 ? &volume_schema : NULL;
	return sets && command->rest == WORD_KEY && given > 0 ? &machine_schema : NULL;
}

/* Offers words of the verb itself, which are no flags. */
static int offer_plain(struct typed *typed, const struct line *line, const struct dirs *dirs)
{
	const struct command *command = line->command;

	if (command->members && line->given == 0) {
		offer_commands(typed, command->members);
		/* "snapshot web" stands for "snapshot take web". */
		command = command->other;
	}
	if (!command || (command->max >= 0 && line->given >= command->max))
		return 0;
	const struct schema *schema = set_schema(command, line->given);
	if (schema) {
		offer_setting(typed, schema, dirs);
		return 0;
	}
	enum word kind = line->given == 0 ? command->first : command->rest;
	/* template build takes the path of a file as well, which has a slash or a dot. */
	if (kind == WORD_FILE || (kind == WORD_RECIPE && strpbrk(typed->prefix, "/.")))
		return EXIT_FILES;
	offer_words(typed, kind, dirs, line->first ? line->first : "");
	return 0;
}

static int complete_word(struct typed *typed, const struct dirs *dirs, const char *const *words,
			 int count)
{
	struct line line;

	if (count == 0) {
		offer_verbs(typed);
		return 0;
	}
	if (!read_line(&line, words, count))
		return 0;
	if (line.open)
		return offer_value_of(typed, line.open, dirs, &line);
	if (typed->prefix[0] != '-')
		return offer_plain(typed, &line, dirs);
	size_t length = strcspn(typed->prefix, "=");
	const struct flag *flag = find_flag(line.command, typed->prefix, length);
	if (!typed->prefix[length]) {
		offer_flags(typed, line.command->flags);
		return 0;
	}
	if (!flag || !flag->value)
		return 0;
	scoped_free char *head = strndup(typed->prefix, length + 1);
	struct typed value = { typed->prefix + length + 1, head ? head : "", "" };
	return offer_value_of(&value, flag, dirs, &line);
}

static int run_complete(struct call *call, struct err *err)
{
	scoped_dirs struct dirs dirs = { 0 };
	const char *const *words = call->words;
	int count = call->count - 1;
	const char *root = NULL;

	if (count < 0)
		return 0;
	struct typed typed = { .prefix = words[count], .head = "", .tail = "" };
	while (count > 1 && strcmp(words[0], "--root") == 0) {
		root = words[1];
		words += 2;
		count -= 2;
	}
	int r = dirs_open(&dirs, root, err);
	return r < 0 ? r : complete_word(&typed, &dirs, words, count);
}

const struct command command_complete = {
	.name = "_complete",
	.args = "[WORD]...",
	.help = "Print what the last word can become; run by the shell",
	.traits = COMMAND_HIDDEN | COMMAND_ANYONE,
	.max = -1,
	.run = run_complete,
};
