/* SPDX-License-Identifier: GPL-2.0-or-later */
/* template search: lists the images that servers offer. */
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/table.h"
#include "image/source/source.h"

#include <inttypes.h>
#include <string.h>

static const struct flag *const search_flags[] = { &flag_json, NULL };

/* Splits "images:alp" into the name of a remote and the text to search for. */
static int take_words(const struct call *call, char remote[64], const char **words, struct err *err)
{
	snprintf(remote, 64, "%s", REMOTE_DEFAULT);
	for (int i = 0; i < call->count; i++) {
		const char *word = call->words[i], *colon = strchr(word, ':');
		words[i] = colon ? colon + 1 : word;
		if (!colon)
			continue;
		if (colon == word || colon - word > 63)
			return err_set(err, EINVAL, "'%.80s' names no remote before its colon",
				       word);
		snprintf(remote, 64, "%.*s", (int)(colon - word), word);
	}
	return 0;
}

static bool contains(const char *text, const char *word)
{
	return strcasestr(text, word) != NULL;
}

static bool is_wanted(const struct offer *offer, const char *const *words, int count)
{
	char name[200];

	snprintf(name, sizeof name, "%s/%s/%s", offer->os, offer->release, offer->variant);
	for (int i = 0; i < count; i++) {
		if (!contains(name, words[i]) && !contains(offer->aliases, words[i]))
			return false;
	}
	return true;
}

/* The shortest name of an image, which is the easiest to type. */
static void short_name(const struct offer *offer, char out[200])
{
	const char *best = NULL, *at = offer->aliases;
	size_t length = 0;

	while (*at) {
		size_t n = strcspn(at, ",");
		if (n > 0 && n < 200 && (!best || n < length) && memchr(at, '/', n)) {
			best = at;
			length = n;
		}
		at += n;
		at += *at == ',';
	}
	if (best)
		snprintf(out, 200, "%.*s", (int)length, best);
	else
		snprintf(out, 200, "%s/%s/%s", offer->os, offer->release, offer->variant);
}

static json_t *offer_object(const char *remote, const struct offer *offer)
{
	char name[200], word[300];

	short_name(offer, name);
	snprintf(word, sizeof word, "%s:%s", remote, name);
	return json_members((const struct json_member[]){
		{ "name", json_string(word) },
		{ "distribution", json_string(offer->os) },
		{ "release", json_string(offer->release) },
		{ "variant", json_string(offer->variant) },
		{ "serial", json_string(offer->serial) },
		{ "size", json_integer((json_int_t)(offer->root.size + offer->metadata.size)) },
		{ "sha256", json_string(offer->root.sha256) },
		{ 0 },
	});
}

static void add_row(struct table *table, const char *remote, const struct offer *offer)
{
	char name[200], size[32];

	short_name(offer, name);
	text_human_size(offer->root.size + offer->metadata.size, size, sizeof size);
	table_format(table, "%s:%s", remote, name);
	table_add(table, offer->os);
	table_add(table, offer->release);
	table_add(table, offer->variant);
	table_add(table, offer->serial);
	table_add(table, size);
}

static int print_found(const struct call *call, const char *remote,
		       const struct catalogue *catalogue, const char *const *words, struct err *err)
{
	static const char *const heads[] = { "IMAGE",   "DISTRIBUTION", "RELEASE", "VARIANT",
					     "VERSION", "SIZE",         NULL };
	json_t *array = call_has(call, &flag_json) ? json_array() : NULL;
	struct table table;

	table_begin(&table, heads);
	for (size_t i = 0; i < catalogue->count; i++) {
		const struct offer *offer = &catalogue->offers[i];
		if (!is_wanted(offer, words, call->count))
			continue;
		if (array)
			json_array_append_new(array, offer_object(remote, offer));
		else
			add_row(&table, remote, offer);
	}
	if (array)
		return print_json(array, err);
	if (table.count > 0)
		return table_print(&table, err);
	return err_set(err, ENOENT,
		       "remote '%s' has nothing for this host that has all these words; see all: "
		       "berth template search %s:",
		       remote, remote);
}

static int search_shown(const struct call *call, const char *remote, struct catalogue *catalogue,
			struct err *err)
{
	scoped_progress struct progress progress = { 0 };

	progress_begin(&progress, "asking remote '%s'", remote);
	return source_catalogue(&call->dirs, remote, catalogue, err);
}

static int run_search(struct call *call, struct err *err)
{
	struct catalogue catalogue;
	char remote[64];
	const char **words = calloc((size_t)call->count, sizeof *words);

	if (!words)
		return err_set(err, ENOMEM, "out of memory");
	int r = take_words(call, remote, words, err);
	if (r == 0)
		r = search_shown(call, remote, &catalogue, err);
	if (r == 0) {
		r = print_found(call, remote, &catalogue, words, err);
		if (catalogue.skipped)
			print_note("%" PRIu64 " images of remote '%s' were left out: %s",
				   catalogue.skipped, remote, catalogue.why);
		catalogue_free(&catalogue);
	}
	free(words);
	return r;
}

const struct command command_template_search = {
	.traits = COMMAND_LOOKS,
	.group = "template",
	.name = "search",
	.args = "WORD...",
	.help = "List images of a server, REMOTE:WORD, whose names have all the words",
	.flags = search_flags,
	.min = 1,
	.max = 16,
	.run = run_search,
};
