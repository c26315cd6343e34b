/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings of other machines and templates that name an object which has got another name. All are idempotent. */
#ifndef BERTH_MACHINE_MANAGE_FOLLOW_NAME_H
#define BERTH_MACHINE_MANAGE_FOLLOW_NAME_H

#include "base/dirs.h"
#include "base/err.h"

/* In boot.after of all machines. */
int follow_boot(const struct dirs *dirs, const char *from, const char *to, struct err *err);

/* In dns.aliases of all machines. */
int follow_aliases(const struct dirs *dirs, const char *from, const char *to, struct err *err);

/* In the key template of all machines. */
int follow_template(const struct dirs *dirs, const char *from, const char *to, struct err *err);

/* In the sections [volume NAME] of all machines, none of which has the new name. */
int follow_volume(const struct dirs *dirs, const char *from, const char *to, struct err *err);

/*
 * In the origin of all templates: "machine web", also before "@SNAP", and "template debian", also at the end of "file
 * F, from debian".
 */
int follow_origin(const struct dirs *dirs, const char *what, const char *from, const char *to,
		  struct err *err);

#endif
