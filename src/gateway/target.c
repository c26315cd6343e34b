/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Percent-encoding, and the two ways in which a client says how long it waits. */
#include "gateway/target.h"

#include "base/text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { MOST_SECONDS = 3600, DIGITS = 4 };

static int hexadecimal(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int decode(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		unsigned char c = (unsigned char)*in;
		if (c == '%') {
			int high = hexadecimal(in[1]), low = high < 0 ? -1 : hexadecimal(in[2]);
			if (low < 0)
				return -EINVAL;
			c = (unsigned char)(high << 4 | low);
			in += 2;
		}
		if (c < ' ' || c == 0x7f)
			return -EINVAL;
		*out++ = (char)c;
	}
	*out = '\0';
	return 0;
}

int target_split(char *target, const char **query)
{
	char *mark = strchr(target, '?');

	*query = mark ? mark + 1 : "";
	if (mark)
		*mark = '\0';
	for (const char *c = *query; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return -EINVAL;
	return target[0] == '/' ? decode(target) : -EINVAL;
}

/* The number behind NAME= in a list, at its beginning or behind one of the separators; 0: there is none. */
static unsigned find_number(const char *list, const char *name, const char *separators)
{
	size_t length = strlen(name);

	for (const char *at = list; at && *at; at = strpbrk(at, separators)) {
		char digits[DIGITS + 1] = { 0 };
		uint64_t seconds;
		at += strspn(at, separators);
		if (strncasecmp(at, name, length) != 0 || at[length] != '=')
			continue;
		size_t n = strspn(at + length + 1, "0123456789");
		/* More digits than that are more than the most. */
		if (n > DIGITS)
			return MOST_SECONDS;
		memcpy(digits, at + length + 1, n);
		if (text_to_u64(digits, 0, UINT32_MAX, &seconds) < 0)
			return 0;
		return seconds < MOST_SECONDS ? (unsigned)seconds : MOST_SECONDS;
	}
	return 0;
}

unsigned target_patience(const char *prefer, const char *query)
{
	unsigned preferred = find_number(prefer, "wait", ",; \t"),
		 asked = find_number(query, "timeout", "&");

	return preferred > asked ? preferred : asked;
}
