/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/causes.h"

#include <string.h>

/* Room for "; and N more faults" at the end of an error's text. */
enum { ROOM = sizeof((struct err *)0)->text - 40 };

void causes_add(struct causes *causes, struct err *err)
{
	if (!err->code)
		return;
	if (!causes->code) {
		causes->code = err->code;
		text_add(&causes->text, "%s", err->text);
	} else if (!strstr(text_str(&causes->text), err->text)) {
		if (causes->text.length + strlen(err->text) < ROOM)
			text_add(&causes->text, "; %s", err->text);
		else
			causes->more++;
	}
	*err = (struct err){ 0 };
}

int causes_tell(struct causes *causes, struct err *err)
{
	int r = 0;

	if (causes->code && causes->more)
		r = err_set(err, causes->code, "%s; and %zu more faults", text_str(&causes->text),
			    causes->more);
	else if (causes->code)
		r = err_set(err, causes->code, "%s", text_str(&causes->text));
	causes_free(causes);
	return r;
}

void causes_free(struct causes *causes)
{
	text_free(&causes->text);
	*causes = (struct causes){ 0 };
}
