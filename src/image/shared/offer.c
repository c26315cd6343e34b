/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/shared/offer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* Whether it has one character or more, all of them letters, digits, or of `more`. */
static bool is_plain(const char *s, const char *more)
{
	if (!*s)
		return false;
	for (; *s; s++) {
		if (!strchr(letters, *s) && !strchr(more, *s))
			return false;
	}
	return true;
}

static bool is_sum(const char *s)
{
	return strspn(s, "0123456789abcdef") == SHA256_HEX && !s[SHA256_HEX];
}

/* A path that stays below the server's URL, with no character that means something in a URL. */
static const char *path_fault(const char *path)
{
	if (!is_plain(path, "/._:+@~=-"))
		return "has a path with characters that are not allowed";
	if (path[0] == '/')
		return "has a path that is absolute";
	if (strstr(path, "://"))
		return "has a URL in the place of a path";
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += *part == '/';
		size_t n = strcspn(part, "/");
		if (n == 0 || (n <= 2 && strspn(part, ".") >= n))
			return "has a path with an empty part, '.' or '..'";
	}
	return NULL;
}

static const char *file_fault(const struct offer_file *file, uint64_t max)
{
	const char *fault = path_fault(file->path);

	if (fault)
		return fault;
	if (file->size == 0 || file->size > max)
		return "has a file without a size, or a too large one";
	return is_sum(file->sha256) ? NULL : "has a file without a SHA-256 sum";
}

const char *offer_fault(const struct offer *offer)
{
	static const char more[] = "._:+~-";

	if (!is_plain(offer->product, "._:+~/-") || !is_plain(offer->os, more) ||
	    !is_plain(offer->release, more) || !is_plain(offer->variant, more) ||
	    !is_plain(offer->serial, more))
		return "has a name with characters that are not allowed, or an empty one";
	if (*offer->aliases && !is_plain(offer->aliases, "._:+~/,-"))
		return "has an alias with characters that are not allowed";
	if (*offer->combined && !is_sum(offer->combined))
		return "has a sum that is no SHA-256";
	const char *fault =
		*offer->metadata.path ? file_fault(&offer->metadata, OFFER_METADATA_MAX) : NULL;
	return fault ? fault : file_fault(&offer->root, OFFER_ROOT_MAX);
}

void offer_print(const struct offer *offer, struct text *out)
{
	text_add(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s", offer->product, offer->os, offer->release,
		 offer->variant, offer->serial, offer->aliases, offer->combined);
	text_add(out, "\t%s\t%" PRIu64 "\t%s\t%s\t%" PRIu64 "\t%s\n", offer->metadata.path,
		 offer->metadata.size, offer->metadata.sha256, offer->root.path, offer->root.size,
		 offer->root.sha256);
}

/* The next field of the line, which is cut there; false if there is none, or it has no room. */
static bool take(char **line, char *out, size_t room)
{
	const char *field = strsep(line, "\t");

	return field && text_print(out, room, "%s", field) == 0;
}

static bool take_file(char **line, struct offer_file *file)
{
	char size[24];

	return take(line, file->path, sizeof file->path) && take(line, size, sizeof size) &&
	       text_to_u64(size, 0, UINT64_MAX, &file->size) == 0 &&
	       take(line, file->sha256, sizeof file->sha256);
}

bool offer_parse(char *line, struct offer *o)
{
	char *rest = line;

	*o = (struct offer){ 0 };
	return take(&rest, o->product, sizeof o->product) && take(&rest, o->os, sizeof o->os) &&
	       take(&rest, o->release, sizeof o->release) &&
	       take(&rest, o->variant, sizeof o->variant) &&
	       take(&rest, o->serial, sizeof o->serial) &&
	       take(&rest, o->aliases, sizeof o->aliases) &&
	       take(&rest, o->combined, sizeof o->combined) && take_file(&rest, &o->metadata) &&
	       take_file(&rest, &o->root) && !rest && !offer_fault(o);
}

bool offer_has_alias(const char *names, const char *name)
{
	size_t length = strlen(name);

	while (*names) {
		size_t n = strcspn(names, ",");
		if (n == length && length > 0 && strncasecmp(names, name, n) == 0)
			return true;
		names += n;
		names += *names == ',';
	}
	return false;
}

bool offer_is(const struct offer *offer, const char *wanted)
{
	char full[200];

	if (offer_has_alias(offer->aliases, wanted))
		return true;
	snprintf(full, sizeof full, "%s/%s", offer->os, offer->release);
	if (strcmp(offer->variant, "default") == 0 && strcasecmp(full, wanted) == 0)
		return true;
	snprintf(full, sizeof full, "%s/%s/%s", offer->os, offer->release, offer->variant);
	return strcasecmp(full, wanted) == 0;
}
