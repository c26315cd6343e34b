/* SPDX-License-Identifier: GPL-2.0-or-later */
/* template pull, update, remote: templates from image servers. Also the pulls of launch, create and apply. */
#include "base/clock.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/table.h"
#include "config/config.h"
#include "image/source/pull.h"
#include "image/source/source.h"
#include "image/template/template.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static const struct flag *const pull_flags[] = { &flag_pool, NULL };
static const struct flag *const remote_flags[] = { &flag_json, NULL };

/* ---- Progress */

struct shown {
	const char *word;
	int64_t began;  /* clock_ms */
	uint64_t first; /* bytes at that time */
};

static void show(void *context, uint64_t done, uint64_t size)
{
	struct shown *shown = context;
	char have[32], all[32], rate[32];

	if (!progress_is_shown())
		return;
	if (shown->began == 0) {
		shown->began = clock_ms();
		shown->first = done;
	}
	uint64_t ms = (uint64_t)(clock_ms() - shown->began);
	uint64_t speed = ms > 0 && done > shown->first ? (done - shown->first) * 1000 / ms : 0;
	text_human_size(done, have, sizeof have);
	text_human_size(size, all, sizeof all);
	text_human_size(speed, rate, sizeof rate);
	if (speed > 0)
		progress_write("pulling '%s' ... %s of %s, %s/s, %" PRIu64 " s left", shown->word,
			       have, all, rate, (size - done) / speed);
	else
		progress_write("pulling '%s' ... %s of %s", shown->word, have, all);
}

/* ---- pull, update */

static int find_shown(const struct call *call, const char *word, struct source *source,
		      struct err *err)
{
	scoped_progress struct progress progress = { 0 };

	progress_begin(&progress, "looking for '%s'", word);
	return source_begin(source, &call->dirs, word, err);
}

/* Fetches an image, with progress. Returns 1 if a template of that name was made from this image before. */
static int fetch_shown(struct source *source, const char *word, const char *name, struct err *err)
{
	struct shown shown = { .word = word };
	struct download_watch watch = { show, &shown };
	int r = source_fetch(source, name, &watch, err);

	if (shown.began)
		progress_write("%s", "");
	return r;
}

static int unpack_shown(const struct call *call, struct source *source, const char *name,
			const char *into, struct text *notes, struct err *err)
{
	scoped_progress struct progress progress = { 0 };
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_free char *pool_name = into ? strdup(into) : NULL;

	int r = pool_name ? 0 : pool_wanted(call, &pool_name, err);
	if (r == 0)
		r = pool_open(&pool, &call->dirs, pool_name, err);
	if (r != 0)
		return r;
	progress_begin(&progress, "unpacking '%s'", name);
	return source_unpack(source, name, &pool, notes, err);
}

/*
 * Continues a pull whose image was found, into a pool (NULL: the call's). 0, 1: its template exists already, or a code.
 */
static int pull_found(const struct call *call, struct source *source, const char *word,
		      const char *name, const char *pool, struct err *err)
{
	scoped_text struct text notes = { 0 };
	int r = fetch_shown(source, word, name, err);

	if (r == 0)
		r = unpack_shown(call, source, name, pool, &notes, err);
	if (r == 0)
		print_notes(&notes);
	return r;
}

static int check_word(const char *word, struct err *err)
{
	char remote[64], image[128];

	return source_split(word, remote, image, err) < 0 ? EXIT_USAGE : 0;
}

static int run_pull(struct call *call, struct err *err)
{
	scoped_source struct source source = SOURCE_NONE;
	const char *word = call->words[0];
	char name[64];

	snprintf(name, sizeof name, "%s", "");
	int r = check_word(word, err);
	if (r != 0)
		return r;
	if (call->count > 1) {
		r = name_check(call->words[1], err);
		if (r != 0)
			return r;
		snprintf(name, sizeof name, "%s", call->words[1]);
	}
	if (find_shown(call, word, &source, err) < 0)
		return -err->code;
	if (!*name)
		pull_name(source.image, name);
	r = pull_found(call, &source, word, name, NULL, err);
	if (r < 0 || r > 1)
		return r;
	if (r == 1)
		print_note("template '%s' is there already: version %s of '%s'", name,
			   source.offer.serial, word);
	else
		print_note("template '%s' is version %s of '%s'", name, source.offer.serial, word);
	return 0;
}

/*
 * Makes "debian-13-202611270524": the template's name without the version of an earlier update, and the version's
 * digits.
 */
static void name_version(const char *template, const char *serial, char name[64])
{
	enum { DIGITS = 12 };
	const char *tail = strrchr(template, '-');
	size_t base = strlen(template), n;

	if (tail && strlen(tail + 1) >= 8 && strspn(tail + 1, "0123456789") == strlen(tail + 1))
		base = (size_t)(tail - template);
	if (base > 63 - DIGITS - 1)
		base = 63 - DIGITS - 1;
	snprintf(name, 64, "%.*s-", (int)base, template);
	n = strlen(name);
	for (unsigned digits = 0; *serial && digits < DIGITS; serial++) {
		if (!isdigit((unsigned char)*serial))
			continue;
		name[n++] = *serial;
		digits++;
	}
	name[n] = '\0';
}

static int update_one(struct call *call, const char *template, struct err *err)
{
	scoped_source struct source source = SOURCE_NONE;
	scoped_free char *word = NULL, *serial = NULL;
	char name[64];

	if (pull_origin(&call->dirs, template, &word, &serial, err) < 0 ||
	    find_shown(call, word, &source, err) < 0)
		return -err->code;
	if (strcmp(source.offer.serial, serial) <= 0) {
		print_note("template '%s' is the newest of '%s': version %s", template, word,
			   serial);
		return 0;
	}
	name_version(template, source.offer.serial, name);
	int r = pull_found(call, &source, word, name, NULL, err);
	if (r < 0 || r > 1)
		return r;
	print_note(
		"template '%s' is version %s of '%s'; '%s' stays, version %s, with what was made "
		"of it",
		name, source.offer.serial, word, template, serial);
	return 0;
}

static int run_update(struct call *call, struct err *err)
{
	return for_each_name(call, update_one, err);
}

/* ---- launch REMOTE:IMAGE */

/* Makes all checks that need no download, before a download begins. */
static int check_before(struct call *call, struct err *err)
{
	scoped_settings struct words words = { 0 };
	scoped_machine struct machine machine = { 0 };
	bool named = call->count > 1 && !(call->command->traits & COMMAND_TAIL);
	int r = named ? name_check(call->words[1], err) : 0;

	if (r == 0)
		r = settings_given(call, false, &words, err);
	if (r == 0)
		r = settings_check(&words, err);
	if (r == 0 && named &&
	    machine_read(&machine, &call->dirs, call->words[1], &(struct err){ 0 }) == 0)
		r = err_set(err, EEXIST,
			    "machine '%s' is there already; choose another name or delete it with "
			    "'berth delete %s'",
			    call->words[1], call->words[1]);
	return r;
}

int image_look(const struct call *call, const char *word, char name[64], struct err *err)
{
	scoped_source struct source source = SOURCE_NONE;

	if (find_shown(call, word, &source, err) < 0)
		return -err->code;
	pull_name(source.image, name);
	return source_check_name(&source, name, err) < 0 ? -err->code : 0;
}

int image_pull(const struct call *call, const char *word, const char *pool, char **name,
	       struct err *err)
{
	scoped_source struct source source = SOURCE_NONE;
	char chosen[64];

	if (find_shown(call, word, &source, err) < 0)
		return -err->code;
	pull_name(source.image, chosen);
	int r = pull_found(call, &source, word, chosen, pool, err);
	if (r < 0 || r > 1)
		return r;
	*name = strdup(chosen);
	return *name ? 0 : err_set(err, ENOMEM, "out of memory");
}

int template_wanted(struct call *call, char **owned, struct err *err)
{
	const char *word = call->words[0];

	*owned = NULL;
	if (!pull_is_remote(word))
		return 0;
	if (check_word(word, err) != 0)
		return EXIT_USAGE;
	*owned = pull_find_local(&call->dirs, word, err);
	if (!*owned && err->code)
		return -err->code;
	if (!*owned) {
		int r = check_before(call, err);
		if (r == 0)
			r = image_pull(call, word, NULL, owned, err);
		if (r != 0)
			return r;
	}
	call->words[0] = *owned;
	return 0;
}

/* ---- remote */

struct remotes {
	struct table table;
	json_t *array;
};

static int add_remote(void *context, const char *name, const char *url, bool built_in)
{
	struct remotes *remotes = context;

	if (remotes->array) {
		json_array_append_new(remotes->array,
				      json_members((const struct json_member[]){
					      { "name", json_string(name) },
					      { "url", json_string(url) },
					      { "built_in", json_boolean(built_in) },
					      { 0 },
				      }));
		return 0;
	}
	table_add(&remotes->table, name);
	table_add(&remotes->table, url);
	return 0;
}

static int list_remotes(const struct call *call, struct err *err)
{
	static const char *const heads[] = { "NAME", "URL", NULL };
	struct remotes remotes = { .array = call_has(call, &flag_json) ? json_array() : NULL };

	table_begin(&remotes.table, heads);
	int r = remote_list(&call->dirs, add_remote, &remotes, err);
	if (r == 0)
		return remotes.array ? print_json(remotes.array, err)
				     : table_print(&remotes.table, err);
	json_decref(remotes.array);
	text_free(&remotes.table.cells);
	return r;
}

static int add_one(const struct call *call, struct err *err)
{
	const char *name = call->words[1], *url = call->words[2];
	int r = name_check(name, err);

	if (r == 0)
		r = remote_add(&call->dirs, name, url, err);
	if (r == 0 && (text_starts(url, "http:") || text_starts(url, "docker+http:")))
		print_note("remote '%s' has no TLS: whoever sits on the way to it can replace what "
			   "it sends, sums and all",
			   name);
	return r;
}

static int run_remote(struct call *call, struct err *err)
{
	const char *act = call->words[0];

	if (strcmp(act, "list") == 0 && call->count == 1)
		return list_remotes(call, err);
	if (strcmp(act, "add") == 0 && call->count == 3)
		return add_one(call, err);
	if (strcmp(act, "remove") == 0 && call->count == 2)
		return remote_remove(&call->dirs, call->words[1], err);
	err_set(err, EINVAL,
		"write: berth template remote list; remote add NAME URL; or remote remove NAME");
	return EXIT_USAGE;
}

const struct command command_template_pull = {
	.group = "template",
	.name = "pull",
	.args = "REMOTE:IMAGE [NAME]",
	.help = "Make a template of an image of a server, such as images:alpine/3.22",
	.flags = pull_flags,
	.min = 1,
	.max = 2,
	.run = run_pull,
};

const struct command command_template_update = {
	.group = "template",
	.name = "update",
	.args = "TEMPLATE...",
	.help = "Pull what is newer of templates that were pulled, beside them",
	.flags = pull_flags,
	.min = 1,
	.max = -1,
	.first = WORD_TEMPLATE,
	.rest = WORD_TEMPLATE,
	.run = run_update,
};

const struct command command_template_remote = {
	.group = "template",
	.name = "remote",
	.args = "list | add NAME URL | remove NAME",
	.help = "List, add and remove image servers",
	.flags = remote_flags,
	.min = 1,
	.max = 3,
	.run = run_remote,
};
