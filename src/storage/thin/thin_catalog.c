/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/thin/thin_catalog.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "storage/thin/thin_statement.h"

#include <string.h>
#include <sys/stat.h>

enum {
	CATALOG_VERSION = 1,
	BUSY_MS = 30000,
	/* The first command to open the catalogue reads its log, so the log is kept short. */
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

/* ---- The file */

static int make_durable(struct catalog *catalog, struct err *err)
{
	scoped_statement sqlite3_stmt *mode = NULL;
	uint64_t synchronous = 0;
	char settings[128];

	sqlite3_busy_timeout(catalog->db, BUSY_MS);
	if (fault_control("delete-journal"))
		return 0;
	int rc = statement_query(catalog, &mode, "PRAGMA journal_mode = WAL", "");
	if (rc == SQLITE_OK)
		rc = sqlite3_step(mode);
	if (rc != SQLITE_ROW)
		return statement_fail(catalog, rc, "open", err);
	const char *word = (const char *)sqlite3_column_text(mode, 0);
	if (!word || strcmp(word, "wal") != 0)
		return err_set(err, EIO,
			       "open the pool's catalogue '%s': SQLite keeps its journal as '%s', "
			       "not as a write-ahead log, which the file system there must allow",
			       catalog->path, word ? word : "?");
	statement_finalize(&mode);
	snprintf(settings, sizeof settings,
		 "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = %d", CHECKPOINT_PAGES);
	rc = sqlite3_exec(catalog->db, settings, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = statement_number(catalog, "PRAGMA synchronous", &synchronous);
	if (rc != SQLITE_OK)
		return statement_fail(catalog, rc, "open", err);
	if (fault_control("unsynced"))
		rc = sqlite3_exec(catalog->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	if (synchronous != 2)
		return err_set(err, EIO,
			       "open the pool's catalogue '%s': SQLite will not write durably",
			       catalog->path);
	/* Otherwise each command would copy the log when it ends, with three syncs. */
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
			       "open the pool's catalogue '%s': %s; it has the names of all "
			       "volumes: restore it from a backup, with its -wal file, or "
			       "have a new one made of what the pool has: berth pool repair",
			       path, errno == ENOENT ? "it is missing" : strerror(errno));
	int rc = sqlite3_open_v2(path, &catalog->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return statement_fail(catalog, rc, "open", err);
	return make_durable(catalog, err);
}

static int check_version(struct catalog *catalog, const char *uuid, struct err *err)
{
	scoped_statement sqlite3_stmt *statement = NULL;
	uint64_t version = 0;

	int rc = statement_number(catalog, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK && version > CATALOG_VERSION)
		return err_set(err, EPROTO,
			       "the pool's catalogue '%s' is of version %llu, this berth knows "
			       "those up to %d; use the newer berth that wrote it",
			       catalog->path, (unsigned long long)version, CATALOG_VERSION);
	if (rc == SQLITE_OK && version < 1)
		rc = SQLITE_NOTADB;
	if (rc == SQLITE_OK)
		rc = statement_query(catalog, &statement, "SELECT uuid FROM pool", "");
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc != SQLITE_ROW)
		return statement_fail(catalog, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "open",
				      err);
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
	int rc = statement_begin(catalog);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(catalog->db, schema, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = statement_execute(catalog, "INSERT INTO pool VALUES(1, ?1, 0, 1)", "t", uuid);
	rc = statement_end(catalog, rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_checkpoint_v2(catalog->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
					       NULL);
	return rc != SQLITE_OK ? statement_fail(catalog, rc, "write", err) : 0;
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
	/* The file itself is last: the rest of an interrupted removal is then still recognized as a catalogue. */
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
	int rc = statement_query(catalog, &s,
				 "SELECT tid, next_id, op, id, origin, tid_to, suspended"
				 " FROM pool LEFT JOIN intent ON intent.one = pool.one",
				 "");

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc != SQLITE_ROW)
		return statement_fail(catalog, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "read",
				      err);
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
		return statement_fail(catalog, rc, "read", err);
	take_row(s, volume);
	return 0;
}

int catalog_find(struct catalog *catalog, const char *name, struct catalog_volume *volume,
		 struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = statement_query(catalog, &s,
				 "SELECT " COLUMNS
				 " FROM volume WHERE name = ?1 AND state IN (1, 4)",
				 "t", name);

	return take_one(catalog, s, rc, volume, err);
}

int catalog_find_id(struct catalog *catalog, uint64_t id, struct catalog_volume *volume,
		    struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = statement_query(catalog, &s, "SELECT " COLUMNS " FROM volume WHERE id = ?1", "i",
				 id);

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
	return rc != SQLITE_DONE ? statement_fail(catalog, rc, "read", err) : 0;
}

/* '~' sorts after every character of a name. */
int catalog_list(struct catalog *catalog, const char *prefix,
		 int (*visit)(void *, const struct catalog_volume *), void *context,
		 struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = statement_query(catalog, &s,
				 "SELECT " COLUMNS
				 " FROM volume WHERE name >= ?1 AND name < ?1 || '~'"
				 " AND state IN (1, 4)",
				 "t", prefix);

	return visit_rows(catalog, s, rc, visit, context, err);
}

int catalog_list_all(struct catalog *catalog, int (*visit)(void *, const struct catalog_volume *),
		     void *context, struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = statement_query(catalog, &s, "SELECT " COLUMNS " FROM volume ORDER BY id", "");

	return visit_rows(catalog, s, rc, visit, context, err);
}

int catalog_count(struct catalog *catalog, struct catalog_census *census, struct err *err)
{
	scoped_statement sqlite3_stmt *s = NULL;
	int rc = statement_query(
		catalog, &s,
		"SELECT total(state = 1), ifnull(sum(CASE state WHEN 1 THEN size END), 0),"
		" total(state = 3), total(state = 4) FROM volume",
		"");

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc != SQLITE_ROW)
		return statement_fail(catalog, rc, "read", err);
	*census = (struct catalog_census){
		.volumes = (uint64_t)sqlite3_column_int64(s, 0),
		.bytes = (uint64_t)sqlite3_column_int64(s, 1),
		.quarantined = (uint64_t)sqlite3_column_int64(s, 2),
		.lost = (uint64_t)sqlite3_column_int64(s, 3),
	};
	return 0;
}
