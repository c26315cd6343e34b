/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Static routes, as text and as JSON. */
#ifndef BERTH_CMD_CLI_ROUTES_H
#define BERTH_CMD_CLI_ROUTES_H

#include "base/text.h"
#include "config/values.h"

#include <jansson.h>

/* Adds "10.9.0.0/16 via 10.1.0.7, ...". */
void routes_add_text(const struct route_list *routes, struct text *out);
/* An array of objects with "to" and "via". */
json_t *routes_array(const struct route_list *routes);

#endif
