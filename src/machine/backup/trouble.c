/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/trouble.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { DAY = 86400, FILE_MAX = 4096 };

static char *path_of(const struct machine *machine)
{
	return machine_path(machine, "backup-failed");
}

/* "CODE SINCE TOLD", and a line with the sentence. */
bool trouble_read(const struct machine *machine, struct trouble *trouble)
{
	scoped_free char *path = path_of(machine);
	scoped_free char *bytes = NULL;
	uint64_t numbers[3];

	if (!path || file_read(AT_FDCWD, path, FILE_MAX, &bytes) < 0)
		return false;
	char *rest = bytes, *line = strsep(&rest, "\n");
	for (size_t i = 0; i < 3; i++) {
		const char *word = strsep(&line, " ");
		if (!word || text_to_u64(word, 0, INT64_MAX, &numbers[i]) < 0)
			return false;
	}
	*trouble = (struct trouble){ .code = (int)numbers[0],
				     .since = numbers[1],
				     .told = numbers[2] };
	snprintf(trouble->text, sizeof trouble->text, "%.*s", rest ? (int)strcspn(rest, "\n") : 0,
		 rest ? rest : "");
	return true;
}

bool trouble_note(const struct machine *machine, const struct err *err, bool scheduled,
		  uint64_t now)
{
	struct trouble last = { .since = now };
	scoped_free char *path = path_of(machine);
	bool known = trouble_read(machine, &last) && last.code == err->code;
	/* A clock that was put back keeps no failure quiet. */
	bool fresh = !known || now < last.told || now - last.told >= DAY;

	if (scheduled && !fresh)
		return false;
	scoped_free char *text =
		text_format("%d %" PRIu64 " %" PRIu64 "\n%s\n", err->code, known ? last.since : now,
			    scheduled ? now
			    : known   ? last.told
				      : 0,
			    err->text);
	if (path && text)
		file_replace(path, text, strlen(text), 0600, &(struct err){ 0 });
	return true;
}

void trouble_over(const struct machine *machine)
{
	scoped_free char *path = path_of(machine);

	if (path)
		unlink(path);
}
