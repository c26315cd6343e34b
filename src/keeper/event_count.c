/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/event_count.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "keeper/event.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

uint64_t event_number(const char *line)
{
	uint64_t number = 0;

	return sscanf(line, "{\"seq\":%" SCNu64 ",", &number) == 1 ? number : 0;
}

/* A word of a member that berth itself has written, which has no quotation mark and no escape; "" if it is none. */
static void read_member(const char *line, const char *name, char word[EVENT_WORD_MAX + 1])
{
	char start[24];

	word[0] = '\0';
	snprintf(start, sizeof start, ",\"%s\":\"", name);
	const char *at = strstr(line, start);
	if (!at)
		return;
	at += strlen(start);
	size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789.-_");
	if (n <= EVENT_WORD_MAX && at[n] == '"') {
		memcpy(word, at, n);
		word[n] = '\0';
	}
}

/* A kind for which there is no room is not counted. */
static void add(struct event_counts *counts, const char *name, const char *detail, uint64_t number)
{
	size_t i = 0;

	while (i < counts->count && (strcmp(counts->list[i].name, name) != 0 ||
				     strcmp(counts->list[i].detail, detail) != 0))
		i++;
	if (i == EVENT_KINDS_MAX || !*name)
		return;
	struct event_count *at = &counts->list[i];
	if (i == counts->count) {
		snprintf(at->name, sizeof at->name, "%s", name);
		snprintf(at->detail, sizeof at->detail, "%s", detail);
		counts->count++;
	}
	at->count += number;
}

static void add_line(struct event_counts *counts, const char *line)
{
	char name[EVENT_WORD_MAX + 1], detail[EVENT_WORD_MAX + 1];
	uint64_t number = event_number(line);

	if (number <= counts->through)
		return;
	counts->through = number;
	read_member(line, "event", name);
	read_member(line, "outcome", detail);
	if (!*detail)
		read_member(line, "limit", detail);
	add(counts, name, detail, 1);
}

/* Counts the whole lines of an open file; the offset of the descriptor stays. */
static int add_file(struct event_counts *counts, int file)
{
	char piece[8 * EVENT_LINE_MAX];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(file, piece, sizeof piece, at);
		if (n < 0)
			return -errno;
		char *line = piece;
		for (char *end; n > 0 && (end = memchr(line, '\n', (size_t)(piece + n - line)));) {
			*end = '\0';
			add_line(counts, line);
			line = end + 1;
		}
		if (line == piece)
			return 0;
		at += line - piece;
	}
}

/* A line that is none, which a person may have written, is not counted. */
static int read_kept(int dir_fd, const char *path, struct event_counts *counts)
{
	scoped_free char *name = text_format("%s.counts", path);
	scoped_free char *text = NULL;
	scoped_fd int fd = name ? file_open_regular(dir_fd, name, O_NOFOLLOW) : -ENOMEM;

	*counts = (struct event_counts){ .through = 0 };
	ssize_t n = fd < 0 ? fd : file_read_opened(fd, 16 << 10, &text);
	if (n < 0)
		return n == -ENOENT ? 0 : (int)n;
	char *rest = text, *line = strsep(&rest, "\n");
	text_to_u64(line, 0, INT64_MAX, &counts->through);
	while (rest && (line = strsep(&rest, "\n"))) {
		uint64_t number;
		const char *words[3];
		if (text_split_words(line, words, 3) == 3 && strlen(words[0]) <= EVENT_WORD_MAX &&
		    strlen(words[1]) <= EVENT_WORD_MAX &&
		    text_to_u64(words[2], 0, INT64_MAX, &number) == 0)
			add(counts, words[0], strcmp(words[1], "-") == 0 ? "" : words[1], number);
	}
	return 0;
}

static int write_kept(int dir_fd, const char *path, const struct event_counts *counts)
{
	scoped_free char *name = text_format("%s.counts", path);
	scoped_free char *aside = text_format("%s.counts.new", path);
	scoped_text struct text text = { 0 };

	text_add(&text, "%" PRIu64 "\n", counts->through);
	for (size_t i = 0; i < counts->count; i++) {
		const struct event_count *at = &counts->list[i];
		text_add(&text, "%s %s %" PRIu64 "\n", at->name, *at->detail ? at->detail : "-",
			 at->count);
	}
	if (!name || !aside || text.failed)
		return -ENOMEM;
	scoped_fd int fd =
		openat(dir_fd, aside,
		       O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : file_write_all(fd, text.data, text.length, 0);
	return r < 0 ? r : renameat(dir_fd, aside, dir_fd, name) < 0 ? -errno : 0;
}

int event_counts_keep(int dir_fd, const char *path, int file)
{
	struct event_counts counts;
	int r = read_kept(dir_fd, path, &counts);

	if (r == 0)
		r = add_file(&counts, file);
	return r < 0 ? r : write_kept(dir_fd, path, &counts);
}

/*
 * Both files are opened before the kept numbers are read: if the present one is rotated meanwhile, these have all of
 * it, and what is counted by number is not counted twice.
 */
int event_counts_read(int dir_fd, const char *path, struct event_counts *counts)
{
	scoped_free char *older_name = text_format("%s.1", path);
	scoped_fd int file = file_open_regular(dir_fd, path, O_NOFOLLOW);
	scoped_fd int older =
		older_name ? file_open_regular(dir_fd, older_name, O_NOFOLLOW) : -ENOMEM;
	int r = read_kept(dir_fd, path, counts);

	if (r == 0 && older != -ENOENT)
		r = older < 0 ? older : add_file(counts, older);
	if (r == 0 && file != -ENOENT)
		r = file < 0 ? file : add_file(counts, file);
	return r;
}

uint64_t event_counts_of(const struct event_counts *counts, const char *name, const char *detail)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < counts->count; i++) {
		if (strcmp(counts->list[i].name, name) == 0 &&
		    (!detail || strcmp(counts->list[i].detail, detail) == 0))
			sum += counts->list[i].count;
	}
	return sum;
}
