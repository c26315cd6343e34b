/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The body of a request as words of a verb. Pure. */
#ifndef BERTH_API_BODY_H
#define BERTH_API_BODY_H

#include "api/routes.h"

/* The member of that name, which may lead into an object: "source.type"; or NULL. */
json_t *body_member(const json_t *body, const char *name);
/* A value as the command line has it: true is yes. NULL: it is none, or out of memory. The caller owns it. */
char *body_text(const json_t *value);

/* Refuses members that are none of the fields, of another kind, or missing. select: one more name; or NULL. */
int body_check(const json_t *body, const struct field *fields, const char *select, struct err *err);
/* Adds the fields that are flags, or (pairs) those that are words at the end. Checked ones. */
void body_flags(const json_t *body, const struct field *fields, bool pairs, struct argv *argv);
/* Adds KEY=VALUE for each member of an object, behind a flag. */
void body_pairs(const json_t *object, const char *flag, struct argv *argv);
/* Refuses an object whose members are no KEY=VALUE of settings. nulls: they are allowed. */
int body_check_pairs(const char *name, const json_t *object, bool nulls, struct err *err);

#endif
