/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that change something: the body becomes flags and words of a verb. */
#ifndef BERTH_API_CHANGE_H
#define BERTH_API_CHANGE_H

#include "api/routes.h"

/* Runs the verb of a row, at once or as an operation, and fills in the response. 0, or -code. */
int change_by_verb(struct exchange *exchange, struct err *err);

/*
 * Runs a verb that changes, with that standard input (0: an empty one), and fills in the response with its result. 0: it
 * has succeeded; 1: the response tells its failure; or -code.
 */
int change_run(struct exchange *exchange, const struct argv *argv, int input, struct err *err);

/*
 * settings.c: PUT makes the settings those of the body, and PATCH changes those that it names; null puts one back. With
 * If-Match they must be those of that ETag.
 */
int change_settings(struct exchange *exchange, struct err *err);

#endif
