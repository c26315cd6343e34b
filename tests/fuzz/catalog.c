/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A catalogue whose rows somebody has damaged: any value of any type in any column, without the rules that
 * its tables have. Every row is read, none believed. (Files that are no database are SQLite's own to fuzz.)
 */
#include "fuzz.h"

#include "base/scoped.h"
#include "base/text.h"
#include "storage/thin/thin_catalog.h"
#include "storage/thin/thin_sqlite.h"

#include <string.h>

static struct catalog catalog;

static const char plain_tables[] =
	"DROP TABLE pool; DROP TABLE volume; DROP TABLE intent;"
	"CREATE TABLE pool(one, uuid, tid, next_id);"
	"CREATE TABLE volume(id, uuid, name, size, origin, created, state);"
	"CREATE TABLE intent(one, op, id, origin, tid_to, suspended);";

static const struct {
	const char *insert;
	int columns;
} tables[] = {
	{ "INSERT INTO volume VALUES(?,?,?,?,?,?,?)", 7 },
	{ "INSERT INTO intent VALUES(1,?,?,?,?,?)", 5 },
	{ "INSERT INTO pool VALUES(1,?,?,?)", 3 },
};

static void run(const char *sql)
{
	if (sqlite3_exec(catalog.db, sql, NULL, NULL, NULL) != SQLITE_OK)
		abort();
}

static void begin(void)
{
	static const char uuid[] = "3e5d2f4c-0000-4000-8000-000000000000";
	struct err err = { 0 };
	const char *folder;

	fuzz_folder(&folder);
	scoped_free char *path = text_format("%s/catalog.db", folder);
	if (catalog_create(path, uuid, &err) < 0 || catalog_open(&catalog, path, uuid, &err) < 0)
		abort();
	run(plain_tables);
}

static const uint8_t *take(const uint8_t **data, size_t *size, size_t *n)
{
	const uint8_t *taken = *data;

	if (*n > *size)
		*n = *size;
	*data += *n;
	*size -= *n;
	return taken;
}

static void bind(sqlite3_stmt *row, int column, const uint8_t **data, size_t *size)
{
	size_t one = 1, length = 1, eight = sizeof(sqlite3_int64);
	const uint8_t *kind = take(data, size, &one), *bytes;
	sqlite3_int64 wide = 0;

	switch (one ? *kind % 6 : 0) {
	case 0:
		sqlite3_bind_null(row, column);
		break;
	case 1:
		kind = take(data, size, &length);
		sqlite3_bind_int64(row, column, length ? (signed char)*kind : 0);
		break;
	case 2:
		kind = take(data, size, &eight);
		memcpy(&wide, kind, eight);
		sqlite3_bind_int64(row, column, wide);
		break;
	case 3:
		sqlite3_bind_double(row, column, 1e300);
		break;
	default:
		bytes = take(data, size, &length);
		length = length ? *bytes : 0;
		bytes = take(data, size, &length);
		if (*kind % 6 == 4)
			sqlite3_bind_text(row, column, (const char *)bytes, (int)length,
					  SQLITE_TRANSIENT);
		else
			sqlite3_bind_blob(row, column, bytes, (int)length, SQLITE_TRANSIENT);
	}
}

static void fill(const uint8_t *data, size_t size)
{
	run("BEGIN; DELETE FROM pool; DELETE FROM volume; DELETE FROM intent");
	while (size > 0) {
		size_t one = 1;
		unsigned which = *take(&data, &size, &one) % 3;
		sqlite3_stmt *row;
		if (sqlite3_prepare_v2(catalog.db, tables[which].insert, -1, &row, NULL) !=
		    SQLITE_OK)
			abort();
		for (int i = 1; i <= tables[which].columns; i++)
			bind(row, i, &data, &size);
		sqlite3_step(row);
		sqlite3_finalize(row);
	}
	run("COMMIT");
}

static int visit(void *context, const struct catalog_volume *volume)
{
	(void)context;
	fuzz_check(memchr(volume->name, '\0', sizeof volume->name));
	fuzz_check(memchr(volume->uuid, '\0', sizeof volume->uuid));
	return 0;
}

/* A failure has a reason. */
static void check(int r, struct err *err)
{
	fuzz_check(r >= 0 || (r == -err->code && *err->text));
	*err = (struct err){ 0 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct catalog_head head;
	struct catalog_volume volume = { 0 };
	struct err err = { 0 };
	struct catalog_census census;
	uint64_t id;

	if (!catalog.db)
		begin();
	fill(data, size);
	check(catalog_read_head(&catalog, &head, &err), &err);
	catalog_find(&catalog, "machine.a", &volume, &err);
	err = (struct err){ 0 };
	check(catalog_list(&catalog, "machine.", visit, NULL, &err), &err);
	check(catalog_list_all(&catalog, visit, NULL, &err), &err);
	check(catalog_count(&catalog, &census, &err), &err);
	check(catalog_intend_volume(&catalog, "machine.b", 1 << 30, &volume, true, &id, &err),
	      &err);
	check(catalog_finish(&catalog, &err), &err);
	check(catalog_intend_delete(&catalog, 1, &err), &err);
	check(catalog_abandon(&catalog, true, &err), &err);
	fuzz_check(sqlite3_get_autocommit(catalog.db));
	return 0;
}
