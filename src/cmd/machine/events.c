/* SPDX-License-Identifier: GPL-2.0-or-later */
/* events: what happens to machines, as it happens. */
#include "cmd/cli/verbs.h"

#include "cmd/cli/common.h"
#include "cmd/cli/labels.h"
#include "cmd/cli/names.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "machine/state/events.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct flag flag_no_follow = { "no-follow", 0, false, NULL,
					    "end after what has been, instead of waiting" };
static const struct flag flag_since = {
	"since", 0, false, "WHEN",
	"begin behind the event of that number, or so long ago, such as 10m"
};
static const struct flag *const events_flags[] = { &flag_json, &flag_no_follow, &flag_since, NULL };

struct watching {
	const struct call *call;
	int64_t after; /* an event's number, or EVENTS_FROM_NOW */
	time_t since;  /* older events are left out */
};

/* Parses the number of an event, or a span of time before now. */
static int parse_since(const struct call *call, struct watching *watching, struct err *err)
{
	const char *value = call_value(call, &flag_since);
	uint64_t number, ago = 0;

	watching->after = EVENTS_FROM_NOW;
	if (call_has(call, &flag_no_follow))
		watching->after = 0;
	if (!value)
		return 0;
	bool is_number = text_to_u64(value, 0, INT64_MAX, &number) == 0;
	if (!is_number && text_to_seconds(value, 0, INT64_MAX, &ago) < 0) {
		err_set(err, EINVAL,
			"--since cannot be '%.100s': use the number of an event, or a time ago "
			"such as 90s, 10m, 5h or 2d",
			value);
		return EXIT_USAGE;
	}
	watching->after = is_number ? (int64_t)number : 0;
	if (!is_number)
		watching->since = time(NULL) - (time_t)ago;
	return 0;
}

static bool is_wanted(const struct watching *watching, json_t *event)
{
	const char *machine = json_string_value(json_object_get(event, "machine"));
	const struct call *call = watching->call;

	if (json_integer_value(json_object_get(event, "time")) < watching->since)
		return false;
	for (int i = 0; i < call->count; i++) {
		if (machine && name_matches(call->words[i], machine))
			return true;
	}
	return call->count == 0;
}

/* "2026-01-31 12:00:00  stopped  web  clean, powered off" */
static void show(json_t *event)
{
	/* The first ones are values that need a name. */
	enum { NAMED = 5 };
	static const char *const extra[] = { "template", "volume", "from",    "snapshot",
					     "pool",     "limit",  "outcome", "cause" };
	const char *name = json_string_value(json_object_get(event, "event"));
	const char *subject = json_string_value(json_object_get(event, "machine"));
	const char *pool = json_string_value(json_object_get(event, "pool"));
	const char *network = json_string_value(json_object_get(event, "network"));
	const char *volume = json_string_value(json_object_get(event, "volume"));
	const char *alone = subject ? NULL : volume ? volume : pool;
	const char *before = "  ";
	char when[32];

	print_time((uint64_t)json_integer_value(json_object_get(event, "time")), when, sizeof when);
	printf("%s  %-17s %s%s", when, name ? name : "?",
	       subject   ? ""
	       : network ? "network "
	       : volume  ? "volume "
			 : "pool ",
	       subject   ? subject
	       : network ? network
	       : volume  ? volume
	       : pool    ? pool
			 : "?");
	for (size_t i = 0; i < sizeof extra / sizeof *extra; i++) {
		const char *value = json_string_value(json_object_get(event, extra[i]));
		struct text plain = { 0 };
		if (!value || value == alone)
			continue;
		print_plain(value, &plain);
		printf("%s%s%s%s", before, i < NAMED ? extra[i] : "", i < NAMED ? " " : "",
		       text_str(&plain));
		before = ", ";
		text_free(&plain);
	}
	printf("\n");
}

static int visit(void *context, uint64_t lost, const char *line)
{
	const struct watching *watching = context;
	json_t *event = json_loads(line, 0, NULL);

	if (lost)
		print_note("%" PRIu64 " events are lost: they were not read in time", lost);
	if (event && is_wanted(watching, event)) {
		if (call_has(watching->call, &flag_json))
			printf("%s\n", line);
		else
			show(event);
	}
	json_decref(event);
	return 0;
}

/* False if the reader of standard output is gone. */
static bool wait_for_more(const struct events *events)
{
	struct pollfd fds[2] = {
		{ .fd = events->watch, .events = POLLIN },
		{ .fd = STDOUT_FILENO },
	};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return !(fds[1].revents & (POLLERR | POLLHUP | POLLNVAL));
}

static int run_events(struct call *call, struct err *err)
{
	struct watching watching = { .call = call };
	scoped_events struct events events = { .folder = -1, .watch = -1, .file = -1 };
	int r = names_check(call, err);

	if (r == 0)
		r = parse_since(call, &watching, err);
	if (r == 0)
		r = events_open(&events, &call->dirs, watching.after, err);
	while (r == 0) {
		r = events_read(&events, visit, &watching, err);
		if (r == 0)
			r = output_end(err);
		if (r < 0 || call_has(call, &flag_no_follow) || !wait_for_more(&events))
			break;
	}
	return r;
}

const struct command command_events = {
	.traits = COMMAND_LOOKS,
	.name = "events",
	.args = "[MACHINE]...",
	.help = "Show what happens to machines, as it happens",
	.flags = events_flags,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_events,
};
