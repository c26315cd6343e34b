/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/place.h"

#include "base/text.h"
#include "cmd/cli/common.h"

#include <errno.h>
#include <string.h>

int place_take(const char *word, struct place *place, struct err *err)
{
	size_t n = strcspn(word, ":/");

	*place = (struct place){ .path = word };
	if (n == 0 || word[n] != ':')
		return 0;
	size_t at = strcspn(word, "@:");
	snprintf(place->machine, sizeof place->machine, "%.*s", (int)(at < 79 ? at : 79), word);
	if (at < n)
		snprintf(place->snapshot, sizeof place->snapshot, "%.*s",
			 (int)(n - at - 1 < 79 ? n - at - 1 : 79), word + at + 1);
	place->path = word + n + 1;
	if (!*place->path) {
		err_set(err, EINVAL, "'%.80s' names no path in the machine, such as '%.80s/root'",
			word, word);
		return EXIT_USAGE;
	}
	int r = name_check(place->machine, err);
	if (r != 0 || at >= n)
		return r;
	const char *fault = text_label_fault(place->snapshot);
	if (fault)
		err_set(err, EINVAL, "snapshot '%.80s' %s", place->snapshot, fault);
	return fault ? EXIT_USAGE : 0;
}
