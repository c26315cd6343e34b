/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One command creates several machines, NAME-1 to NAME-N, each in a process of its own. */
#include "cmd/machine/many.h"

#include "base/child.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "machine/manage/manage.h"
#include "machine/state/machine.h"

#include <string.h>
#include <sys/wait.h>

enum { COUNT_MAX = 1000, START_MAX = 1000000, AT_ONCE = 16 };

const struct flag flag_count = { "count", 0, false, "N",
				 "so many of them, NAME-1 to NAME-N; at most 1000" };
const struct flag flag_start_at = { "start-at", 0, false, "N",
				    "the first number of --count; 1 if not given" };

struct many {
	struct call *call;
	const char *base;
	uint64_t first, count;
	pid_t *pids;           /* owned; the process that creates each, 0: not begun, or ended */
	unsigned char *status; /* owned; for each, the exit code of its process */
	unsigned char *there;  /* owned; for each, whether the machine exists at the end */
	uint64_t running;
};

static void name_of(const struct many *many, uint64_t index, char name[96])
{
	snprintf(name, 96, "%.63s-%llu", many->base, (unsigned long long)(many->first + index));
}

static int is_there(void *context, const char *name)
{
	const struct many *many = context;
	size_t n = strlen(many->base);
	uint64_t number;

	return strncmp(name, many->base, n) == 0 && name[n] == '-' && name[n + 1] != '0' &&
	       text_to_u64(name + n + 1, many->first, many->first + many->count - 1, &number) == 0;
}

/* Checks that all names are valid and free, before the first machine is created. */
static int check_names(struct many *many, struct err *err)
{
	char name[96];

	name_of(many, many->count - 1, name);
	int r = name_check(name, err);
	if (r != 0)
		return r;
	r = machine_list(&many->call->dirs, is_there, many, err);
	if (r <= 0)
		return r;
	return err_set(err, EEXIST,
		       "a machine of a name from '%s-%llu' to '%s' is there already, and none was "
		       "made; choose another "
		       "name, or numbers by --start-at; see: berth list '%s-*'",
		       many->base, (unsigned long long)many->first, name, many->base);
}

static __attribute__((noreturn)) void make_and_exit(struct many *many, uint64_t index,
						    make_fn *make)
{
	struct err err = { 0 };
	char name[96];

	progress_off();
	name_of(many, index, name);
	int r = make(many->call, name, &err);
	if (err.code && !strstr(err.text, name))
		err_wrap(&err, "machine '%s'", name);
	exit_apart(many->call, r, &err);
}

/* Waits for one child to end. */
static void reap_one(struct many *many)
{
	int status;
	pid_t pid = waitpid(-1, &status, 0);

	for (uint64_t i = 0; pid > 0 && i < many->count; i++) {
		if (many->pids[i] != pid)
			continue;
		many->pids[i] = 0;
		many->status[i] =
			WIFEXITED(status) ? (unsigned char)WEXITSTATUS(status) : EXIT_FAILED;
		many->running--;
	}
	if (pid < 0 && errno != EINTR)
		many->running = 0;
}

static void make_all(struct many *many, make_fn *make)
{
	output_flush();
	for (uint64_t i = 0; i < many->count; i++) {
		while (many->running >= AT_ONCE)
			reap_one(many);
		many->pids[i] = fork();
		if (many->pids[i] == 0)
			make_and_exit(many, i, make);
		many->running += many->pids[i] > 0;
		many->status[i] = many->pids[i] < 0 ? EXIT_FAILED : 0;
	}
	while (many->running > 0)
		reap_one(many);
}

/* The names were free, so that a machine of one is new, also if its set-up has failed. */
static void look_at_all(struct many *many)
{
	char name[96];

	for (uint64_t i = 0; i < many->count; i++) {
		scoped_machine struct machine machine = { 0 };
		name_of(many, i, name);
		many->there[i] =
			many->status[i] == 0 ||
			machine_look(&machine, &many->call->dirs, name, &(struct err){ 0 }) == 0;
	}
}

static void add_name(const struct many *many, uint64_t index, struct text *names)
{
	char name[96];

	name_of(many, index, name);
	if (names->length < 400)
		text_add(names, "%s%s", names->length ? ", " : "", name);
	else if (!text_ends(text_str(names), "..."))
		text_add(names, ", ...");
}

/*
 * The error that names the machines that are missing, or else those whose set-up has failed: the exit code is then that of
 * the first of them.
 */
static int tell_failed(const struct many *many, struct err *err)
{
	scoped_text struct text missing = { 0 }, failed = { 0 };
	unsigned long long made = 0, unready = 0;
	int first = 0;

	for (uint64_t i = 0; i < many->count; i++) {
		made += many->there[i];
		if (!many->there[i])
			add_name(many, i, &missing);
		if (!many->there[i] || many->status[i] == 0)
			continue;
		unready++;
		add_name(many, i, &failed);
		first = first ? first : many->status[i];
	}
	if (missing.length)
		return err_set(err, EIO,
			       "%llu of %llu machines were made, as is told above; not: %s", made,
			       (unsigned long long)many->count, text_str(&missing));
	if (unready)
		err_set(err, EIO,
			"all %llu machines were made, but %llu of them were not set up to the end, "
			"as "
			"is told above: %s",
			made, unready, text_str(&failed));
	return first;
}

/* With --json: prints an array of the new machines, as info shows them. */
static int show_all(const struct many *many, struct err *err)
{
	json_t *array = json_array();
	char name[96];

	for (uint64_t i = 0; i < many->count; i++) {
		scoped_machine struct machine machine = { 0 };
		name_of(many, i, name);
		if (!many->there[i])
			continue;
		/* A machine that has ended and was deleted meanwhile is not shown. */
		if (machine_look(&machine, &many->call->dirs, name, &(struct err){ 0 }) == 0)
			json_array_append_new(array, machine_json(&machine));
	}
	return print_json(array, err);
}

static void print_names(const struct many *many)
{
	char name[96];

	for (uint64_t i = 0; i < many->count; i++) {
		name_of(many, i, name);
		if (many->there[i])
			output_print_made("machine", name);
	}
	output_flush();
}

int many_check(const struct call *call, struct err *err)
{
	uint64_t number;
	int r = call_number(call, &flag_count, 1, COUNT_MAX, 1, &number, err);

	return r != 0 ? r : call_number(call, &flag_start_at, 0, START_MAX, 1, &number, err);
}

int make_many(struct call *call, const char *base, make_fn *make, struct err *err)
{
	struct many many = { .call = call, .base = base };
	scoped_progress struct progress progress = { 0 };
	int r = call_number(call, &flag_count, 1, COUNT_MAX, 1, &many.count, err);

	if (r == 0)
		r = call_number(call, &flag_start_at, 0, START_MAX, 1, &many.first, err);
	if (r == 0)
		r = check_names(&many, err);
	if (r != 0)
		return r;
	scoped_free pid_t *pids = many.pids = calloc(many.count, sizeof *many.pids);
	scoped_free unsigned char *status = many.status = calloc(many.count, 1);
	scoped_free unsigned char *there = many.there = calloc(many.count, 1);
	if (!pids || !status || !there)
		return err_set(err, ENOMEM, "out of memory");
	progress_begin(&progress, "making %llu machines", (unsigned long long)many.count);
	interrupt_note("interrupted; the machines that were made by then stay: berth list '%s-*'",
		       base);
	make_all(&many, make);
	interrupt_quiet();
	look_at_all(&many);
	progress_end(&progress);
	if (!call_has(call, &flag_json))
		print_names(&many);
	else if (show_all(&many, err) < 0)
		return -err->code;
	return tell_failed(&many, err);
}
