#include "storage/thin_catalog.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "storage/thin_sqlite.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
	CATALOG_VERSION = 1,
	BUSY_MS = 30000,
	/* Whoever opens it first reads what is in the log: so that is kept short. */
	CHECKPOINT_PAGES = 64,
};

static const char schema[] =
	"CREATE TABLE pool(one INTEGER PRIMARY KEY CHECK(one = 1), uuid TEXT NOT NULL,"
	" tid INTEGER NOT NULL CHECK(tid >= 0), next_id INTEGER NOT NULL CHECK(next_id > 0));"
	"CREATE TABLE volume(id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT UNIQUE,"
	" size INTEGER NOT NULL, origin INTEGER NOT NULL, created INTEGER NOT NULL,"
	" state INTEGER NOT NULL CHECK(state BETWEEN 0 AND 4),"
	" CHECK(name IS NOT NULL OR state IN (2, 3)));"
	"CREATE TABLE intent(one INTEGER PRIMARY KEY CHECK(one = 1),"
	" op INTEGER NOT NULL CHECK(op BETWEEN 1 AND 3), id INTEGER NOT NULL,"
	" origin INTEGER NOT NULL, tid_to INTEGER NOT NULL, suspended INTEGER NOT NULL);"
	"PRAGMA user_version = 1;";

static int code_of(int rc)
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

static int fail(const struct catalog *catalog, int rc, const char *doing, struct err *err)
{
	int code = code_of(rc);

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

/* ---- Statements */

static void finalize(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
	*statement = NULL;
}
#define scoped_statement __attribute__((cleanup(finalize), unused))

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

/* Runs one that answers nothing; an SQLite code. */
static int execute(struct catalog *catalog, const char *sql, const char *types, ...)
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

/* One that must change exactly `rows`, else SQLITE_NOTFOUND. */
static int change(struct catalog *catalog, int rc, int rows)
{
	if (rc == SQLITE_OK && sqlite3_changes(catalog->db) != rows)
		return SQLITE_NOTFOUND;
	return rc;
}

static int query(struct catalog *catalog, sqlite3_stmt **out, const char *sql, const char *types,
		 ...)
{
	va_list args;

	va_start(args, types);
	int rc = prepare(catalog, out, sql, types, args);
	va_end(args);
	return rc;
}

static int begin(struct catalog *catalog)
{
	return sqlite3_exec(catalog->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
}

/* Commits what went well, and rolls back what did not. */
static int end(struct catalog *catalog, int rc)
{
	if (rc == SQLITE_OK) {
		fault_point("catalog-before-commit");
		rc = sqlite3_exec(catalog->db, "COMMIT", NULL, NULL, NULL);
		fault_point("catalog-after-commit");
	}
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(catalog->db))
		sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

/* ---- The file */

static int read_number(struct catalog *catalog, const char *sql, uint64_t *number)
{
	scoped_statement sqlite3_stmt *statement = NULL;
	int rc = query(catalog, &statement, sql, "");

	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		*number = (uint64_t)sqlite3_column_int64(statement, 0);
	return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
}

/* A commit that returned must outlive a power cut; SQLite's own defaults do not promise that. */
static int make_durable(struct catalog *catalog, struct err *err)
{
	scoped_statement sqlite3_stmt *mode = NULL;
	uint64_t synchronous = 0;
	char settings[128];

	sqlite3_busy_timeout(catalog->db, BUSY_MS);
	if (fault_control("delete-journal"))
		return 0;
	int rc = query(catalog, &mode, "PRAGMA journal_mode = WAL", "");
	if (rc == SQLITE_OK)
		rc = sqlite3_step(mode);
	if (rc != SQLITE_ROW)
		return fail(catalog, rc, "open", err);
	const char *word = (const char *)sqlite3_column_text(mode, 0);
	if (!word || strcmp(word, "wal") != 0)
		return err_set(err, EIO,
			       "open the pool's catalogue '%s': SQLite keeps its journal as '%s', "
			       "not as a write-ahead log, which the file system there must allow",
			       catalog->path, word ? word : "?");
	finalize(&mode);
	snprintf(settings, sizeof settings,
		 "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = %d", CHECKPOINT_PAGES);
	rc = sqlite3_exec(catalog->db, settings, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = read_number(catalog, "PRAGMA synchronous", &synchronous);
	if (rc != SQLITE_OK)
		return fail(catalog, rc, "open", err);
	if (fault_control("unsynced"))
		rc = sqlite3_exec(catalog->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	if (synchronous != 2)
		return err_set(err, EIO,
			       "open the pool's catalogue '%s': SQLite will not write durably",
			       catalog->path);
	/* Each command would otherwise copy the log, three times on to the disk, as it ends. */
	sqlite3_db_config(catalog->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return 0;
}

static int open_file(struct catalog *catalog, const char *path, int flags, struct err *err)
{
	struct stat st;

	*catalog = (struct catalog){ 0 };
	if (thin_sqlite_load(err) < 0)
		return -err->code;
	catalog->path = strdup(path);
	if (!catalog->path)
		return err_set(err, ENOMEM, "out of memory");
	if (!(flags & SQLITE_OPEN_CREATE) && stat(path, &st) < 0)
		return err_set(err, errno,
			       "open the pool's catalogue '%s': %s; without it nobody knows which "
			       "volume is which: restore it from a backup, with its -wal file, or "
			       "have a new one made of what the pool has: berth pool repair",
			       path, errno == ENOENT ? "it is missing" : strerror(errno));
	int rc = sqlite3_open_v2(path, &catalog->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return fail(catalog, rc, "open", err);
	return make_durable(catalog, err);
}

static int check_version(struct catalog *catalog, const char *uuid, struct err *err)
{
	scoped_statement sqlite3_stmt *statement = NULL;
	uint64_t version = 0;

	int rc = read_number(catalog, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK && version > CATALOG_VERSION)
		return err_set(err, EPROTO,
			       "the pool's catalogue '%s' is of version %llu, this berth knows "
			       "those up to %d; use the newer berth that wrote it",
			       catalog->path, (unsigned long long)version, CATALOG_VERSION);
	if (rc == SQLITE_OK && version < 1)
		rc = SQLITE_NOTADB;
	if (rc == SQLITE_OK)
		rc = query(catalog, &statement, "SELECT uuid FROM pool", "");
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc != SQLITE_ROW)
		return fail(catalog, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "open", err);
	const char *found = (const char *)sqlite3_column_text(statement, 0);
	if (!found || strcmp(found, uuid) != 0)
		return err_set(err, ESTALE,
			       "the pool's catalogue '%s' is another pool's (UUID %s, not %s)",
			       catalog->path, found ? found : "?", uuid);
	return 0;
}

int catalog_open(struct catalog *catalog, const char *path, const char *uuid, struct err *err)
{
	int r = open_file(catalog, path, SQLITE_OPEN_READWRITE, err);

	if (r == 0)
		r = check_version(catalog, uuid, err);
	if (r < 0)
		catalog_close(catalog);
	return r;
}

bool catalog_is_at_its_path(const struct catalog *catalog)
{
	int moved = 1;

	return catalog->db &&
	       sqlite3_file_control(catalog->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) ==
		       SQLITE_OK &&
	       !moved;
}

void catalog_close(struct catalog *catalog)
{
	if (catalog->db)
		sqlite3_close(catalog->db);
	free(catalog->path);
	*catalog = (struct catalog){ 0 };
}

static int fill_new(struct catalog *catalog, const char *uuid, struct err *err)
{
	int rc = begin(catalog);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(catalog->db, schema, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = execute(catalog, "INSERT INTO pool VALUES(1, ?1, 0, 1)", "t", uuid);
	rc = end(catalog, rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_checkpoint_v2(catalog->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
					       NULL);
	return rc != SQLITE_OK ? fail(catalog, rc, "write", err) : 0;
}

int catalog_create(const char *path, const char *uuid, struct err *err)
{
	scoped_catalog struct catalog catalog = { 0 };
	scoped_free char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (access(path, F_OK) == 0)
		return err_set(err, EEXIST, "there is a catalogue '%s' already", path);
	int r = open_file(&catalog, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
	if (r == 0)
		r = fill_new(&catalog, uuid, err);
	if (r < 0)
		return r;
	if (slash)
		*slash = '\0';
	r = file_sync_dir(slash ? folder : ".");
	return r < 0 ? err_set(err, -r, "make '%s' durable: %s", path, strerror(-r)) : 0;
}

int catalog_remove(const char *path)
{
	/* The file itself last: what is left of a removal is then still a catalogue's. */
	static const char *const ends[] = { "-wal", "-shm", "-journal", "" };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		scoped_free char *file = text_format("%s%s", path, ends[i]);
		if (!file)
			return -ENOMEM;
		if (unlink(file) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* ---- Looking */

int catalog_read_head(struct catalog *catalog, struct catalog_head *head, struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = query(catalog, &s,
		       "SELECT tid, next_id, op, id, origin, tid_to, suspended"
		       " FROM pool LEFT JOIN intent ON intent.one = pool.one",
		       "");

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc != SQLITE_ROW)
		return fail(catalog, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "read", err);
	*head = (struct catalog_head){
		.transaction = (uint64_t)sqlite3_column_int64(s, 0),
		.next_id = (uint64_t)sqlite3_column_int64(s, 1),
		.intent = {
			.op = (enum catalog_op)sqlite3_column_int(s, 2),
			.id = (uint64_t)sqlite3_column_int64(s, 3),
			.origin = (uint64_t)sqlite3_column_int64(s, 4),
			.transaction = (uint64_t)sqlite3_column_int64(s, 5),
			.suspended = sqlite3_column_int(s, 6) != 0,
		},
	};
	return 0;
}

#define COLUMNS "id, uuid, name, size, origin, created, state"

static void take_row(sqlite3_stmt *s, struct catalog_volume *volume)
{
	const char *uuid = (const char *)sqlite3_column_text(s, 1);
	const char *name = (const char *)sqlite3_column_text(s, 2);

	*volume = (struct catalog_volume){
		.id = (uint64_t)sqlite3_column_int64(s, 0),
		.size = (uint64_t)sqlite3_column_int64(s, 3),
		.origin = (uint64_t)sqlite3_column_int64(s, 4),
		.created = (uint64_t)sqlite3_column_int64(s, 5),
		.state = (enum catalog_state)sqlite3_column_int(s, 6),
	};
	snprintf(volume->uuid, sizeof volume->uuid, "%s", uuid ? uuid : "");
	snprintf(volume->name, sizeof volume->name, "%s", name ? name : "");
}

static int take_one(struct catalog *catalog, sqlite3_stmt *s, int rc, struct catalog_volume *volume,
		    struct err *err)
{
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_DONE)
		return -ENOENT;
	if (rc != SQLITE_ROW)
		return fail(catalog, rc, "read", err);
	take_row(s, volume);
	return 0;
}

int catalog_find(struct catalog *catalog, const char *name, struct catalog_volume *volume,
		 struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = query(catalog, &s,
		       "SELECT " COLUMNS " FROM volume WHERE name = ?1 AND state IN (1, 4)", "t",
		       name);

	return take_one(catalog, s, rc, volume, err);
}

int catalog_find_id(struct catalog *catalog, uint64_t id, struct catalog_volume *volume,
		    struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = query(catalog, &s, "SELECT " COLUMNS " FROM volume WHERE id = ?1", "i", id);

	return take_one(catalog, s, rc, volume, err);
}

static int visit_rows(struct catalog *catalog, sqlite3_stmt *s, int rc,
		      int (*visit)(void *, const struct catalog_volume *), void *context,
		      struct err *err)
{
	struct catalog_volume volume;

	if (rc == SQLITE_OK) {
		while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
			take_row(s, &volume);
			int r = visit(context, &volume);
			if (r != 0)
				return r;
		}
	}
	return rc != SQLITE_DONE ? fail(catalog, rc, "read", err) : 0;
}

/* '~' sorts behind all that a name may have. */
int catalog_list(struct catalog *catalog, const char *prefix,
		 int (*visit)(void *, const struct catalog_volume *), void *context,
		 struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = query(catalog, &s,
		       "SELECT " COLUMNS " FROM volume WHERE name >= ?1 AND name < ?1 || '~'"
		       " AND state IN (1, 4)",
		       "t", prefix);

	return visit_rows(catalog, s, rc, visit, context, err);
}

int catalog_list_all(struct catalog *catalog, int (*visit)(void *, const struct catalog_volume *),
		     void *context, struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = query(catalog, &s, "SELECT " COLUMNS " FROM volume ORDER BY id", "");

	return visit_rows(catalog, s, rc, visit, context, err);
}

int catalog_count(struct catalog *catalog, struct catalog_census *census, struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = query(catalog, &s,
		       "SELECT total(state = 1), ifnull(sum(CASE state WHEN 1 THEN size END), 0),"
		       " total(state = 3), total(state = 4) FROM volume",
		       "");

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc != SQLITE_ROW)
		return fail(catalog, rc, "read", err);
	*census = (struct catalog_census){
		.volumes = (uint64_t)sqlite3_column_int64(s, 0),
		.bytes = (uint64_t)sqlite3_column_int64(s, 1),
		.quarantined = (uint64_t)sqlite3_column_int64(s, 2),
		.lost = (uint64_t)sqlite3_column_int64(s, 3),
	};
	return 0;
}

int catalog_total(struct catalog *catalog, uint64_t *volumes, uint64_t *bytes, struct err *err)
{
	struct catalog_census census;

	if (catalog_count(catalog, &census, err) < 0)
		return -err->code;
	*volumes = census.volumes;
	*bytes = census.bytes;
	return 0;
}

/* ---- Changing */

/* Of random bits, as RFC 4122 wants them told. */
#define NEW_UUID                                                                           \
	"(SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) ||" \
	" '-a' || substr(h, 18, 3) || '-' || substr(h, 21)"                                \
	" FROM (SELECT lower(hex(randomblob(16))) AS h))"

int catalog_intend_volume(struct catalog *catalog, const char *name, uint64_t size,
			  const struct catalog_volume *origin, bool suspended, uint64_t *id,
			  struct err *err)
{
	uint64_t op = origin ? CATALOG_SNAPSHOT : CATALOG_CREATE;
	uint64_t from = origin ? origin->id : 0;
	uint64_t next = 0;
	int rc = begin(catalog);

	if (rc == SQLITE_OK)
		rc = read_number(catalog, "SELECT next_id FROM pool", &next);
	if (rc == SQLITE_OK)
		rc = execute(catalog,
			     "INSERT INTO volume VALUES(?1, " NEW_UUID ", ?2, ?3, ?4, ?5, 0)",
			     "itiii", next, name, origin ? origin->size : size, from,
			     (uint64_t)time(NULL));
	if (rc == SQLITE_OK)
		rc = execute(catalog,
			     "INSERT INTO intent SELECT 1, ?1, ?2, ?3, tid + 1, ?4 FROM pool",
			     "iiii", op, next, from, (uint64_t)suspended);
	if (rc == SQLITE_OK)
		rc = execute(catalog, "UPDATE pool SET next_id = ?1", "i", next + 1);
	rc = end(catalog, rc);
	if (code_of(rc) == -EEXIST)
		return err_set(err, EEXIST, "make '%s': there is one of that name already", name);
	if (rc != SQLITE_OK)
		return fail(catalog, rc, "write", err);
	*id = next;
	return 0;
}

int catalog_intend_delete(struct catalog *catalog, uint64_t id, struct err *err)
{
	int rc = begin(catalog);

	if (rc == SQLITE_OK)
		rc = execute(catalog, "UPDATE volume SET state = 2 WHERE id = ?1", "i", id);
	rc = change(catalog, rc, 1);
	if (rc == SQLITE_OK)
		rc = execute(catalog, "INSERT INTO intent SELECT 1, 3, ?1, 0, tid + 1, 0 FROM pool",
			     "i", id);
	rc = end(catalog, rc);
	return rc != SQLITE_OK ? fail(catalog, rc, "write", err) : 0;
}

/* Without an intent there is no number to step to, and nothing changes. */
int catalog_finish(struct catalog *catalog, struct err *err)
{
	static const char sql[] =
		"UPDATE volume SET state = 1 WHERE id = (SELECT id FROM intent WHERE op < 3);"
		"DELETE FROM volume WHERE id = (SELECT id FROM intent WHERE op = 3);"
		"UPDATE pool SET tid = (SELECT tid_to FROM intent);"
		"DELETE FROM intent;";
	int rc = begin(catalog);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(catalog->db, sql, NULL, NULL, NULL);
	rc = end(catalog, rc);
	return rc != SQLITE_OK ? fail(catalog, rc, "write", err) : 0;
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
	int rc = begin(catalog);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(catalog->db, keep ? quarantine : forget, NULL, NULL, NULL);
	rc = end(catalog, rc);
	return rc != SQLITE_OK ? fail(catalog, rc, "write", err) : 0;
}

/* Turns the end of a change by name into words. */
static int told(struct catalog *catalog, int rc, const char *doing, const char *name,
		struct err *err)
{
	if (rc == SQLITE_NOTFOUND)
		return err_set(err, ENOENT, "%s '%s': there is no such volume", doing, name);
	if (code_of(rc) == -EEXIST)
		return err_set(err, EEXIST, "%s '%s': there is one of that name already", doing,
			       name);
	return rc != SQLITE_OK ? fail(catalog, rc, "write", err) : 0;
}

int catalog_rename(struct catalog *catalog, const char *from, const char *to, struct err *err)
{
	int rc = begin(catalog);

	if (rc == SQLITE_OK)
		rc = execute(catalog, "UPDATE volume SET name = ?2 WHERE name = ?1 AND state = 1",
			     "tt", from, to);
	rc = change(catalog, rc, 1);
	return told(catalog, end(catalog, rc), "rename it to", to, err);
}

/* A name is unique at every moment, so that one of both steps aside meanwhile. */
int catalog_exchange(struct catalog *catalog, const char *one, const char *other, struct err *err)
{
	static const char set[] = "UPDATE volume SET name = ?2 WHERE name = ?1 AND state = 1";
	int rc = begin(catalog);

	if (rc == SQLITE_OK)
		rc = change(catalog, execute(catalog, set, "tt", one, "partial.exchange"), 1);
	if (rc == SQLITE_OK)
		rc = change(catalog, execute(catalog, set, "tt", other, one), 1);
	if (rc == SQLITE_OK)
		rc = change(catalog, execute(catalog, set, "tt", "partial.exchange", other), 1);
	return told(catalog, end(catalog, rc), "exchange it with", other, err);
}

static int single(struct catalog *catalog, const char *sql, uint64_t a, uint64_t b, struct err *err)
{
	int rc = begin(catalog);

	if (rc == SQLITE_OK)
		rc = change(catalog, execute(catalog, sql, "ii", a, b), 1);
	rc = end(catalog, rc);
	return rc != SQLITE_OK ? fail(catalog, rc, "write", err) : 0;
}

int catalog_resize(struct catalog *catalog, uint64_t id, uint64_t size, struct err *err)
{
	return single(catalog, "UPDATE volume SET size = ?2 WHERE id = ?1", id, size, err);
}

/* Ids are drawn behind all that there are. */
int catalog_quarantine(struct catalog *catalog, uint64_t id, struct err *err)
{
	int rc = begin(catalog);

	if (rc == SQLITE_OK)
		rc = execute(catalog,
			     "INSERT INTO volume VALUES(?1, " NEW_UUID ", NULL, 0, 0, ?2, 3)", "ii",
			     id, (uint64_t)time(NULL));
	if (rc == SQLITE_OK)
		rc = execute(catalog, "UPDATE pool SET next_id = max(next_id, ?1)", "i", id + 1);
	rc = end(catalog, rc);
	return rc != SQLITE_OK ? fail(catalog, rc, "write", err) : 0;
}

int catalog_adopt(struct catalog *catalog, uint64_t id, const char *name, uint64_t size,
		  struct err *err)
{
	int rc = begin(catalog);

	if (rc == SQLITE_OK)
		rc = execute(catalog,
			     "UPDATE volume SET name = ?2, size = ?3, state = 1"
			     " WHERE id = ?1 AND state = 3",
			     "iti", id, name, size);
	rc = change(catalog, rc, 1);
	return told(catalog, end(catalog, rc), "name it", name, err);
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
