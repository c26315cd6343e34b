/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The directories of one installation (settings, state, run), and the names of its kernel objects. */
#ifndef BERTH_BASE_DIRS_H
#define BERTH_BASE_DIRS_H

#include "base/err.h"

#include <stddef.h>

/*
 * With --root DIR or BERTH_ROOT=DIR everything is below DIR (DIR/etc, DIR/lib, DIR/run), and the names of bridges,
 * tables and cgroups get a tag made from DIR, so that installations and tests can run side by side.
 */
struct dirs {
	char *root;  /* owned; NULL for the system's own installation */
	char *etc;   /* owned; /etc/berth: berth.conf */
	char *state; /* owned; /var/lib/berth: survives everything */
	char *run;   /* owned; /run/berth: locks, sockets, running machines; gone after a reboot */
	char tag[8]; /* "" or six hexadecimal digits */
};

/*
 * Finds the directories of the installation at root; NULL: BERTH_ROOT if it is set, else the system's own. Creates
 * nothing. Freed by dirs_close.
 */
int dirs_open(struct dirs *dirs, const char *root, struct err *err);
void dirs_close(struct dirs *dirs);
#define scoped_dirs __attribute__((cleanup(dirs_close)))

/* "berth" or "berth-1a2b3c": the name of the installation's kernel objects. */
void dirs_object_name(const struct dirs *dirs, char *out, size_t room);

/*
 * A path below the state folder or the run folder, formatted as by asprintf; the caller owns it; NULL: out of memory.
 */
char *dirs_state_path(const struct dirs *dirs, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
char *dirs_run_path(const struct dirs *dirs, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Takes the lock run/locks/NAME, and makes the folders. Waits up to `seconds` (0: not at all), first come, first
 * served. Returns a descriptor that is the lock; or -code with the cause "WHAT is in use by another berth command",
 * where what names the object: "machine 'web'".
 */
int dirs_lock(const struct dirs *dirs, const char *name, unsigned seconds, const char *what,
	      struct err *err);

/* The same, as a shared lock. */
int dirs_lock_shared(const struct dirs *dirs, const char *name, unsigned seconds, const char *what,
		     struct err *err);

/*
 * Removes the file of a lock that the caller holds, after its object is gone. A command that waits for it notices, and
 * makes the file anew.
 */
void dirs_lock_forget(const struct dirs *dirs, const char *name);

#endif
