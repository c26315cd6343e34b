/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One installation: where its state lives, and the names of its kernel objects. */
#ifndef BERTH_BASE_SITE_H
#define BERTH_BASE_SITE_H

#include "base/err.h"

#include <stddef.h>

/*
 * With --root DIR or BERTH_ROOT=DIR everything is below DIR (DIR/etc, DIR/lib, DIR/run), and the names of bridges,
 * tables and cgroups get a tag made from DIR, so that installations and tests can run side by side.
 */
struct site {
	char *root;  /* owned; NULL for the system's own installation */
	char *etc;   /* owned; /etc/berth: berth.conf */
	char *state; /* owned; /var/lib/berth: survives everything */
	char *run;   /* owned; /run/berth: locks, sockets, running machines; gone after a reboot */
	char tag[8]; /* "" or six hexadecimal digits */
};

/*
 * Opens the site at root; NULL: BERTH_ROOT if it is set, else the system's own. Makes no folder. Freed by site_close.
 */
int site_open(struct site *site, const char *root, struct err *err);
void site_close(struct site *site);
#define scoped_site __attribute__((cleanup(site_close)))

/* "berth" or "berth-1a2b3c": the site's name for a kernel object. */
void site_name(const struct site *site, char *out, size_t room);

/*
 * A path below the state folder or the run folder, formatted as by asprintf; the caller owns it; NULL: out of memory.
 */
char *site_state_path(const struct site *site, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
char *site_run_path(const struct site *site, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Takes the lock run/locks/NAME, and makes the folders. Waits up to `seconds` (0: not at all), first come, first
 * served. Returns a descriptor that is the lock; or -code with the cause "WHAT is in use by another berth command",
 * where what names the object: "machine 'web'".
 */
int site_lock(const struct site *site, const char *name, unsigned seconds, const char *what,
	      struct err *err);

/* The same, as a shared lock. */
int site_lock_shared(const struct site *site, const char *name, unsigned seconds, const char *what,
		     struct err *err);

/*
 * Removes the file of a lock that the caller holds, after its object is gone. A command that waits for it notices, and
 * makes the file anew.
 */
void site_lock_forget(const struct site *site, const char *name);

#endif
