/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/causes.h"

#include "base/scoped.h"

#include <string.h>

/* Room for "; and N more faults" at the end of an error's text. */
enum { ROOM = sizeof((struct err *)0)->text - 40 };

const char *causes_next(const struct causes *causes, const char *after)
{
	const char *next = after ? after + strlen(after) + 1 : causes->text.data;

	return next && next < causes->text.data + causes->text.length ? next : NULL;
}

void causes_add(struct causes *causes, struct err *err)
{
	const char *known = NULL;

	if (!err->code)
		return;
	while ((known = causes_next(causes, known)) && !strstr(known, err->text))
		;
	if (!known)
		text_add_bytes(&causes->text, err->text, strlen(err->text) + 1);
	if (!causes->code)
		causes->code = err->code;
	*err = (struct err){ 0 };
}

int causes_tell(struct causes *causes, struct err *err)
{
	scoped_text struct text text = { 0 };
	size_t more = 0;
	int r = 0;

	for (const char *one = NULL; (one = causes_next(causes, one));) {
		if (text.length && text.length + strlen(one) >= ROOM)
			more++;
		else
			text_add(&text, "%s%s", text.length ? "; " : "", one);
	}
	if (causes->code && more)
		r = err_set(err, causes->code, "%s; and %zu more faults", text_str(&text), more);
	else if (causes->code)
		r = err_set(err, causes->code, "%s", text_str(&text));
	causes_free(causes);
	return r;
}

void causes_free(struct causes *causes)
{
	text_free(&causes->text);
	*causes = (struct causes){ 0 };
}
