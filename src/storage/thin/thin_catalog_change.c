/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a thin pool's catalogue, each in one transaction. */
#include "storage/thin/thin_catalog.h"
#include "storage/thin/thin_statement.h"

#include <errno.h>
#include <time.h>

/* A random UUID, as RFC 4122 marks it. */
#define NEW_UUID                                                                           \
	"(SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) ||" \
	" '-a' || substr(h, 18, 3) || '-' || substr(h, 21)"                                \
	" FROM (SELECT lower(hex(randomblob(16))) AS h))"

/* The id that is drawn after so many draws. */
static uint64_t id_of(uint64_t next)
{
	return (next - 1) % CATALOG_ID_MAX + 1;
}

static int is_taken(struct catalog *catalog, uint64_t id, bool *taken)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = statement_query(catalog, &s, "SELECT 1 FROM volume WHERE id = ?1", "i", id);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	*taken = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Skips ids that belong to a volume; *next becomes the next_id to use. SQLITE_FULL: all ids are in use. */
static int draw(struct catalog *catalog, uint64_t *next)
{
	bool taken = true;
	int rc = statement_number(catalog, "SELECT next_id FROM pool", next);
	uint64_t end = *next + CATALOG_ID_MAX;

	/* An id of the first round was never used, so it needs no search. */
	if (rc == SQLITE_OK && *next <= CATALOG_ID_MAX)
		return rc;
	while (rc == SQLITE_OK && taken) {
		if (*next == end)
			return SQLITE_FULL;
		rc = is_taken(catalog, id_of(*next), &taken);
		*next += taken;
	}
	return rc;
}

static int refuse_full(struct err *err)
{
	return err_set(err, ENOSPC,
		       "the pool has as many volumes as there are ids, %d; delete some",
		       CATALOG_ID_MAX);
}

int catalog_next_id(struct catalog *catalog, uint64_t *id, struct err *err)
{
	uint64_t next = 0;
	int rc = draw(catalog, &next);

	if (rc == SQLITE_FULL)
		return refuse_full(err);
	if (rc != SQLITE_OK)
		return statement_fail(catalog, rc, "read", err);
	*id = id_of(next);
	return 0;
}

int catalog_intend_volume(struct catalog *catalog, const char *name, uint64_t size,
			  const struct catalog_volume *origin, bool suspended, uint64_t *id,
			  struct err *err)
{
	uint64_t op = origin ? CATALOG_SNAPSHOT : CATALOG_CREATE;
	uint64_t from = origin ? origin->id : 0;
	uint64_t next = 0;
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK)
		rc = draw(catalog, &next);
	bool full = rc == SQLITE_FULL;
	if (rc == SQLITE_OK)
		rc = statement_execute(catalog,
				       "INSERT INTO volume VALUES(?1, " NEW_UUID
				       ", ?2, ?3, ?4, ?5, 0)",
				       "itiii", id_of(next), name, origin ? origin->size : size,
				       from, (uint64_t)time(NULL));
	if (rc == SQLITE_OK)
		rc = statement_execute(
			catalog, "INSERT INTO intent SELECT 1, ?1, ?2, ?3, tid + 1, ?4 FROM pool",
			"iiii", op, id_of(next), from, (uint64_t)suspended);
	if (rc == SQLITE_OK)
		rc = statement_execute(catalog, "UPDATE pool SET next_id = ?1", "i", next + 1);
	rc = statement_end(catalog, rc);
	if (full)
		return refuse_full(err);
	if (statement_code(rc) == -EEXIST)
		return err_set(err, EEXIST, "make '%s': there is one of that name already", name);
	if (rc != SQLITE_OK)
		return statement_fail(catalog, rc, "write", err);
	*id = id_of(next);
	return 0;
}

int catalog_intend_delete(struct catalog *catalog, uint64_t id, struct err *err)
{
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK)
		rc = statement_execute(catalog, "UPDATE volume SET state = 2 WHERE id = ?1", "i",
				       id);
	rc = statement_changed(catalog, rc, 1);
	if (rc == SQLITE_OK)
		rc = statement_execute(
			catalog, "INSERT INTO intent SELECT 1, 3, ?1, 0, tid + 1, 0 FROM pool", "i",
			id);
	rc = statement_end(catalog, rc);
	return rc != SQLITE_OK ? statement_fail(catalog, rc, "write", err) : 0;
}

/* If there is no intent, there is no number to step to, and nothing changes. */
int catalog_finish(struct catalog *catalog, struct err *err)
{
	static const char sql[] =
		"UPDATE volume SET state = 1 WHERE id = (SELECT id FROM intent WHERE op < 3);"
		"DELETE FROM volume WHERE id = (SELECT id FROM intent WHERE op = 3);"
		"UPDATE pool SET tid = (SELECT tid_to FROM intent);"
		"DELETE FROM intent;";
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(catalog->db, sql, NULL, NULL, NULL);
	rc = statement_end(catalog, rc);
	return rc != SQLITE_OK ? statement_fail(catalog, rc, "write", err) : 0;
}

int catalog_abandon(struct catalog *catalog, bool keep, struct err *err)
{
	static const char forget[] =
		"DELETE FROM volume WHERE id = (SELECT id FROM intent WHERE op < 3);"
		"UPDATE volume SET state = CASE WHEN name IS NULL THEN 3 ELSE 1 END"
		" WHERE id = (SELECT id FROM intent WHERE op = 3);"
		"DELETE FROM intent;";
	static const char quarantine[] =
		"UPDATE volume SET state = 3, name = NULL WHERE id = (SELECT id FROM intent);"
		"DELETE FROM intent;";
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(catalog->db, keep ? quarantine : forget, NULL, NULL, NULL);
	rc = statement_end(catalog, rc);
	return rc != SQLITE_OK ? statement_fail(catalog, rc, "write", err) : 0;
}

/* Turns the result of a change by name into an error. */
static int told(struct catalog *catalog, int rc, const char *doing, const char *name,
		struct err *err)
{
	if (rc == SQLITE_NOTFOUND)
		return err_set(err, ENOENT, "%s '%s': there is no such volume", doing, name);
	if (statement_code(rc) == -EEXIST)
		return err_set(err, EEXIST, "%s '%s': there is one of that name already", doing,
			       name);
	return rc != SQLITE_OK ? statement_fail(catalog, rc, "write", err) : 0;
}

int catalog_rename(struct catalog *catalog, const char *from, const char *to, struct err *err)
{
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK)
		rc = statement_execute(catalog,
				       "UPDATE volume SET name = ?2 WHERE name = ?1 AND state = 1",
				       "tt", from, to);
	rc = statement_changed(catalog, rc, 1);
	return told(catalog, statement_end(catalog, rc), "rename it to", to, err);
}

/* A name is unique at every moment, so one of the two gets another name meanwhile. */
int catalog_exchange(struct catalog *catalog, const char *one, const char *other, struct err *err)
{
	static const char set[] = "UPDATE volume SET name = ?2 WHERE name = ?1 AND state = 1";
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK)
		rc = statement_changed(
			catalog, statement_execute(catalog, set, "tt", one, "partial.exchange"), 1);
	if (rc == SQLITE_OK)
		rc = statement_changed(catalog, statement_execute(catalog, set, "tt", other, one),
				       1);
	if (rc == SQLITE_OK)
		rc = statement_changed(catalog,
				       statement_execute(catalog, set, "tt", "partial.exchange",
							 other),
				       1);
	return told(catalog, statement_end(catalog, rc), "exchange it with", other, err);
}

static int single(struct catalog *catalog, const char *sql, uint64_t a, uint64_t b, struct err *err)
{
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK)
		rc = statement_changed(catalog, statement_execute(catalog, sql, "ii", a, b), 1);
	rc = statement_end(catalog, rc);
	return rc != SQLITE_OK ? statement_fail(catalog, rc, "write", err) : 0;
}

int catalog_resize(struct catalog *catalog, uint64_t id, uint64_t size, struct err *err)
{
	return single(catalog, "UPDATE volume SET size = ?2 WHERE id = ?1", id, size, err);
}

/* New ids are drawn after all existing ones, as long as possible. */
int catalog_quarantine(struct catalog *catalog, uint64_t id, struct err *err)
{
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK)
		rc = statement_execute(catalog,
				       "INSERT INTO volume VALUES(?1, " NEW_UUID
				       ", NULL, 0, 0, ?2, 3)",
				       "ii", id, (uint64_t)time(NULL));
	if (rc == SQLITE_OK)
		rc = statement_execute(catalog, "UPDATE pool SET next_id = max(next_id, ?1)", "i",
				       id + 1);
	rc = statement_end(catalog, rc);
	return rc != SQLITE_OK ? statement_fail(catalog, rc, "write", err) : 0;
}

int catalog_adopt(struct catalog *catalog, uint64_t id, const char *name, uint64_t size,
		  struct err *err)
{
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK)
		rc = statement_execute(catalog,
				       "UPDATE volume SET name = ?2, size = ?3, state = 1"
				       " WHERE id = ?1 AND state = 3",
				       "iti", id, name, size);
	rc = statement_changed(catalog, rc, 1);
	return told(catalog, statement_end(catalog, rc), "name it", name, err);
}

int catalog_set_state(struct catalog *catalog, uint64_t id, enum catalog_state state,
		      struct err *err)
{
	return single(catalog, "UPDATE volume SET state = ?2 WHERE id = ?1", id, (uint64_t)state,
		      err);
}

int catalog_set_transaction(struct catalog *catalog, uint64_t transaction, struct err *err)
{
	return single(catalog, "UPDATE pool SET tid = ?1 WHERE one = ?2", transaction, 1, err);
}

int catalog_draw_from(struct catalog *catalog, uint64_t id, struct err *err)
{
	return single(catalog, "UPDATE pool SET next_id = max(next_id, ?1) WHERE one = ?2", id, 1,
		      err);
}

int catalog_put(struct catalog *catalog, const struct catalog_volume *volume, struct err *err)
{
	static const char named[] =
		"INSERT OR IGNORE INTO volume VALUES(?1, ?2, ?3, ?4, ?5, ?6, 1)";
	static const char nameless[] =
		"INSERT OR IGNORE INTO volume VALUES(?1, ?2, NULL, ?3, ?4, ?5, 3)";
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK && volume->state == CATALOG_READY)
		rc = statement_execute(catalog, named, "ittiii", volume->id, volume->uuid,
				       volume->name, volume->size, volume->origin, volume->created);
	else if (rc == SQLITE_OK)
		rc = statement_execute(catalog, nameless, "itiii", volume->id, volume->uuid,
				       volume->size, volume->origin, volume->created);
	if (rc == SQLITE_OK)
		rc = statement_execute(catalog, "UPDATE pool SET next_id = max(next_id, ?1)", "i",
				       volume->id + 1);
	rc = statement_end(catalog, rc);
	return rc != SQLITE_OK ? statement_fail(catalog, rc, "write", err) : 0;
}

/* ---- Beside volumes: a table that catalogues of earlier times lack, and that earlier berths leave alone */

int catalog_note(struct catalog *catalog, const char *name, uint64_t *value, struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	uint64_t tables = 0;
	int rc = statement_number(catalog, "SELECT count(*) FROM sqlite_master WHERE name = 'note'",
				  &tables);

	*value = 0;
	if (rc == SQLITE_OK && tables == 0)
		return 0;
	if (rc == SQLITE_OK)
		rc = statement_query(catalog, &s, "SELECT value FROM note WHERE name = ?1", "t",
				     name);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*value = (uint64_t)sqlite3_column_int64(s, 0);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : statement_fail(catalog, rc, "read", err);
}

int catalog_set_note(struct catalog *catalog, const char *name, uint64_t value, struct err *err)
{
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(catalog->db,
				  "CREATE TABLE IF NOT EXISTS note(name TEXT PRIMARY KEY,"
				  " value INTEGER NOT NULL)",
				  NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = statement_execute(catalog, "INSERT OR REPLACE INTO note VALUES(?1, ?2)", "ti",
				       name, value);
	rc = statement_end(catalog, rc);
	return rc != SQLITE_OK ? statement_fail(catalog, rc, "write", err) : 0;
}
