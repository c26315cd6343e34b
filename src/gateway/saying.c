/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of a child, in whatever pieces they come. */
#include "gateway/saying.h"

#include "base/text.h"

#include <jansson.h>
#include <string.h>

void saying_add(struct saying *saying, const void *bytes, size_t n)
{
	const char *at = bytes;

	for (; n > 0; n--, at++) {
		if (*at == '\n' || *at == '\r') {
			saying->whole = 1;
			continue;
		}
		if (saying->whole)
			saying->length = 0;
		saying->whole = 0;
		if (saying->length < SAYING - 1)
			saying->line[saying->length++] = *at;
	}
	saying->line[saying->length] = '\0';
}

bool saying_ends_json(struct saying *saying, char byte)
{
	saying_add(saying, &byte, 1);
	return byte == '\n' && saying->line[0] == '{';
}

char *saying_end(const struct saying *saying, int code)
{
	static const char name[] = "berth: ";
	json_t *root = json_pack("{s:i}", "exit", code);
	const char *words = saying->line;

	if (text_starts(words, name))
		words += strlen(name);
	/* Bytes that are no UTF-8 make no string, and are left out. */
	if (root && code != 0 && *words)
		json_object_set_new(root, "error", json_string(words));
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	return text;
}
