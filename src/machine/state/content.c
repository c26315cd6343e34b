/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/state/content.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FILE_BYTES_MAX = 256 };

static char *path_of(const char *folder, const char *snapshot)
{
	return text_format("%s/content.%s", folder, snapshot);
}

const char *content_in(const struct content *content, bool blocks)
{
	return blocks ? content->blocks : content->files;
}

/* The end of a line: the time of the volume, and the time of a snapshot that came from another host. */
static bool parse_times(const char *text, uint64_t created, uint64_t *taken)
{
	char *end;

	if (*text != ' ' || !isdigit((unsigned char)text[1]))
		return false;
	bool is_same = strtoull(text + 1, &end, 10) == created;
	*taken = *end == ' ' && isdigit((unsigned char)end[1]) ? strtoull(end + 1, &end, 10) : 0;
	return is_same && strcmp(end, "\n") == 0;
}

static bool parse_line(const char *line, uint64_t created, struct content *content)
{
	const size_t length = UUID_TEXT - 1;
	uint64_t taken;

	if (strlen(line) < 2 * length + 1 || line[length] != ' ' ||
	    !parse_times(line + 2 * length + 1, created, &taken))
		return false;
	*content = (struct content){ .taken = taken };
	memcpy(content->files, line, length);
	memcpy(content->blocks, line + length + 1, length);
	return true;
}

/* A file that is damaged, or of other volumes, is none. */
static bool parse(const char *text, uint64_t created, struct content *content)
{
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		char one[FILE_BYTES_MAX + 1];
		if (!line[n] || n + 1 >= sizeof one)
			return false;
		snprintf(one, sizeof one, "%.*s", (int)n + 1, line);
		if (parse_line(one, created, content))
			return true;
		line += n + 1;
	}
	return false;
}

int content_find(const char *folder, const char *snapshot, uint64_t created,
		 struct content *content, struct err *err)
{
	scoped_free char *path = path_of(folder, snapshot);
	scoped_free char *line = NULL;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, FILE_BYTES_MAX, &line);
	if (n < 0 && n != -ENOENT && n != -EFBIG)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	return n > 0 && parse(line, created, content) ? 0 : -ENOENT;
}

static void add_line(struct text *lines, uint64_t created, const struct content *content)
{
	text_add(lines, "%s %s %" PRIu64, content->files, content->blocks, created);
	if (content->taken)
		text_add(lines, " %" PRIu64, content->taken);
	text_add(lines, "\n");
}

static int replace(const char *folder, const char *snapshot, const struct text *lines,
		   struct err *err)
{
	scoped_free char *path = path_of(folder, snapshot);

	if (!path || lines->failed)
		return err_set(err, ENOMEM, "out of memory");
	return file_replace(path, lines->data, lines->length, 0600, err);
}

int content_keep(const char *folder, const char *snapshot, uint64_t created,
		 const struct content *content, struct err *err)
{
	scoped_text struct text lines = { 0 };

	add_line(&lines, created, content);
	return replace(folder, snapshot, &lines, err);
}

/* The first of two lines with the same time counts: then its blocks have no identity in the old pool any more. */
static int keep_both(const char *folder, const char *snapshot, uint64_t created,
		     const struct content *content, uint64_t was, struct err *err)
{
	scoped_text struct text lines = { 0 };
	struct content old;

	int r = was ? content_find(folder, snapshot, was, &old, err) : -ENOENT;
	if (r < 0 && err->code)
		return r;
	add_line(&lines, created, content);
	if (r == 0)
		add_line(&lines, was, &old);
	return replace(folder, snapshot, &lines, err);
}

int content_arrived(const char *folder, const char *snapshot, uint64_t created,
		    const struct arrived_content *arrived, struct err *err)
{
	const uint64_t now = (uint64_t)time(NULL);
	struct content content = { .taken = arrived->taken < now ? arrived->taken : now };
	const char *uuid = arrived->uuid;

	snprintf(content.files, sizeof content.files, "%s", uuid);
	snprintf(content.blocks, sizeof content.blocks, "%s", uuid);
	int r = arrived->blocks ? 0 : uuid_draw(content.blocks);
	return r < 0 ? err_set(err, -r, "draw a uuid: %s", strerror(-r))
		     : keep_both(folder, snapshot, created, &content, arrived->was, err);
}

int content_draw(const char *folder, const char *snapshot, uint64_t created,
		 struct content *content, struct err *err)
{
	int r = content_find(folder, snapshot, created, content, err);
	char uuid[UUID_TEXT];

	if (r != -ENOENT || err->code)
		return r;
	r = uuid_draw(uuid);
	if (r < 0)
		return err_set(err, -r, "draw a uuid: %s", strerror(-r));
	*content = (struct content){ 0 };
	memcpy(content->files, uuid, sizeof uuid);
	memcpy(content->blocks, uuid, sizeof uuid);
	return content_keep(folder, snapshot, created, content, err);
}

int content_move(const char *folder, const char *snapshot, uint64_t created, struct err *err)
{
	struct content content;
	int r = content_find(folder, snapshot, created, &content, err);

	if (r < 0)
		return r == -ENOENT && !err->code ? 0 : r;
	r = uuid_draw(content.blocks);
	return r < 0 ? err_set(err, -r, "draw a uuid: %s", strerror(-r))
		     : content_keep(folder, snapshot, created, &content, err);
}

void content_forget(const char *folder, const char *snapshot)
{
	scoped_free char *path = path_of(folder, snapshot);

	if (path)
		unlink(path);
}
