/* SPDX-License-Identifier: GPL-2.0-or-later */
/* push, pull, cp: files into machines and out of them. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/machine/place.h"
#include "machine/transfer/transfer.h"

#include <string.h>
#include <time.h>

static const struct flag flag_archive = { "archive", 'a', false, NULL,
					  "keep owners, all mode bits and attributes of users" };
static const struct flag flag_mode = {
	"mode", 0, false, "MODE", "permission bits of the files, such as 640; else as they are"
};
static const struct flag flag_owner = { "owner", 0, false, "USER[:GROUP]",
					"owner of what is copied, by name or number; else root" };
static const struct flag flag_parents = { "parents", 'p', false, NULL,
					  "make the folder that it goes to, and those above it" };

static const struct flag flag_exact = {
	"no-target-directory", 'T', false, NULL,
	"the last word is the new name, and no folder to copy into"
};
static const struct flag flag_size = { "size", 0, false, "BYTES",
				       "of -: standard input has so many bytes, and no fewer" };

static const struct flag *const transfer_flags[] = { &flag_archive, &flag_mode,    &flag_exact,
						     &flag_owner,   &flag_parents, &flag_size,
						     NULL };

/* The request of a command line. */
struct request {
	struct place from, to;
	const char **sources; /* owned array of borrowed paths */
	size_t count;
	char owner[256]; /* "": root */
	const char *group;
	int mode;
	uint64_t size;
};

static int take_sources(const struct call *call, struct request *request, struct err *err)
{
	request->count = (size_t)call->count - 1;
	request->sources = calloc(request->count + 1, sizeof *request->sources);
	if (!request->sources)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < request->count; i++) {
		struct place one;
		int r = place_take(call->words[i], &one, err);
		if (r != 0)
			return r;
		if (i > 0 && (strcmp(one.machine, request->from.machine) != 0 ||
			      strcmp(one.snapshot, request->from.snapshot) != 0)) {
			err_set(err, EINVAL,
				"the sources '%.80s' and '%.80s' are of different sides; copy them "
				"one after "
				"the other",
				call->words[0], call->words[i]);
			return EXIT_USAGE;
		}
		request->from = one;
		request->sources[i] = one.path;
	}
	return place_take(call->words[call->count - 1], &request->to, err);
}

static int take_options(const struct call *call, struct request *request, struct err *err)
{
	const char *mode = call_value(call, &flag_mode), *owner = call_value(call, &flag_owner);

	request->mode = -1;
	if (mode && text_to_mode(mode, &request->mode) < 0) {
		err_set(err, EINVAL, "--mode cannot be '%.40s': use octal digits such as 640",
			mode);
		return EXIT_USAGE;
	}
	if (owner && call_has(call, &flag_archive)) {
		err_set(err, EINVAL, "--owner and --archive exclude each other");
		return EXIT_USAGE;
	}
	if (call_number(call, &flag_size, 0, INT64_MAX, 0, &request->size, err) != 0)
		return EXIT_USAGE;
	snprintf(request->owner, sizeof request->owner, "%s", owner ? owner : "");
	char *colon = strchr(request->owner, ':');
	if (colon) {
		*colon = '\0';
		request->group = colon + 1;
	}
	if (owner && (!*request->owner || (request->group && !*request->group))) {
		err_set(err, EINVAL, "--owner cannot be '%.80s': use USER or USER:GROUP", owner);
		return EXIT_USAGE;
	}
	return 0;
}

/* Standard input and output can only be one single file, on the side of this host. */
static int check_streams(const struct call *call, const struct request *request, struct err *err)
{
	bool input = !*request->from.machine && strcmp(request->sources[0], "-") == 0;

	if (call_has(call, &flag_size) && !input)
		err_set(err, EINVAL, "--size is for '-', which is standard input");
	if (call_has(call, &flag_exact) && request->count > 1)
		err_set(err, EINVAL, "--no-target-directory is for one source");
	for (size_t i = 0; i < request->count; i++) {
		bool stream = !*request->from.machine && strcmp(request->sources[i], "-") == 0;
		if (stream && request->count > 1)
			err_set(err, EINVAL, "'-' is standard input, and then the only source");
	}
	if (!*request->to.machine && strcmp(request->to.path, "-") == 0 && request->count > 1)
		err_set(err, EINVAL, "'-' is standard output, which takes one file");
	return err->code ? EXIT_USAGE : 0;
}

/* push and pull have one side each that is in a machine; the verb for what the words mean is named. */
static void tell_verb(const struct call *call, bool from, bool to, bool pushes, struct err *err)
{
	const char *inside = call->words[pushes ? call->count - 1 : 0];
	const char *outside = call->words[pushes ? 0 : call->count - 1];
	/* A machine without a path, or a path alone. */
	const char *example = strchr(inside, '/') ? "web" : inside;

	if (from && to)
		err_set(err, EINVAL, "'%.80s' is in a machine; from one to another: berth cp",
			outside);
	else if (from || to)
		err_set(err, EINVAL,
			"'%.80s' is in a machine, and '%.80s' is on this host: berth %s", outside,
			inside, pushes ? "pull" : "push");
	else
		err_set(err, EINVAL, "'%.80s' is no path in a machine, such as %.80s:%s", inside,
			example, pushes ? "/root" : "/etc/hosts");
}

/* The sides of each verb: push is from this host, pull is to it, and cp has a machine on one side at least. */
static int check_sides(const struct call *call, const struct request *request, struct err *err)
{
	bool from = *request->from.machine, to = *request->to.machine;
	const bool pushes = strcmp(call->command->name, "push") == 0;
	const bool pulls = strcmp(call->command->name, "pull") == 0;
	const char *last = call->words[call->count - 1];

	if ((pushes && (from || !to)) || (pulls && (!from || to)))
		tell_verb(call, from, to, pushes, err);
	else if (!from && !to)
		err_set(err, EINVAL,
			"neither '%.80s' nor '%.80s' is in a machine, such as web:/root; a copy of "
			"a machine is made by: berth clone",
			call->words[0], last);
	else if (*request->to.snapshot)
		err_set(err, EINVAL,
			"'%.80s' is in a snapshot, which does not change; name the machine alone: "
			"%.80s:%.80s",
			last, request->to.machine, request->to.path);
	else if (from && !*request->from.snapshot &&
		 strcmp(request->from.machine, request->to.machine) == 0)
		err_set(err, EINVAL,
			"both sides are machine '%s'; copy inside with: berth exec %s -- cp -a "
			"FROM TO",
			request->to.machine, request->to.machine);
	else
		return check_streams(call, request, err);
	return EXIT_USAGE;
}

struct shown {
	bool terminal;
	time_t begun, last;
};

static void show_progress(void *context, uint64_t bytes, uint64_t entries)
{
	struct shown *shown = context;
	struct timespec now;
	char done[32], rate[32];

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!shown->begun)
		shown->begun = shown->last = now.tv_sec;
	if (!shown->terminal || now.tv_sec == shown->last)
		return;
	shown->last = now.tv_sec;
	uint64_t seconds = (uint64_t)(now.tv_sec - shown->begun);
	text_human_size(bytes, done, sizeof done);
	text_human_size(bytes / seconds, rate, sizeof rate);
	progress_write("copied %s in %llu entries, %s/s ... %llu s", done,
		       (unsigned long long)entries, rate, (unsigned long long)seconds);
}

static int copy(struct request *request, const struct call *call, struct machine *from,
		struct machine *to, struct err *err)
{
	struct shown shown = { .terminal = isatty(STDERR_FILENO) };
	struct transfer transfer = {
		.from = from,
		.to = to,
		.snapshot = *request->from.snapshot ? request->from.snapshot : NULL,
		.sources = request->sources,
		.count = request->count,
		.target = request->to.path,
		.parents = call_has(call, &flag_parents),
		.exact = call_has(call, &flag_exact),
		.sized = call_has(call, &flag_size),
		.size = request->size,
		.archive = call_has(call, &flag_archive),
		.owner = *request->owner ? request->owner : NULL,
		.group = request->group,
		.mode = request->mode,
		.tick = show_progress,
		.context = &shown,
	};
	int r = machine_transfer(&transfer, err);
	scoped_free char *first = transfer.first_left_out;

	if (shown.last != shown.begun)
		progress_write("%s", "");
	if (transfer.left_out && first)
		print_note("left out: %s%s", first,
			   transfer.left_out > 1 ? ", and more of the kind" : "");
	return r < 0 ? r : transfer.left_out ? EXIT_FAILED : 0;
}

static int open_side(const struct call *call, const struct place *place, struct machine *machine,
		     struct err *err)
{
	return *place->machine ? open_named(machine, call, place->machine, err) : 0;
}

static int run_transfer(struct call *call, struct err *err)
{
	struct request request = { 0 };
	scoped_machine struct machine from = { 0 }, to = { 0 };
	int r = take_sources(call, &request, err);
	scoped_free const char **sources = request.sources;

	(void)sources;
	if (r == 0)
		r = take_options(call, &request, err);
	if (r == 0)
		r = check_sides(call, &request, err);
	if (r == 0)
		r = open_side(call, &request.from, &from, err);
	if (r == 0)
		r = open_side(call, &request.to, &to, err);
	if (r != 0)
		return r;
	return copy(&request, call, from.name ? &from : NULL, to.name ? &to : NULL, err);
}

const struct command command_push = {
	.name = "push",
	.args = "PATH... MACHINE:PATH",
	.help = "Copy files and folders of this host into a machine",
	.flags = transfer_flags,
	.min = 2,
	.max = -1,
	.first = WORD_FILE,
	.rest = WORD_FILE,
	.run = run_transfer,
};

const struct command command_pull = {
	.name = "pull",
	.args = "MACHINE[@SNAPSHOT]:PATH... PATH",
	.help = "Copy files and folders of a machine, or of its snapshot, to this host",
	.flags = transfer_flags,
	.min = 2,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_FILE,
	.run = run_transfer,
};

const struct command command_cp = {
	.name = "cp",
	.aliases = "copy-file",
	.args = "FROM... TO",
	.help = "Copy files and folders into a machine, out of it, or to another",
	.flags = transfer_flags,
	.min = 2,
	.max = -1,
	.first = WORD_FILE,
	.rest = WORD_FILE,
	.run = run_transfer,
};
