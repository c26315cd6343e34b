/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of limits; berth-api(8) describes each. */
#include "gateway/limits.h"

#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { MOST_SECONDS = 3600, MOST_NUMBER = 1024, NAME_ROOM = 32 };

static const struct {
	const char *name;
	size_t at;
	uint64_t usual, most;
} rows[] = {
	{ "head", offsetof(struct limits, head), 10, MOST_SECONDS },
	{ "body", offsetof(struct limits, body), 30, MOST_SECONDS },
	{ "stall", offsetof(struct limits, stall), 30, MOST_SECONDS },
	{ "queue", offsetof(struct limits, queue), 10, MOST_SECONDS },
	{ "answer", offsetof(struct limits, answer), 60, MOST_SECONDS },
	{ "drain", offsetof(struct limits, drain), 10, MOST_SECONDS },
	{ "sign-in", offsetof(struct limits, sign_in), 15, MOST_SECONDS },
	{ "account", offsetof(struct limits, account), 30, MOST_SECONDS },
	/* 0: twice the processors, and at least 4 */
	{ "requests", offsetof(struct limits, requests), 0, MOST_NUMBER },
	{ "waiting", offsetof(struct limits, waiting), 64, MOST_NUMBER },
	{ "streams", offsetof(struct limits, streams), 64, MOST_NUMBER },
	{ "connections", offsetof(struct limits, connections), 256, MOST_NUMBER },
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static uint64_t *field(struct limits *limits, size_t row)
{
	return (uint64_t *)(void *)((char *)limits + rows[row].at);
}

void limits_default(struct limits *limits)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	for (size_t i = 0; i < ROWS; i++)
		*field(limits, i) = rows[i].usual;
	limits->requests = processors > 2 ? 2 * (uint64_t)processors : 4;
}

int limits_set(struct limits *limits, const char *text, struct err *err)
{
	const char *names[ROWS + 1] = { 0 }, *equals = strchr(text, '=');
	char name[NAME_ROOM];

	if (!equals || text_print(name, sizeof name, "%.*s", (int)(equals - text), text) < 0)
		return err_set(err, EINVAL, "a limit is written NAME=NUMBER, not '%s'", text);
	for (size_t i = 0; i < ROWS; i++) {
		names[i] = rows[i].name;
		if (strcmp(rows[i].name, name) != 0)
			continue;
		if (text_to_u64(equals + 1, 1, rows[i].most, field(limits, i)) < 0)
			return err_set(err, EINVAL, "limit '%s' is 1 to %" PRIu64 ", not '%s'",
				       name, rows[i].most, equals + 1);
		return 0;
	}
	const char *near = text_nearest(name, names);
	return err_set(err, EINVAL, "there is no limit '%s'%s%s%s", name,
		       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}
