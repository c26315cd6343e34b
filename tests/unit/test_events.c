/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events: what the writer makes of a file, and that a reader sees each once across rotations. */
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "keeper/event.h"
#include "keeper/event_count.h"
#include "machine/state/events.h"
#include "suite.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static char folder[] = "/tmp/berth-test-events-XXXXXX";
static struct dirs dirs;
static char path[200], older[200], kept[200];

static int begin(void)
{
	if (!mkdtemp(folder) || dirs_open(&dirs, folder, &(struct err){ 0 }) < 0 ||
	    file_make_dirs(dirs.run, 0700, &(struct err){ 0 }) < 0)
		return -1;
	snprintf(path, sizeof path, "%s/events", dirs.run);
	snprintf(older, sizeof older, "%s/events.1", dirs.run);
	snprintf(kept, sizeof kept, "%s/events.counts", dirs.run);
	return 0;
}

static int end(void)
{
	dirs_close(&dirs);
	return remove_tree(AT_FDCWD, folder);
}

static void fresh(void)
{
	unlink(path);
	unlink(older);
	unlink(kept);
}

static int write_one(const char *machine, const char *cause)
{
	return event_write(AT_FDCWD, path,
			   &(struct event){
				   .name = "stopped", .machine = machine, .cause = cause });
}

static void put(const char *text)
{
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* The events that a visit has seen. */
struct seen {
	uint64_t count, last, lost;
	bool ordered;
	char line[EVENT_LINE_MAX];
};

static int look(void *context, uint64_t lost, const char *line)
{
	struct seen *seen = context;
	uint64_t number = event_number(line);

	seen->ordered = seen->ordered && number == seen->last + 1 + lost;
	seen->lost += lost;
	seen->last = number;
	seen->count++;
	snprintf(seen->line, sizeof seen->line, "%s", line);
	return 0;
}

static void test_lines(void)
{
	scoped_free char *text = NULL;
	const char *names[] = { "seq", "time", "microsecond", "event", "machine", "cause" };

	fresh();
	CU_ASSERT_EQUAL(write_one("web", "\"quoted\\\" \n caf\xe9"), 0);
	CU_ASSERT_EQUAL(write_one("web", NULL), 0);
	CU_ASSERT_TRUE(file_read(AT_FDCWD, path, 8192, &text) > 0);
	char *line = text, *next = strchr(text, '\n') + 1;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char member[32];
		snprintf(member, sizeof member, "\"%s\":", names[i]);
		CU_ASSERT_PTR_NOT_NULL(strstr(line, member));
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"cause\":\"\\\"quoted\\\\\\\" \\u000a caf?\"}\n"));
	CU_ASSERT_EQUAL(event_number(line), 1);
	CU_ASSERT_EQUAL(event_number(next), 2);
	CU_ASSERT_PTR_NULL(strstr(next, "cause"));
	CU_ASSERT_EQUAL(event_number("{\"time\":3}"), 0);
	CU_ASSERT_EQUAL(event_number(""), 0);
}

/* A line that a kill cut: it goes, and the numbers go on. */
static void test_torn(void)
{
	struct seen seen = { .ordered = true };
	scoped_events struct events events = { 0 };
	struct err err = { 0 };

	fresh();
	put("{\"seq\":1,\"ti");
	CU_ASSERT_EQUAL(write_one("a", NULL), 0);
	put("{\"seq\":2,\"ti");
	CU_ASSERT_EQUAL(events_open(&events, &dirs, 0, &err), 0);
	CU_ASSERT_EQUAL(events_read(&events, look, &seen, &err), 0);
	CU_ASSERT_EQUAL(seen.count, 1);
	CU_ASSERT_EQUAL(write_one("b", NULL), 0);
	CU_ASSERT_EQUAL(events_read(&events, look, &seen, &err), 0);
	CU_ASSERT_EQUAL(seen.count, 2);
	CU_ASSERT_TRUE(seen.ordered);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.line, "\"machine\":\"b\""));
}

/* An event that cannot be written is dropped at once, without a leaked descriptor. */
static void test_unwritable(void)
{
	struct event event = { .name = "started", .machine = "a" };

	CU_ASSERT_EQUAL(event_write(AT_FDCWD, "/nothing/here/events", &event), -ENOENT);
	CU_ASSERT_EQUAL(event_write(AT_FDCWD, "/proc/events", &event), -ENOENT);
	fresh();
	CU_ASSERT_EQUAL(symlink("/tmp", path), 0);
	CU_ASSERT_EQUAL(write_one("a", NULL), -ELOOP);
}

static off_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) == 0 ? st.st_size : -1;
}

/* A line for which there is room only in part is taken back. */
static void test_full(void)
{
	struct seen seen = { .ordered = true };
	scoped_events struct events events = { 0 };
	struct rlimit whole, little;
	struct err err = { 0 };

	fresh();
	CU_ASSERT_EQUAL(write_one("a", NULL), 0);
	off_t size = size_of(path);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &whole), 0);
	little = (struct rlimit){ .rlim_cur = (rlim_t)size + 30, .rlim_max = whole.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &little), 0);
	int r = write_one("a", NULL);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &whole), 0);
	CU_ASSERT_EQUAL(r, -ENOSPC);
	CU_ASSERT_EQUAL(size_of(path), size);
	CU_ASSERT_EQUAL(write_one("a", NULL), 0);
	CU_ASSERT_EQUAL(events_open(&events, &dirs, 0, &err), 0);
	CU_ASSERT_EQUAL(events_read(&events, look, &seen, &err), 0);
	CU_ASSERT_TRUE(seen.count == 2 && seen.ordered);
}

static void fill(const char *machine, int count)
{
	static char cause[401];

	memset(cause, 'x', sizeof cause - 1);
	for (int i = 0; i < count; i++)
		CU_ASSERT_EQUAL_FATAL(write_one(machine, cause), 0);
}

/* Read after one rotation all is there; after several, what is gone is counted. */
static void test_slow_reader(void)
{
	struct seen seen = { .ordered = true };
	scoped_events struct events events = { 0 };
	struct err err = { 0 };

	fresh();
	fill("a", 10);
	CU_ASSERT_EQUAL(events_open(&events, &dirs, 0, &err), 0);
	CU_ASSERT_EQUAL(events_read(&events, look, &seen, &err), 0);
	CU_ASSERT_EQUAL(seen.count, 10);
	fill("a", 4500);
	CU_ASSERT_TRUE(size_of(older) > EVENT_FILE_MAX / 2 && size_of(older) <= EVENT_FILE_MAX);
	CU_ASSERT_EQUAL(events_read(&events, look, &seen, &err), 0);
	CU_ASSERT_EQUAL(seen.count, 4510);
	CU_ASSERT_TRUE(seen.ordered && seen.lost == 0);
	fill("a", 15000);
	CU_ASSERT_EQUAL(events_read(&events, look, &seen, &err), 0);
	CU_ASSERT_EQUAL(seen.last, 19510);
	CU_ASSERT_TRUE(seen.ordered && seen.lost > 0);
	CU_ASSERT_EQUAL(seen.count + seen.lost, 19510);
}

static void test_where_to_begin(void)
{
	struct seen all = { .ordered = true }, some = { .ordered = true, .last = 3 }, none = { 0 };
	scoped_events struct events first = { 0 };
	scoped_events struct events third = { 0 };
	scoped_events struct events now = { 0 };
	struct err err = { 0 };

	fresh();
	CU_ASSERT_EQUAL(events_open(&first, &dirs, 0, &err), 0);
	CU_ASSERT_EQUAL(events_read(&first, look, &all, &err), 0);
	CU_ASSERT_EQUAL(all.count, 0);
	fill("a", 5);
	CU_ASSERT_EQUAL(events_open(&third, &dirs, 3, &err), 0);
	CU_ASSERT_EQUAL(events_open(&now, &dirs, EVENTS_FROM_NOW, &err), 0);
	CU_ASSERT_EQUAL(events_read(&first, look, &all, &err), 0);
	CU_ASSERT_EQUAL(events_read(&third, look, &some, &err), 0);
	CU_ASSERT_EQUAL(events_read(&now, look, &none, &err), 0);
	CU_ASSERT_TRUE(all.count == 5 && all.ordered);
	CU_ASSERT_TRUE(some.count == 2 && some.ordered);
	CU_ASSERT_EQUAL(none.count, 0);
	fill("a", 1);
	CU_ASSERT_EQUAL(events_read(&now, look, &none, &err), 0);
	CU_ASSERT_EQUAL(none.count, 1);
}

static uint64_t counted(const char *name, const char *detail)
{
	static struct event_counts counts;

	CU_ASSERT_EQUAL(event_counts_read(AT_FDCWD, path, &counts), 0);
	return event_counts_of(&counts, name, detail);
}

/* All events are counted once: in the files, in those that were rotated away, and after a torn rotation. */
static void test_counts(void)
{
	fresh();
	unlink(kept);
	CU_ASSERT_EQUAL(counted("stopped", NULL), 0);
	fill("a", 10);
	CU_ASSERT_EQUAL(event_write(AT_FDCWD, path,
				    &(struct event){ .name = "stopped", .outcome = "clean" }),
			0);
	CU_ASSERT_EQUAL(event_write(AT_FDCWD, path,
				    &(struct event){ .name = "limit",
						     .limit = "limits.memory",
						     .cause = ",\"event\":\"stopped\"" }),
			0);
	CU_ASSERT_EQUAL(counted("stopped", NULL), 11);
	CU_ASSERT_EQUAL(counted("stopped", "clean"), 1);
	CU_ASSERT_EQUAL(counted("limit", "limits.memory"), 1);
	fill("a", 15000);
	CU_ASSERT_EQUAL(counted("stopped", NULL), 15011);
	CU_ASSERT_EQUAL(unlink(older), 0);
	CU_ASSERT_EQUAL(counted("stopped", NULL), 15011);
	/* A kill between the count and the rotation. */
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(event_counts_keep(AT_FDCWD, path, fd), 0);
	CU_ASSERT_EQUAL(counted("stopped", NULL), 15011);
	fill("a", 1);
	CU_ASSERT_EQUAL(counted("stopped", NULL), 15012);
	CU_ASSERT_EQUAL(counted("limit", NULL), 1);
}

/* What is in the place of the numbers, or damaged, is no reason to fail, as far as it is a file. */
static void test_damaged_counts(void)
{
	scoped_fd int fd = -1;

	fresh();
	fill("a", 3);
	unlink(kept);
	fd = open(kept, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE(dprintf(fd, "x\nstopped - 4\nstopped\n- - -\nlimit a b\nlimit a\n") > 0);
	CU_ASSERT_EQUAL(counted("stopped", NULL), 7);
	CU_ASSERT_EQUAL(counted("limit", NULL), 0);
	unlink(kept);
	CU_ASSERT_EQUAL(mkfifo(kept, 0600), 0);
	struct event_counts counts;
	CU_ASSERT_EQUAL(event_counts_read(AT_FDCWD, path, &counts), -EMEDIUMTYPE);
	unlink(kept);
}

enum { WRITERS = 8, EACH = 1000, AHEAD = 800 };

/* Shared by all: the writers stay less than a file ahead of the reader, which so keeps up. */
struct progress {
	atomic_int written, read, over;
};

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

static __attribute__((noreturn)) void writer_main(struct progress *progress, int writer)
{
	char machine[16], cause[401];

	snprintf(machine, sizeof machine, "w%d", writer);
	memset(cause, 'x', sizeof cause);
	for (int i = 0; i < EACH; i++) {
		while (atomic_load(&progress->written) - atomic_load(&progress->read) > AHEAD) {
			if (atomic_load(&progress->over))
				_exit(2);
			nap();
		}
		snprintf(cause + 388, 13, " %04d", i);
		if (write_one(machine, cause) < 0)
			_exit(1);
		atomic_fetch_add(&progress->written, 1);
	}
	_exit(0);
}

struct race {
	struct progress *progress;
	struct seen seen;
	int next[WRITERS]; /* which of its events each writer is to be seen with */
	bool in_order;
};

static int watch_race(void *context, uint64_t lost, const char *line)
{
	struct race *race = context;
	const char *machine = strstr(line, "\"machine\":\"w");
	const char *mark = strrchr(line, ' ');
	int writer = machine ? machine[12] - '0' : 0;

	race->in_order = race->in_order && machine && mark && writer < WRITERS &&
			 atoi(mark + 1) == race->next[writer];
	race->next[writer]++;
	atomic_fetch_add(&race->progress->read, 1);
	return look(&race->seen, lost, line);
}

static void test_race(void)
{
	struct race race = { .seen.ordered = true, .in_order = true };
	scoped_events struct events events = { 0 };
	struct err err = { 0 };
	int status, failed = 0;
	time_t deadline = time(NULL) + 240;

	fresh();
	race.progress = mmap(NULL, sizeof *race.progress, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_PTR_NOT_EQUAL_FATAL(race.progress, MAP_FAILED);
	CU_ASSERT_EQUAL(events_open(&events, &dirs, EVENTS_FROM_NOW, &err), 0);
	for (int i = 0; i < WRITERS; i++) {
		if (fork() == 0)
			writer_main(race.progress, i);
	}
	while (race.seen.count < WRITERS * EACH && time(NULL) < deadline) {
		CU_ASSERT_EQUAL_FATAL(events_read(&events, watch_race, &race, &err), 0);
		nap();
	}
	atomic_store(&race.progress->over, 1);
	for (int i = 0; i < WRITERS; i++)
		failed += wait(&status) < 0 || status != 0;
	CU_ASSERT_EQUAL(failed, 0);
	CU_ASSERT_EQUAL(race.seen.count, WRITERS * EACH);
	CU_ASSERT_EQUAL(counted("stopped", NULL), WRITERS * EACH);
	CU_ASSERT_EQUAL(race.seen.lost, 0);
	CU_ASSERT_TRUE(race.seen.ordered && race.in_order);
	/* 8,000 lines of 500 bytes do not fit in one file. */
	CU_ASSERT_TRUE(size_of(older) > 0);
	munmap(race.progress, sizeof *race.progress);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "lines", test_lines },
		{ "a line cut by a kill", test_torn },
		{ "nowhere to write", test_unwritable },
		{ "no room for a whole line", test_full },
		{ "where to begin", test_where_to_begin },
		{ "a slow reader", test_slow_reader },
		{ "numbers of events", test_counts },
		{ "damaged numbers", test_damaged_counts },
		{ "eight writers, a reader, rotations", test_race },
		CU_TEST_INFO_NULL,
	};

	return suite_run("events", begin, end, tests);
}
