/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/thin/thin_statement.h"

#include "base/fault.h"

#include <errno.h>
#include <stdarg.h>

int statement_code(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	default:
		return -EIO;
	}
}

int statement_fail(const struct catalog *catalog, int rc, const char *doing, struct err *err)
{
	int code = statement_code(rc);

	if (code == -ENOSPC)
		return err_set(err, ENOSPC,
			       "%s the pool's catalogue '%s': the file system that it is on is "
			       "full; free some space there",
			       doing, catalog->path);
	if (code == -EUCLEAN)
		return err_set(err, EUCLEAN,
			       "%s the pool's catalogue '%s': it is damaged; restore it from a "
			       "backup, with its -wal file, or have a new one made of what the "
			       "pool has: berth pool repair",
			       doing, catalog->path);
	return err_set(err, -code ? -code : EIO, "%s the pool's catalogue '%s': %s", doing,
		       catalog->path, sqlite3_errstr(rc));
}

void statement_finalize(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
	*statement = NULL;
}

/* Binds by types: 'i' an uint64_t, 't' a text that outlives the statement. */
static int prepare(struct catalog *catalog, sqlite3_stmt **out, const char *sql, const char *types,
		   va_list args)
{
	int rc = sqlite3_prepare_v2(catalog->db, sql, -1, out, NULL);

	for (int i = 1; rc == SQLITE_OK && *types; types++, i++) {
		if (*types == 'i')
			rc = sqlite3_bind_int64(*out, i, (sqlite3_int64)va_arg(args, uint64_t));
		else
			rc = sqlite3_bind_text(*out, i, va_arg(args, const char *), -1,
					       SQLITE_STATIC);
	}
	return rc;
}

int statement_execute(struct catalog *catalog, const char *sql, const char *types, ...)
{
	scoped_statement sqlite3_stmt *statement = NULL;
	va_list args;

	va_start(args, types);
	int rc = prepare(catalog, &statement, sql, types, args);
	va_end(args);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int statement_changed(struct catalog *catalog, int rc, int rows)
{
	if (rc == SQLITE_OK && sqlite3_changes(catalog->db) != rows)
		return SQLITE_NOTFOUND;
	return rc;
}

int statement_query(struct catalog *catalog, sqlite3_stmt **out, const char *sql, const char *types,
		    ...)
{
	va_list args;

	va_start(args, types);
	int rc = prepare(catalog, out, sql, types, args);
	va_end(args);
	return rc;
}

int statement_begin(struct catalog *catalog)
{
	return sqlite3_exec(catalog->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
}

int statement_end(struct catalog *catalog, int rc)
{
	if (rc == SQLITE_OK) {
		fault_point("catalog-before-commit");
		rc = sqlite3_exec(catalog->db, "COMMIT", NULL, NULL, NULL);
		fault_point("catalog-after-commit");
		pool_backup_mark_stale();
	}
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(catalog->db))
		sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int statement_number(struct catalog *catalog, const char *sql, uint64_t *number)
{
	scoped_statement sqlite3_stmt *statement = NULL;
	int rc = statement_query(catalog, &statement, sql, "");

	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		*number = (uint64_t)sqlite3_column_int64(statement, 0);
	return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
}
