/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/backup.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "berth books 1\n"

/* The name begins with a dot, as no volume's name does. A killed file_replace leaves the second name. */
#define NAME  ".berth-books"
#define ASIDE NAME ".new"

enum { BYTES_MAX = 1 << 24 };

int backup_add(struct text *text, const char *kind, const char *name, const void *bytes,
	       size_t length)
{
	text_add(text, "%s %s %zu\n", kind, name, length);
	text_add_bytes(text, bytes, length);
	return text_add(text, "\n");
}

int backup_add_pool(struct text *text, const struct pool *pool, struct err *err)
{
	scoped_free char *conf = text_format("%s/pool.conf", pool->folder);
	scoped_free char *settings = NULL;

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, conf, POOL_BACKUP_MAX, &settings);
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", conf, file_why((int)n));
	return backup_add(text, "pool", pool->name, settings, (size_t)n) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

int backup_each(const struct text *text, pool_backup_visit *visit, void *context)
{
	const char *at = text_str(text), *end = at + text->length;
	int r = 0;

	while (r == 0 && at < end) {
		char kind[16], name[200];
		size_t length = 0;
		int used = 0;
		const char *line = memchr(at, '\n', (size_t)(end - at));
		if (!line || sscanf(at, "%15s %199s %zu%n", kind, name, &length, &used) != 3 ||
		    at + used != line || length > (size_t)(end - line - 1) ||
		    (size_t)(end - line - 1) == length || line[1 + length] != '\n')
			return -EUCLEAN;
		scoped_free char *bytes = strndup(line + 1, length);
		if (!bytes)
			return -ENOMEM;
		r = visit(context, kind, name, bytes, strlen(bytes));
		at = line + 1 + length + 1;
	}
	return r;
}

int backup_read(int folder_fd, struct text *text)
{
	scoped_free char *is = NULL;
	ssize_t n = file_read(folder_fd, NAME, BYTES_MAX, &is);

	if (n < 0)
		return (int)n;
	if (!text_starts(is, MAGIC))
		return -EUCLEAN;
	size_t head = strlen(MAGIC);
	return text_add_bytes(text, is + head, (size_t)n - head);
}

static bool says(int folder_fd, const struct text *wanted)
{
	scoped_text struct text is = { 0 };

	return backup_read(folder_fd, &is) == 0 && is.length == wanted->length &&
	       memcmp(text_str(&is), text_str(wanted), is.length) == 0;
}

int backup_write(int folder_fd, const struct text *text, struct err *err)
{
	scoped_text struct text all = { 0 };
	char path[64];

	if (text->length > BYTES_MAX - sizeof MAGIC)
		return err_set(err, EFBIG,
			       "the copy of its settings is %zu KiB, more than the limit of %d; "
			       "keep a backup yourself",
			       text->length >> 10, BYTES_MAX >> 10);
	if (says(folder_fd, text))
		return 0;
	text_add(&all, "%s", MAGIC);
	if (text->length)
		text_add_bytes(&all, text->data, text->length);
	if (text->failed || all.failed)
		return err_set(err, ENOMEM, "out of memory");
	fault_point("books-write");
	snprintf(path, sizeof path, "/proc/self/fd/%d/" NAME, folder_fd);
	struct err why = { 0 };
	int r = file_replace(path, all.data, all.length, 0600, &why);
	return r < 0 ? err_set(err, -r, "copy its settings to where its volumes are: %s",
			       strerror(-r))
		     : 0;
}

int backup_remove(int folder_fd)
{
	if ((unlinkat(folder_fd, NAME, 0) < 0 && errno != ENOENT) ||
	    (unlinkat(folder_fd, ASIDE, 0) < 0 && errno != ENOENT))
		return -errno;
	return 0;
}

/* ---- For those above */

static bool has_changed;

bool pool_backup_is_stale(void)
{
	return has_changed;
}

void pool_backup_mark_stale(void)
{
	has_changed = true;
}

int pool_backup_add(struct text *files, const char *name, const void *bytes, size_t length)
{
	return backup_add(files, "file", name, bytes, length);
}

struct visitor {
	pool_backup_visit *visit;
	void *context;
};

static int visit_file(void *context, const char *kind, const char *name, const char *bytes,
		      size_t length)
{
	const struct visitor *visitor = context;

	return strcmp(kind, "file") == 0
		       ? visitor->visit(visitor->context, kind, name, bytes, length)
		       : 0;
}

int pool_backup_each(const struct text *kept, pool_backup_visit *visit, void *context)
{
	struct visitor visitor = { visit, context };
	int r = backup_each(kept, visit_file, &visitor);

	return r == -EUCLEAN ? 0 : r;
}

struct wanted {
	const char *file;
	struct text *out;
};

static int is_wanted(void *context, const char *kind, const char *name, const char *bytes,
		     size_t length)
{
	const struct wanted *wanted = context;

	(void)kind;
	if (strcmp(name, wanted->file) != 0)
		return 0;
	return text_add_bytes(wanted->out, bytes, length) < 0 ? -ENOMEM : 1;
}

int pool_backup_find(const struct text *kept, const char *file, struct text *out)
{
	struct wanted wanted = { file, out };
	int r = pool_backup_each(kept, is_wanted, &wanted);

	return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}
