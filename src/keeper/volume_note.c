/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/volume_note.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NOTE_MAX = PATH_MAX + 256 };

/* Lines: "POOL rw" or "POOL ro", the device, the file. */
char *volume_note_text(const struct volume_note *note)
{
	return text_format("%s %s\n%s\n%s\n", note->pool, note->readonly ? "ro" : "rw",
			   note->device, note->file);
}

/* A note of an earlier version has the first line alone. */
static int parse(char *text, struct volume_note *note)
{
	const char *first = strsep(&text, "\n"), *device = strsep(&text, "\n"),
		   *file = strsep(&text, "\n");
	char mode[4] = "";

	if (sscanf(first, "%63s %3s", note->pool, mode) != 2)
		return -EINVAL;
	note->readonly = strcmp(mode, "ro") == 0;
	return text_print(note->device, sizeof note->device, "%s", device ? device : "") < 0 ||
			       text_print(note->file, sizeof note->file, "%s", file ? file : "") < 0
		       ? -EINVAL
		       : 0;
}

int volume_note_read(int folder, const char *path, struct volume_note *note)
{
	scoped_free char *text = NULL;
	ssize_t n = file_read(folder, path, NOTE_MAX, &text);

	*note = (struct volume_note){ .readonly = false };
	return n < 0 ? (int)n : parse(text, note);
}
