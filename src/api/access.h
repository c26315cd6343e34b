/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rights of the users of the API: root and the members of a group may do all, others what a machine's settings say. */
#ifndef BERTH_API_ACCESS_H
#define BERTH_API_ACCESS_H

#include "api/routes.h"

/* Whether the user of a request may do all. Refuses one who may do nothing. 0; or the status, with err. */
int access_begin(struct exchange *exchange, struct err *err);
/* Decides on the row of a request, and fills in the right on its machine. 0; or the status, with err. */
int access_check(struct exchange *exchange, struct err *err);
/* The same for a machine that the path does not name. */
int access_machine(const struct exchange *exchange, const char *name, enum access_right *right,
		   struct err *err);

/* An object with the right on each machine on which the user has one; null: he may do all. NULL: out of memory. */
json_t *access_rights(const struct exchange *exchange);

/* Takes what belongs to machines that the user may not see out of an array. */
void access_filter(const struct exchange *exchange, json_t *array);
/* Adds the names of the machines that the user may see. */
int access_add_names(const struct exchange *exchange, struct argv *argv, struct err *err);
/* Lets a stream that lasts ask for the right of its user again and again. */
void access_follow(const struct exchange *exchange, struct stream *stream);
/*
 * Whether a user has a right on a machine at this moment, or no such machine is there any more. "": on all that is of no
 * machine.
 */
bool access_lasts(const struct dirs *dirs, const char *user, const char *machine);
/* Whether a user has a right on any machine at this moment. */
bool access_any(const struct dirs *dirs, const char *user);
/* Whether the right to manage a machine is enough for that setting: it opens no wall, and costs others nothing. */
bool access_may_set(const char *key);

#endif
