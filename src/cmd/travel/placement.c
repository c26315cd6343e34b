/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/travel/placement.h"

static bool has_network(const struct placement *placement)
{
	for (size_t i = 0; i < placement->words->count; i++) {
		if (text_starts(placement->words->list[i], "network="))
			return true;
	}
	return false;
}

static int find(void *context, const char **pool, struct err *err)
{
	struct placement *placement = context;

	if (pool_wanted(placement->call, &placement->pool, err) == 0 && !has_network(placement))
		network_wanted(placement->call, err);
	*pool = placement->pool;
	return -err->code;
}

int placement_begin(struct placement *placement, const struct call *call, struct words *words,
		    struct import_spec *spec, struct err *err)
{
	int r = spec->name ? name_check(spec->name, err) : 0;

	if (r == 0)
		r = settings_given(call, false, words, err);
	if (r == 0)
		r = settings_check(words, err);
	if (r != 0)
		return r;
	*placement = (struct placement){ .call = call, .words = words };
	spec->place = find;
	spec->place_context = placement;
	spec->settings = settings_of(words);
	return 0;
}
