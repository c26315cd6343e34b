/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/list_columns.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/labels.h"
#include "cmd/cli/print.h"
#include "cmd/machine/move_show.h"
#include "cmd/machine/nic.h"
#include "machine/life/use.h"

#include <ctype.h>
#include <string.h>

static const char usual[] = "name,state,booted,address,template,pool,uptime,flags";

static bool runs(const struct subject *subject)
{
	return !machine_is_down(subject->status->state);
}

/* ---- A function a column; each adds a cell's text, or nothing. */

static void add_state(const struct subject *subject, struct text *out)
{
	text_add(out, "%s%s", move_state_name(subject->machine, subject->status->state),
		 subject->status->state == MACHINE_PAUSED && use_is_idle(subject->machine) ? "-idle"
											   : "");
}

static void add_booted(const struct subject *subject, struct text *out)
{
	text_add(out, "%s", !runs(subject) ? "" : subject->status->booted ? "yes" : "no");
}

static void add_address(const struct subject *subject, struct text *out)
{
	nics_add_addresses(subject->machine, subject->status, out);
}

static void add_uptime(const struct subject *subject, struct text *out)
{
	uint64_t started = subject->status->started;
	char span[32] = "";

	if (started && subject->now >= (time_t)started)
		print_span((uint64_t)subject->now - started, span, sizeof span);
	text_add(out, "%s", span);
}

static void add_memory(const struct subject *subject, struct text *out)
{
	char size[32] = "";

	if (subject->status->memory)
		text_human_size(subject->status->memory, size, sizeof size);
	text_add(out, "%s", size);
}

/* Protections that are switched off, which an administrator should know before giving somebody access. */
static void add_flags(const struct subject *subject, struct text *out)
{
	const struct machine_config *config = &subject->machine->config;

	text_add(out, "%s%s%s", config->privileged ? "privileged" : "",
		 config->privileged && config->nesting ? "," : "",
		 config->nesting ? "nesting" : "");
}

static void add_created(const struct subject *subject, struct text *out)
{
	char when[32] = "";

	print_time(subject->machine->config.created, when, sizeof when);
	text_add(out, "%s", when);
}

static void add_labels(const struct subject *subject, struct text *out)
{
	labels_text(subject->machine->config.labels, out);
}

static void add_init(const struct subject *subject, struct text *out)
{
	if (subject->status->init)
		text_add(out, "%d", (int)subject->status->init);
}

/* A column shows the text of a function, or else the value of a key. */
struct column {
	const char *name;
	void (*add)(const struct subject *subject, struct text *out);
	const char *key;
};

static const struct column table[] = {
	{ "address", add_address, NULL },
	{ "arch", NULL, "arch" },
	{ "autostart", NULL, "boot.autostart" },
	{ "booted", add_booted, NULL },
	{ "created", add_created, NULL },
	{ "description", NULL, "description" },
	{ "ephemeral", NULL, "ephemeral" },
	{ "flags", add_flags, NULL },
	{ "init", add_init, NULL },
	{ "labels", add_labels, NULL },
	{ "memory", add_memory, NULL },
	{ "name", NULL, NULL },
	{ "network", NULL, "network" },
	{ "pool", NULL, "pool" },
	{ "state", add_state, NULL },
	{ "template", NULL, "template" },
	{ "uptime", add_uptime, NULL },
	{ "uuid", NULL, "uuid" },
};
enum { COLUMNS = sizeof table / sizeof *table };

static const struct column *find_column(const char *name)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

static int tell_unknown(const char *name, struct err *err)
{
	const char *names[COLUMNS + 1] = { NULL };
	scoped_text struct text list = { 0 };

	for (size_t i = 0; i < COLUMNS; i++) {
		names[i] = table[i].name;
		text_add(&list, "%s%s", i ? ", " : "", table[i].name);
	}
	const char *near = text_nearest(name, names);
	if (near)
		err_set(err, EINVAL, "there is no column '%.60s'; did you mean '%s'?", name, near);
	else
		err_set(err, EINVAL, "there is no column '%.60s'; use some of %s, label.NAME", name,
			text_str(&list));
	return EXIT_USAGE;
}

static int take(struct columns *columns, size_t at, char *name, char *head, struct err *err)
{
	if (at == TABLE_COLUMNS_MAX) {
		err_set(err, E2BIG, "a list has at most %d columns; name fewer", TABLE_COLUMNS_MAX);
		return EXIT_USAGE;
	}
	if (!config_family(&machine_schema, name, NULL) && !find_column(name))
		return tell_unknown(name, err);
	for (char *c = head; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	columns->names[at] = name;
	columns->heads[at] = head;
	return 0;
}

int columns_begin(struct columns *columns, const char *list, struct err *err)
{
	size_t at = 0;
	int r = 0;

	list = list ? list : usual;
	/* One block has two copies of the list, one for names and one for heads. */
	size_t n = strlen(list) + 1;
	*columns = (struct columns){ .words = malloc(2 * n) };
	if (!columns->words)
		return err_set(err, ENOMEM, "out of memory");
	memcpy(columns->words, list, n);
	memcpy(columns->words + n, list, n);
	char *names = columns->words, *heads = columns->words + n;
	for (char *name; r == 0 && (name = strsep(&names, ","));)
		r = take(columns, at++, name, strsep(&heads, ","), err);
	return r;
}

void columns_free(struct columns *columns)
{
	free(columns->words);
	*columns = (struct columns){ 0 };
}

static void add_cell(const char *name, const struct subject *subject, struct text *out)
{
	const struct column *column = find_column(name);
	const char *key = column ? column->key : name;
	struct err ignored = { 0 };

	if (strcmp(name, "name") == 0)
		text_add(out, "%s", subject->name);
	else if (!subject->machine)
		text_add(out, "%s", strcmp(name, "state") == 0 ? "broken" : "");
	else if (column && column->add)
		column->add(subject, out);
	else
		config_get(&machine_schema, &subject->machine->config, key, out, &ignored);
}

void columns_add(const struct columns *columns, const struct subject *subject, struct table *to)
{
	for (size_t i = 0; columns->names[i]; i++) {
		scoped_text struct text cell = { 0 };
		add_cell(columns->names[i], subject, &cell);
		to->cells.failed = to->cells.failed || cell.failed;
		table_add(to, text_str(&cell));
	}
}

/* ---- Orders */

int order_check(const char *word, struct err *err)
{
	if (strcmp(word, "name") == 0 || strcmp(word, "age") == 0 || strcmp(word, "memory") == 0)
		return 0;
	err_set(err, EINVAL, "machines are not sorted by '%.60s'; use name, age or memory", word);
	return EXIT_USAGE;
}

uint64_t order_weight(const char *word, const struct subject *subject)
{
	if (!subject->machine)
		return 0;
	return strcmp(word, "age") == 0      ? subject->machine->config.created
	       : strcmp(word, "memory") == 0 ? subject->status->memory
					     : 0;
}
