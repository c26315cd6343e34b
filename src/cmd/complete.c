/* What the shell's completion asks: which words can stand where the last one stands. */
#include "cmd/verbs.h"

#include "base/scoped.h"
#include "cmd/common.h"
#include "image/template.h"
#include "network/network.h"
#include "storage/storage.h"

#include <stdio.h>
#include <string.h>

/* The word that is being typed; what begins with it is printed. */
struct typed {
	const char *prefix;
	const char *tail; /* what follows each candidate: "=" for keys to set */
};

static int offer(void *context, const char *word)
{
	const struct typed *typed = context;

	if (text_starts(word, typed->prefix))
		printf("%s%s\n", word, typed->tail);
	return 0;
}

static int offer_template(void *context, const char *name, const struct template_config *config)
{
	(void)config;
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

static void offer_keys(struct typed *typed)
{
	for (size_t i = 0; i < machine_schema.count; i++) {
		if (!(machine_schema.keys[i].flags & KEY_FIXED))
			offer(typed, machine_schema.keys[i].name);
	}
}

static void offer_snapshots(struct typed *typed, const struct site *site, const char *name)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free struct snapshot_entry *list = NULL;
	size_t count = 0;
	struct err err = { 0 };

	if (text_label_fault(name) || machine_open(&machine, site, name, &err) < 0 ||
	    snapshot_list(&machine, &list, &count, &err) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		offer(typed, list[i].name);
}

static void offer_sections(struct typed *typed, const struct site *site, const char *name,
			   enum word kind)
{
	scoped_machine struct machine machine = { 0 };
	struct machine_config temporary = { 0 };
	struct err err = { 0 };

	if (text_label_fault(name) || machine_open(&machine, site, name, &err) < 0 ||
	    machine_temporary(&machine, &temporary, &err) < 0)
		return;
	const struct machine_config *configs[] = { &machine.config, &temporary };
	for (size_t i = 0; i < 2; i++) {
		const struct section *at =
			kind == WORD_MOUNT ? configs[i]->mounts : configs[i]->devices;
		for (; at; at = at->next)
			offer(typed, at->name);
	}
	config_free(&machine_schema, &temporary);
}

/* Failures offer nothing: nobody is there to read of them. */
static void offer_words(struct typed *typed, enum word kind, const struct site *site,
			const char *before)
{
	struct err ignored = { 0 };

	switch (kind) {
	case WORD_MACHINE:
		machine_list(site, offer, typed, &ignored);
		break;
	case WORD_SNAPSHOT:
		offer_snapshots(typed, site, before);
		break;
	case WORD_MOUNT:
	case WORD_DEVICE:
		offer_sections(typed, site, before, kind);
		break;
	case WORD_KEY:
		offer_keys(typed);
		break;
	case WORD_TEMPLATE:
		template_list(site, offer_template, typed, &ignored);
		break;
	case WORD_RECIPE:
		template_recipes(offer, typed, &ignored);
		break;
	case WORD_POOL:
		pool_list(site, offer, typed, &ignored);
		break;
	case WORD_NETWORK:
		network_list(site, offer, typed, &ignored);
		break;
	case WORD_VERB:
		offer_verbs(typed);
		break;
	case WORD_SHELL:
		offer(typed, "bash");
		break;
	case WORD_OTHER:
	case WORD_FILE:
		break;
	}
}

/* words[0..count) are whole, but for --root DIR the verb first; typed is what comes next. */
static void complete(struct typed *typed, const struct site *site, const char *const *words,
		     int count)
{
	struct err ignored = { 0 };
	int used = 0;

	if (count == 0) {
		offer_verbs(typed);
		return;
	}
	const struct command *command = command_find(words, count, &used, &ignored);
	if (!command)
		return;
	/* "snapshot web" means take: its words count from the second on. */
	const char *first = NULL;
	int given = 0;
	for (int i = used; i < count; i++) {
		if (words[i][0] == '-')
			continue;
		if (given++ == 0)
			first = words[i];
	}
	if (typed->prefix[0] == '-') {
		offer_flags(typed, command->flags);
		return;
	}
	if (command->members && given == 0) {
		offer_commands(typed, command->members);
		command = command->other;
	}
	if (!command || (command->max >= 0 && given >= command->max))
		return;
	if (strcmp(command->name, "set") == 0 && given > 0)
		typed->tail = "=";
	offer_words(typed, given == 0 ? command->first : command->rest, site, first ? first : "");
}

static int run_complete(struct call *call, struct err *err)
{
	scoped_site struct site site = { 0 };
	const char *const *words = call->words;
	int count = call->count - 1;
	const char *root = NULL;

	if (count < 0)
		return 0;
	struct typed typed = { .prefix = words[count], .tail = "" };
	while (count > 1 && strcmp(words[0], "--root") == 0) {
		root = words[1];
		words += 2;
		count -= 2;
	}
	int r = site_open(&site, root, err);
	if (r == 0)
		complete(&typed, &site, words, count);
	return r;
}

const struct command command_complete = {
	.name = "_complete",
	.args = "[WORD]...",
	.help = "Print what the last word can become; run by the shell",
	.traits = COMMAND_HIDDEN | COMMAND_ANYONE,
	.max = -1,
	.run = run_complete,
};
