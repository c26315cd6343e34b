/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SQLite, loaded at run time. Include this instead of sqlite3.h. It is loaded when the first thin pool is opened,
 * because linking it would cost every command 0.3 ms.
 */
#ifndef BERTH_STORAGE_THIN_SQLITE_H
#define BERTH_STORAGE_THIN_SQLITE_H

#include "base/err.h"

#include <sqlite3ext.h>

/* The table of functions, as in an SQLite extension, whose header redirects calls through it. */
extern const sqlite3_api_routines *sqlite3_api;

/* Loads SQLite; called before any other function. -ENOENT with a sentence if the library is not installed. */
int thin_sqlite_load(struct err *err);

#endif
