/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/routes.h"

#include "cmd/cli/print.h"

void routes_add_text(const struct route_list *routes, struct text *out)
{
	char to[ROUTE_TEXT], via[ROUTE_TEXT];

	for (unsigned i = 0; i < routes->count; i++) {
		config_route_text(&routes->list[i], to, via);
		text_add(out, "%s%s via %s", i ? ", " : "", to, via);
	}
}

json_t *routes_array(const struct route_list *routes)
{
	char to[ROUTE_TEXT], via[ROUTE_TEXT];
	json_t *array = json_array();

	for (unsigned i = 0; i < routes->count; i++) {
		config_route_text(&routes->list[i], to, via);
		json_array_append_new(array, json_members((const struct json_member[]){
						     { "to", json_string(to) },
						     { "via", json_string(via) },
						     { 0 },
					     }));
	}
	return array;
}
