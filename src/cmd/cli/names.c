/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/names.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/labels.h"
#include "cmd/cli/print.h"
#include "machine/state/machine.h"

#include <errno.h>
#include <string.h>

void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct names){ 0 };
}

static int add_name(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->list[i], name) == 0)
			return 0;
	}
	char **list = realloc(names->list, (names->count + 1) * sizeof *list);
	if (!list)
		return -ENOMEM;
	names->list = list;
	list[names->count] = strdup(name);
	if (!list[names->count])
		return -ENOMEM;
	names->count++;
	return 0;
}

/* A machine that a killed command has left half made is none: the next command removes it. */
static bool is_there(const struct dirs *dirs, const char *name)
{
	scoped_machine struct machine machine = { 0 };

	return machine_look(&machine, dirs, name, &(struct err){ 0 }) != -ENOENT;
}

struct matching {
	const struct dirs *dirs;
	struct names *names;
	const char *word;
	bool found;
};

static int match_one(void *context, const char *name)
{
	struct matching *matching = context;

	if (!name_matches(matching->word, name) || !is_there(matching->dirs, name))
		return 0;
	matching->found = true;
	return add_name(matching->names, name);
}

static bool is_pattern(const char *word)
{
	return strpbrk(word, "*?[") != NULL;
}

static int add_word(const struct call *call, struct names *names, const char *word, struct err *err)
{
	struct matching matching = { &call->dirs, names, word, false };

	if (!is_pattern(word))
		return add_name(names, word);
	int r = machine_list(&call->dirs, match_one, &matching, err);
	/* A pattern without a match is reported like an unknown name, and does not stop the others. */
	if (r == 0 && !matching.found) {
		struct err missing = { 0 };
		err_set(&missing, ENOENT, "no machine matches '%.80s'; see: berth list", word);
		print_error(&missing);
		names->unmatched = true;
	}
	return r;
}

static int add_any(void *context, const char *name)
{
	return add_name(context, name);
}

static bool has_labels(const struct call *call, const char *name, const char *wanted)
{
	scoped_machine struct machine machine = { 0 };

	return machine_read(&machine, &call->dirs, name, &(struct err){ 0 }) == 0 &&
	       labels_match(machine.config.labels, wanted);
}

/* Drops the machines without these labels. */
static void choose(const struct call *call, struct names *names, const char *wanted)
{
	size_t kept = 0;

	for (size_t i = 0; i < names->count; i++) {
		if (has_labels(call, names->list[i], wanted))
			names->list[kept++] = names->list[i];
		else
			free(names->list[i]);
	}
	names->count = kept;
	if (kept > 0 || names->unmatched)
		return;
	struct err missing = { 0 };
	err_set(&missing, ENOENT,
		"no machine has the labels '%.80s'; see: berth list --label %.80s", wanted, wanted);
	print_error(&missing);
	names->unmatched = true;
}

int names_check(const struct call *call, struct err *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < call->count; i++)
		r = is_pattern(call->words[i]) ? 0 : name_check(call->words[i], err);
	return r;
}

int names_given(const struct call *call, struct names *names, struct err *err)
{
	const char *wanted = call_value(call, &flag_label);
	int r = 0;

	bool all = wanted || call->command->traits & COMMAND_ALL;

	*names = (struct names){ 0 };
	if (wanted)
		r = labels_check_wanted(wanted, err);
	if (r == 0 && all && call->count == 0)
		r = machine_list(&call->dirs, add_any, names, err);
	if (r == 0)
		r = names_check(call, err);
	for (int i = 0; r == 0 && i < call->count; i++)
		r = add_word(call, names, call->words[i], err);
	if (r == 0 && wanted)
		choose(call, names, wanted);
	return r < 0 && !err->code ? err_set(err, -r, "out of memory") : r;
}
