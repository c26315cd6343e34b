/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/placement.h"

static bool has_network(const struct placement *placement)
{
	for (size_t i = 0; i < placement->words->count; i++) {
		if (text_starts(placement->words->list[i], "network="))
			return true;
	}
	return false;
}

int placement_find(void *context, const char **pool, struct err *err)
{
	struct placement *placement = context;

	if (pool_wanted(placement->call, &placement->pool, err) == 0 && !has_network(placement))
		network_wanted(placement->call, err);
	*pool = placement->pool;
	return -err->code;
}
