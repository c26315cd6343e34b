/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file of lines "VERB<tab>RESULT<tab>COUNT<tab>MICROSECONDS", replaced as a whole, under the lock of another. */
#include "machine/state/operation_counts.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { BYTES_MAX = 64 << 10, LOCK_SECONDS = 2 };

static bool take_line(char *line, struct operation_count *count)
{
	char *verb = strsep(&line, "\t"), *result = strsep(&line, "\t");
	char *number = strsep(&line, "\t");

	return verb && result && number && line &&
	       text_print(count->verb, sizeof count->verb, "%s", verb) == 0 &&
	       text_print(count->result, sizeof count->result, "%s", result) == 0 &&
	       text_to_u64(number, 0, UINT64_MAX, &count->count) == 0 &&
	       text_to_u64(line, 0, UINT64_MAX, &count->microseconds) == 0;
}

int operation_counts_read(const struct dirs *dirs,
			  struct operation_count counts[OPERATION_COUNTS_MAX], size_t *count)
{
	scoped_free char *path = dirs_run_path(dirs, "operations.count");
	scoped_free char *bytes = NULL;

	*count = 0;
	if (!path)
		return -ENOMEM;
	ssize_t n = file_read(AT_FDCWD, path, BYTES_MAX, &bytes);
	if (n < 0)
		return n == -ENOENT ? 0 : (int)n;
	char *rest = bytes;
	for (char *line; *count < OPERATION_COUNTS_MAX && (line = strsep(&rest, "\n"));)
		if (take_line(line, &counts[*count]))
			++*count;
	return 0;
}

static struct operation_count *find(struct operation_count counts[OPERATION_COUNTS_MAX],
				    size_t *count, const char *verb, const char *result)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(counts[i].verb, verb) == 0 && strcmp(counts[i].result, result) == 0)
			return &counts[i];
	if (*count == OPERATION_COUNTS_MAX)
		return NULL;
	struct operation_count *made = &counts[*count];
	*made = (struct operation_count){ 0 };
	if (text_print(made->verb, sizeof made->verb, "%s", verb) < 0 ||
	    text_print(made->result, sizeof made->result, "%s", result) < 0)
		return NULL;
	++*count;
	return made;
}

static int write_all(const struct dirs *dirs, const struct operation_count *counts, size_t count)
{
	scoped_free char *path = dirs_run_path(dirs, "operations.count");
	scoped_text struct text lines = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < count; i++)
		text_add(&lines, "%s\t%s\t%" PRIu64 "\t%" PRIu64 "\n", counts[i].verb,
			 counts[i].result, counts[i].count, counts[i].microseconds);
	if (!path)
		return -ENOMEM;
	return file_replace(path, text_str(&lines), lines.length, 0600, &err);
}

int operation_counts_add(const struct dirs *dirs, const char *verb, const char *result,
			 uint64_t microseconds)
{
	struct operation_count counts[OPERATION_COUNTS_MAX], *at;
	size_t count;
	struct err err = { 0 };
	/* The holder writes one small file. */
	scoped_fd int lock =
		dirs_lock(dirs, "operations", LOCK_SECONDS, "the count of operations", &err);

	if (lock < 0)
		return lock;
	int r = operation_counts_read(dirs, counts, &count);
	if (r < 0)
		return r;
	at = find(counts, &count, verb, result);
	if (!at)
		return -ENOSPC;
	at->count++;
	at->microseconds += microseconds;
	return write_all(dirs, counts, count);
}
