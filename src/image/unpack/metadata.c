/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The metadata.yaml of an image of LXC or Incus, which may also be JSON: only its description is used. */
#include "image/unpack/entry.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

static const char key[] = "description";

/*
 * The beginning of the value, after `description: "` or `"description": "`; NULL: there is no such key at this place.
 */
static const char *value_at(const char *at, const char *end)
{
	at += sizeof key - 1;
	if (at < end && *at == '"')
		at++;
	if (at == end || *at != ':')
		return NULL;
	at++;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

/* The value up to its quote, or to the end of its line. */
static void copy_value(const char *at, const char *end, char *out, size_t room)
{
	char quote = at < end && (*at == '"' || *at == '\'') ? *at++ : '\n';
	size_t n = 0;

	for (; at < end && *at != quote && *at != '\n' && n + 1 < room; at++)
		out[n++] = *at < ' ' || *at > '~' ? '?' : *at;
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

void metadata_description(const char *yaml, size_t length, char *out, size_t room)
{
	const char *end = yaml + length;

	out[0] = '\0';
	for (const char *at = yaml; at < end; at++) {
		at = memmem(at, (size_t)(end - at), key, sizeof key - 1);
		if (!at)
			return;
		const char *value = value_at(at, end);
		/* A whole key, not the end of a longer one. */
		if (value && (at == yaml || strchr(" \t\n\",{", at[-1]))) {
			copy_value(value, end, out, room);
			return;
		}
	}
}

void metadata_look(struct unpack_report *report)
{
	scoped_free char *yaml = NULL;
	scoped_fd int fd = file_open_regular(AT_FDCWD, "metadata.yaml", O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : file_read_opened(fd, METADATA_MAX, &yaml);

	if (n > 0)
		metadata_description(yaml, (size_t)n, report->description,
				     sizeof report->description);
}
