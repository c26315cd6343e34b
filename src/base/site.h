/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One installation: where its state lives, and the names of its kernel objects. */
#ifndef BERTH_BASE_SITE_H
#define BERTH_BASE_SITE_H

#include "base/err.h"

#include <stddef.h>

/*
 * With --root DIR or BERTH_ROOT=DIR everything moves below DIR (DIR/etc, DIR/lib, DIR/run), and the
 * names of bridges, tables and control groups get a tag made from DIR, so that installations and
 * tests run beside each other.
 */
struct site {
	char *root;  /* owned; NULL for the system's own installation */
	char *etc;   /* owned; /etc/berth: berth.conf */
	char *state; /* owned; /var/lib/berth: survives everything */
	char *run;   /* owned; /run/berth: locks, sockets, what runs; gone after a reboot */
	char tag[8]; /* "" or six hexadecimal digits */
};

/* root NULL: BERTH_ROOT if that is set, else the system's. Makes no folder. Freed by site_close. */
int site_open(struct site *site, const char *root, struct err *err);
void site_close(struct site *site);
#define scoped_site __attribute__((cleanup(site_close)))

/* "berth" or "berth-1a2b3c": the site's name for a kernel object. */
void site_name(const struct site *site, char *out, size_t room);

/* A path below one of the three folders, asprintf-like; the caller owns it; NULL: out of memory. */
char *site_state_path(const struct site *site, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
char *site_run_path(const struct site *site, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Takes the lock run/locks/NAME (making the folders), waiting up to `seconds` for other commands
 * (0: not at all), first come, first served. Returns a descriptor that is the lock, or -code with "X is in use by another
 * berth command" as the cause, what being the object named there, such as "machine 'web'".
 */
int site_lock(const struct site *site, const char *name, unsigned seconds, const char *what,
	      struct err *err);

/* The same, shared with others who take it so. */
int site_lock_shared(const struct site *site, const char *name, unsigned seconds, const char *what,
		     struct err *err);

/*
 * Removes the file of a lock that the caller holds, once nothing has that name any more. A command that waits
 * for the lock finds the file gone and makes it anew.
 */
void site_lock_forget(const struct site *site, const char *name);

#endif
