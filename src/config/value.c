/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of a value: what may stand in any of them, and how one is kept or refused.
 * What each type of value accepts is in types.c.
 */
#include "config/types.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

int value_refuse(const struct key *key, const char *text, const char *fault, struct err *err)
{
	return err_set(err, EINVAL, "%s cannot be '%.120s': %s", key->name, text, fault);
}

int value_keep(const char *text, union value *value, struct err *err)
{
	char *copy = strdup(text);

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	value->text = copy;
	return 0;
}

int value_trim(const char *key, const char *value, char room[CONFIG_LINE_MAX + 1], struct err *err)
{
	value += strspn(value, " \t\r\n\v\f");
	size_t n = strlen(value);
	while (n > 0 && isspace((unsigned char)value[n - 1]))
		n--;
	if (n > CONFIG_LINE_MAX)
		return err_set(err, EINVAL, "the value of %s is longer than %d bytes", key,
			       CONFIG_LINE_MAX);
	memcpy(room, value, n);
	room[n] = '\0';
	const char *fault = value_text_fault(room);
	return fault ? err_set(err, EINVAL, "the value of %s %s", key, fault) : 0;
}

/* Length of the UTF-8 sequence at s by its first byte's bits, 0 for a byte that begins none. */
static int sequence_length(unsigned char c)
{
	return c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static int decode(const unsigned char *s, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int n = sequence_length(*s);

	if (n == 0)
		return 0;
	*code = n == 1 ? *s : *s & (0xffu >> (n + 1));
	for (int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[n] || (*code >= 0xd800 && *code < 0xe000) || *code > 0x10ffff)
		return 0;
	return n;
}

const char *value_text_fault(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t code = 0;

	while (*s) {
		int n = decode(s, &code);
		if (n == 0)
			return "is not UTF-8 text";
		/* U+0080 to U+009F as well: terminals obey them like escape sequences. */
		if (code < 0x20 || (code >= 0x7f && code < 0xa0))
			return "has a control character in it";
		s += n;
	}
	return NULL;
}
