/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several faults, for commands that look for all of them before they change anything. */
#ifndef BERTH_BASE_CAUSES_H
#define BERTH_BASE_CAUSES_H

#include "base/err.h"
#include "base/text.h"

struct causes {
	struct text text; /* owned: the faults, each with a NUL behind it */
	int code;         /* of the first fault; 0: there is none */
};

/*
 * Takes the fault in err, if there is one, and empties err for the next check. A fault that is there already is left
 * out.
 */
void causes_add(struct causes *causes, struct err *err);

/*
 * The fault behind that one, or the first (after: NULL); NULL: there is no further one. It lasts until the next change.
 */
const char *causes_next(const struct causes *causes, const char *after);

/* Joins all faults to one sentence in err and empties the list: 0, or -code of the first. */
int causes_tell(struct causes *causes, struct err *err);

void causes_free(struct causes *causes);
#define scoped_causes __attribute__((cleanup(causes_free)))

#endif
