/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SQL statements on a catalogue. All but statement_fail return SQLite's codes. */
#ifndef BERTH_STORAGE_THIN_STATEMENT_H
#define BERTH_STORAGE_THIN_STATEMENT_H

#include "storage/thin/thin_catalog.h"
#include "storage/thin/thin_sqlite.h"

/* Converts a code of SQLite to -errno; 0 for codes of success. */
int statement_code(int rc);

/* Sets err to "DOING the pool's catalogue 'PATH': WHY". Returns -errno. */
int statement_fail(const struct catalog *catalog, int rc, const char *doing, struct err *err);

void statement_finalize(sqlite3_stmt **statement);
#define scoped_statement __attribute__((cleanup(statement_finalize), unused))

/* Prepares a query. types has a letter for each value: 'i' a uint64_t, 't' a text that outlives the statement. */
int statement_query(struct catalog *catalog, sqlite3_stmt **out, const char *sql, const char *types,
		    ...);
/* Runs a statement without results. */
int statement_execute(struct catalog *catalog, const char *sql, const char *types, ...);
/* Runs a query for one number. */
int statement_number(struct catalog *catalog, const char *sql, uint64_t *number);

/* Returns rc; or SQLITE_NOTFOUND if the statement succeeded but changed another number of rows. */
int statement_changed(struct catalog *catalog, int rc, int rows);

int statement_begin(struct catalog *catalog);
/* Commits if rc is a success, else rolls back. */
int statement_end(struct catalog *catalog, int rc);

#endif
