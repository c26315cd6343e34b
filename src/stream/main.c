/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-stream: the contents of one volume into a stream, or out of one. Both are done by a process that is confined
 * (image/shared/confined.h), since the tree and the stream may be of strangers. The process of the host makes only what
 * the other may not (later.h).
 */
#include "stream/program.h"

#include "base/scoped.h"
#include "base/text.h"
#include "image/shared/confined.h"
#include "image/shared/sandbox.h"
#include "image/shared/sha256.h"
#include "kern/mount.h"
#include "stream/blocks.h"
#include "stream/fill.h"
#include "stream/later.h"
#include "stream/pack.h"

#include <fcntl.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* A report is smaller than PIPE_BUF: it is written completely or not at all. */
_Static_assert(sizeof(struct stream_report) <= 4096, "a report must fit into PIPE_BUF");

/* The report of the confined process, and the empty root of one that works on blocks. */
enum { INNER_REPORT = 8, EMPTY_ROOT = 9 };

struct work {
	bool packs;
	struct stream_press press; /* of pack */
	const char *before;        /* borrowed: the sum of the section before */
	bool has_base;             /* of pack, and of fill with blocks */
	struct idmap map;          /* of fill */
	bool blocks;               /* STREAM_MOUNT is a device */
	uint64_t size;             /* of the device, for fill */
	struct pack_parts parts;   /* of pack */
};

/* A process that compresses has the bytes, and otherwise nothing. */
static int confine(struct err *err)
{
	return sandbox_give_up(NULL, 0, err);
}

static struct sink sink_of(const struct work *work, struct stream_report *report)
{
	return (struct sink){ .fd = STREAM_OUT,
			      .moved_fd = STREAM_MOVED,
			      .how = work->press,
			      .confine = confine,
			      .report = report };
}

/* A process that has its device, and otherwise nothing. */
static void move_blocks(const struct work *work, struct stream_report *report)
{
	struct sink sink = sink_of(work, report);
	struct source source = { .read = source_read_exactly,
				 .fd = STREAM_IN,
				 .moved_fd = STREAM_MOVED };

	/* Further processes are made before that is forbidden. */
	if (work->packs && sink_open(&sink, work->before) == 0 && confine(&report->err) == 0)
		pack_blocks(&sink, STREAM_MOUNT, STREAM_OTHER);
	if (!work->packs && confine(&report->err) == 0 &&
	    source_open(&source, work->before, &report->err) == 0)
		fill_blocks(&source, STREAM_MOUNT, work->size, work->has_base, report);
	sink_close(&sink);
	source_close(&source);
}

static void pack(const struct work *work, struct stream_report *report)
{
	static const cap_value_t kept[] = { CAP_DAC_READ_SEARCH };
	struct sink sink = sink_of(work, report);

	if (sink_open(&sink, work->before) == 0 && sandbox_give_up(kept, 1, &report->err) == 0)
		pack_tree(&sink, STREAM_MOUNT, work->has_base ? STREAM_OTHER : -1, &work->parts);
	sink_close(&sink);
}

/* The mount whose ids are not mapped is for the other process only. */
static void fill(const struct work *work, struct stream_report *report)
{
	struct source source = { .read = source_read_exactly,
				 .fd = STREAM_IN,
				 .moved_fd = STREAM_MOVED };

	close(STREAM_OTHER);
	if (sandbox_give_up(sandbox_writer, SANDBOX_WRITER, &report->err) == 0 &&
	    source_open(&source, work->before, &report->err) == 0)
		fill_tree(&source, LATER_FD, report);
	source_close(&source);
}

/* In the confined process. */
static void act(int parent, const void *context, void *report)
{
	const struct work *work = context;
	struct stream_report *to = report;

	if (sandbox_enter(parent, work->blocks ? EMPTY_ROOT : STREAM_MOUNT, &to->err) < 0)
		return;
	/* The report of this process goes to the other, which completes it. */
	close(STREAM_REPORT);
	close_range(INNER_REPORT + 1, ~0U, 0);
	if (work->blocks)
		move_blocks(work, to);
	else if (work->packs)
		pack(work, to);
	else
		fill(work, to);
}

static int map_mount(pid_t pid, const void *context, struct err *err)
{
	const struct work *work = context;

	return work->packs || work->blocks || work->map.base == 0
		       ? 0
		       : sandbox_map(pid, STREAM_MOUNT, err);
}

/* The report was written before the process ended, or never. */
static void read_report(int fd, struct stream_report *report)
{
	struct stream_report inner;
	ssize_t n = read(fd, &inner, sizeof inner);

	if (n != (ssize_t)sizeof inner) {
		err_set(&report->err, EIO, "the process that moved the volume said nothing");
		return;
	}
	inner.sum[sizeof inner.sum - 1] = '\0';
	inner.err.text[sizeof inner.err.text - 1] = '\0';
	inner.point[sizeof inner.point - 1] = '\0';
	*report = inner;
}

static int make_empty_root(struct err *err)
{
	int fd = mount_make("tmpfs", NULL, "size=4k,mode=755",
			    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				    MOUNT_ATTR_NOEXEC);

	if (fd < 0)
		return err_set(err, -fd, "make an empty folder: %s", mount_why(fd));
	if (fd != EMPTY_ROOT && dup2(fd, EMPTY_ROOT) < 0)
		return err_set(err, errno, "make an empty folder: %s", strerror(errno));
	return 0;
}

static int run_confined(const struct work *work, struct stream_report *report)
{
	const bool mapped = !work->packs && !work->blocks;
	const uint64_t users = mapped ? CLONE_NEWUSER : 0;
	const struct confined confined = {
		.namespaces = users | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
			      CLONE_NEWUTS | CLONE_NEWCGROUP,
		.map = mapped ? &work->map : NULL,
		.verb = work->packs ? "read a volume" : "fill a volume",
		.doing = work->packs ? "reading a volume" : "filling a volume",
		.suspect = work->packs ? "its tree" : "the stream",
		.report_fd = INNER_REPORT,
		.admit = map_mount,
		.work = act,
		.context = work,
	};
	struct stream_report none = { 0 };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set(&report->err, errno, "make a pipe: %s", strerror(errno));
	scoped_fd int reading = fcntl(ends[0], F_DUPFD_CLOEXEC, STREAM_FLAGS + 1);
	if (reading < 0 || (ends[1] != INNER_REPORT && dup2(ends[1], INNER_REPORT) < 0))
		return err_set(&report->err, errno, "make a pipe: %s", strerror(errno));
	if (work->blocks && make_empty_root(&report->err) < 0)
		return -report->err.code;
	if (confined_run(&confined, &none, sizeof none, &report->err) == 0)
		read_report(reading, report);
	return -report->err.code;
}

/* Work that the confined process may not do follows when it has ended. */
static void run_fill(const struct work *work, struct stream_report *report)
{
	int later = later_open();

	if (later < 0 || (later != LATER_FD && dup2(later, LATER_FD) < 0))
		err_set(&report->err, later < 0 ? -later : errno, "make a file in memory: %s",
			strerror(later < 0 ? -later : errno));
	else if (run_confined(work, report) == 0)
		later_fulfil(LATER_FD, fcntl(STREAM_FLAGS, F_GETFD) < 0 ? -1 : STREAM_FLAGS,
			     !*report->point, STREAM_OTHER, &report->err);
}

static bool is_sum(const char *text)
{
	return strlen(text) == SHA256_HEX && strspn(text, "0123456789abcdef") == SHA256_HEX;
}

static bool parse_press(const char *word, struct stream_press *press)
{
	static const uint64_t most[] = { STREAM_CODECS - 1, STREAM_LEVEL_MAX, STREAM_THREADS_MAX };
	scoped_free char *copy = strdup(word);
	char *at = copy;
	uint64_t numbers[3];

	for (size_t i = 0; i < 3; i++) {
		const char *number = at ? strsep(&at, ":") : NULL;
		if (!number || text_to_u64(number, 0, most[i], &numbers[i]) < 0)
			return false;
	}
	*press = (struct stream_press){ .codec = (enum stream_codec)numbers[0],
					.level = (unsigned)numbers[1],
					.threads = (unsigned)numbers[2] };
	return !at;
}

static bool parse_pack(char **words, struct work *work)
{
	if (!is_sum(words[2]) || !parse_press(words[1], &work->press))
		return false;
	work->packs = true;
	work->before = words[2];
	work->has_base = fcntl(STREAM_OTHER, F_GETFD) >= 0;
	work->parts = (struct pack_parts){ .from = "-" };
	return true;
}

static bool parse_parts(char **words, struct work *work)
{
	work->parts.from = words[4];
	return strlen(words[4]) <= STREAM_POINT_MAX &&
	       text_to_u64(words[3], 0, UINT32_MAX, &work->parts.limit) == 0;
}

/* Whether the words after the program's name are those of a caller. */
static bool parse(int count, char **words, struct work *work)
{
	uint64_t first, second;

	*work = (struct work){ 0 };
	if (count == 3 && strcmp(words[0], "pack") == 0)
		return parse_pack(words, work);
	if (count == 5 && strcmp(words[0], "pack") == 0)
		return parse_pack(words, work) && parse_parts(words, work);
	work->blocks = count > 0 && strstr(words[0], "-blocks") != NULL;
	if (count == 3 && strcmp(words[0], "pack-blocks") == 0)
		return parse_pack(words, work) && work->has_base;
	if (count != 4 || !is_sum(words[3]) || text_to_u64(words[1], 0, UINT64_MAX, &first) < 0 ||
	    text_to_u64(words[2], 0, UINT32_MAX, &second) < 0)
		return false;
	work->before = words[3];
	work->size = first;
	work->has_base = second;
	if (strcmp(words[0], "fill-blocks") == 0)
		return true;
	work->map = (struct idmap){ (uint32_t)first, (uint32_t)second };
	return strcmp(words[0], "fill") == 0 && first <= UINT32_MAX && second > 0;
}

int main(int argc, char **argv)
{
	struct stream_report report = { 0 };
	struct sha256 sum;
	struct work work;

	if (!parse(argc - 1, argv + 1, &work)) {
		fprintf(stderr, "berth-stream is run by 'berth export' and 'berth import'\n");
		return 2;
	}
	/* Names are bytes; in this locale libarchive does not convert UTF-8 names. */
	setlocale(LC_CTYPE, "C.UTF-8");
	signal(SIGPIPE, SIG_IGN);
	/* Loads its library, which is out of reach later. */
	if (sha256_begin(&sum, &report.err) < 0)
		confined_end(STREAM_REPORT, &report, sizeof report);
	if (work.packs || work.blocks)
		run_confined(&work, &report);
	else
		run_fill(&work, &report);
	confined_end(STREAM_REPORT, &report, sizeof report);
}
