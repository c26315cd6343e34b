/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/thin/thin_sqlite.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#define LIBRARY "libsqlite3.so.0"

const sqlite3_api_routines *sqlite3_api;

/* SQLite passes its table of functions to every extension that starts with a database. */
static int take_calls(sqlite3 *db, char **error, const sqlite3_api_routines *calls)
{
	(void)db;
	(void)error;
	sqlite3_api = calls;
	return SQLITE_OK;
}

struct calls {
	int (*auto_extension)(void (*start)(void));
	int (*cancel_auto_extension)(void (*start)(void));
	int (*open)(const char *name, sqlite3 **db);
	int (*close)(sqlite3 *db);
};

static int find_calls(void *library, struct calls *calls)
{
	calls->auto_extension = (int (*)(void (*)(void)))dlsym(library, "sqlite3_auto_extension");
	calls->cancel_auto_extension =
		(int (*)(void (*)(void)))dlsym(library, "sqlite3_cancel_auto_extension");
	calls->open = (int (*)(const char *, sqlite3 **))dlsym(library, "sqlite3_open");
	calls->close = (int (*)(sqlite3 *))dlsym(library, "sqlite3_close");
	return calls->auto_extension && calls->cancel_auto_extension && calls->open && calls->close
		       ? 0
		       : -ENOSYS;
}

int thin_sqlite_load(struct err *err)
{
	struct calls calls;
	sqlite3 *db = NULL;

	if (sqlite3_api)
		return 0;
	/* The library stays loaded until the process ends. */
	void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
	if (!library)
		return err_set(err, ENOENT,
			       "thin pools need SQLite's library (%s); install libsqlite3-0, or "
			       "sqlite: %s",
			       LIBRARY, dlerror());
	if (find_calls(library, &calls) < 0 ||
	    calls.auto_extension((void (*)(void))take_calls) != SQLITE_OK)
		return err_set(err, ENOSYS, "%s has been built without extensions", LIBRARY);
	calls.open(":memory:", &db);
	calls.close(db);
	calls.cancel_auto_extension((void (*)(void))take_calls);
	if (!sqlite3_api)
		return err_set(err, ENOSYS, "%s has been built without extensions", LIBRARY);
	return 0;
}
