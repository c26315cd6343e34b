/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SQLite, for those who include this in place of sqlite3.h: loaded when the first thin pool is
 * opened, since being linked with it would cost every command 0.3 ms.
 */
#ifndef BERTH_STORAGE_THIN_SQLITE_H
#define BERTH_STORAGE_THIN_SQLITE_H

#include "base/err.h"

#include <sqlite3ext.h>

/* Where the calls go, as in an extension of SQLite: its header makes them calls through this. */
extern const sqlite3_api_routines *sqlite3_api;

/* Before any call. -ENOENT in words where the library is not installed. */
int thin_sqlite_load(struct err *err);

#endif
