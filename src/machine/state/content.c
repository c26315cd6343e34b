/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/state/content.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 128 };

static char *path_of(const struct machine *machine, const char *snapshot)
{
	return text_format("%s/content.%s", machine->folder, snapshot);
}

const char *content_in(const struct content *content, bool blocks)
{
	return blocks ? content->blocks : content->files;
}

/* A file that is damaged, or of another snapshot, is none. */
static bool parse(const char *line, uint64_t created, struct content *content)
{
	const size_t length = UUID_TEXT - 1;
	scoped_free char *tail = text_format(" %" PRIu64 "\n", created);

	if (!tail || strlen(line) < 2 * length + 1 || line[length] != ' ' ||
	    strcmp(line + 2 * length + 1, tail) != 0)
		return false;
	*content = (struct content){ 0 };
	memcpy(content->files, line, length);
	memcpy(content->blocks, line + length + 1, length);
	return true;
}

int content_find(const struct machine *machine, const char *snapshot, uint64_t created,
		 struct content *content, struct err *err)
{
	scoped_free char *path = path_of(machine, snapshot);
	scoped_free char *line = NULL;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, LINE_MAX_BYTES, &line);
	if (n < 0 && n != -ENOENT && n != -EFBIG)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	return n > 0 && parse(line, created, content) ? 0 : -ENOENT;
}

int content_keep(const struct machine *machine, const char *snapshot, uint64_t created,
		 const struct content *content, struct err *err)
{
	scoped_free char *path = path_of(machine, snapshot);
	scoped_free char *line =
		text_format("%s %s %" PRIu64 "\n", content->files, content->blocks, created);

	if (!path || !line)
		return err_set(err, ENOMEM, "out of memory");
	return file_replace(path, line, strlen(line), 0600, err);
}

int content_arrived(const struct machine *machine, const char *snapshot, uint64_t created,
		    const char *uuid, bool blocks, struct err *err)
{
	struct content content = { 0 };

	snprintf(content.files, sizeof content.files, "%s", uuid);
	snprintf(content.blocks, sizeof content.blocks, "%s", uuid);
	int r = blocks ? 0 : uuid_draw(content.blocks);
	return r < 0 ? err_set(err, -r, "draw a uuid: %s", strerror(-r))
		     : content_keep(machine, snapshot, created, &content, err);
}

int content_draw(const struct machine *machine, const char *snapshot, uint64_t created,
		 struct content *content, struct err *err)
{
	int r = content_find(machine, snapshot, created, content, err);
	char uuid[UUID_TEXT];

	if (r != -ENOENT || err->code)
		return r;
	r = uuid_draw(uuid);
	if (r < 0)
		return err_set(err, -r, "draw a uuid: %s", strerror(-r));
	memcpy(content->files, uuid, sizeof uuid);
	memcpy(content->blocks, uuid, sizeof uuid);
	return content_keep(machine, snapshot, created, content, err);
}

void content_forget(const struct machine *machine, const char *snapshot)
{
	scoped_free char *path = path_of(machine, snapshot);

	if (path)
		unlink(path);
}
