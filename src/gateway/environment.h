/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole environment of a child: nothing of the gateway's own gets there by accident. */
#ifndef BERTH_GATEWAY_ENVIRONMENT_H
#define BERTH_GATEWAY_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed is an empty one. */
struct environment {
	char **words; /* owned, NULL at the end */
	size_t count;
	bool failed; /* out of memory */
};

/* Variables of every child: a path, a locale, and the installation of berth. */
void environment_begin(struct environment *env);
/* Adds NAME=VALUE; a NULL value adds nothing. */
void environment_add(struct environment *env, const char *name, const char *value);
void environment_free(struct environment *env);
#define scoped_environment __attribute__((cleanup(environment_free)))

#endif
