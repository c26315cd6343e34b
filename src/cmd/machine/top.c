/* SPDX-License-Identifier: GPL-2.0-or-later */
/* top: shows what the running machines use of the host, again and again until q, or once. */
#include "cmd/cli/verbs.h"

#include "base/room.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "kern/pty.h"
#include "machine/life/life.h"
#include "machine/state/machine.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

static const struct flag flag_interval = { "interval", 'i', false, "TIME",
					   "between two looks; 2 if not given" };
static const struct flag flag_once = { "once", '1', false, NULL,
				       "print one table, of the seconds until then, and end" };
static const struct flag flag_sort = { "sort", 0, false, "COLUMN",
				       "cpu, memory, pids, io or name; cpu if not given" };
static const struct flag *const top_flags[] = { &flag_interval, &flag_json, &flag_once, &flag_sort,
						NULL };

struct sample {
	char name[64];
	enum machine_state state;
	uint64_t started;
	struct machine_usage usage;
	/*
	 * Amounts in a second, since the sample before; MACHINE_USAGE_UNKNOWN for a machine that was not in that
	 * sample.
	 */
	uint64_t cpu; /* thousandths of one processor */
	uint64_t read, written;
};

struct samples {
	struct sample *list; /* owned */
	size_t count, room;
	uint64_t when; /* microseconds of a clock */
};

struct top {
	struct call *call;
	struct samples now, before;
	int (*compare)(const void *, const void *);
};

static const char *const sort_words[] = { "cpu", "memory", "pids", "io", "name", NULL };
static const char sort_keys[] = "cmpin";

/* ---- Looking */

static uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct sample *add_sample(struct samples *samples)
{
	if (room_for_one(&samples->list, samples->count, &samples->room, sizeof *samples->list) < 0)
		return NULL;
	return &samples->list[samples->count++];
}

static int visit_machine(void *context, const char *name)
{
	struct top *top = context;
	scoped_machine struct machine machine = { 0 };
	struct machine_status status;
	struct err ignored = { 0 };

	if (machine_read(&machine, &top->call->dirs, name, &ignored) < 0)
		return 0;
	machine_glance(&machine, &status);
	if (machine_is_down(status.state))
		return 0;
	struct sample *sample = add_sample(&top->now);
	if (!sample)
		return -ENOMEM;
	*sample = (struct sample){ .state = status.state, .started = status.started };
	snprintf(sample->name, sizeof sample->name, "%s", name);
	machine_usage(&machine, &sample->usage);
	return 0;
}

static const struct sample *find_sample(const struct samples *samples, const char *name)
{
	for (size_t i = 0; i < samples->count; i++) {
		if (strcmp(samples->list[i].name, name) == 0)
			return &samples->list[i];
	}
	return NULL;
}

/* The counters of a machine begin at zero when it is restarted. */
static uint64_t rate(uint64_t now, uint64_t before, uint64_t us, uint64_t unit)
{
	if (now == MACHINE_USAGE_UNKNOWN || before == MACHINE_USAGE_UNKNOWN || now < before || !us)
		return MACHINE_USAGE_UNKNOWN;
	return (uint64_t)((double)(now - before) * (double)unit / (double)us);
}

static int look(struct top *top, struct err *err)
{
	struct samples old = top->before;

	top->before = top->now;
	top->now = (struct samples){ .list = old.list, .room = old.room, .when = clock_us() };
	int r = machine_list(&top->call->dirs, visit_machine, top, err);
	if (r < 0)
		return err->code ? r : err_set(err, -r, "out of memory");
	uint64_t us = top->now.when - top->before.when;
	for (size_t i = 0; i < top->now.count; i++) {
		struct sample *sample = &top->now.list[i];
		const struct sample *last = find_sample(&top->before, sample->name);
		const struct machine_usage *usage = last ? &last->usage : &sample->usage;
		uint64_t since = last ? us : 0;
		sample->cpu = rate(sample->usage.cpu, usage->cpu, since, 1000);
		sample->read = rate(sample->usage.read, usage->read, since, 1000000);
		sample->written = rate(sample->usage.written, usage->written, since, 1000000);
	}
	if (top->now.count)
		qsort(top->now.list, top->now.count, sizeof *top->now.list, top->compare);
	return 0;
}

/* ---- Sorting: the most first, what is not known last */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sample *)a)->name, ((const struct sample *)b)->name);
}

/* Adding one wraps the unknown value, the greatest number, to zero, so that it is sorted last. */
static int more(uint64_t a, uint64_t b, const void *one, const void *other)
{
	return a + 1 != b + 1 ? (a + 1 < b + 1) - (a + 1 > b + 1) : by_name(one, other);
}

static int by_cpu(const void *a, const void *b)
{
	return more(((const struct sample *)a)->cpu, ((const struct sample *)b)->cpu, a, b);
}

static int by_memory(const void *a, const void *b)
{
	return more(((const struct sample *)a)->usage.memory,
		    ((const struct sample *)b)->usage.memory, a, b);
}

static int by_pids(const void *a, const void *b)
{
	return more(((const struct sample *)a)->usage.pids, ((const struct sample *)b)->usage.pids,
		    a, b);
}

static uint64_t io_of(const struct sample *sample)
{
	return sample->read == MACHINE_USAGE_UNKNOWN ? sample->read
						     : sample->read + sample->written;
}

static int by_io(const void *a, const void *b)
{
	return more(io_of(a), io_of(b), a, b);
}

static int (*const sort_order[])(const void *, const void *) = { by_cpu, by_memory, by_pids, by_io,
								 by_name };

/* ---- Showing */

static void add_size(struct table *table, uint64_t bytes, const char *unit)
{
	char text[32];

	if (bytes == MACHINE_USAGE_UNKNOWN) {
		table_add(table, "");
		return;
	}
	text_human_size(bytes, text, sizeof text);
	table_format(table, "%s%s", text, unit);
}

static void add_row(struct table *table, const struct sample *sample)
{
	uint64_t now = (uint64_t)time(NULL);
	char uptime[32] = "";

	if (sample->started && now >= sample->started)
		print_span(now - sample->started, uptime, sizeof uptime);
	table_add(table, sample->name);
	table_add(table, machine_state_name(sample->state));
	if (sample->cpu == MACHINE_USAGE_UNKNOWN)
		table_add(table, "");
	else
		table_format(table, "%.1f%%", (double)sample->cpu / 10);
	add_size(table, sample->usage.memory, "");
	add_size(table, sample->usage.swap, "");
	if (sample->usage.pids == MACHINE_USAGE_UNKNOWN)
		table_add(table, "");
	else
		table_format(table, "%" PRIu64, sample->usage.pids);
	add_size(table, sample->read, "/s");
	add_size(table, sample->written, "/s");
	table_add(table, uptime);
}

static void fill_table(const struct top *top, struct table *table, size_t rows)
{
	static const char *const heads[] = { "NAME", "STATE", "CPU",   "MEMORY", "SWAP",
					     "PIDS", "READ",  "WRITE", "UPTIME", NULL };

	table_begin(table, heads);
	for (size_t i = 0; i < top->now.count && i < rows; i++)
		add_row(table, &top->now.list[i]);
}

static json_t *known(uint64_t value)
{
	return value == MACHINE_USAGE_UNKNOWN ? json_null() : json_integer((json_int_t)value);
}

static json_t *known_share(uint64_t thousandths)
{
	return thousandths == MACHINE_USAGE_UNKNOWN ? json_null()
						    : json_real((double)thousandths / 1000);
}

static int print_objects(const struct top *top, struct err *err)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < top->now.count; i++) {
		const struct sample *sample = &top->now.list[i];
		json_array_append_new(
			array, json_members((const struct json_member[]){
				       { "name", json_string(sample->name) },
				       { "state", json_string(machine_state_name(sample->state)) },
				       { "cpu", known_share(sample->cpu) },
				       { "memory", known(sample->usage.memory) },
				       { "swap", known(sample->usage.swap) },
				       { "pids", known(sample->usage.pids) },
				       { "read", known(sample->read) },
				       { "write", known(sample->written) },
				       { "read_total", known(sample->usage.read) },
				       { "write_total", known(sample->usage.written) },
				       { "started", json_count(sample->started) },
				       { 0 },
			       }));
	}
	return print_json(array, err);
}

static int print_once(struct top *top, uint64_t seconds, struct err *err)
{
	struct table table = { 0 };

	if (look(top, err) < 0)
		return -err->code;
	poll(NULL, 0, (int)seconds * 1000);
	if (look(top, err) < 0)
		return -err->code;
	if (call_has(top->call, &flag_json))
		return print_objects(top, err);
	if (top->now.count == 0) {
		print_note("no machine runs");
		return 0;
	}
	fill_table(top, &table, SIZE_MAX);
	return table_print(&table, err);
}

/* ---- On a terminal */

static volatile sig_atomic_t told_to_end;

static void note_end(int signal)
{
	(void)signal;
	told_to_end = 1;
}

static void note_nothing(int signal)
{
	(void)signal;
}

/*
 * Each line is cleared to its right, and the screen below the last one, because clearing all of it first would flicker.
 */
static int draw(const struct top *top, struct err *err)
{
	scoped_text struct text lines = { 0 };
	struct winsize size;
	struct table table = { 0 };
	char clock[32];

	pty_read_size(STDOUT_FILENO, &size);
	fill_table(top, &table, size.ws_row > 4 ? size.ws_row - 4u : 1);
	table_text(&table, 0, &lines);
	text_free(&table.cells);
	print_time((uint64_t)time(NULL), clock, sizeof clock);
	printf("\033[H%s, %zu running; sort by c cpu, m memory, p pids, i io, n name; q "
	       "leaves\033[K\r\n"
	       "\033[K\r\n",
	       clock, top->now.count);
	for (char *rest = lines.data, *line; rest && (line = strsep(&rest, "\n")) && *line;)
		printf("%.*s\033[K\r\n", size.ws_col ? size.ws_col : 80, line);
	printf("\033[J");
	return output_end(err);
}

/* Waits for a key. False if it is 'q', or the terminal's input has ended. */
static bool wait_for_key(struct top *top, uint64_t seconds)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
	char key;

	if (poll(&keys, 1, (int)seconds * 1000) <= 0)
		return !told_to_end;
	if (read(STDIN_FILENO, &key, 1) != 1 || strchr("qQ\003\004", key))
		return false;
	const char *order = strchr(sort_keys, key);
	if (order)
		top->compare = sort_order[order - sort_keys];
	return true;
}

static int show_again(struct top *top, uint64_t seconds, struct err *err)
{
	const struct sigaction end = { .sa_handler = note_end };
	const struct sigaction resized = { .sa_handler = note_nothing };
	struct termios saved;

	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGWINCH, &resized, NULL);
	bool raw = pty_raw(STDIN_FILENO, &saved) == 0;
	printf("\033[?1049h\033[?25l");
	/* The first sample gives no rates, so the second one follows soon. */
	int r = look(top, err);
	for (bool first = true; r == 0; first = false) {
		r = draw(top, err);
		if (r < 0 || !wait_for_key(top, first ? 1 : seconds))
			break;
		r = look(top, err);
	}
	printf("\033[?25h\033[?1049l");
	output_flush();
	if (raw)
		pty_restore(STDIN_FILENO, &saved);
	return r;
}

static int choose_order(const struct call *call, struct top *top, struct err *err)
{
	const char *word = call_has(call, &flag_sort) ? call_value(call, &flag_sort) : "cpu";

	for (size_t i = 0; sort_words[i]; i++) {
		if (strcmp(sort_words[i], word) == 0) {
			top->compare = sort_order[i];
			return 0;
		}
	}
	err_set(err, EINVAL, "--sort cannot be '%.40s': use cpu, memory, pids, io or name", word);
	return EXIT_USAGE;
}

static int run_top(struct call *call, struct err *err)
{
	struct top top = { .call = call };
	bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	bool once = !terminal || call_has(call, &flag_once) || call_has(call, &flag_json);
	uint64_t seconds;

	int r = call_seconds(call, &flag_interval, once ? 1 : 2, &seconds, err);
	if (r == 0)
		r = choose_order(call, &top, err);
	if (r == 0)
		r = once ? print_once(&top, seconds, err) : show_again(&top, seconds, err);
	free(top.now.list);
	free(top.before.list);
	return r;
}

const struct command command_top = {
	.traits = COMMAND_LOOKS,
	.name = "top",
	.aliases = "stats",
	.args = "",
	.help = "Show what running machines use of the host",
	.flags = top_flags,
	.run = run_top,
};
