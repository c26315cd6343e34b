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

static void add_text(const char *text, struct text *out)
{
	text_add_bytes(out, text, strlen(text));
}

/* ---- A function a column; each adds a cell's text, or nothing. */

static void add_name(const struct subject *subject, struct text *out)
{
	add_text(subject->name, out);
}

static void add_network(const struct subject *subject, struct text *out)
{
	add_text(subject->machine->config.network, out);
}

static void add_pool(const struct subject *subject, struct text *out)
{
	add_text(subject->machine->config.pool, out);
}

static void add_template(const struct subject *subject, struct text *out)
{
	add_text(subject->machine->config.template, out);
}

static void add_state(const struct subject *subject, struct text *out)
{
	enum machine_state state = subject->status->state;

	add_text(move_mark_state(subject->move, state), out);
	if (state == MACHINE_PAUSED && use_is_idle(subject->machine))
		add_text("-idle", out);
}

static void add_booted(const struct subject *subject, struct text *out)
{
	add_text(!runs(subject) ? "" : subject->status->booted ? "yes" : "no", out);
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
	add_text(span, out);
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

	if (config->privileged)
		add_text(config->nesting ? "privileged,nesting" : "privileged", out);
	else if (config->nesting)
		add_text("nesting", out);
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

enum column_trait {
	COLUMN_MEMORY = 1 << 0,
	COLUMN_SETTINGS = 1 << 1, /* it shows a setting that the index of machines does not have */
};

/* A column shows the text of a function, or else the value of a key. */
struct column {
	const char *name;
	void (*add)(const struct subject *subject, struct text *out);
	const char *key;
	unsigned traits;
};

static const struct column table[] = {
	{ "address", add_address, NULL, 0 },
	{ "arch", NULL, "arch", COLUMN_SETTINGS },
	{ "autostart", NULL, "boot.autostart", COLUMN_SETTINGS },
	{ "booted", add_booted, NULL, 0 },
	{ "created", add_created, NULL, 0 },
	{ "description", NULL, "description", COLUMN_SETTINGS },
	{ "ephemeral", NULL, "ephemeral", 0 },
	{ "flags", add_flags, NULL, 0 },
	{ "init", add_init, NULL, 0 },
	{ "labels", add_labels, NULL, 0 },
	{ "memory", add_memory, NULL, COLUMN_MEMORY },
	{ "name", add_name, NULL, 0 },
	{ "network", add_network, NULL, 0 },
	{ "pool", add_pool, NULL, 0 },
	{ "state", add_state, NULL, 0 },
	{ "template", add_template, NULL, 0 },
	{ "uptime", add_uptime, NULL, 0 },
	{ "uuid", NULL, "uuid", COLUMN_SETTINGS },
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
	const struct column *column = find_column(name);
	if (!config_family(&machine_schema, name, NULL) && !column)
		return tell_unknown(name, err);
	columns->list[at] = column;
	columns->memory |= column && column->traits & COLUMN_MEMORY;
	columns->settings |=
		column ? (column->traits & COLUMN_SETTINGS) != 0 : !text_starts(name, "label.");
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

static void add_cell(const struct column *column, const char *name, const struct subject *subject,
		     struct text *out)
{
	const char *key = column ? column->key : name;
	struct err ignored = { 0 };

	if (column && (column->add == add_name || (subject->machine && column->add)))
		column->add(subject, out);
	else if (!subject->machine)
		add_text(strcmp(name, "state") == 0 ? "broken" : "", out);
	else
		config_get(&machine_schema, &subject->machine->config, key, out, &ignored);
}

/* Cells are made where they are, because there may be many. */
void columns_add(const struct columns *columns, const struct subject *subject, struct table *to)
{
	for (size_t i = 0; columns->names[i]; i++) {
		add_cell(columns->list[i], columns->names[i], subject, &to->cells);
		text_add_bytes(&to->cells, "", 1);
		to->count++;
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
