/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of a catalogue in SQL. All but statement_fail answer in SQLite's codes. */
#ifndef BERTH_STORAGE_THIN_STATEMENT_H
#define BERTH_STORAGE_THIN_STATEMENT_H

#include "storage/thin/thin_catalog.h"
#include "storage/thin/thin_sqlite.h"

/* SQLite's code as -errno, 0 for those that are none of a failure. */
int statement_code(int rc);

/* Words for a failure: "DOING the pool's catalogue 'PATH': why". Returns -errno. */
int statement_fail(const struct catalog *catalog, int rc, const char *doing, struct err *err);

void statement_finalize(sqlite3_stmt **statement);
#define scoped_statement __attribute__((cleanup(statement_finalize), unused))

/* types has a letter for each value: 'i' an uint64_t, 't' a text that outlives the statement. */
int statement_query(struct catalog *catalog, sqlite3_stmt **out, const char *sql, const char *types,
		    ...);
/* One that answers nothing. */
int statement_execute(struct catalog *catalog, const char *sql, const char *types, ...);
/* One that answers one number. */
int statement_number(struct catalog *catalog, const char *sql, uint64_t *number);

/* rc, or SQLITE_NOTFOUND when what went well has not changed exactly so many rows. */
int statement_changed(struct catalog *catalog, int rc, int rows);

int statement_begin(struct catalog *catalog);
/* Commits what went well, and rolls back what did not. */
int statement_end(struct catalog *catalog, int rc);

#endif
