/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"

#include "base/scoped.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){ 0 };
}

static int text_reserve(struct text *text, size_t more)
{
	size_t need = text->length + more + 1;

	if (text->failed)
		return -ENOMEM;
	if (need <= text->room)
		return 0;
	size_t room = text->room ? text->room : 128;
	while (room < need)
		room *= 2;
	char *data = realloc(text->data, room);
	if (!data) {
		text->failed = true;
		return -ENOMEM;
	}
	text->data = data;
	text->room = room;
	return 0;
}

int text_add_bytes(struct text *text, const void *bytes, size_t n)
{
	int r = text_reserve(text, n);

	if (r < 0)
		return r;
	if (n)
		memcpy(text->data + text->length, bytes, n);
	text->length += n;
	text->data[text->length] = '\0';
	return 0;
}

int text_add(struct text *text, const char *fmt, ...)
{
	size_t room = text->data ? text->room - text->length : 0;
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	/* It is printed a second time only where it had no room. */
	int n = vsnprintf(room ? text->data + text->length : NULL, room, fmt, ap);
	va_end(ap);
	int r = n < 0 ? -EINVAL : text_reserve(text, (size_t)n);
	if (r == 0) {
		if ((size_t)n >= room)
			vsnprintf(text->data + text->length, (size_t)n + 1, fmt, again);
		text->length += (size_t)n;
	} else if (room) {
		text->data[text->length] = '\0';
	}
	va_end(again);
	return r;
}

int text_add_quoted(struct text *text, const char *word)
{
	text_add(text, "'");
	for (const char *c = word; *c; c++)
		text_add(text, *c == '\'' ? "'\\''" : "%c", *c);
	return text_add(text, "'");
}

int text_add_percent(struct text *text, const char *bytes)
{
	for (const unsigned char *c = (const unsigned char *)bytes; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9') || strchr("-._~/", *c);
		text_add(text, plain ? "%c" : "%%%02X", *c);
	}
	return text->failed ? -ENOMEM : 0;
}

const char *text_str(const struct text *text)
{
	return text->data ? text->data : "";
}

char *text_format(const char *fmt, ...)
{
	char *out = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&out, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : out;
}

int text_print(char *out, size_t room, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(out, room, fmt, ap);
	va_end(ap);
	return n < 0 || (size_t)n >= room ? -ENAMETOOLONG : 0;
}

int text_to_mode(const char *text, int *mode)
{
	size_t n = strlen(text);

	if (n == 0 || strspn(text, "01234567") != n)
		return -EINVAL;
	errno = 0;
	unsigned long bits = strtoul(text, NULL, 8);
	if (errno != 0 || bits > 07777)
		return -EINVAL;
	*mode = (int)bits;
	return 0;
}

int text_take(char **field, char *value)
{
	if (!value)
		return -ENOMEM;
	free(*field);
	*field = value;
	return 0;
}

char *text_trim(char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	char *end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return s;
}

bool text_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

bool text_is_within(const char *path, const char *folder)
{
	size_t n = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	return strncmp(path, folder, n) == 0 && (path[n] == '/' || !path[n]);
}

size_t text_split_words(char *text, const char **words, size_t most)
{
	size_t count = 0;

	for (char *word; (word = strsep(&text, " \t"));) {
		if (*word && count < most)
			words[count++] = word;
	}
	return count;
}

int text_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end = NULL;

	if (!isdigit((unsigned char)s[0]))
		return -EINVAL;
	errno = 0;
	unsigned long long value = strtoull(s, &end, 10);
	if (*end != '\0')
		return -EINVAL;
	if (errno == ERANGE || value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

static const struct unit {
	char letter;
	unsigned seconds;
} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

int text_to_seconds(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	size_t n = strspn(s, "0123456789");
	uint64_t count, factor = s[n] ? 0 : 1;
	char digits[24];

	for (size_t i = 0; s[n] && i < sizeof units / sizeof units[0]; i++) {
		if (s[n] == units[i].letter && s[n + 1] == '\0')
			factor = units[i].seconds;
	}
	if (n == 0 || factor == 0)
		return -EINVAL;
	if (text_print(digits, sizeof digits, "%.*s", (int)n, s) < 0 ||
	    text_to_u64(digits, 0, UINT64_MAX / factor, &count) < 0 || count * factor < min ||
	    count * factor > max)
		return -ERANGE;
	*out = count * factor;
	return 0;
}

void text_from_seconds(uint64_t seconds, char *out, size_t room)
{
	size_t i = 0;

	while (units[i].seconds > 1 && (seconds == 0 || seconds % units[i].seconds != 0))
		i++;
	snprintf(out, room, "%" PRIu64 "%c", seconds / units[i].seconds, units[i].letter);
}

static int size_shift(const char *suffix)
{
	static const char letters[] = "KMGT";
	const char *at;

	if (*suffix == '\0' || strcmp(suffix, "B") == 0)
		return 0;
	at = strchr(letters, toupper((unsigned char)*suffix));
	if (!at || !*at)
		return -1;
	suffix++;
	if (*suffix && strcmp(suffix, "B") != 0 && strcmp(suffix, "iB") != 0)
		return -1;
	return 10 * (int)(at - letters + 1);
}

int text_to_size(const char *s, uint64_t *out)
{
	char *end = NULL;

	if (!isdigit((unsigned char)s[0]))
		return -EINVAL;
	errno = 0;
	unsigned long long value = strtoull(s, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	int shift = size_shift(end);
	if (shift < 0)
		return -EINVAL;
	if (value > (UINT64_MAX >> shift))
		return -ERANGE;
	*out = (uint64_t)value << shift;
	return 0;
}

void text_from_size(uint64_t bytes, char *out, size_t room)
{
	static const char *const suffix[] = { "", "K", "M", "G", "T" };
	size_t i = 0;

	while (i < 4 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	snprintf(out, room, "%" PRIu64 "%s", bytes, suffix[i]);
}

void text_human_size(uint64_t bytes, char *out, size_t room)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t i = 0;

	while (value >= 999.5 && i < 6) {
		value /= 1024;
		i++;
	}
	snprintf(out, room, i == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, unit[i]);
}

const char *text_label_fault(const char *name)
{
	size_t n = strlen(name);

	if (n == 0)
		return "is empty; use 1 to 63 of a-z, 0-9 and '-'";
	if (n > 63)
		return "is longer than 63 characters";
	if (name[0] == '-' || name[n - 1] == '-')
		return "begins or ends with '-'; put a letter or a digit there";
	for (const char *p = name; *p; p++) {
		if (isupper((unsigned char)*p))
			return "has upper case letters; use lower case";
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
			return "has characters other than a-z, 0-9 and '-'";
	}
	return NULL;
}

/*
 * Number of edits between two words; two exchanged neighbours count as one (optimal string alignment). Three rows are
 * enough; words are short, and longer ones are not near anyway.
 */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][64];
	size_t n = strlen(b), length = strlen(a);

	if (n >= 64 || length >= 64)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= length; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    higher[j - 2] + 1 < best)
				best = higher[j - 2] + 1;
			row[j] = best;
		}
	}
	return rows[length % 3][n];
}

const char *text_nearest(const char *word, const char *const *words)
{
	/* A word of four letters may have one error. With more, a short word would be near to every word. */
	size_t length = strlen(word), limit = length < 4 ? 1 : (length + 1) / 4;
	const char *nearest = NULL;

	for (; *words; words++) {
		size_t d = distance(word, *words);
		/* A word of one letter is one error from every other. */
		if (d <= limit && d < length && (!nearest || d < distance(word, nearest)))
			nearest = *words;
	}
	return nearest;
}

uint64_t text_hash(const char *s)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 0x100000001b3u;
	return hash;
}
