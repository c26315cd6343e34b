/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/rows.h"

#include "base/scoped.h"
#include "machine/life/recall.h"
#include "machine/life/status_brief.h"
#include "machine/state/parts.h"
#include "storage/storage.h"

#include <string.h>

/* Fewer machines are read faster than an index is worth. */
enum { INDEX_LEAST = 64 };

struct rows {
	const struct dirs *dirs;
	const struct rows_want *want;
	struct inventory inventory; /* volumes of the pools, as far as they can be listed cheaply */
	struct recall recall;
	struct network network; /* the network of the last machine, open; zeroed: none */
	char **names;           /* owned, with what it has, unless those of the index are taken */
	size_t count;
	const char *stray_pool; /* borrowed: of the root that is looked at; NULL: it is a folder */
};

/* Most machines are on one network. It is opened once, not a thousand times. NULL: there is none. */
static struct network *lend_network(struct rows *rows, const struct machine *machine)
{
	struct network *network = &rows->network;
	const char *name = machine->config.network;
	struct err ignored = { 0 };

	if (!network->name || strcmp(network->name, name) != 0) {
		network_close(network);
		if (!*name || network_open(network, machine->dirs, name, &ignored) < 0)
			return NULL;
	}
	return network;
}

/* A machine with all its parts, as far as they are known without its pool. */
static void see_machine(struct rows *rows, struct row *row, struct move_mark *move,
			struct machine_status *status, struct recall_stamps *stamps)
{
	const struct machine *machine = row->machine;

	row->move_fault = move_read(machine, move, &(struct err){ 0 }) < 0;
	machine_status_brief(machine, lend_network(rows, machine), rows->want->memory, status,
			     stamps->runs_on);
	row->move = move;
	row->status = status;
}

static int read_machine(struct rows *rows, const char *name)
{
	scoped_machine struct machine machine = { 0 };
	struct recall_stamps stamps;
	struct machine_status status;
	struct move_mark move;
	struct err fault = { 0 };
	struct row row = { .name = name, .fault = &fault };

	recall_look(&rows->recall, name, &stamps);
	int r = machine_look(&machine, rows->dirs, name, &fault);
	/* A machine that is half made or half removed is not there. */
	if (r == -ENOENT && !rows->stray_pool)
		recall_note(&rows->recall, name, NULL, &stamps);
	if (r == -ENOENT)
		return 0;
	if (r == 0) {
		row.machine = &machine;
		recall_look_further(&rows->recall, &machine, &stamps);
		r = parts_check(&machine, &rows->inventory, &row.missing, &fault);
	}
	if (r == 0)
		see_machine(rows, &row, &move, &status, &stamps);
	if (rows->stray_pool)
		recall_distrust_pool(&rows->recall, rows->stray_pool);
	else
		recall_note(&rows->recall, name, &row, &stamps);
	return rows->want->visit(rows->want->context, &row);
}

static int see_entry(struct rows *rows, const struct entry *entry)
{
	struct row row;

	if (!recall_row(&rows->recall, entry, &row))
		return read_machine(rows, entry_text(entry, 0));
	recall_keep(&rows->recall, entry);
	return rows->want->visit(rows->want->context, &row);
}

/* ---- All of them */

static const struct entry *next_machine(const struct rows *rows, const struct entry *entry)
{
	do
		entry = index_next(&rows->recall.index, entry);
	while (entry && entry->kind != ENTRY_MACHINE);
	return entry;
}

/* The names and their number are those of the index. */
static int each_entry(struct rows *rows)
{
	int r = 0;

	for (const struct entry *entry = NULL; r == 0 && (entry = next_machine(rows, entry));)
		r = see_entry(rows, entry);
	return r;
}

/* The index is in the order of the names too. */
static int each_name(struct rows *rows)
{
	const struct entry *entry = next_machine(rows, NULL);
	int r = 0;

	for (size_t i = 0; r == 0 && i < rows->count; i++) {
		const char *name = rows->names[i];
		int order = 1;
		while (entry && (order = strverscmp(entry_text(entry, 0), name)) < 0)
			entry = next_machine(rows, entry);
		if (rows->want->chooses && !rows->want->chooses(rows->want->context, name))
			continue;
		r = entry && order == 0 ? see_entry(rows, entry) : read_machine(rows, name);
	}
	return r;
}

static int add_name(void *context, const char *name)
{
	struct rows *rows = context;
	char **names = realloc(rows->names, (rows->count + 1) * sizeof *names);

	if (!names)
		return -ENOMEM;
	rows->names = names;
	names[rows->count] = strdup(name);
	return names[rows->count++] ? 0 : -ENOMEM;
}

static void forget_names(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->names[i]);
	free(rows->names);
	rows->names = NULL;
	rows->count = 0;
}

static int read_names(struct rows *rows, struct err *err)
{
	forget_names(rows);
	int r = machine_list(rows->dirs, add_name, rows, err);

	return r < 0 && !err->code ? err_set(err, -r, "out of memory") : r;
}

static int each_machine(struct rows *rows, struct err *err)
{
	const struct rows_want *want = rows->want;
	bool indexed = !want->chooses && !want->memory && !want->settings;

	if (indexed)
		recall_open(&rows->recall);
	bool known = recall_has_names(&rows->recall);
	int r = known ? 0 : read_names(rows, err);
	size_t count = known ? rows->recall.index.count : rows->count;
	if (r == 0 && indexed && count >= INDEX_LEAST && recall_begin_notes(&rows->recall))
		r = read_names(rows, err);
	if (r != 0)
		return r;
	return known ? each_entry(rows) : each_name(rows);
}

/* ---- Roots whose machine has no folder */

static int by_version(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

static int visit_volume(void *context, const char *pool, const char *volume)
{
	static const char prefix[] = "machine.";
	struct rows *rows = context;
	const char *name = volume + sizeof prefix - 1;

	if (!text_starts(volume, prefix) ||
	    (rows->count > 0 &&
	     bsearch(&name, rows->names, rows->count, sizeof *rows->names, by_version)))
		return 0;
	rows->stray_pool = pool;
	return rows->want->chooses && !rows->want->chooses(rows->want->context, name)
		       ? 0
		       : read_machine(rows, name);
}

/* A pool whose volumes are as before has no other roots, if the machines are the same too. */
static int visit_pool(void *context, const char *pool)
{
	struct rows *rows = context;
	struct err err = { 0 };

	if (!rows->names && recall_has_names(&rows->recall) && recall_has_pool(&rows->recall, pool))
		return 0;
	if (!rows->names && read_names(rows, &err) < 0)
		return -err.code;
	return inventory_each_of(&rows->inventory, pool, visit_volume, rows, &err);
}

static int each_stray(struct rows *rows, struct err *err)
{
	int r = pool_list(rows->dirs, visit_pool, rows, err);

	return r < 0 && !err->code ? err_set(err, -r, "out of memory") : r;
}

int rows_each(const struct dirs *dirs, const struct rows_want *want, struct err *err)
{
	struct rows rows = { .dirs = dirs,
			     .want = want,
			     .inventory = { .dirs = dirs, .quick = true } };

	recall_begin(&rows.recall, dirs, &rows.inventory);
	int r = each_machine(&rows, err);
	if (r == 0)
		r = each_stray(&rows, err);
	if (r == 0)
		recall_write(&rows.recall);
	forget_names(&rows);
	inventory_free(&rows.inventory);
	network_close(&rows.network);
	recall_end(&rows.recall);
	return r;
}
