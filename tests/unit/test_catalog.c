/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The catalogue of a thin pool: its protocol, killed at every write, with a disk that is asked to sync. */
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/thin/thin_catalog.h"
#include "suite.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define UUID "0b1f2c3d-0001-4002-8003-0123456789ab"

/* The files are in memory: the test counts the syncs, and a kill loses no written data there. */
static char folder[] = "/dev/shm/berth-catalog-XXXXXX";

static const char *path(const char *name)
{
	static char paths[4][128];
	static unsigned turn;
	char *out = paths[turn++ % 4];

	snprintf(out, sizeof paths[0], "%s/%s", folder, name);
	return out;
}

static bool fresh(const char *name)
{
	struct err err = { 0 };

	catalog_remove(path(name));
	catalog_create(path(name), UUID, &err);
	if (err.code)
		fprintf(stderr, "\n  %s\n", err.text);
	return err.code == 0;
}

/* ---- SQLite's calls to the disk, counted, and one of them the last */

static struct {
	unsigned calls, last; /* the process dies at call number `last` */
	bool dirty;           /* the log was written and not synced */
} disk;

/* The log and the file itself have tables of their own. */
static struct {
	const sqlite3_io_methods *real;
	sqlite3_io_methods counting;
} tables[4];
static int (*real_open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);

static void count_call(void)
{
	if (++disk.calls == disk.last)
		raise(SIGKILL);
}

static const sqlite3_io_methods *real(const sqlite3_file *file)
{
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		if (file->pMethods == &tables[i].counting)
			return tables[i].real;
	}
	abort();
}

static int counted_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
	disk.dirty = true;
	count_call();
	return real(file)->xWrite(file, data, n, at);
}

static int counted_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	count_call();
	return real(file)->xTruncate(file, size);
}

static int counted_sync(sqlite3_file *file, int flags)
{
	count_call();
	int rc = real(file)->xSync(file, flags);
	disk.dirty = false;
	count_call();
	return rc;
}

static int counted_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	int rc = real_open(vfs, name, file, flags, out);

	count_call();
	for (size_t i = 0; rc == SQLITE_OK && file->pMethods && i < sizeof tables / sizeof *tables;
	     i++) {
		if (!tables[i].real) {
			tables[i].real = file->pMethods;
			tables[i].counting = *file->pMethods;
			tables[i].counting.xWrite = counted_write;
			tables[i].counting.xTruncate = counted_truncate;
			tables[i].counting.xSync = counted_sync;
		}
		if (file->pMethods == tables[i].real) {
			file->pMethods = &tables[i].counting;
			break;
		}
	}
	return rc;
}

static bool count_disk(void)
{
	static sqlite3_vfs vfs;
	const sqlite3_vfs *found = sqlite3_vfs_find(NULL);

	if (!found)
		return false;
	vfs = *found;
	vfs.zName = "counting";
	real_open = vfs.xOpen;
	vfs.xOpen = counted_open;
	return sqlite3_vfs_register(&vfs, 1) == SQLITE_OK;
}

/* ---- Protocol */

static int add_row(void *context, const struct catalog_volume *volume)
{
	return text_add(context, " %llu:%s:%llu:%llu:%d", (unsigned long long)volume->id,
			volume->name, (unsigned long long)volume->size,
			(unsigned long long)volume->origin, volume->state);
}

/* All contents of a catalogue, in one line. */
static bool tell(struct catalog *catalog, struct text *out)
{
	struct catalog_head head;
	struct err err = { 0 };

	if (catalog_read_head(catalog, &head, &err) < 0)
		return false;
	text_add(out, "%llu/%llu/%d:%llu:%llu:%llu:%d", (unsigned long long)head.transaction,
		 (unsigned long long)head.next_id, head.intent.op,
		 (unsigned long long)head.intent.id, (unsigned long long)head.intent.origin,
		 (unsigned long long)head.intent.transaction, head.intent.suspended);
	return catalog_list_all(catalog, add_row, out, &err) == 0;
}

static void expect(struct catalog *catalog, const char *wanted)
{
	scoped_text struct text got = { 0 };

	CU_ASSERT(tell(catalog, &got));
	if (strcmp(text_str(&got), wanted) != 0)
		fprintf(stderr, "\n  wanted %s\n  got    %s\n", wanted, text_str(&got));
	CU_ASSERT_STRING_EQUAL(text_str(&got), wanted);
}

static void test_protocol(void)
{
	scoped_catalog struct catalog c = { 0 };
	struct catalog_volume base;
	struct err err = { 0 };
	uint64_t id = 0;

	CU_ASSERT_FATAL(fresh("a") && catalog_open(&c, path("a"), UUID, &err) == 0);
	expect(&c, "0/1/0:0:0:0:0");
	CU_ASSERT_EQUAL(catalog_intend_volume(&c, "machine.a", 4096, NULL, false, &id, &err), 0);
	CU_ASSERT_EQUAL(id, 1);
	expect(&c, "0/2/1:1:0:1:0 1:machine.a:4096:0:0");
	CU_ASSERT_EQUAL(catalog_find(&c, "machine.a", &base, &err), -ENOENT);
	CU_ASSERT_EQUAL(err.code, 0);
	CU_ASSERT_EQUAL(catalog_finish(&c, &err), 0);
	expect(&c, "1/2/0:0:0:0:0 1:machine.a:4096:0:1");
	CU_ASSERT_EQUAL(catalog_find(&c, "machine.a", &base, &err), 0);
	CU_ASSERT(strlen(base.uuid) == 36 && base.created > 1700000000);
	CU_ASSERT_EQUAL(catalog_intend_volume(&c, "machine.b", 0, &base, true, &id, &err), 0);
	expect(&c, "1/3/2:2:1:2:1 1:machine.a:4096:0:1 2:machine.b:4096:1:0");
	CU_ASSERT_EQUAL(catalog_abandon(&c, false, &err), 0);
	expect(&c, "1/3/0:0:0:0:0 1:machine.a:4096:0:1");
	/* The number of one that never came to be is not drawn again. */
	CU_ASSERT_EQUAL(catalog_intend_volume(&c, "machine.b", 0, &base, false, &id, &err), 0);
	CU_ASSERT_EQUAL(id, 3);
	CU_ASSERT_EQUAL(catalog_finish(&c, &err), 0);
	CU_ASSERT_EQUAL(catalog_intend_delete(&c, 1, &err), 0);
	expect(&c, "2/4/3:1:0:3:0 1:machine.a:4096:0:2 3:machine.b:4096:1:1");
	CU_ASSERT_EQUAL(catalog_find(&c, "machine.a", &base, &err), -ENOENT);
	CU_ASSERT_EQUAL(catalog_finish(&c, &err), 0);
	expect(&c, "3/4/0:0:0:0:0 3:machine.b:4096:1:1");
	CU_ASSERT_EQUAL(catalog_intend_delete(&c, 3, &err), 0);
	CU_ASSERT_EQUAL(catalog_abandon(&c, true, &err), 0);
	expect(&c, "3/4/0:0:0:0:0 3::4096:1:3");
	/* The deletion of a volume without a name can be finished or undone. */
	CU_ASSERT_EQUAL(catalog_intend_delete(&c, 3, &err), 0);
	CU_ASSERT_EQUAL(catalog_abandon(&c, false, &err), 0);
	expect(&c, "3/4/0:0:0:0:0 3::4096:1:3");
	CU_ASSERT_EQUAL(catalog_intend_delete(&c, 3, &err), 0);
	CU_ASSERT_EQUAL(catalog_finish(&c, &err), 0);
	CU_ASSERT_EQUAL(catalog_quarantine(&c, 9, &err), 0);
	/* A stranger's id is not drawn again. */
	expect(&c, "4/10/0:0:0:0:0 9::0:0:3");
	CU_ASSERT_EQUAL(catalog_set_transaction(&c, 7, &err), 0);
	expect(&c, "7/10/0:0:0:0:0 9::0:0:3");
	CU_ASSERT_EQUAL(catalog_adopt(&c, 9, "machine.found", 8192, &err), 0);
	expect(&c, "7/10/0:0:0:0:0 9:machine.found:8192:0:1");
	CU_ASSERT_EQUAL(catalog_adopt(&c, 9, "machine.again", 8192, &(struct err){ 0 }), -ENOENT);
	CU_ASSERT_STRING_EQUAL(err.text, "");
}

/* Forbidden changes are refused, and change nothing. */
static void test_refusals(void)
{
	scoped_catalog struct catalog c = { 0 };
	struct err err = { 0 };
	uint64_t id = 0;

	CU_ASSERT_FATAL(fresh("a") && catalog_open(&c, path("a"), UUID, &err) == 0);
	CU_ASSERT(catalog_finish(&c, &err) < 0);
	err = (struct err){ 0 };
	CU_ASSERT(catalog_intend_delete(&c, 9, &err) < 0);
	err = (struct err){ 0 };
	expect(&c, "0/1/0:0:0:0:0");
	CU_ASSERT_EQUAL(catalog_intend_volume(&c, "machine.a", 1, NULL, false, &id, &err), 0);
	/* Only one change is possible at a time, and a name exists only once. */
	CU_ASSERT_EQUAL(catalog_intend_volume(&c, "machine.b", 1, NULL, false, &id, &err), -EEXIST);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(catalog_finish(&c, &err), 0);
	CU_ASSERT_EQUAL(catalog_intend_volume(&c, "machine.a", 1, NULL, false, &id, &err), -EEXIST);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "machine.a"));
	expect(&c, "1/2/0:0:0:0:0 1:machine.a:1:0:1");
}

static bool add(struct catalog *c, const char *name)
{
	struct err err = { 0 };
	uint64_t id;

	return catalog_intend_volume(c, name, 1, NULL, false, &id, &err) == 0 &&
	       catalog_finish(c, &err) == 0;
}

static void test_names(void)
{
	scoped_catalog struct catalog c = { 0 };
	scoped_text struct text names = { 0 };
	struct err err = { 0 };

	CU_ASSERT_FATAL(fresh("a") && catalog_open(&c, path("a"), UUID, &err) == 0);
	CU_ASSERT(add(&c, "machine.web") && add(&c, "machine.web2") && add(&c, "template.web"));
	CU_ASSERT_EQUAL(catalog_rename(&c, "machine.web", "machine.web2", &err), -EEXIST);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(catalog_rename(&c, "machine.no", "machine.x", &err), -ENOENT);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(catalog_rename(&c, "machine.web", "machine.www", &err), 0);
	CU_ASSERT_EQUAL(catalog_exchange(&c, "machine.www", "machine.no", &err), -ENOENT);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(catalog_exchange(&c, "machine.www", "machine.web2", &err), 0);
	expect(&c, "3/4/0:0:0:0:0 1:machine.web2:1:0:1 2:machine.www:1:0:1 3:template.web:1:0:1");
	CU_ASSERT_EQUAL(catalog_list(&c, "machine.", add_row, &names, &err), 0);
	CU_ASSERT_PTR_NULL(strstr(text_str(&names), "template"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text_str(&names), "machine.www"));
}

static int refused(const char *name, struct err *err)
{
	struct catalog c = { 0 };

	*err = (struct err){ 0 };
	int r = catalog_open(&c, path(name), UUID, err);
	catalog_close(&c);
	return r;
}

static void test_bad_files(void)
{
	scoped_fd int garbage = open(path("garbage"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct err err = { 0 };
	sqlite3 *db = NULL;

	CU_ASSERT_EQUAL(refused("missing", &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "missing"));
	for (int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(write(garbage, "rubbish ", 8), 8);
	CU_ASSERT_EQUAL(refused("garbage", &err), -EUCLEAN);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "damaged"));
	CU_ASSERT_FATAL(fresh("a"));
	CU_ASSERT_EQUAL(sqlite3_open(path("a"), &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA user_version = 2", NULL, NULL, NULL);
	CU_ASSERT_EQUAL(refused("a", &err), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "version 2"));
	sqlite3_exec(db, "PRAGMA user_version = 1; UPDATE pool SET uuid = 'x'", NULL, NULL, NULL);
	sqlite3_close(db);
	CU_ASSERT_EQUAL(refused("a", &err), -ESTALE);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(catalog_create(path("a"), UUID, &err), -EEXIST);
	CU_ASSERT_EQUAL(catalog_remove(path("a")), 0);
	CU_ASSERT_EQUAL(catalog_remove(path("a")), 0);
}

/* ---- What lasts */

static int one_number(void *context, int columns, char **values, char **names)
{
	(void)columns;
	(void)names;
	snprintf(context, 16, "%s", values[0]);
	return 0;
}

static void test_pragmas(void)
{
	scoped_catalog struct catalog c = { 0 };
	struct err err = { 0 };
	char value[16] = "";

	CU_ASSERT_FATAL(fresh("a") && catalog_open(&c, path("a"), UUID, &err) == 0);
	sqlite3_exec(c.db, "PRAGMA journal_mode", one_number, value, NULL);
	CU_ASSERT_STRING_EQUAL(value, "wal");
	sqlite3_exec(c.db, "PRAGMA synchronous", one_number, value, NULL);
	CU_ASSERT_STRING_EQUAL(value, "2");
}

/* Each step is one commit. */
static bool step(struct catalog *c, unsigned n)
{
	struct catalog_volume base;
	struct err err = { 0 };
	uint64_t id;

	switch (n % 6) {
	case 0:
		return catalog_intend_volume(c, "machine.a", 1, NULL, false, &id, &err) == 0;
	case 2:
		return catalog_find(c, "machine.a", &base, &err) == 0 &&
		       catalog_intend_volume(c, "machine.b", 0, &base, true, &id, &err) == 0;
	case 3:
		return catalog_abandon(c, false, &err) == 0;
	case 4:
		return catalog_find(c, "machine.a", &base, &err) == 0 &&
		       catalog_intend_delete(c, base.id, &err) == 0;
	default:
		return catalog_finish(c, &err) == 0;
	}
}

enum { STEPS = 48 };

/* A child writes a byte for each acknowledged step, and opens the catalogue anew for every third. */
static void run_steps(int out)
{
	struct catalog c = { 0 };
	struct err err = { 0 };

	for (unsigned n = 0; n < STEPS; n++) {
		if (n % 3 == 0) {
			catalog_close(&c);
			if (catalog_open(&c, path("k"), UUID, &err) < 0)
				_exit(2);
		}
		if (!step(&c, n) || disk.dirty)
			_exit(disk.dirty ? 4 : 3);
		if (write(out, ".", 1) != 1)
			_exit(5);
	}
	catalog_close(&c);
	_exit(0);
}

/* How many steps were acknowledged before it was killed at that call, or *ended. */
static unsigned run_and_kill(unsigned last, bool *ended)
{
	int fds[2], status = 0;
	unsigned acked = 0;
	char c;

	CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		disk.calls = 0;
		disk.last = last;
		disk.dirty = false;
		run_steps(fds[1]);
	}
	close(fds[1]);
	while (read(fds[0], &c, 1) == 1)
		acked++;
	close(fds[0]);
	waitpid(pid, &status, 0);
	*ended = WIFEXITED(status);
	if (*ended)
		CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
	return acked;
}

/* Records the contents after each step. */
static void learn_states(char *states[])
{
	scoped_catalog struct catalog c = { 0 };
	struct err err = { 0 };

	CU_ASSERT_FATAL(fresh("k") && catalog_open(&c, path("k"), UUID, &err) == 0);
	for (unsigned n = 0; n <= STEPS; n++) {
		struct text text = { 0 };
		CU_ASSERT(tell(&c, &text));
		states[n] = text.data;
		if (n < STEPS)
			CU_ASSERT(step(&c, n));
	}
}

/* After a kill the contents are those after the last acknowledged step, or after the next one. */
static void test_killed(void)
{
	static char *states[STEPS + 1];
	unsigned kills = 0;
	bool ended = false;

	learn_states(states);
	for (unsigned last = 1; !ended; last++) {
		scoped_catalog struct catalog c = { 0 };
		scoped_text struct text text = { 0 };
		struct err err = { 0 };
		CU_ASSERT_FATAL(fresh("k"));
		unsigned acked = run_and_kill(last, &ended);
		kills += !ended;
		CU_ASSERT_FATAL(catalog_open(&c, path("k"), UUID, &err) == 0);
		CU_ASSERT(tell(&c, &text));
		bool same = strcmp(text_str(&text), states[acked]) == 0;
		bool next = acked < STEPS && strcmp(text_str(&text), states[acked + 1]) == 0;
		if (!same && !next)
			fprintf(stderr, "\n  call %u, %u steps: %s\n", last, acked,
				text_str(&text));
		CU_ASSERT(same || next);
	}
	printf("\n  killed at each of %u calls to the disk\n", kills);
	CU_ASSERT(kills > 100);
	for (unsigned n = 0; n <= STEPS; n++)
		free(states[n]);
}

/* ---- Many */

enum { PROCESSES = 8, EACH = 25 };

static int churn(int number)
{
	struct catalog c = { 0 };
	struct catalog_volume volume;
	struct err err = { 0 };
	char name[32];
	uint64_t id;

	for (int i = 0; i < EACH; i++) {
		scoped_fd int lock = file_lock_within(path("lock"), 60);
		snprintf(name, sizeof name, "machine.p%d-%d", number, i);
		if (lock < 0 || catalog_open(&c, path("a"), UUID, &err) < 0 ||
		    catalog_intend_volume(&c, name, 1, NULL, false, &id, &err) < 0 ||
		    catalog_finish(&c, &err) < 0)
			return 1;
		if (i % 2 && (catalog_find(&c, name, &volume, &err) < 0 ||
			      catalog_intend_delete(&c, volume.id, &err) < 0 ||
			      catalog_finish(&c, &err) < 0))
			return 1;
		catalog_close(&c);
		/* Others read without the lock. */
		scoped_close_fd(&lock);
		if (catalog_open(&c, path("a"), UUID, &err) < 0 ||
		    catalog_find(&c, name, &volume, &err) != (i % 2 ? -ENOENT : 0))
			return 1;
		catalog_close(&c);
	}
	return 0;
}

static void test_processes(void)
{
	scoped_catalog struct catalog c = { 0 };
	struct catalog_head head = { 0 };
	struct catalog_census census = { 0 };
	struct err err = { 0 };
	int status;

	CU_ASSERT_FATAL(fresh("a"));
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0)
			_exit(churn(i));
	}
	for (int i = 0; i < PROCESSES; i++)
		CU_ASSERT(wait(&status) > 0 && status == 0);
	CU_ASSERT_FATAL(catalog_open(&c, path("a"), UUID, &err) == 0);
	CU_ASSERT_EQUAL(catalog_read_head(&c, &head, &err), 0);
	CU_ASSERT_EQUAL(head.next_id, 1 + PROCESSES * EACH);
	CU_ASSERT_EQUAL(head.transaction, PROCESSES * (EACH + EACH / 2));
	CU_ASSERT_EQUAL(catalog_count(&c, &census, &err), 0);
	CU_ASSERT_EQUAL(census.volumes, PROCESSES * (EACH - EACH / 2));
	CU_ASSERT_EQUAL(census.bytes, census.volumes);
}

static bool count_drawn(const char *name, const char *next_id)
{
	scoped_free char *sql = text_format("UPDATE pool SET next_id = %s", next_id);
	sqlite3 *db;

	bool good = sqlite3_open(path(name), &db) == SQLITE_OK &&
		    sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
	sqlite3_close(db);
	return good;
}

static uint64_t make(struct catalog *c, const char *name)
{
	struct err err = { 0 };
	uint64_t next = 0, id = 0;

	if (catalog_next_id(c, &next, &err) < 0 ||
	    catalog_intend_volume(c, name, 4096, NULL, false, &id, &err) < 0 ||
	    catalog_finish(c, &err) < 0)
		fprintf(stderr, "\n  %s\n", err.text);
	CU_ASSERT_EQUAL(next, id);
	return id;
}

/* Ids have 24 bits: after the last one those begin again that nobody has. */
static void test_ids_go_round(void)
{
	scoped_catalog struct catalog c = { 0 };
	struct catalog_head head = { 0 };
	struct err err = { 0 };
	uint64_t id = 0;

	CU_ASSERT_FATAL(fresh("a") && catalog_open(&c, path("a"), UUID, &err) == 0);
	CU_ASSERT_EQUAL(make(&c, "one"), 1);
	CU_ASSERT_EQUAL(make(&c, "two"), 2);
	CU_ASSERT_EQUAL(make(&c, "three"), 3);
	CU_ASSERT_FATAL(count_drawn("a", "16777215"));
	CU_ASSERT_EQUAL(make(&c, "last"), CATALOG_ID_MAX);
	/* The id of a removed volume is free, that of one in quarantine is not. */
	CU_ASSERT_EQUAL(catalog_intend_delete(&c, 2, &err), 0);
	CU_ASSERT_EQUAL(catalog_finish(&c, &err), 0);
	CU_ASSERT_EQUAL(catalog_quarantine(&c, 4, &err), 0);
	CU_ASSERT_EQUAL(make(&c, "another two"), 2);
	CU_ASSERT_EQUAL(make(&c, "five"), 5);
	/* A volume that was not made gives its id back, after all others were used. */
	CU_ASSERT_EQUAL(catalog_intend_volume(&c, "six", 4096, NULL, false, &id, &err), 0);
	CU_ASSERT_EQUAL(id, 6);
	CU_ASSERT_EQUAL(catalog_abandon(&c, false, &err), 0);
	CU_ASSERT_EQUAL(make(&c, "seven"), 7);
	CU_ASSERT_EQUAL(catalog_read_head(&c, &head, &err), 0);
	CU_ASSERT_EQUAL(head.next_id, CATALOG_ID_MAX + 8);
	CU_ASSERT_FATAL(count_drawn("a", "2 * 16777215"));
	CU_ASSERT_EQUAL(make(&c, "six again"), 6);
}

static CU_TestInfo tests[] = {
	{ "the two transactions of a change", test_protocol },
	{ "what must not be is refused", test_refusals },
	{ "names", test_names },
	{ "files that are no catalogue", test_bad_files },
	{ "commits are durable", test_pragmas },
	{ "killed at every call to the disk", test_killed },
	{ "eight processes", test_processes },
	{ "ids go round", test_ids_go_round },
	CU_TEST_INFO_NULL,
};

int main(void)
{
	if (!mkdtemp(folder) || !count_disk())
		return 99;
	int bad = suite_run("catalog", NULL, NULL, tests);
	remove_tree(AT_FDCWD, folder);
	return bad;
}
