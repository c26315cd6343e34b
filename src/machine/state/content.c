/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/state/content.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { LINE_MAX_BYTES = 128 };

static char *path_of(const struct machine *machine, const char *snapshot)
{
	return text_format("%s/content.%s", machine->folder, snapshot);
}

int content_find(const struct machine *machine, const char *snapshot, uint64_t created,
		 char uuid[UUID_TEXT], struct err *err)
{
	scoped_free char *path = path_of(machine, snapshot);
	scoped_free char *line = NULL;
	scoped_free char *tail = text_format(" %" PRIu64 "\n", created);

	if (!path || !tail)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, LINE_MAX_BYTES, &line);
	if (n < 0 && n != -ENOENT && n != -EFBIG)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	/* A file that is damaged, or of another snapshot, is none. */
	if (n < UUID_TEXT || strcmp(line + UUID_TEXT - 1, tail) != 0)
		return -ENOENT;
	memcpy(uuid, line, UUID_TEXT - 1);
	uuid[UUID_TEXT - 1] = '\0';
	return 0;
}

int content_keep(const struct machine *machine, const char *snapshot, uint64_t created,
		 const char *uuid, struct err *err)
{
	scoped_free char *path = path_of(machine, snapshot);
	scoped_free char *line = text_format("%s %" PRIu64 "\n", uuid, created);

	if (!path || !line)
		return err_set(err, ENOMEM, "out of memory");
	return file_replace(path, line, strlen(line), 0600, err);
}

int content_draw(const struct machine *machine, const char *snapshot, uint64_t created,
		 char uuid[UUID_TEXT], struct err *err)
{
	int r = content_find(machine, snapshot, created, uuid, err);

	if (r != -ENOENT || err->code)
		return r;
	r = uuid_draw(uuid);
	return r < 0 ? err_set(err, -r, "draw a uuid: %s", strerror(-r))
		     : content_keep(machine, snapshot, created, uuid, err);
}

void content_forget(const struct machine *machine, const char *snapshot)
{
	scoped_free char *path = path_of(machine, snapshot);

	if (path)
		unlink(path);
}
