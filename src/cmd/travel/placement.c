/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/travel/placement.h"

#include <string.h>

static bool has_network(const struct words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		if (text_starts(words->list[i], "network="))
			return true;
	}
	return false;
}

/* Settings that are not told, or do not read, are those of a machine like any other. */
static bool is_on_default(const struct dirs *dirs, const struct text *settings)
{
	struct machine_config config = { 0 };
	struct berth_config own = { 0 };
	struct err ignored = { 0 };
	bool is = settings->length == 0 ||
		  config_parse(&machine_schema, "its machine.conf", text_str(settings),
			       settings->length, &config, &ignored) < 0 ||
		  config_load_berth(dirs, &own, &ignored) < 0 ||
		  strcmp(config.network, own.network) == 0;

	config_free(&machine_schema, &config);
	config_free(&berth_schema, &own);
	return is;
}

int placement_network(const struct call *call, const struct words *words,
		      const struct text *settings, struct err *err)
{
	if (has_network(words) || !is_on_default(&call->dirs, settings))
		return 0;
	return network_wanted(call, err);
}

static int find(void *context, const struct text *settings, const char **pool, struct err *err)
{
	struct placement *placement = context;

	if (pool_wanted(placement->call, &placement->pool, err) == 0)
		placement_network(placement->call, placement->words, settings, err);
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
