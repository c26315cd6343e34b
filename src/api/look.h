/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that only look: a verb's JSON becomes the metadata of the response. */
#ifndef BERTH_API_LOOK_H
#define BERTH_API_LOOK_H

#include "api/routes.h"

/* Runs the verb of a row, and fills in the response: also with the verb's failure. 0, or -code. */
int look_value(struct exchange *exchange, struct err *err);

/*
 * Runs such a verb for a handler of its own. The value, which the caller owns; NULL: the response is the verb's failure,
 * or err is set.
 */
json_t *look_verb(struct exchange *exchange, const char *verb, struct err *err);

/* The same for the words of a command line. */
struct argv;
json_t *look_words(struct exchange *exchange, const struct argv *argv, struct err *err);

/* Adds what a verb had to say besides its result. */
struct verb_result;
void look_add_notes(struct response *response, const struct verb_result *result);

/* Filters an array, which it takes over, and makes it paths unless the request wants objects. */
int look_shape_list(struct exchange *exchange, json_t *array, json_t **value, struct err *err);

/* Makes the verb of a row the stream of the response. */
int look_stream(struct exchange *exchange, struct err *err);

#endif
